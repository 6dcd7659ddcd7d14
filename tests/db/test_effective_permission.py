"""I1: the read path answers "may they?" as the SQL definition does, at random instants around every boundary."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_api.db import grants, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.db.in_force import effective_permissions
from identity_api.ids import uuid7
from identity_api.permissions.effective import Standing, standing
from identity_api.permissions.grant_snapshot import whole
from tests.db.test_decide import Rows, World, build, one_per_permission, undone, worlds

EFFECTIVE = f"select * from {effective_permissions('$1', '$2', '$3')} e"

SECONDS = st.one_of(st.none(), st.integers(-5, 5))
TICK = timedelta(microseconds=1)


async def set_leases(
    connection: Connection, rows: Rows, leases: list[tuple[int | None, int | None]], base: datetime
) -> None:
    for identity, (signed_in, groups_valid) in zip(rows.identities, leases, strict=True):
        await connection.execute(
            "update identity_sync set signed_in_until = $2, groups_valid_until = $3 where id = $1",
            identity,
            None if signed_in is None else base + timedelta(seconds=signed_in),
            None if groups_valid is None else base + timedelta(seconds=groups_valid),
        )


def told(found: Standing) -> list[tuple[str, str, str | None, str | None, str | None]]:
    """What is in force and what is not, without what a brief reading leaves out."""
    held = [(one, None) for permission in found.permissions for one in permission.reasons]
    grants = [*held, *[(one.grant, one.cause) for one in found.dormant]]
    return [(one.permission, one.source, one.identity_id, one.group, cause) for one, cause in grants]


@pytest.mark.asyncio
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    world=worlds.map(one_per_permission),
    leases=st.lists(st.tuples(SECONDS, SECONDS), min_size=3, max_size=3),
    syncs=st.tuples(st.sampled_from(["REFRESH_TOKEN", "OFF"]), st.sampled_from(["REFRESH_TOKEN", "OFF"])),
    disabled=st.booleans(),
    has_password=st.booleans(),
    admitted=st.none() | st.integers(-6, 6),
    edit_is_running=st.booleans(),
    offset=st.integers(-6, 6),
)
async def test_the_read_path_and_the_definition_agree(
    database: Database,
    world: World,
    leases: list[tuple[int | None, int | None]],
    syncs: tuple[str, str],
    disabled: bool,
    has_password: bool,
    admitted: int | None,
    edit_is_running: bool,
    offset: int,
) -> None:
    async with undone(database) as connection:
        rows = await build(connection, world)
        # Ten seconds ahead, so that every grant is older than every instant asked about.
        base = await connection.fetchval("select now() + interval '10 seconds'")
        await set_leases(connection, rows, leases, base)
        for number, sync in enumerate(syncs):
            await connection.execute(
                """
                update provider set sync = $2 where id = (
                    select id from provider where tenant_id = $1 order by id offset $3 limit 1)
                """,
                rows.tenant,
                sync,
                number,
            )
        await connection.execute(
            """
            update app_user set disabled_at = case when $2 then now() end, password_hash = case when $3 then 'x' end,
                admitted_until = case when $4::int is not null then $5::timestamptz + make_interval(secs => $4) end
            where id = $1
            """,
            rows.users[0],
            disabled,
            has_password,
            admitted,
            base,
        )
        if edit_is_running:
            for mapping in rows.mappings:
                await connection.execute(
                    """
                    insert into mapping_change (id, tenant_id, mapping_id, actor, total, done, created_at)
                    values ($1, $2, $3, 'system', 1, 0, now())
                    """,
                    uuid7(),
                    rows.tenant,
                    mapping,
                )
        else:  # what an edit leaves behind when it has finished
            decision = await grants.decide(connection, rows.tenant, rows.identities)
            await grants.open_group_grants(connection, rows.tenant, decision.openings, "system")
            await grants.close_grants(connection, rows.tenant, decision.closings, "system")
        await user_read_model.refresh(connection, rows.tenant, rows.users)
        reading = await user_read_model.users_by_id(connection, rows.tenant, rows.users)
        assert len(reading.users) == len(rows.users)
        brief = await user_read_model.users_by_id(connection, rows.tenant, rows.users, part="permissions")
        instants = {base + timedelta(seconds=offset) + shift for shift in (-TICK, timedelta(0), TICK)}
        # At its very end a lease is over, by both.
        instants |= {
            base + timedelta(seconds=end) for lease in [*leases, (admitted,)] for end in lease if end is not None
        }
        for at in sorted(instants):
            for user, briefly in zip(reading.users, brief.users, strict=True):
                found = await connection.fetch(EFFECTIVE, rows.tenant, user.id, at)
                here: Any = standing(user.facts, user.circumstances, reading.tenant, at)
                assert here.names == {row["permission"] for row in found}
                assert {grant.id for held in here.permissions for grant in held.reasons} == {
                    str(row["grant_id"]) for row in found
                }
                there = standing(briefly.facts, briefly.circumstances, brief.tenant, at)
                assert told(there) == told(here)
                # Every open grant is either in force or says what takes its force away.
                open_grants = {grant.id for grant in user.facts.grants}
                dormant = {one.grant.id for one in here.dormant}
                assert open_grants == {str(row["grant_id"]) for row in found} | dormant


@pytest.mark.asyncio
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    world=worlds.map(one_per_permission),
    leases=st.lists(st.tuples(SECONDS, SECONDS), min_size=3, max_size=3),
    offset=st.integers(-6, 6),
)
async def test_what_an_edit_does_is_in_force_before_it_is_written(
    database: Database, world: World, leases: list[tuple[int | None, int | None]], offset: int
) -> None:
    """Who holds what, and why, is the same while an edit of every mapping is unfinished and when its grants are written."""
    async with undone(database) as connection:
        rows = await build(connection, world)
        base = await connection.fetchval("select now() + interval '10 seconds'")
        await set_leases(connection, rows, leases, base)
        await user_read_model.refresh(connection, rows.tenant, rows.users)
        await connection.execute(
            """
            insert into mapping_change (id, tenant_id, mapping_id, actor, total, done, created_at)
            select gen_random_uuid(), $1, id, 'system', 1, 0, now() from group_mapping where tenant_id = $1
            """,
            rows.tenant,
        )
        at = base + timedelta(seconds=offset)
        promised = await in_force(connection, rows, at)
        decision = await grants.decide(connection, rows.tenant, rows.identities, rows.mappings)
        await grants.open_group_grants(connection, rows.tenant, decision.openings, "system")
        await grants.close_grants(connection, rows.tenant, decision.closings, "system")
        await connection.execute("delete from mapping_change where tenant_id = $1", rows.tenant)
        await user_read_model.refresh(connection, rows.tenant, rows.users)
        assert promised == await in_force(connection, rows, at)


async def in_force(connection: Connection, rows: Rows, at: datetime) -> set[tuple[object, ...]]:
    """By user: the permissions with their reasons, by a reading and by the definition, which agree."""
    reading = await user_read_model.users_by_id(connection, rows.tenant, rows.users)
    read = {
        (user.id, grant.permission, grant.source, grant.identity_id, grant.mapping_id, grant.group_id)
        for user in reading.users
        for held in standing(user.facts, user.circumstances, reading.tenant, at).permissions
        for grant in map(whole, held.reasons)
    }
    defined = {
        (
            user_id,
            row["permission"],
            row["source"],
            *[text(row[name]) for name in ("identity_id", "mapping_id", "group_id")],
        )
        for user_id in rows.users
        for row in await connection.fetch(EFFECTIVE, rows.tenant, user_id, at)
    }
    assert read == defined
    return read


def text(id: object) -> str | None:
    return None if id is None else str(id)


@pytest.mark.asyncio
async def test_a_lease_is_over_at_its_very_instant(database: Database) -> None:
    """`groups_valid_until > at`: at the boundary itself nothing is in force any more."""
    world = World(
        ("STRICT", "STRICT"),
        (True, True),
        ((0, 0, "FRESH"), (0, 1, "FRESH"), (1, 0, "FRESH")),
        (frozenset({"red"}), frozenset(), frozenset()),
        (),
        frozenset(),
        frozenset({(0, "identity:mappings:write", "operator:root")}),
    )
    async with undone(database) as connection:
        rows = await build(connection, world)
        base = await connection.fetchval("select now() + interval '10 seconds'")
        await set_leases(connection, rows, [(0, 0), (None, None), (None, None)], base)

        async def names(at: datetime) -> set[str]:
            return {row["permission"] for row in await connection.fetch(EFFECTIVE, rows.tenant, rows.users[0], at)}

        assert await names(base - TICK) == {"identity:mappings:write"}
        assert await names(base) == set()
