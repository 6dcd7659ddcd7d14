"""A set is looked at and made as one: what the preview shows is what is done, or nothing is."""

import asyncio
from random import Random

import pytest

from identity_api.change_sets import changes, run
from identity_api.claims import MatchKind
from identity_api.errors import BadInput, Conflict, IdentityAPIError, Refused
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE, PERMISSIONS_WRITE, USERS_READ
from tests import factories as make
from tests.change_sets.sets import contents, held, holds_true, look, made, mapping, mapping_id, refused
from tests.graphql.world import CountingDatabase
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio


def grant(world: World, user: str = "engineer", permission: changes.Reference | None = None) -> changes.GrantPermission:
    return changes.GrantPermission(user_id=getattr(world, user), permission=permission or world.read)


def revoke(world: World, user: str = "engineer") -> changes.RevokePermission:
    return changes.RevokePermission(user_id=getattr(world, user), permission=world.read)


async def test_mappings_permissions_and_grants_are_changed_as_one(world: World) -> None:
    seen = await holds_true(
        world,
        [
            changes.CreatePermission(name="reports:read", description="See reports."),
            mapping(world, "engineering", world.read, "reports:read"),
            mapping(world, "plat*", world.write, glob=True),
            grant(world, "admin", "reports:read"),
        ],
    )
    assert seen.effect.gained == {
        (world.engineer, "docs:read"),
        (world.engineer, "docs:write"),
        (world.engineer, "reports:read"),
        (world.admin, "reports:read"),
    }
    assert [one.action for one in seen.done] == [
        "permission.created",
        "mapping.created",
        "mapping.created",
        "grant.opened",
    ]
    assert seen.effect.concerned == 1


async def test_what_one_change_takes_and_another_gives_is_neither_lost_nor_gained(world: World) -> None:
    await made(world, [mapping(world, "engineering")])
    first = await mapping_id(world, "engineering")
    by_group = [changes.DeleteMapping(mapping_id=first, version=1), mapping(world, "platform")]
    seen = await holds_true(world, by_group)
    assert (seen.effect.concerned, seen.effect.gained, seen.effect.lost) == (1, frozenset(), frozenset())
    second = await mapping_id(world, "platform")
    by_hand = [grant(world), changes.DeleteMapping(mapping_id=second, version=1)]
    seen = await holds_true(world, by_hand)
    assert (seen.effect.gained, seen.effect.lost) == (frozenset(), frozenset())


async def test_nobody_is_without_what_moves_to_another_mapping_not_even_for_moments(world: World) -> None:
    """No worker runs here."""
    await made(world, [mapping(world, "engineering")])
    moved = [
        changes.DeleteMapping(mapping_id=await mapping_id(world, "engineering"), version=1),
        mapping(world, "platform"),
    ]
    assert await world.effective(world.engineer) == {"docs:read"}
    digest = (await look(world, moved)).digest
    await run.apply(world.database, world.operator, moved, as_previewed=digest)
    assert await world.effective(world.engineer) == {"docs:read"}


async def test_a_preview_leaves_no_trace(world: World) -> None:
    before = await contents(world)
    asked = [mapping(world, "engineering"), changes.CreatePermission(name="reports:read"), grant(world, "admin")]
    assert (await look(world, asked)).effect.gained
    assert await contents(world) == before


async def test_every_change_that_cannot_be_made_is_told_and_none_is_made(world: World) -> None:
    asked = [
        mapping(world, "engineering"),
        mapping(world, ""),
        changes.CreatePermission(name="Reports"),
        mapping(world, "engineering"),
        changes.DeleteMapping(mapping_id=world.tenant, version=1),
        grant(world, permission="nothing:there"),
    ]
    told = await refused(world, asked)
    assert told == [
        (1, "PATTERN_EMPTY"),
        (2, "BAD_INPUT"),
        (3, "MAPPING_EXISTS"),
        (4, "NOT_FOUND"),
        (5, "NOT_FOUND"),
    ]
    assert (await look(world, asked[:1])).done


async def test_each_change_needs_the_right_that_it_needs_alone(world: World) -> None:
    asked = [
        mapping(world, "engineering"),
        changes.CreatePermission(name="reports:read"),
        grant(world),
    ]
    rights = (MAPPINGS_WRITE, PERMISSIONS_WRITE, GRANTS_WRITE)
    for number, missing in enumerate(rights):
        actor = world.actor(*[right for right in rights if right != missing], USERS_READ, "docs:read")
        assert await refused(world, asked, actor) == [(number, "FORBIDDEN")]
    assert (await look(world, asked, world.actor(*rights, USERS_READ))).done


