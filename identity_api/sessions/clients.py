"""Service clients: programs that may look into tokens (`introspect`). Their secrets are shown once and stored as hashes.

A secret works until the client is revoked, or for a number of days; another secret, with its own days, brings an expired
client back.

The operator makes clients for several tenants, under any name. The admins of a tenant make clients for their tenant alone,
under names that begin with the tenant's, so that they learn of no other tenant's; the operator's are shown to them and
are not theirs to change.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db import audit, clients, tenants
from identity_api.db.clients import ServiceClient, TenantClient
from identity_api.db.database import Connection, Database
from identity_api.db.tenant_limits import ensure_within
from identity_api.errors import BadInput, Conflict, NotFound, Problems, Refused
from identity_api.ids import new_token, token_hash, uuid7
from identity_api.permissions.delegation import Actor
from identity_api.sessions.introspect import INTROSPECT

KNOWN_SCOPES: Final = frozenset((INTROSPECT,))
MAX_NAME: Final = 128
MAX_CLIENT_DAYS: Final = 366


class MadeClient(msgspec.Struct, frozen=True):
    """A client with a new secret, which is shown this once."""

    client: TenantClient
    secret: str

    def __repr__(self) -> str:
        return f"MadeClient({self.client!r})"


async def create_service_client(
    database: Database,
    name: str,
    tenant_ids: Sequence[UUID],
    *,
    scopes: Sequence[str] = (INTROSPECT,),
    days: int | None = None,
    actor: str,
) -> str:
    """Make a client that may introspect tokens of these tenants; returns its secret. Audited in each of them.

    Args:
        days: how long its secret works; None means until it is revoked.

    Raises:
        BadInput: the name, the number of days, a scope or the list of tenants cannot be used.
        NotFound: there is no such tenant.
        Conflict: `NAME_TAKEN`.
    """
    check_wish(name, days)
    if not tenant_ids or not KNOWN_SCOPES.issuperset(scopes):
        raise BadInput("A client needs tenants, and scopes that exist.", field="scopes" if tenant_ids else "tenants")
    secret, client_id = new_token("isc"), uuid7()
    async with database.transaction() as connection:
        for tenant_id in tenant_ids:
            if await tenants.get(connection, tenant_id) is None:
                raise NotFound("There is no such tenant.")
        if not await clients.insert_service_client(
            connection, client_id, name, token_hash(secret), tenant_ids, scopes, days=days
        ):
            raise Conflict("There is a client of this name in this installation; choose another.", code="NAME_TAKEN")
        new = {"name": name, "scopes": list(scopes)}
        event = audit.Event("service_client.created", "service_client", client_id, _lasting(days), new=new)
        for tenant_id in tenant_ids:
            await audit.record(connection, tenant_id, actor, [event])
    return secret


async def rotate_service_client(database: Database, name: str, *, days: int | None = None, actor: str) -> str:
    """Give the client another secret and return it; the old one ends at once. Audited in each of its tenants.

    Args:
        days: how long the new secret works; None leaves the client's end as it is.

    Raises:
        BadInput: the number of days cannot be used, or is missing and the client has expired.
        NotFound: there is no such client, or it is revoked.
    """
    secret = new_token("isc")
    async with database.transaction() as connection:
        client = await _client(connection, name)
        await _replace(connection, client.id, secret, days)
        await _record_client(connection, client, "service_client.rotated", actor, days)
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


async def create_tenant_client(database: Database, actor: Actor, name: str, *, days: int | None = None) -> MadeClient:
    """Make a client that may introspect tokens of the actor's tenant. Its name gets the tenant's before it.

    Args:
        days: how long its secret works; None means until it is revoked.

    Raises:
        BadInput, SeveralProblems: the name or the number of days cannot be used.
        Conflict: `NAME_TAKEN`; `LIMIT_REACHED`.
    """
    check_wish(name, days)
    secret, client_id, tenant_id = new_token("isc"), uuid7(), actor.tenant_id
    async with database.transaction() as connection:
        tenant = await tenants.get(connection, tenant_id)
        assert tenant is not None  # the actor is of this tenant
        whole = f"{tenant.slug}.{name}"
        check_wish(whole, days)
        is_new = await clients.insert_service_client(
            connection, client_id, whole, token_hash(secret), [tenant_id], [INTROSPECT], owner_id=tenant_id, days=days
        )
        if not is_new:
            raise Conflict("There is a client of this name; choose another.", code="NAME_TAKEN")
        await ensure_within(connection, database.limits, "max_service_clients", tenant_id)
        new = {"name": whole, "scopes": [INTROSPECT]}
        await _record(connection, actor, "service_client.created", client_id, _lasting(days), new=new)
        return MadeClient(await _of_tenant(connection, actor, client_id), secret)


async def rotate_tenant_client(
    database: Database, actor: Actor, client_id: UUID, *, days: int | None = None
) -> MadeClient:
    """Give a client of the actor's tenant another secret; the old one ends at once.

    Args:
        days: how long the new secret works; None leaves the client's end as it is.

    Raises:
        BadInput: the number of days cannot be used, or is missing and the client has expired.
        NotFound: the tenant has no such client, or it is revoked.
        Refused: `MANAGED_BY_OPERATOR`.
    """
    secret = new_token("isc")
    async with database.transaction() as connection:
        client = await _owned(connection, actor, client_id)
        await _replace(connection, client_id, secret, days)
        await _record(connection, actor, "service_client.rotated", client_id, {"name": client.name, **_lasting(days)})
        return MadeClient(await _of_tenant(connection, actor, client_id), secret)


async def revoke_tenant_client(database: Database, actor: Actor, client_id: UUID) -> TenantClient:
    """End the secret of a client of the actor's tenant for good. Its name stays taken.

    Raises:
        NotFound: the tenant has no such client, or it is revoked.
        Refused: `MANAGED_BY_OPERATOR`.
    """
    async with database.transaction() as connection:
        client = await _owned(connection, actor, client_id)
        await clients.revoke_service_client(connection, client_id)
        await _record(connection, actor, "service_client.revoked", client_id, {"name": client.name})
        return await _of_tenant(connection, actor, client_id)


def check_wish(name: str, days: int | None) -> None:
    """Check what a client is to be called and how long its secret works.

    Raises:
        BadInput, SeveralProblems: values cannot be used.
    """
    wrong = list[BadInput]()
    # HTTP Basic cuts name and secret at the first colon (RFC 7617 section 2).
    if not name.isascii() or not name.isprintable() or ":" in name or not 0 < len(name) <= MAX_NAME:
        wrong.append(BadInput("A client's name is short printable ASCII without a colon.", field="name"))
    if days is not None and not 0 < days <= MAX_CLIENT_DAYS:
        wrong.append(_wrong_days())
    Problems(wrong).tell()


def _wrong_days() -> BadInput:
    return BadInput(f"A client's secret lasts 1 to {MAX_CLIENT_DAYS} days.", field="days")


async def _replace(connection: Connection, client_id: UUID, secret: str, days: int | None) -> None:
    if days is not None and not 0 < days <= MAX_CLIENT_DAYS:
        raise _wrong_days()
    if not await clients.replace_client_secret(connection, client_id, token_hash(secret), days):
        raise BadInput("The client has expired. Say how many days its new secret lasts.", field="days")


def _lasting(days: int | None) -> dict[str, object]:
    return {} if days is None else {"days": days}


async def _client(connection: Connection, name: str) -> ServiceClient:
    found = await clients.kept_service_client(connection, name)
    if found is None:
        raise NotFound(
            f"There is no service client {name}, or it is revoked. `identity-api service-client list` shows them."
        )
    return found


async def _record_client(
    connection: Connection, client: ServiceClient, action: str, actor: str, days: int | None = None
) -> None:
    for tenant_id in sorted(client.tenant_ids):
        event = audit.Event(action, "service_client", client.id, {"name": client.name, **_lasting(days)})
        await audit.record(connection, tenant_id, actor, [event])


async def _of_tenant(connection: Connection, actor: Actor, client_id: UUID) -> TenantClient:
    found = await clients.tenant_client(connection, actor.tenant_id, client_id)
    if found is None:
        raise NotFound("There is no such service client.")
    return found


async def _owned(connection: Connection, actor: Actor, client_id: UUID) -> TenantClient:
    found = await _of_tenant(connection, actor, client_id)
    if found.revoked_at is not None:
        raise NotFound("There is no such service client.")
    if not found.is_owned:
        raise Refused("The operator made this client. Ask the operator to change it.", code="MANAGED_BY_OPERATOR")
    return found


async def _record(
    connection: Connection,
    actor: Actor,
    action: str,
    client_id: UUID,
    payload: Mapping[str, object],
    *,
    new: Mapping[str, object] | None = None,
) -> None:
    event = audit.Event(action, "service_client", client_id, payload, new=new)
    await audit.record(connection, actor.tenant_id, actor.name, [event])
