"""Break-glass credentials for the operator."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from identity_api.accounts import break_glass
from identity_api.cli.context import read_settings
from identity_api.cli.users import on_tenant
from identity_api.db import break_glass as rows
from identity_api.db import tenants
from identity_api.db.break_glass import Credential
from identity_api.db.database import Database
from identity_api.permissions.delegation import Actor
from identity_api.providers.urls import doors


class Printed(msgspec.Struct, frozen=True):
    """A credential as it is printed, once."""

    id: UUID
    code: str
    url: str
    permissions: tuple[str, ...]
    expires_at: str
    minutes: int


def made(tenant: str, permissions: Sequence[str], *, days: int, minutes: int) -> Printed:
    """Make a credential. Raises as `accounts.break_glass.create`, and for an unknown tenant."""
    settings = read_settings(keys_required=False)

    async def work(database: Database, actor: Actor) -> Printed:
        done = await break_glass.create(database, actor, permissions, days=days, minutes=minutes)
        async with database.reading() as connection:
            found = await tenants.get(connection, actor.tenant_id)
            hosts = await tenants.hosts(connection, actor.tenant_id)
        assert found is not None
        door = doors(found, hosts=hosts, public_url=settings.public_url)[0]
        return Printed(
            done.id,
            done.code,
            f"{door}/auth/break-glass",
            done.permissions,
            done.expires_at.isoformat(timespec="seconds"),
            done.minutes,
        )

    return on_tenant(tenant, work)


def listed(tenant: str) -> list[Credential]:
    """The tenant's credentials, the oldest first."""

    async def work(database: Database, actor: Actor) -> list[Credential]:
        async with database.reading() as connection:
            return await rows.of_tenant(connection, actor.tenant_id)

    return on_tenant(tenant, work)