async def test_nobody_gives_themself_anything_by_a_set(world: World) -> None:
    actor = world.actor(MAPPINGS_WRITE, GRANTS_WRITE, PERMISSIONS_WRITE)
    to_oneself = [
        changes.CreatePermission(name="reports:read"),
        mapping(world, "admins", "reports:read"),
        grant(world, "admin", "reports:read"),
    ]
    assert await refused(world, to_oneself, actor) == [(1, "SELF_BENEFIT"), (2, "SELF_BENEFIT")]
    to_others = [to_oneself[0], mapping(world, "engineering", "reports:read")]
    assert (await look(world, to_others, actor)).effect.gained == {(world.engineer, "reports:read")}


async def test_a_change_that_does_not_concern_its_actor_asks_little(world: World) -> None:
    """Two hundred mappings at once stay within the seconds of a request: they take the statements of one."""
    statements = []
    for count in (1, 21):
        counting = CountingDatabase(world.database)
        asked = [mapping(world, f"team-{number}") for number in range(count)]
        assert len((await run.preview(counting, world.actor(), asked)).done) == count
        statements.append(len(counting.statements))
    assert statements[1] == statements[0]


async def test_many_changes_and_deletions_ask_as_little_as_one(world: World) -> None:
    made = [mapping(world, f"team-{number}") for number in range(21)]
    seen = await look(world, made)
    await run.apply(world.database, world.operator, made, as_previewed=seen.digest)
    ids = [await mapping_id(world, one.pattern) for one in made]
    updated = [changes.UpdateMapping(mapping_id=one, version=1, permissions=("docs:write",)) for one in ids]
    deleted = [changes.DeleteMapping(mapping_id=one, version=1) for one in ids]
    for kind in (updated, deleted):
        statements = []
        for some in (kind[:2], kind):
            counting = CountingDatabase(world.database)
            assert len((await run.preview(counting, world.actor(), some)).done) == len(some)
            statements.append(len(counting.statements))
        assert statements[1] == statements[0]


async def test_of_many_changes_those_that_cannot_be_made_are_named(world: World) -> None:
    made = [mapping(world, f"team-{number}") for number in range(3)]
    seen = await look(world, made)
    await run.apply(world.database, world.operator, made, as_previewed=seen.digest)
    first, second, third = [await mapping_id(world, one.pattern) for one in made]
    asked = [
        changes.UpdateMapping(mapping_id=first, version=1, enabled=False),
        changes.UpdateMapping(mapping_id=second, version=7, enabled=False),
        changes.UpdateMapping(mapping_id=third, version=1, pattern="team-0"),
    ]
    assert await refused(world, asked) == [(1, "CONFLICT"), (2, "MAPPING_EXISTS")]
    assert len((await look(world, asked[:1])).done) == 1


async def test_changes_of_one_mapping_build_upon_each_other(world: World) -> None:
    made = [mapping(world, "team"), mapping(world, "crew")]
    seen = await look(world, made)
    await run.apply(world.database, world.operator, made, as_previewed=seen.digest)
    team, crew = [await mapping_id(world, one.pattern) for one in made]
    asked = [
        changes.UpdateMapping(mapping_id=team, version=1, pattern="staff"),
        changes.UpdateMapping(mapping_id=crew, version=1, pattern="team"),
        changes.UpdateMapping(mapping_id=team, version=2, enabled=False),
    ]
    done = (await look(world, asked)).done
    assert [(one.name, one.new and one.new["enabled"]) for one in done] == [
        ("staff", True),
        ("team", True),
        ("staff", False),
    ]
    twice = [
        changes.UpdateMapping(mapping_id=team, version=1, pattern="staff"),
        changes.UpdateMapping(mapping_id=crew, version=1, pattern="staff"),
    ]
    assert await refused(world, twice) == [(1, "MAPPING_EXISTS")]


