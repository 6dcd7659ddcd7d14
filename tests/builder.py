"""The builder of test worlds: a tenant and what is in it, in one transaction. The worlds of the areas add their own verbs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from identity_api.db import tenants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.db.tenants import Frontend, Tenant
from identity_api.ids import uuid7
from identity_api.vault import Vault
from tests import factories as make
from tests.openid_provider import RunningProvider

DELIVERIES = ("cookie", "code", "fragment")


@dataclass
class Built:
    """What was made, by the names that the test gave."""

    tenant: Tenant
    provider: Provider | None = None
    permissions: dict[str, UUID] = field(default_factory=dict)
    mappings: dict[str, UUID] = field(default_factory=dict)
    """By pattern."""
    users: dict[str, UUID] = field(default_factory=dict)
    identities: dict[str, UUID] = field(default_factory=dict)
    """Of the people who have signed in, by the names of their users."""

    @property
    def its_provider(self) -> Provider:
        assert self.provider is not None
        return self.provider


async def build_tenant(
    database: Database,
    *,
    has_host: bool = False,
    frontend: tuple[str, Sequence[str]] | None = None,
    provider: Mapping[str, Any] | None = None,
    at: tuple[RunningProvider, Vault] | None = None,
    permissions: Sequence[str] = (),
    undelegable: Sequence[str] = (),
    mapped: Mapping[str, str] | None = None,
    people: Mapping[str, Sequence[str]] | None = None,
    users: Mapping[str, str | None] | None = None,
) -> Built:
    """A new tenant with these things in it.

    Args:
        has_host: gives it `SLUG.example`.
        frontend: the origin and return URLs of the frontend `app`, which may use every delivery.
        provider: settings of its provider; None makes none.
        at: where the provider runs, and what seals the client secret.
        permissions: their names; `undelegable` are names of more, which only their holders may give.
        mapped: a live mapping for every provider, from a group to one of the permissions.
        people: the groups of people who have signed in at the provider.
        users: people without an identity, with the hash of their password if they have one.
    """
    async with database.transaction() as connection:
        built = Built(tenant := await make.make_tenant(connection))
        if has_host:
            await tenants.replace_hosts(connection, tenant.id, [f"{tenant.slug}.example"])
        if frontend is not None:
            origin, urls = frontend
            await tenants.write_frontend(
                connection, Frontend(uuid7(), tenant.id, "app", (origin,), tuple(urls), DELIVERIES)
            )
        if provider is not None and at is not None:
            built.provider = await make.make_provider_at(connection, tenant.id, *at, **provider)
        elif provider is not None:
            built.provider = await make.make_provider(connection, tenant.id, **provider)
        for name in (*permissions, *undelegable):
            is_delegable = name not in undelegable
            built.permissions[name] = await make.make_permission(connection, tenant.id, name, delegable=is_delegable)
        for pattern, name in (mapped or {}).items():
            built.mappings[pattern] = await make.make_mapping(connection, tenant.id, pattern, [built.permissions[name]])
        for name, groups in (people or {}).items():
            built.users[name] = user_id = await make.make_user(connection, tenant.id)
            built.identities[name] = await make.make_identity(connection, built.its_provider, user_id)
            await make.sign_in(connection, built.its_provider, built.identities[name], groups)
        for name, password_hash in (users or {}).items():
            built.users[name] = await make.make_user(connection, tenant.id, password_hash=password_hash)
    return built
