"""A login ends, a user is disabled or a mapping is deleted while an answer of the provider is on its way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlencode

import pytest

from identity_api.graphql.ids import global_id
from tests.faults.conftest import Install, Seen
from tests.faults.installation import GROUP, PERMISSION, Installation
from tests.faults.waiting import Stopwatch, count, until
from tests.sync.world import Person

pytestmark = pytest.mark.asyncio

TOGETHER = 10
REFRESH = {"path": "/token", "grant_type": "refresh_token"}


async def nobody_is_in_hand(installation: Installation) -> None:
    """Wait until every claim has ended."""

    async def look() -> bool:
        return not any(row["is_leased"] for row in await installation.syncs())

    await until(look)


@pytest.mark.faults(36)
async def test_a_logout_token_wins_over_a_sync_of_the_same_login(install: Install, seen: Seen) -> None:
    installation = await install()
    await installation.api()
    await installation.worker().started()
    rounds = count(2, 50)
    path = f"/auth/providers/{installation.world.provider.id}/backchannel-logout"

    async def log_out(person: Person) -> int:
        form = urlencode({"logout_token": installation.issuer.logout_token(person.username)}).encode()
        headers = {"content_type": "application/x-www-form-urlencoded"}
        return (await installation.ask("POST", path, body=form, **headers))[0]

    for one in range(rounds):
        people = await installation.sign_in(TOGETHER, is_due=False)
        # Before the provider has done anything in one round, and when it has rotated in the next.
        with installation.issuer.hold(**REFRESH, when="after" if one % 2 else "before") as gate:
            await installation.make_due(people)
            await gate.arrival(TOGETHER, 60)
            ended = [await log_out(person) for person in people[: TOGETHER // 2]]
            # The others' tokens come back at the same time as their logout tokens.
            gate.release()
            ended += await asyncio.gather(*[log_out(person) for person in people[TOGETHER // 2 :]])
        assert set(ended) == {200}
        await nobody_is_in_hand(installation)
        assert await installation.standings(people) == {("REVOKED", "logout_token")}
        assert await installation.ended_sessions(people) == TOGETHER
    assert len(await installation.lost_permissions()) == rounds * TOGETHER
    live = await installation.rows("select from refresh_token where dead_at is null or sealed is not null")
    assert live == []
    seen(f"{rounds * TOGETHER} logins ended while they were being synced: 0 came back, 0 tokens kept.")


@pytest.mark.faults(37)
async def test_a_user_disabled_during_a_sync_stays_without_permissions(install: Install, seen: Seen) -> None:
    installation = await install()
    await installation.api()
    await installation.worker().started()
    admin = await installation.admin("identity:users:write", "identity:users:read", groups=[GROUP])
    rounds = count(2, 20)

    async def disable(person: Person) -> None:
        asked = "mutation ($id: ID!) { disableUser(input: {id: $id}) { __typename ... on Problem { code } } }"
        status, body = await installation.graphql(admin, asked, id=global_id("User", person.user_id))
        assert (status, body) == (200, {"data": {"disableUser": {"__typename": "UserChanged"}}})

    for _ in range(rounds):
        people = await installation.sign_in(TOGETHER, is_due=False)
        for person in people:
            installation.issuer.set_groups(person.username, ["engineering", "support"])
        with installation.issuer.hold(**REFRESH, when="after") as gate:
            await installation.make_due(people)
            await gate.arrival(TOGETHER, 60)
            for person in people[: TOGETHER // 2]:
                await disable(person)
            gate.release()
            await asyncio.gather(*[disable(person) for person in people[TOGETHER // 2 :]])
        await nobody_is_in_hand(installation)
        assert await installation.ended_sessions(people) == TOGETHER
        held = [await installation.world.permissions(person) for person in people]
        assert held == TOGETHER * [frozenset()]
    seen(f"{rounds * TOGETHER} users disabled while they were being synced: 0 hold a permission or a session.")


@pytest.mark.faults(38)
async def test_a_mapping_deleted_during_a_sync_gives_nothing_any_more(install: Install, seen: Seen) -> None:
    installation = await install()
    await installation.api()
    await installation.worker().started()
    admin = await installation.admin("identity:mappings:write", "identity:mappings:read")
    people = await installation.sign_in(TOGETHER, is_due=False)
    tokens = [await installation.open_session(person) for person in people]
    slowest, rounds = 0.0, count(3, 20)

    async def change(name: str, **given: object) -> None:
        kind = f"{name[0].upper()}{name[1:]}Input"
        asked = (
            f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ __typename ... on Problem {{ code message }} }} }}"
        )
        status, body = await installation.graphql(admin, asked, input=given)
        assert status == 200, body
        assert "errors" not in body, body
        assert body["data"][name]["__typename"].startswith("GroupMapping"), body

    async def may() -> list[bool]:
        answers = await asyncio.gather(*[installation.me(token) for token in tokens])
        return [PERMISSION in body["permissions"] for _, body in answers]

    permission = (await installation.rows("select id from permission where name = $1", PERMISSION))[0]["id"]
    for _ in range(rounds):
        (mapping,) = await installation.rows(
            "select id, version from group_mapping where pattern = 'engineering' order by id desc limit 1"
        )
        assert all(await may())
        with installation.issuer.hold(**REFRESH, when="after") as gate:
            await installation.make_due()
            await gate.arrival(TOGETHER, 60)
            gate.release()  # the answers are being applied while the mapping goes
            await change("deleteGroupMapping", id=global_id("GroupMapping", mapping["id"]), version=mapping["version"])
            watch = Stopwatch()
            assert not any(await may())
            slowest = max(slowest, watch.seconds)
        await installation.synced()
        assert not any(await may())
        await change("createGroupMapping", pattern="engineering", permissions=[global_id("Permission", permission)])
        await until(lambda: _all(may))
    seen(
        f"{rounds} mappings deleted while {TOGETHER} people in the group were being synced: each of {rounds * TOGETHER} "
        f"checks denied, the last {slowest:.1f} s after the answer to the change, and again after the sync."
    )


async def _all(look: Callable[[], Awaitable[Iterable[bool]]]) -> bool:
    return all(await look())
