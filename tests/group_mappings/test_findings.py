"""What an admin of mappings should look at: mappings, permissions and groups that lead nowhere, as far as groups are known."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from identity_api.db import grants
from identity_api.db.database import Connection, Database
from identity_api.db.providers import Provider
from identity_api.group_mappings.findings import (
    MAX_AGE_SECONDS,
    MAX_OF_A_KIND,
    AccessFindings,
    Finding,
    FindingKind,
    find,
)
from tests import factories as make
from tests.graphql.world import CountingDatabase

pytestmark = pytest.mark.asyncio


async def tenant_with(connection: Connection, *groups: str, **settings: object) -> tuple[UUID, Provider, UUID]:
    """A tenant whose one person is in these groups."""
    tenant = await make.make_tenant(connection)
    provider = await make.make_provider(connection, tenant.id, **settings)
    user_id = await make.make_user(connection, tenant.id)
    identity_id = await make.make_identity(connection, provider, user_id)
    await make.sign_in(connection, provider, identity_id, list(groups))
    return tenant.id, provider, identity_id


async def kinds(database: Database, tenant_id: UUID) -> dict[FindingKind, list[Finding]]:
    found: dict[FindingKind, list[Finding]] = {}
    for one in (await find(database, tenant_id)).findings:
        found.setdefault(one.kind, []).append(one)
    return found


async def test_a_mapping_that_never_matched_is_told_and_one_that_reaches_somebody_is_not(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id, _, _ = await tenant_with(connection, "sales")
        read = await make.make_permission(connection, tenant_id, "docs:read")
        await make.make_mapping(connection, tenant_id, "sales", [read])
        typo = await make.make_mapping(connection, tenant_id, "Sales", [read])
    found = await kinds(database, tenant_id)
    assert set(found) == {FindingKind.MAPPING_NEVER_MATCHED}
    [never] = found[FindingKind.MAPPING_NEVER_MATCHED]
    assert (never.mapping_ids, never.since, never.is_certain) == ((typo,), None, True)


async def test_while_nobodys_groups_were_read_nothing_is_said_of_the_mappings(database: Database) -> None:
    """Unknown is never empty (I7)."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        read = await make.make_permission(connection, tenant.id, "docs:read")
        await make.make_mapping(connection, tenant.id, "sales", [read], provider_id=provider.id)
        user_id = await make.make_user(connection, tenant.id)
        identity_id = await make.make_identity(connection, provider, user_id)
        await make.sign_in(connection, provider, identity_id, make.unreadable())
    found = await kinds(database, tenant.id)
    assert set(found) == {FindingKind.GROUPS_NEVER_READ}


async def test_somebody_whose_groups_are_unread_makes_it_uncertain(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id, provider, _ = await tenant_with(connection, "sales")
        read = await make.make_permission(connection, tenant_id, "docs:read")
        await make.make_mapping(connection, tenant_id, "support", [read])
        user_id = await make.make_user(connection, tenant_id)
        identity_id = await make.make_identity(connection, provider, user_id)
        await make.sign_in(connection, provider, identity_id, make.unreadable())
    [never] = (await kinds(database, tenant_id))[FindingKind.MAPPING_NEVER_MATCHED]
    assert not never.is_certain
    assert "The groups of 1 person could not be read" in never.message


async def test_whoever_was_removed_at_the_provider_is_reached_no_more(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id, _, identity_id = await tenant_with(connection, "sales")
        read = await make.make_permission(connection, tenant_id, "docs:read")
        mapping = await make.make_mapping(connection, tenant_id, "sales", [read])
    assert FindingKind.MAPPING_REACHES_NOBODY not in await kinds(database, tenant_id)
    async with database.transaction() as connection:
        await connection.execute("update identity set state = 'REVOKED' where id = $1", identity_id)
    [nobody] = (await kinds(database, tenant_id))[FindingKind.MAPPING_REACHES_NOBODY]
    assert nobody.mapping_ids == (mapping,)


async def test_a_permission_that_nobody_can_get_is_told_with_the_reason(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id, _, _ = await tenant_with(connection, "sales")
        given, by_hand, unused, stuck = [
            await make.make_permission(connection, tenant_id, name)
            for name in ("docs:read", "docs:write", "docs:unused", "docs:stuck")
        ]
        await make.make_permission(connection, tenant_id, "identity:users:read")
        await make.make_mapping(connection, tenant_id, "sales", [given])
        mapping = await make.make_mapping(connection, tenant_id, "nobody-here", [stuck])
        user_id = await make.make_user(connection, tenant_id, password_hash="x")
        await grants.open_manual_grant(connection, tenant_id, user_id, by_hand, "operator:root")
    found = (await kinds(database, tenant_id))[FindingKind.PERMISSION_REACHES_NOBODY]
    assert [(one.permission, one.permission_id, one.mapping_ids) for one in found] == [
        ("docs:stuck", stuck, (mapping,)),
        ("docs:unused", unused, ()),
    ]
    assert "nobody-here" in found[0].message


async def test_a_group_with_people_and_without_a_mapping_is_told_and_an_empty_one_is_not(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id, provider, identity_id = await tenant_with(connection, "sales", "support", "left")
        read = await make.make_permission(connection, tenant_id, "docs:read")
        await make.make_mapping(connection, tenant_id, "sales", [read])
        await make.sign_in(connection, provider, identity_id, ["sales", "support"])
    found = (await kinds(database, tenant_id))[FindingKind.GROUP_WITHOUT_MAPPING]
    assert [one.group for one in found] == ["support"]


async def test_where_groups_give_nothing_nothing_is_said_of_them(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id, _, _ = await tenant_with(connection, "sales", sync_mode="NONE")
        read = await make.make_permission(connection, tenant_id, "docs:read")
        await make.make_mapping(connection, tenant_id, "support", [read])
    assert set(await kinds(database, tenant_id)) == set()


async def test_of_each_kind_there_are_no_more_than_a_hundred_and_more_are_said(database: Database) -> None:
    async with database.transaction() as connection:
        names = [f"group-{number:03}" for number in range(MAX_OF_A_KIND + 1)]
        tenant_id, _, _ = await tenant_with(connection, *names)
    found = await find(database, tenant_id)
    assert (len(found.findings), found.has_more) == (MAX_OF_A_KIND, True)


async def test_another_tenants_groups_and_mappings_are_not_told(database: Database) -> None:
    async with database.transaction() as connection:
        other, _, _ = await tenant_with(connection, "sales", "support")
        read = await make.make_permission(connection, other, "docs:read")
        await make.make_mapping(connection, other, "nobody", [read])
        tenant_id, _, _ = await tenant_with(connection)
    assert (await find(database, tenant_id)).findings == ()


async def test_many_who_ask_at_once_are_answered_by_one_computation_for_ten_seconds(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id, _, _ = await tenant_with(connection, "sales")
    counting, moment = CountingDatabase(database), [0.0]
    findings = AccessFindings(counting, monotonic=lambda: moment[0])
    answers = await asyncio.gather(*[findings.of(tenant_id) for _ in range(20)])
    assert len({id(one) for one in answers}) == 1
    once = len(counting.statements)
    moment[0] = MAX_AGE_SECONDS - 0.1
    assert (await findings.of(tenant_id)) is answers[0]
    moment[0] = MAX_AGE_SECONDS
    assert (await findings.of(tenant_id)) is not answers[0]
    assert len(counting.statements) == 2 * once
    assert answers[0].computed_at <= datetime.now(UTC)
