"""Long-lived secrets that the operator issues: service clients, and API tokens of users. Shown once, stored as hashes."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from identity_api.config import TenantLimits
from identity_api.db import audit, clients, tenants, users
from identity_api.db import permissions as catalogue
from identity_api.db.clients import ApiTokenLine, ServiceClient
from identity_api.db.database import Connection, Database
from identity_api.db.tenant_limits import ensure_within
from identity_api.errors import BadInput, Conflict, NotFound
from identity_api.ids import new_tenant_token, new_token, token_hash, uuid7
from identity_api.sessions.introspect import INTROSPECT

KNOWN_SCOPES = frozenset((INTROSPECT,))
MAX_API_TOKEN_DAYS = 366


async def create_service_client(
    database: Database, name: str, tenant_ids: Sequence[UUID], *, scopes: Sequence[str] = (INTROSPECT,), actor: str
) -> str:
    """Make a client that may introspect tokens of these tenants; returns its secret. Audited in each of them.

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


async def rotate_service_client(database: Database, name: str, *, actor: str) -> str:
    """Give the client another secret and return it; the old one ends at once. Audited in each of its tenants.

    Raises:
        NotFound: there is no such client, or it is revoked.
    """
    secret = new_token("isc")
    async with database.transaction() as connection:
        client = await _client(connection, name)
        await clients.replace_client_secret(connection, client.id, token_hash(secret))
        await _record_client(connection, client, "service_client.rotated", actor)
    return secret


async def revoke_service_client(database: Database, name: str, *, actor: str) -> None:
    """End the client's secret for good. Its name stays taken.

    Raises:
        NotFound: there is no such client, or it is revoked.
    """
    async with database.transaction() as connection:
        client = await _client(connection, name)
        await clients.revoke_service_client(connection, client.id)
        await _record_client(connection, client, "service_client.revoked", actor)


async def _client(connection: Connection, name: str) -> ServiceClient:
    found = await clients.service_client(connection, name)
    if found is None:
        raise NotFound(
            f"There is no service client {name}, or it is revoked. `identity-api service-client list` shows them."
        )
    return found[0]


async def _record_client(connection: Connection, client: ServiceClient, action: str, actor: str) -> None:
    for tenant_id in sorted(client.tenant_ids):
        event = audit.Event(action, "service_client", client.id, {"name": client.name})
        await audit.record(connection, tenant_id, actor, [event])


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The requested properties of an API token."""

    name: str
    days: int
    permissions: tuple[str, ...]
    may_change: bool


async def create_api_token(
    database: Database,
    tenant_id: UUID,
    username: str,
    name: str,
    *,
    days: int,
    permissions: Sequence[str] = (),
    may_change: bool = False,
    actor: str,
) -> str:
    """Make a token for programs of this user; returns it. It may do what the user may, and ends with their logins.

    Args:
        permissions: what it is limited to; none limits nothing.
        may_change: it may change mappings, permissions and grants given by hand, within its user's permissions, without
            a step-up.

    Raises:
        BadInput: the name or the number of days cannot be used.
        NotFound: there is no such user, or a disabled one; or no such permission.
        Conflict: `LIMIT_REACHED`.
    """
    wish = _Wish(name=name, days=days, permissions=tuple(permissions), may_change=may_change)
    _check(wish)
    async with database.transaction() as connection:
        user = await users.by_username(connection, tenant_id, username)
        if user is None or user.disabled_at is not None:
            raise NotFound("There is no such user.")
        known = await catalogue.by_names(connection, tenant_id, wish.permissions)
        unknown = [name for name in wish.permissions if name not in known]
        if unknown:
            raise NotFound(f"There is no permission {unknown[0]}.")
        return await _insert(connection, database.limits, tenant_id, user.id, wish, actor)


async def rotate_api_token(database: Database, tenant_id: UUID, token_id: UUID, *, days: int, actor: str) -> str:
    """Make another token with the name and the limits of this one, and return it; the old one ends at once.

    Raises:
        BadInput: the number of days cannot be used.
        NotFound: there is no such token, or it is over.
    """
    async with database.transaction() as connection:
        before = await _live(connection, tenant_id, token_id)
        wish = _Wish(name=before.name, days=days, permissions=before.permissions, may_change=before.may_change)
        _check(wish)
        await _end(connection, tenant_id, before, "rotated", actor)
        return await _insert(connection, database.limits, tenant_id, before.user_id, wish, actor)


async def revoke_api_token(database: Database, tenant_id: UUID, token_id: UUID, *, actor: str) -> None:
    """End a token.

    Raises:
        NotFound: there is no such token, or it is over.
    """
    async with database.transaction() as connection:
        await _end(connection, tenant_id, await _live(connection, tenant_id, token_id), "revoked", actor)


def _check(wish: _Wish) -> None:
    if not wish.name.isprintable() or not 0 < len(wish.name) <= 128:
        raise BadInput("A token's name is short and printable.", field="name")
    if not 0 < wish.days <= MAX_API_TOKEN_DAYS:
        raise BadInput(f"A token lasts 1 to {MAX_API_TOKEN_DAYS} days.", field="days")


async def _insert(
    connection: Connection, limits: TenantLimits, tenant_id: UUID, user_id: UUID, wish: _Wish, actor: str
) -> str:
    token, token_id = new_tenant_token("iat", tenant_id), uuid7()
    await clients.insert_api_token(
        connection,
        tenant_id,
        token_id,
        user_id,
        wish.name,
        token_hash(token),
        days=wish.days,
        permissions=wish.permissions,
        may_change=wish.may_change,
    )
    await ensure_within(connection, limits, "max_user_api_tokens", tenant_id, user_id)
    settings = {"name": wish.name, "permissions": list(wish.permissions), "may_change": wish.may_change}
    event = audit.Event(
        "api_token.created", "api_token", token_id, {"user": str(user_id), "days": wish.days}, new=settings
    )
    await audit.record(connection, tenant_id, actor, [event])
    return token


async def _live(connection: Connection, tenant_id: UUID, token_id: UUID) -> ApiTokenLine:
    found = await clients.api_token(connection, tenant_id, token_id)
    if found is None or found.ended_at is not None:
        raise NotFound("There is no such API token, or it is over.")
    return found


async def _end(connection: Connection, tenant_id: UUID, token: ApiTokenLine, reason: str, actor: str) -> None:
    await clients.end_api_token(connection, tenant_id, token.id, reason)
    payload = {"user": str(token.user_id), "reason": reason}
    event = audit.Event("api_token.ended", "api_token", token.id, payload, old={"name": token.name})
    await audit.record(connection, tenant_id, actor, [event])
