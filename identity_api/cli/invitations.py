"""Invitations for the operator: the names of a command line become ids."""

from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.accounts import invitations
from identity_api.accounts.invitations import Guest
from identity_api.cli.context import operator, read_settings, run_on_database, tenant_named
from identity_api.db import permissions, providers, tenants
from identity_api.db.database import Database
from identity_api.errors import NotFound
from identity_api.providers.urls import doors


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was given."""

    username: str
    label: str | None
    email: str | None
    provider: str | None
    permissions: tuple[str, ...]
    days: int


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The link, which is told once."""

    id: UUID
    user: UUID
    url: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Made({self.id})"


def invite(tenant: str, wish: Wish) -> Made:
    """Make the user and the link.

    Raises:
        NotFound: no such tenant, provider or permission; and what `accounts.invitations.invite` raises.
    """
    settings = read_settings(keys_required=False)

    async def work(database: Database) -> Made:
        actor = operator(await tenant_named(database, tenant))
        async with database.reading() as connection:
            provider = wish.provider and await providers.by_slug(connection, actor.tenant_id, wish.provider)
            known = await permissions.by_names(connection, actor.tenant_id, wish.permissions)
            row = await tenants.get(connection, actor.tenant_id)
            hosts = await tenants.hosts(connection, actor.tenant_id)
        if wish.provider and not provider:
            raise NotFound(f"Tenant {tenant} has no provider {wish.provider}.")
        if missing := [name for name in wish.permissions if name not in known]:
            raise NotFound(f"Tenant {tenant} has no permission {missing[0]}.")
        guest = Guest(
            username=wish.username,
            display_label=wish.label,
            email=wish.email,
            provider_id=provider.id if provider else None,
            permissions=tuple([known[name].id for name in wish.permissions]),
            days=wish.days,
        )
        made = await invitations.invite(database, actor, guest)
        assert row is not None, "named above"
        door = doors(row, hosts=hosts, public_url=settings.public_url)[0]
        one = made.invitation
        url = f"{door}{invitations.PATH}{made.token}"
        return Made(id=one.id, user=one.user_id, url=url, expires_at=one.expires_at)

    return run_on_database(settings, work)
