"""The one query that decides, held against a small Python model over generated groups, mappings, modes and grants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_api.db import grants, groups
from identity_api.db.database import Connection, Database
from identity_api.ids import uuid7
from tests import factories as make

GROUPS = ("red", "green", "blue")
PERMISSIONS = ("docs:read", "docs:write", "identity:mappings:write")
MODES = ("STRICT", "ADDITIVE", "NONE")


@dataclass(frozen=True)
class MappingCase:
    provider: int | None
    groups: frozenset[str]
    permissions: frozenset[str]
    enabled: bool
    deleted: bool


@dataclass(frozen=True)
class World:
    """Two providers, three identities of two users, some mappings, and grants left over from earlier days."""

    modes: tuple[str, str]
    provider_enabled: tuple[bool, bool]
    identities: tuple[tuple[int, int, str], ...]  # user, provider, state
    memberships: tuple[frozenset[str], ...]
    mappings: tuple[MappingCase, ...]
    group_grants: frozenset[tuple[int, int, str, str]]  # identity, mapping, permission, group
    manual_grants: frozenset[tuple[int, str, str]]  # user, permission, by


@dataclass
class Rows:
    """The ids that a world got in the database."""

    tenant: UUID
    users: list[UUID] = field(default_factory=list)
    identities: list[UUID] = field(default_factory=list)
    mappings: list[UUID] = field(default_factory=list)
    permissions: dict[str, UUID] = field(default_factory=dict)
    groups: dict[tuple[int, str], UUID] = field(default_factory=dict)


mapping_cases = st.builds(
    MappingCase,
    provider=st.sampled_from([None, 0, 1]),
    groups=st.frozensets(st.sampled_from(GROUPS)),
    permissions=st.frozensets(st.sampled_from(PERMISSIONS)),
    enabled=st.booleans(),
    deleted=st.booleans(),
)
states = st.sampled_from(["FRESH", "STALE", "REVOKED", "QUARANTINED", "UNSYNCED"])
worlds = st.builds(
    World,
    modes=st.tuples(st.sampled_from(MODES), st.sampled_from(MODES)),
    provider_enabled=st.tuples(st.booleans(), st.booleans()),
    identities=st.tuples(
        st.tuples(st.just(0), st.just(0), states),
        st.tuples(st.just(0), st.just(1), states),
        st.tuples(st.just(1), st.just(0), states),
    ),
    memberships=st.tuples(*[st.frozensets(st.sampled_from(GROUPS))] * 3),
    mappings=st.lists(mapping_cases, max_size=3).map(tuple),
    group_grants=st.frozensets(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from(PERMISSIONS), st.sampled_from(GROUPS)),
        max_size=6,
    ),
    manual_grants=st.frozensets(
        st.tuples(st.integers(0, 1), st.sampled_from(PERMISSIONS), st.sampled_from(["operator:root", "user:x"])),
        max_size=3,
    ),
)


def model(world: World) -> tuple[set[tuple[int, int, str, str]], set[tuple[object, ...]]]:
    """What the query must answer: (openings as identity, mapping, permission, group; closings with their reason)."""
    openings, closings = set(), set()
    held = {grant for grant in world.group_grants if grant[1] < len(world.mappings)}
    for index, (_, provider, _) in enumerate(world.identities):
        mode = world.modes[provider]
        gives = {
            (number, permission, group)
            for number, mapping in enumerate(world.mappings)
            if mapping.enabled and not mapping.deleted and mapping.provider in (None, provider)
            for permission in mapping.permissions
            for group in mapping.groups
        }
        wanted = {one for one in gives if mode != "NONE" and one[2] in world.memberships[index]}
        has = {grant[1:] for grant in held if grant[0] == index}
        openings |= {(index, *one) for one in wanted - has}
        for one in has - wanted:
            if mode == "NONE":
                closings.add((index, *one, "MODE_NONE"))
            elif one not in gives:
                closings.add((index, *one, "MAPPING_CHANGED"))
            elif mode == "STRICT":
                closings.add((index, *one, "GROUP_LEFT"))
    for user, permission, by in world.manual_grants:
        strict = any(
            owner == user
            and world.modes[provider] == "STRICT"
            and world.provider_enabled[provider]
            and state not in ("REVOKED", "QUARANTINED")
            for owner, provider, state in world.identities
        )
        if strict and not (permission.startswith("identity:") and by.startswith("operator:")):
            closings.add((user, permission, "STRICT_PROVIDER"))
    return openings, closings


async def build(connection: Connection, world: World) -> Rows:
    """Write a world, past every rule: what is there now may stem from any earlier configuration."""
    tenant = (await make.make_tenant(connection)).id
    rows = Rows(tenant)
    providers = [
        await make.make_provider(connection, tenant, sync_mode=mode, enabled=enabled)
        for mode, enabled in zip(world.modes, world.provider_enabled, strict=True)
    ]
    rows.users = [await make.make_user(connection, tenant) for _ in range(2)]
    rows.permissions = {name: await make.make_permission(connection, tenant, name) for name in PERMISSIONS}
    for number, provider in enumerate(providers):
        for group in await groups.remember(connection, tenant, provider.id, GROUPS):
            rows.groups[number, group.name] = group.id
    for (user, number, state), names in zip(world.identities, world.memberships, strict=True):
        identity = await make.make_identity(connection, providers[number], rows.users[user])
        await connection.execute("update identity set state = $2 where id = $1", identity, state)
        await groups.move(connection, tenant, providers[number].id, [groups.Membership(identity, tuple(names), ())])
        rows.identities.append(identity)
    for place, mapping in enumerate(world.mappings):
        provider_id = None if mapping.provider is None else providers[mapping.provider].id
        wanted = [rows.permissions[name] for name in sorted(mapping.permissions)]
        row = await make.make_mapping(connection, tenant, f"pattern-{place}", wanted, provider_id=provider_id)
        pairs = [
            (row, id)
            for (number, name), id in rows.groups.items()
            if name in mapping.groups and mapping.provider in (None, number)
        ]
        await groups.match(connection, tenant, pairs)
        await connection.execute(
            "update group_mapping set enabled = $2, deleted_at = case when $3 then now() end where id = $1",
            row,
            mapping.enabled,
            mapping.deleted,
        )
        rows.mappings.append(row)
    held = [grant for grant in world.group_grants if grant[1] < len(world.mappings)]
    openings = [
        grants.NewGrant(
            rows.users[world.identities[index][0]],
            rows.identities[index],
            rows.permissions[permission],
            rows.mappings[number],
            rows.groups[world.identities[index][1], group],
        )
        for index, number, permission, group in held
    ]
    await grants.open_group_grants(connection, tenant, openings, "system")
    done: set[tuple[int, str]] = set()
    for user, permission, by in sorted(world.manual_grants):
        await grants.open_manual_grant(connection, tenant, rows.users[user], rows.permissions[permission], by)
        done.add((user, permission))
    return rows


@asynccontextmanager
async def undone(database: Database) -> AsyncIterator[Connection]:
    """A transaction that leaves nothing behind."""
    async with database.reading() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            yield connection
        finally:
            await transaction.rollback()


def one_per_permission(world: World) -> World:
    """Two manual grants of one permission to one user cannot be open at once; the first written stays."""
    kept: dict[tuple[int, str], str] = {}
    for user, permission, by in sorted(world.manual_grants):
        kept.setdefault((user, permission), by)
    manual = frozenset((user, permission, by) for (user, permission), by in kept.items())
    return World(**{**world.__dict__, "manual_grants": manual})


@pytest.mark.asyncio
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds.map(one_per_permission))
async def test_the_query_decides_as_the_model_does(database: Database, world: World) -> None:
    async with undone(database) as connection:
        rows = await build(connection, world)
        decision = await grants.decide(connection, rows.tenant, rows.identities)
        names = {id: name for name, id in rows.permissions.items()}
        group_names = {id: name for (_, name), id in rows.groups.items()}
        opened = {
            (
                rows.identities.index(o.identity_id),
                rows.mappings.index(o.mapping_id),
                names[o.permission_id],
                group_names[o.group_id],
            )
            for o in decision.openings
        }
        closed: set[tuple[object, ...]] = set()
        for closing in decision.closings:
            row = await connection.fetchrow("select * from permission_grant where id = $1", closing.grant_id)
            if row["source"] == "MANUAL":
                closed.add((rows.users.index(row["user_id"]), names[row["permission_id"]], closing.reason))
            else:
                closed.add(
                    (
                        rows.identities.index(row["identity_id"]),
                        rows.mappings.index(row["mapping_id"]),
                        names[row["permission_id"]],
                        group_names[row["group_id"]],
                        closing.reason,
                    )
                )
        assert (opened, closed) == model(world)
        assert len(decision.openings) == len(opened)

        # Applied once, there is nothing left to decide.
        await grants.open_group_grants(connection, rows.tenant, decision.openings, "system")
        await grants.close_grants(connection, rows.tenant, decision.closings, "system")
        again = await grants.decide(connection, rows.tenant, rows.identities)
        assert (again.openings, again.closings) == ((), ())


@pytest.mark.asyncio
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds.map(one_per_permission), st.integers(0, 2))
async def test_asked_for_one_mapping_the_query_answers_its_part_of_the_whole(
    database: Database, world: World, number: int
) -> None:
    """The chunks of a mapping edit decide as a full sync would, and touch no manual grant."""
    async with undone(database) as connection:
        rows = await build(connection, world)
        if number >= len(rows.mappings):
            return
        whole = await grants.decide(connection, rows.tenant, rows.identities)
        part = await grants.decide(connection, rows.tenant, rows.identities, [rows.mappings[number]])
        mapping = rows.mappings[number]
        assert set(part.openings) == {o for o in whole.openings if o.mapping_id == mapping}
        of_mapping = {
            row["id"]
            for row in await connection.fetch("select id from permission_grant where mapping_id = $1", mapping)
        }
        assert {c.grant_id for c in part.closings} == {c.grant_id for c in whole.closings} & of_mapping


@pytest.mark.asyncio
async def test_the_database_refuses_a_reference_into_another_tenant(database: Database) -> None:
    """I2: composite keys keep tenants apart even against a wrong statement."""
    import asyncpg

    async with undone(database) as connection:
        ours, theirs = await make.make_tenant(connection), await make.make_tenant(connection)
        user = await make.make_user(connection, ours.id)
        permission = await make.make_permission(connection, theirs.id, "docs:read")
        own = await make.make_permission(connection, ours.id, "docs:read")
        assert await grants.open_manual_grant(connection, ours.id, user, own, "operator:root")
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(
                """
                insert into permission_grant (id, tenant_id, user_id, permission_id, source, granted_at, granted_by)
                values ($1, $2, $3, $4, 'MANUAL', now(), 'user:x')
                """,
                uuid7(),
                ours.id,
                user,
                permission,
            )
