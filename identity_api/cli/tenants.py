"""List tenants for the operator."""

import msgspec

from identity_api.cli.context import operator_name, tenant_named
from identity_api.db import audit, login_ends, tenants
from identity_api.db.database import Database


class TenantLine(msgspec.Struct, frozen=True):
    """A tenant in the list."""

    id: str
    slug: str
    name: str
    hosts: list[str]
    default_provider: str | None


async def describe_tenants(database: Database) -> list[TenantLine]:
    """All tenants by slug."""
    async with database.reading() as connection:
        return [
            TenantLine(str(one.id), one.slug, one.name, await tenants.hosts(connection, one.id), one.default_provider)
            for one in await tenants.list_all(connection)
        ]


async def end_sessions(database: Database, slug: str | None, *, api_tokens: bool = False) -> list[str]:
    """End every session of one tenant, or of all, and with `api_tokens` every API token too; returns their slugs.

    Raises:
        NotFound: no such tenant.
    """
    if slug is not None:
        await tenant_named(database, slug)
    async with database.transaction() as connection:
        concerned = [one for one in await tenants.list_all(connection) if slug in (None, one.slug)]
        for one in concerned:
            await tenants.raise_epoch(connection, one.id)
            ended = await login_ends.end_all_api_tokens(connection, one.id, "operator") if api_tokens else 0
            payload = {"api_tokens": ended} if api_tokens else {}
            event = audit.Event("tenant.sessions_ended", "tenant", one.id, payload=payload)
            await audit.record(connection, one.id, operator_name(), [event])
    return [one.slug for one in concerned]
