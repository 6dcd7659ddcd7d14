"""Groups seen for the first time, matched against whatever a tenant's mappings are."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from identity_api.config import TenantLimits
from identity_api.db import grants
from identity_api.db.database import Connection, Database
from identity_api.ids import uuid7
from tests import factories as make
from tests.cost import longest_turn_of, seconds_of_async


async def make_globs(connection: Connection, tenant_id: UUID, patterns: Sequence[str]) -> None:
    """Live mappings that give nothing, all at once."""
    await connection.execute(
        """
        insert into group_mapping
            (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by, created_at, updated_at)
        select m.id, $1, null, m.pattern, 'GLOB', true, 1, 'API', now(), now()
        from unnest($2::uuid[], $3::text[]) as m (id, pattern)
        """,
        tenant_id,
        [uuid7() for _ in patterns],
        list(patterns),
    )


async def matched(connection: Connection, tenant_id: UUID) -> set[tuple[str, str]]:
    """(pattern, group) of every match that is kept."""
    rows = await connection.fetch(
        """
        select m.pattern, g.name from mapping_group mg join group_mapping m on m.id = mg.mapping_id
        join provider_group g on g.id = mg.group_id where mg.tenant_id = $1
        """,
        tenant_id,
    )
    return {(row["pattern"], row["name"]) for row in rows}


@pytest.mark.asyncio
async def test_new_groups_are_matched_by_exact_names_and_by_globs(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = (await make.make_tenant(connection)).id
        provider, other = [await make.make_provider(connection, tenant_id) for _ in range(2)]
        permission = await make.make_permission(connection, tenant_id, "docs:read")
        await make.make_mapping(connection, tenant_id, "team-red", [permission], provider_id=provider.id)
        await make.make_mapping(connection, tenant_id, "team-blue", [permission], provider_id=other.id)
        await make.make_mapping(connection, tenant_id, "team-*", [permission], match="GLOB")
        await make.make_mapping(connection, tenant_id, "*-red", [permission], provider_id=other.id, match="GLOB")
        user_id = await make.make_user(connection, tenant_id)
        identity_id = await make.make_identity(connection, provider, user_id)
        await make.sign_in(connection, provider, identity_id, ["team-red", "team-blue", "guests"])
        assert await matched(connection, tenant_id) == {
            ("team-red", "team-red"),
            ("team-*", "team-red"),
            ("team-*", "team-blue"),
        }


@pytest.mark.asyncio
async def test_a_new_mapping_is_matched_against_groups_of_the_same_name_at_every_provider(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = (await make.make_tenant(connection)).id
        permission = await make.make_permission(connection, tenant_id, "docs:read")
        for _ in range(2):
            provider = await make.make_provider(connection, tenant_id)
            identity_id = await make.make_identity(connection, provider, await make.make_user(connection, tenant_id))
            await make.sign_in(connection, provider, identity_id, ["team-red"])
        for match, pattern in (("EXACT", "team-red"), ("GLOB", "team-*")):
            mapping_id = await make.make_mapping(connection, tenant_id, pattern, [permission], match=match)
            counted = "select count(*) from mapping_group where mapping_id = $1"
            assert await connection.fetchval(counted, mapping_id) == 2


@pytest.mark.asyncio
async def test_groups_beyond_what_a_provider_may_name_are_as_good_as_unknown(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = (await make.make_tenant(connection)).id
        provider = await make.make_provider(connection, tenant_id)
        user_id = await make.make_user(connection, tenant_id)
        permission = await make.make_permission(connection, tenant_id, "docs:read")
        await make.make_mapping(connection, tenant_id, "one", [permission])
        identity_id = await make.make_identity(connection, provider, user_id)
        limits = TenantLimits(max_provider_groups=2)

        async def sign_in(*names: str) -> tuple[str, str | None]:
            await make.sign_in(connection, provider, identity_id, names, limits=limits)
            row = await connection.fetchrow("select state, state_reason from identity where id = $1", identity_id)
            return row["state"], row["state_reason"]

        assert await sign_in("one", "two") == ("FRESH", None)
        assert await sign_in("one", "two", "three") == ("STALE", "groups_limit_reached")
        assert await grants.effective(connection, tenant_id, user_id) == {"docs:read"}
        names = await connection.fetch("select name from provider_group where tenant_id = $1", tenant_id)
        assert {row["name"] for row in names} == {"one", "two"}
        assert await sign_in("two") == ("FRESH", None)
        assert await grants.effective(connection, tenant_id, user_id) == set()


HOSTILE = [f"*{'a' * 90}*{'a' * 90}*{number}" for number in range(200)]
MANY = [f"*team-{number}?-*" for number in range(1_500)]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("patterns", "names", "budget"),
    [
        (HOSTILE, [f"{number:04}" + "a" * 250 for number in range(1_000)], 3.0),
        (MANY, [f"team-{number}-developers" for number in range(1_000)], 0.6),
    ],
    ids=["200 globs that nothing could be worse than", "1,500 globs"],
)
async def test_a_login_with_a_thousand_new_groups_lets_others_have_their_turn(
    database: Database, patterns: list[str], names: list[str], budget: float
) -> None:
    async with database.transaction() as connection:
        tenant_id = (await make.make_tenant(connection)).id
        provider = await make.make_provider(connection, tenant_id)
        await make_globs(connection, tenant_id, patterns)
        people = [await make.make_user(connection, tenant_id) for _ in range(2)]
        identities = [await make.make_identity(connection, provider, one) for one in people]

        async def sign_in(identity_id: UUID, groups: Sequence[str]) -> None:
            await make.sign_in(connection, provider, identity_id, groups)

        assert await seconds_of_async(lambda: sign_in(identities[0], names)) < budget
        others = [f"{name}x" for name in names]
        assert await longest_turn_of(lambda: sign_in(identities[1], others)) < 0.05
