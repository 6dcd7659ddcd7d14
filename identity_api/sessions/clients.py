"""Long-lived secrets that the operator hands out: service clients, and API tokens of users. Shown once, kept as hashes."""

from collections.abc import Sequence
from uuid import UUID

from identity_api.db import audit, clients, tenants, users
from identity_api.db.database import Database
from identity_api.db.tenant_limits import ensure_within
from identity_api.errors import BadInput, Conflict, NotFound
from identity_api.ids import new_tenant_token, new_token, token_hash, uuid7
from identity_api.sessions.introspect import INTROSPECT

KNOWN_SCOPES = frozenset((INTROSPECT,))
MAX_API_TOKEN_DAYS = 366


async def create_service_client(
    database: Database, name: str, tenant_ids: Sequence[UUID], *, scopes: Sequence[str] = (INTROSPECT,), actor: str
) -> str:
    """Make a client that may look into these tenants; returns its secret. Audited in each of them.

    Raises:
        BadInput: the name, a scope or the list of tenants cannot be used.
        NotFound: there is no such tenant.
        Conflict: `NAME_TAKEN`.
    """
    # HTTP Basic cuts name and secret at the first colon (RFC 7617 section 2).
    if not name.isascii() or not name.isprintable() or ":" in name or not 0 < len(name) <= 128:
        raise BadInput("A client's name is short printable ASCII without a colon.", field="name")
    if not tenant_ids or not KNOWN_SCOPES.issuperset(scopes):
        raise BadInput("A client needs tenants, and scopes that exist.", field="scopes" if tenant_ids else "tenants")
    secret, client_id = new_token("isc"), uuid7()
    async with database.transaction() as connection:
        for tenant_id in tenant_ids:
            if await tenants.get(connection, tenant_id) is None:
                raise NotFound("There is no such tenant.")
        if not await clients.insert_service_client(connection, client_id, name, token_hash(secret), tenant_ids, scopes):
            raise Conflict("There is a client of this name in this installation; choose another.", code="NAME_TAKEN")
        event = audit.Event("service_client.created", "service_client", client_id, {"scopes": list(scopes)})
        for tenant_id in tenant_ids:
            await audit.record(connection, tenant_id, actor, [event])
    return secret


async def create_api_token(
    database: Database, tenant_id: UUID, username: str, name: str, *, days: int, actor: str
) -> str:
    """Make a token for programs of this user; returns it. It may do what the user may, and dies with their logins.

    Raises:
        BadInput: the name or the number of days cannot be used.
        NotFound: there is no such user, or a disabled one.
        Conflict: `LIMIT_REACHED`.
    """
    if not name.isprintable() or not 0 < len(name) <= 128:
        raise BadInput("A token's name is short and printable.", field="name")
    if not 0 < days <= MAX_API_TOKEN_DAYS:
        raise BadInput(f"A token lasts 1 to {MAX_API_TOKEN_DAYS} days.", field="days")
    token, token_id = new_tenant_token("iat", tenant_id), uuid7()
    async with database.transaction() as connection:
        user = await users.by_username(connection, tenant_id, username)
        if user is None or user.disabled_at is not None:
            raise NotFound("There is no such user.")
        await clients.insert_api_token(connection, tenant_id, token_id, user.id, name, token_hash(token), days=days)
        await ensure_within(connection, database.limits, "max_user_api_tokens", tenant_id, user.id)
        event = audit.Event("api_token.created", "api_token", token_id, {"user": str(user.id), "days": days})
        await audit.record(connection, tenant_id, actor, [event])
    return token
