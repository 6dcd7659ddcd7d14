"""A tenant whose mappings are edited."""

from uuid import UUID

import pytest_asyncio

from identity_api.claims import MatchKind
from identity_api.db import grants, mappings, user_read_model
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.group_mappings.rules import Rule
from identity_api.permissions.delegation import Actor
from identity_api.permissions.effective import standing
from identity_api.permissions.service import MAPPINGS_WRITE
from tests.builder import build_tenant


class World:
    """A tenant with a mapping admin, an engineer, and two permissions."""

    tenant: UUID
    provider: Provider
    engineer: UUID
    admin: UUID
    admin_identity: UUID
    read: UUID
    write: UUID
    locked: UUID
    service: UUID
    database: Database

    def actor(self, *permissions: str) -> Actor:
        return Actor(self.tenant, self.admin, f"user:{self.admin}", frozenset(permissions or {MAPPINGS_WRITE}))

    @property
    def operator(self) -> Actor:
        return Actor(self.tenant, None, "operator:root", frozenset())

    def rule(self, pattern: str = "engineering", *permissions: UUID, match: MatchKind = MatchKind.EXACT) -> Rule:
        """For every provider."""
        return Rule(None, pattern, match, permissions or (self.read,))

    def there(self, pattern: str, *permissions: UUID, match: MatchKind = MatchKind.EXACT) -> Rule:
        """For the tenant's provider."""
        return Rule(self.provider.id, pattern, match, permissions)

    async def effective(self, user_id: UUID) -> set[str]:
        """By the definition and the read path, which must agree at every moment of an edit."""
        async with self.database.reading() as connection:
            defined = await grants.effective(connection, self.tenant, user_id)
            reading = await user_read_model.users_by_id(connection, self.tenant, [user_id])
        [user] = reading.users
        assert standing(user.facts, user.circumstances, reading.tenant, reading.at).names == defined
        return set(defined)

    async def version(self, mapping_id: UUID) -> int:
        async with self.database.reading() as connection:
            row = await mappings.get(connection, self.tenant, mapping_id)
        assert row is not None
        return row.version


async def make_world(database: Database) -> World:
    world = World()
    world.database = database
    built = await build_tenant(
        database,
        provider={},
        permissions=("docs:read", "docs:write", MAPPINGS_WRITE),
        undelegable=["vault:open"],
        people={"engineer": ["engineering", "platform"], "admin": ["admins"]},
    )
    world.tenant, world.provider = built.tenant.id, built.its_provider
    world.engineer, world.admin = built.users["engineer"], built.users["admin"]
    world.admin_identity = built.identities["admin"]
    world.read, world.write, world.service, world.locked = built.permissions.values()
    return world


@pytest_asyncio.fixture
async def world(database: Database) -> World:
    return await make_world(database)


@pytest_asyncio.fixture
async def neighbour(database: Database) -> World:
    """Another tenant, made after the first."""
    return await make_world(database)