async def test_somebody_who_joined_since_the_preview_makes_it_outdated(world: World) -> None:
    asked = [mapping(world, "engineering")]
    seen = await look(world, asked)
    async with world.database.transaction() as connection:
        await make.make_person(connection, world.provider, ["engineering"])
    with pytest.raises(Conflict) as caught:
        await run.apply(world.database, world.operator, asked, as_previewed=seen.digest)
    assert caught.value.code == "PREVIEW_OUTDATED"
    assert await held(world) == set()
    assert len((await holds_true(world, asked)).effect.gaining) == 2


async def test_other_changes_with_the_same_effect_are_not_what_was_previewed(world: World) -> None:
    """Nobody is in either group."""
    seen = await look(world, [mapping(world, "night-shift")])
    with pytest.raises(Conflict) as caught:
        await run.apply(world.database, world.operator, [mapping(world, "early-shift")], as_previewed=seen.digest)
    assert caught.value.code == "PREVIEW_OUTDATED"
    await run.apply(world.database, world.operator, [mapping(world, "night-shift")], as_previewed=seen.digest)
    assert await mapping_id(world, "night-shift")


@pytest.mark.parametrize("number", [0, changes.MAX_CHANGES + 1])
async def test_a_set_has_some_changes_and_not_too_many(world: World, number: int) -> None:
    asked = [changes.CreatePermission(name=f"reports:p{one}") for one in range(number)]
    with pytest.raises(BadInput, match="between 1 and 500"):
        await look(world, asked)


async def test_the_last_admin_is_not_taken_by_a_set(world: World) -> None:
    async with world.database.transaction() as connection:
        await make.make_holder(connection, world.tenant, GRANTS_WRITE)
        holder = await connection.fetchval(
            "select user_id from permission_grant g join permission p on p.id = g.permission_id and p.tenant_id = $1"
            " where g.tenant_id = $1 and p.name = $2",
            world.tenant,
            GRANTS_WRITE,
        )
    taken = [changes.RevokePermission(user_id=holder, permission=GRANTS_WRITE)]
    before = await contents(world)
    with pytest.raises(Refused) as caught:
        await look(world, taken, world.actor(GRANTS_WRITE, USERS_READ))
    assert caught.value.code == "LAST_ADMIN"
    assert await contents(world) == before
    async with world.database.transaction() as connection:
        await make.make_holder(connection, world.tenant, GRANTS_WRITE)
    assert (await look(world, taken, world.actor(GRANTS_WRITE, USERS_READ))).effect.lost == {(holder, GRANTS_WRITE)}


async def test_two_previews_with_the_same_things_in_another_order_do_not_wait_for_each_other(world: World) -> None:
    one = [
        grant(world),
        grant(world, "admin"),
        changes.CreatePermission(name="reports:read"),
        mapping(world, "platform"),
    ]
    seen = await asyncio.gather(*[look(world, asked) for asked in [one, one[::-1]] * 4])
    assert len({outcome.digest for outcome in seen}) == 2


async def test_a_set_is_in_the_record_with_its_digest_beside_its_changes(world: World) -> None:
    done = await made(world, [mapping(world, "engineering"), grant(world, "admin")])
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select action, payload::text from audit_event where tenant_id = $1 and actor = 'operator:root' order by id",
            world.tenant,
        )
    actions = [row["action"] for row in rows]
    assert actions == ["mapping.created", "grant.opened", "grant.opened", "change_set.applied"]
    assert done.digest in rows[-1]["payload"]


async def somebody(world: World, random: Random) -> changes.Change:
    """Any change of the tenant as it is."""
    people, permissions = [world.engineer, world.admin], [world.read, world.write, world.locked]
    groups = ["engineering", "platform", "admins", "plat*", "nobody"]
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select id, version from group_mapping where tenant_id = $1 and deleted_at is null", world.tenant
        )
    pattern = random.choice(groups)
    rule = {
        "pattern": pattern,
        "match": MatchKind.GLOB if "*" in pattern else MatchKind.EXACT,
        "permissions": tuple(random.sample(permissions, random.randint(1, 3))),
        "provider_id": random.choice([None, world.provider.id]),
        "enabled": random.random() < 0.8,
    }
    match random.randrange(5):
        case 1 if rows:
            one = random.choice(rows)
            return changes.UpdateMapping(mapping_id=one["id"], version=one["version"], **rule)
        case 2 if rows:
            one = random.choice(rows)
            return changes.DeleteMapping(mapping_id=one["id"], version=one["version"])
        case 3:
            return changes.GrantPermission(user_id=random.choice(people), permission=random.choice(permissions))
        case 4:
            return changes.RevokePermission(user_id=random.choice(people), permission=random.choice(permissions))
    return changes.CreateMapping(**rule)


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_a_set_changes_its_preview_is_its_effect_row_by_row(world: World, seed: int) -> None:
    random, made_sets = Random(seed), 0
    for _ in range(20):
        asked = [await somebody(world, random) for _ in range(random.randint(1, 4))]
        try:
            await holds_true(world, asked)
        except IdentityAPIError:
            continue
        made_sets += 1
    assert made_sets >= 6


