"""A tenant with an admin who administers its providers, and one provider to begin with."""

import os
import time
from typing import Any
from uuid import UUID

import msgspec

from identity_api.config import KeyRing, Secret
from identity_api.db import grants, providers, tenants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import MAPPINGS_WRITE, PROVIDERS_WRITE, USERS_WRITE
from identity_api.providers import administration
from identity_api.providers.deps import ProviderDeps
from identity_api.providers.provider_row import Defaults, opened_secret
from identity_api.providers.secrets import NewSecret
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from identity_api.vault import Vault
from tests import factories as make

FIELDS: dict[str, Any] = {
    "slug": "keycloak",
    "label": "Acme SSO",
    "issuer": "https://sso.acme.example/realms/acme",
    "client_id": "identity-api",
}
SECRET = NewSecret(Secret("correct-horse"))


class Office(msgspec.Struct, frozen=True):
    """What a test needs to administer one tenant's providers."""

    database: Database
    deps: ProviderDeps
    tenant_id: UUID
    slug: str
    actor: Actor

    @property
    def operator(self) -> Actor:
        return Actor(self.tenant_id, None, "operator:root", frozenset())

    def limited(self, **limits: int) -> ProviderDeps:
        """The parts of a deployment where a tenant may have less."""
        return msgspec.structs.replace(self.deps, database=make.limited(self.database, **limits))

    async def provider(self, secret: NewSecret = SECRET, **fields: Any) -> Provider:
        """A new provider, made by the admin."""
        return await administration.create(self.deps, self.actor, {**FIELDS, **fields}, secret=secret)

    async def stored(self, provider: Provider) -> Provider:
        """The row as it is now."""
        async with self.database.reading() as connection:
            found = await providers.get(connection, self.tenant_id, provider.id)
        assert found is not None
        return found

    async def secrets(self, provider: Provider) -> list[str | None]:
        """What would be presented, the first choice first."""
        async with self.database.reading() as connection:
            rows = await providers.secrets(connection, self.tenant_id, provider.id)
        return [opened_secret(self.deps.vault, self.tenant_id, row) for row in rows]

    async def secret_ids(self, provider: Provider) -> list[UUID]:
        async with self.database.reading() as connection:
            return [row.id for row in await providers.secrets(connection, self.tenant_id, provider.id)]

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The audit about providers, oldest first."""
        rows = await self.fetch(
            "select action, payload from audit_event where tenant_id = $1 and subject_kind = 'provider' order by id",
            self.tenant_id,
        )
        return [(row["action"], msgspec.json.decode(row["payload"])) for row in rows]

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        async with self.database.reading() as connection:
            return await connection.fetch(statement, *arguments)

    async def holding(self, *names: str) -> Actor:
        """An admin with a password who holds these permissions, by hand."""
        async with self.database.transaction() as connection:
            user_id = await make.make_holder(connection, self.tenant_id, *names)
        return Actor(self.tenant_id, user_id, f"user:{user_id}", frozenset(names))

    async def undelegable(self, permission: str) -> None:
        """From now on only its holders may give it."""
        await self.fetch(
            "update permission set delegable = false where name = $2 and tenant_id = $1", self.tenant_id, permission
        )

    async def mapping(self, group: str, permission: str, *, provider: Provider | None = None, **given: Any) -> None:
        """A live mapping, whose permission is made for it."""
        async with self.database.transaction() as connection:
            row_id = await make.make_permission(connection, self.tenant_id, permission, **given)
            await make.make_mapping(
                connection, self.tenant_id, group, [row_id], provider_id=provider.id if provider else None
            )

    async def identity(self, provider: Provider, user_id: UUID, groups: list[str]) -> UUID:
        """A login of the user at the provider."""
        async with self.database.transaction() as connection:
            identity_id = await make.make_identity(connection, provider, user_id)
            await make.sign_in(connection, provider, identity_id, groups)
        return identity_id

    async def person(self, provider: Provider, groups: list[str]) -> tuple[UUID, UUID]:
        """Somebody who has signed in there: user and identity."""
        async with self.database.transaction() as connection:
            return await make.make_person(connection, provider, groups)

    async def effective(self, user_id: UUID) -> frozenset[str]:
        async with self.database.reading() as connection:
            return await grants.effective(connection, self.tenant_id, user_id)


def make_deps(database: Database, upstream: Upstream, allow: AllowList) -> ProviderDeps:
    return ProviderDeps(
        database=database,
        vault=Vault(KeyRing([("tests", os.urandom(32))])),
        documents=provider_documents(upstream, monotonic=time.monotonic),
        allow=allow,
        defaults=Defaults("https://id.example.com", 300, 14_400, 86_400),
    )


async def make_office(database: Database, upstream: Upstream, allow: AllowList) -> Office:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        await tenants.replace_hosts(connection, tenant.id, [f"{tenant.slug}.example.com"])
    deps = make_deps(database, upstream, allow)
    office = Office(database, deps, tenant.id, tenant.slug, Actor(tenant.id, None, "operator:root", frozenset()))
    return msgspec.structs.replace(office, actor=await office.holding(PROVIDERS_WRITE, MAPPINGS_WRITE, USERS_WRITE))