CROWD = (
    """
    insert into app_user (id, tenant_id, username, username_folded, display_label, display_label_folded, epoch, created_at,
        active_at)
    select gen_random_uuid(), $1, 'p' || n, 'p' || n, 'P', 'p', 0, now(), now() from generate_series(1, 10000) n
    where $2::uuid is not null
    """,
    """
    insert into identity (id, tenant_id, user_id, provider_id, issuer, subject, anchor, claims, state, state_since, created_at,
        signed_in_at)
    select gen_random_uuid(), $1, id, $2, 'https://x.example', username, username, '{}', 'FRESH', now(), now(), now()
    from app_user where tenant_id = $1 and username_folded like 'p%'
    """,
    """
    insert into identity_sync (id, tenant_id, user_id, provider_id, generation, uncertain, failures, groups_completeness)
    select id, $1, user_id, $2, 1, false, 0, 'COMPLETE' from identity where tenant_id = $1 and issuer = 'https://x.example'
    """,
    """
    insert into provider_group (id, tenant_id, provider_id, name, first_seen_at)
    select gen_random_uuid(), $1, $2, n, now() from unnest('{all,half,third}'::text[]) n
    """,
    """
    insert into identity_group (tenant_id, identity_id, group_id)
    select $1, i.id, g.id from identity i
    join provider_group g on g.tenant_id = $1 and g.provider_id = $2
        and substr(i.subject, 2)::int % (case g.name when 'all' then 1 when 'half' then 2 when 'third' then 3 end) = 0
    where i.tenant_id = $1 and i.issuer = 'https://x.example'
    """,
)


WRITTEN = (
    """
    insert into permission_grant
        (id, tenant_id, user_id, permission_id, source, identity_id, mapping_id, group_id, granted_at, granted_by)
    select gen_random_uuid(), $1, i.user_id, p.permission_id, 'GROUP', i.id, m.mapping_id, m.group_id, now(), 'sync'
    from mapping_group m
    join mapping_permission p on p.tenant_id = $1 and p.mapping_id = m.mapping_id
    join identity_group g on g.tenant_id = $1 and g.group_id = m.group_id
    join identity i on i.tenant_id = $1 and i.id = g.identity_id
    where m.tenant_id = $1
    """,
    "delete from mapping_change where tenant_id = $1",
    "insert into user_read (id, tenant_id, facts, brief) select id, tenant_id, '[[],[],[]]', '[[],[]]' from app_user"
    " where tenant_id = $1 on conflict do nothing",
)
"""The grants of mappings, without their record."""


async def test_of_ten_thousand_people_the_preview_is_the_effect_row_by_row(world: World) -> None:
    """All are in one group, every second in another, every third in a third."""
    async with world.database.transaction() as connection:
        for statement in CROWD:
            await connection.execute(statement, world.tenant, world.provider.id, timeout=60)
    given = [mapping(world, "all"), mapping(world, "half", world.write)]
    await run.apply(world.database, world.operator, given, as_previewed=(await look(world, given)).digest)
    async with world.database.transaction() as connection:
        for statement in WRITTEN:
            await connection.execute(statement, world.tenant, timeout=60)
        # As the database does it by itself soon after; until then it plans for empty tables.
        await connection.execute("analyze", timeout=60)
    asked = [
        changes.UpdateMapping(mapping_id=await mapping_id(world, "all"), version=1, permissions=(world.read,)),
        changes.DeleteMapping(mapping_id=await mapping_id(world, "half"), version=1),
        mapping(world, "third", world.write),
    ]
    seen = await holds_true(world, asked)
    # Every sixth is in both groups, and keeps it.
    assert (seen.effect.concerned, len(seen.effect.gaining), len(seen.effect.losing)) == (10_000, 1_667, 3_334)
