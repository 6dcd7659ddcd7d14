"""Whose token it is, until when, and what ends it (promises 14 and 15; I1)."""

import asyncio
import time
from typing import get_args
from uuid import UUID

import pytest

from identity_api.db import user_read_model
from identity_api.db.grants import effective
from identity_api.db.user_columns import Part
from identity_api.db.user_read_model import WantedUser
from identity_api.errors import LimitReached
from identity_api.ids import new_tenant_token, new_token, token_hash, token_key, uuid7
from identity_api.lifecycle.end_login import end_everything_of_users, end_logins
from identity_api.sessions.authenticate import Authenticated, authenticate, needs_touch, touch
from identity_api.sessions.login.deps import LoginDeps, LoginLimits
from tests import factories as make
from tests.openid_provider import RunningProvider
from tests.sessions.browsers import FRONTEND_URL, World, make_world, parameters_of

pytestmark = pytest.mark.asyncio


async def signed_in(world: World, person: str = "alice") -> tuple[str, Authenticated]:
    token = (await world.sign_in(person)).set_cookies[0].value
    who = await world.who(token)
    assert who is not None
    return token, who


async def test_a_session_names_user_tenant_times_and_permissions(world: World) -> None:
    async with world.database.transaction() as connection:
        read = await make.make_permission(connection, world.tenant.id, "docs:read")
        await make.make_mapping(connection, world.tenant.id, "eng*", [read], match="GLOB")
    _, who = await signed_in(world)
    assert (who.tenant_id, who.tenant_slug) == (world.tenant.id, world.tenant.slug)
    assert (who.expires_at - who.issued_at).total_seconds() == 86_400
    assert who.idle_until is not None
    assert who.seen_at is not None
    assert (who.idle_until - who.seen_at).total_seconds() == 3_600
    assert who.permissions == {"docs:read"}
    async with world.database.reading() as connection:
        assert await effective(connection, world.tenant.id, who.user.id) == who.permissions
        reading = await user_read_model.users_by_id(connection, world.tenant.id, [who.user.id])
    assert reading.users == (who.user,)
    assert reading.tenant == who.tenant


OVER = {
    "ended": "update session set ended_at = now(), ended_reason = 'signed_out' where tenant_id = $1",
    "idle": "update session set seen_at = now() - interval '3601 seconds' where tenant_id = $1",
    "absolute": "update session set absolute_until = now() where tenant_id = $1",
    "user epoch": "update app_user set epoch = epoch + 1 where tenant_id = $1",
    "tenant epoch": "update tenant set epoch = epoch + 1 where id = $1",
    "user disabled": "update app_user set disabled_at = now() where tenant_id = $1",
    "identity revoked": "update identity set state = 'REVOKED' where tenant_id = $1",
    "identity quarantined": "update identity set state = 'QUARANTINED' where tenant_id = $1",
    "provider disabled": "update provider set enabled = false where tenant_id = $1",
}
NOT_OVER = {
    "nearly idle": "update session set seen_at = now() - interval '3590 seconds' where tenant_id = $1",
    "nearly absolute": "update session set absolute_until = now() + interval '10 seconds' where tenant_id = $1",
    "stale": "update identity set state = 'STALE' where tenant_id = $1",
    "lease over": "update identity_sync set groups_valid_until = now(), signed_in_until = now() where tenant_id = $1",
}


@pytest.mark.parametrize("how", OVER)
async def test_a_session_is_over_when(world: World, how: str) -> None:
    token, _ = await signed_in(world)
    await world.execute(OVER[how], world.tenant.id)
    assert await world.who(token) is None


@pytest.mark.parametrize("how", NOT_OVER)
async def test_a_session_lives_while(world: World, how: str) -> None:
    token, _ = await signed_in(world)
    await world.execute(NOT_OVER[how], world.tenant.id)
    assert await world.who(token) is not None


async def test_a_suspended_login_keeps_its_session_and_gives_no_permission(world: World) -> None:
    async with world.database.transaction() as connection:
        read = await make.make_permission(connection, world.tenant.id, "docs:read")
        await make.make_mapping(connection, world.tenant.id, "engineering", [read])
    token, who = await signed_in(world)
    assert who.permissions == {"docs:read"}
    await world.execute(NOT_OVER["lease over"], world.tenant.id)
    suspended = await world.who(token)
    assert suspended is not None
    assert suspended.permissions == set()
    assert [dormant.cause for dormant in suspended.standing.dormant] == ["LEASE_OVER"]


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token + "x",
        lambda token: token.replace("ias_", "iab_"),
        lambda token: token.replace("ias_", ""),
        lambda token: token.upper(),
        lambda token: " " + token,
        lambda token: "",
        lambda token: "ias_",
        lambda token: "ias_" + "\x00" * 43,
        lambda token: "ias_\udcff",
        lambda token: "x" * 1_000_000,
        lambda token: new_token("ias"),
        lambda token: new_token("iat"),
        lambda token: new_tenant_token("ias", token_key(token).tenant_id),
        lambda token: token_hash(token).hex(),
    ],
)
async def test_anything_but_the_token_itself_is_nobody(world: World, change: object) -> None:
    """Bad inputs 9 and 11."""
    token, _ = await signed_in(world)
    assert callable(change)
    assert await world.who(change(token)) is None
    assert await world.who(token) is not None


async def test_the_kill_chain_ends_every_session_of_the_identity(world: World) -> None:
    first, who = await signed_in(world)
    second, _ = await signed_in(world)
    other, _ = await signed_in(world, "bob")
    assert who.identity_id is not None
    async with world.database.transaction() as connection:
        await end_logins(connection, world.tenant.id, [who.identity_id], reason="logout_token", actor="system")
    assert await world.who(first) is None
    assert await world.who(second) is None
    assert await world.who(other) is not None
    # The next login brings the identity back, and not the sessions.
    again, _ = await signed_in(world)
    assert await world.who(again) is not None
    assert await world.who(first) is None


@pytest.mark.parametrize("whose", ["user epoch", "tenant epoch"])
async def test_after_everybody_was_signed_out_at_once_a_new_login_works(world: World, whose: str) -> None:
    token, _ = await signed_in(world)
    await world.execute(OVER[whose], world.tenant.id)
    assert await world.who(token) is None
    again, _ = await signed_in(world)
    assert await world.who(again) is not None


async def test_sessions_beyond_the_limit_end_the_oldest(world: World, idp: RunningProvider) -> None:
    values = {name: getattr(world.deps, name) for name in LoginDeps.__struct_fields__}
    limited = await make_world(LoginDeps(**{**values, "limits": LoginLimits(sessions_per_user=2)}), idp)
    tokens = [(await signed_in(limited))[0] for _ in range(4)]
    assert [await limited.who(token) is not None for token in tokens] == [False, False, True, True]
    assert [event["reason"] for event in await limited.events("session.ended")] == ["too_many", "too_many"]


async def test_parallel_logins_of_one_user_keep_the_limit(world: World, idp: RunningProvider) -> None:
    values = {name: getattr(world.deps, name) for name in LoginDeps.__struct_fields__}
    limited = await make_world(LoginDeps(**{**values, "limits": LoginLimits(sessions_per_user=3)}), idp)
    await signed_in(limited)
    await asyncio.gather(*[limited.sign_in("alice") for _ in range(6)])
    live = "select count(*) from session where tenant_id = $1 and ended_at is null"
    assert await limited.fetchval(live, limited.tenant.id) == 3


async def test_touching_writes_once_a_minute_and_once_an_hour(world: World) -> None:
    token, who = await signed_in(world)
    assert not needs_touch(who)
    await world.execute(
        "update session set seen_at = now() - interval '2 minutes' where tenant_id = $1", world.tenant.id
    )
    who = await world.who(token)
    assert who is not None
    assert needs_touch(who)
    active = "select active_at from app_user where tenant_id = $1"
    before = await world.fetchval(active, world.tenant.id)
    async with world.database.reading() as connection:
        await touch(connection, who)
    assert await world.fetchval(active, world.tenant.id) == before
    fresh = await world.who(token)
    assert fresh is not None
    assert not needs_touch(fresh)
    await world.execute(
        "update app_user set active_at = now() - interval '2 hours' where tenant_id = $1", world.tenant.id
    )
    late = await world.who(token)
    assert late is not None
    assert needs_touch(late)
    async with world.database.reading() as connection:
        await touch(connection, late)
    assert await world.fetchval(f"{active} and active_at > now() - interval '1 minute'", world.tenant.id) is not None


async def test_an_api_token_may_do_what_its_user_may_and_dies_with_their_logins(world: World) -> None:
    _, who = await signed_in(world)
    token = await make.create_api_token(world.database, world.tenant.id, "alice", "backup", days=30)
    assert token.startswith("iat_")
    found = await world.who(token)
    assert found is not None
    assert (found.kind, found.user.id, found.is_sso) == ("API_TOKEN", who.user.id, False)
    assert needs_touch(found)
    async with world.database.reading() as connection:
        await touch(connection, found)
    assert who.identity_id is not None
    async with world.database.transaction() as connection:
        await end_logins(connection, world.tenant.id, [who.identity_id], reason="invalid_grant", actor="sync")
    assert await world.who(token) is None


async def test_an_api_token_ends_with_its_time_or_its_user(world: World) -> None:
    _, who = await signed_in(world)
    backup = {"days": 1}
    late = await make.create_api_token(world.database, world.tenant.id, "alice", "late", **backup)
    await world.execute("update api_token set expires_at = now() where tenant_id = $1", world.tenant.id)
    assert await world.who(late) is None
    other = await make.create_api_token(world.database, world.tenant.id, "alice", "other", **backup)
    assert await world.who(other) is not None
    async with world.database.transaction() as connection:
        await end_everything_of_users(
            connection, world.tenant.id, [who.user.id], reason="user_disabled", actor="system"
        )
    assert await world.who(other) is None


async def test_authenticating_is_one_statement_and_quick(world: World) -> None:
    """The check of every request is one round trip, 0.25 ms of it on a quiet machine; the bound is for a noisy one."""
    token, _ = await signed_in(world)
    statements: list[str] = []
    async with world.database.reading() as connection:
        with connection.query_logger(lambda record: statements.append(record.query)):
            await authenticate(connection, token, idle_seconds=3_600)
        for _ in range(20):  # the plan is prepared and cached
            await authenticate(connection, token, idle_seconds=3_600)
        times = []
        for _ in range(100):
            began = time.perf_counter()
            await authenticate(connection, token, idle_seconds=3_600)
            times.append(time.perf_counter() - began)
    assert len(statements) == 1
    assert sorted(times)[10] < 0.003


async def test_a_bearer_of_one_tenant_says_nothing_of_another(world: World, idp: RunningProvider) -> None:
    """I2: the tenant comes from the token."""
    neighbour = await make_world(world.deps, idp)
    finished = await neighbour.sign_in(return_to=FRONTEND_URL, delivery="fragment", client_state="s")
    who = await world.who(parameters_of(finished.location)["access_token"])
    assert who is not None
    assert who.tenant_id == neighbour.tenant.id
    assert isinstance(who.tenant_id, UUID)
    assert {provider.slug for provider in who.tenant.providers.values()} == {"sso"}
    assert set(who.tenant.providers) == {str(neighbour.provider.id)}


async def test_one_api_token_more_than_the_limit_is_refused(world: World) -> None:
    await signed_in(world)
    database = make.limited(world.database, max_user_api_tokens=1)
    backup = {"days": 30}
    await make.create_api_token(database, world.tenant.id, "alice", "one", **backup)
    with pytest.raises(LimitReached, match="IDENTITY_MAX_USER_API_TOKENS"):
        await make.create_api_token(database, world.tenant.id, "alice", "two", **backup)
    counted = "select count(*) from api_token where tenant_id = $1"
    assert await world.fetchval(counted, world.tenant.id) == 1


@pytest.mark.parametrize("part", get_args(Part))
@pytest.mark.parametrize("kind", ["session", "API token"])
async def test_a_wanted_user_is_read_with_the_token_as_by_a_statement_of_its_own(
    world: World, part: Part, kind: str
) -> None:
    async with world.database.transaction() as connection:
        read = await make.make_permission(connection, world.tenant.id, "docs:read")
        await make.make_mapping(connection, world.tenant.id, "eng*", [read], match="GLOB")
    token, who = await signed_in(world)
    wanted = WantedUser((await signed_in(world, "bob"))[1].user.id, part)
    async with world.database.transaction() as connection:
        if kind == "API token":
            token = await make.make_api_token(connection, world.tenant.id, who.user.id)
        found = await authenticate(connection, token, idle_seconds=3_600, wanted=wanted)
        alone = await user_read_model.users_by_id(connection, world.tenant.id, [wanted.id], part=part)
    assert found is not None
    assert (found.user.id, found.read_ahead[wanted].users, found.read_ahead[wanted].tenant) == (
        who.user.id,
        alone.users,
        alone.tenant,
    )


@pytest.mark.parametrize("whose", ["nobody", "another tenant"])
async def test_a_wanted_user_whom_the_tenant_does_not_have_is_not_read(world: World, whose: str) -> None:
    token, _ = await signed_in(world)
    async with world.database.transaction() as connection:
        other = await make.make_tenant(connection)
        id = await make.make_user(connection, other.id) if whose == "another tenant" else uuid7()
        wanted = WantedUser(id, "everything")
        found = await authenticate(connection, token, idle_seconds=3_600, wanted=wanted)
    assert found is not None
    assert found.read_ahead[wanted].users == ()


@pytest.mark.parametrize("case", OVER)
async def test_nobody_is_read_for_a_token_that_is_over(world: World, case: str) -> None:
    token, who = await signed_in(world)
    async with world.database.transaction() as connection:
        await connection.execute(OVER[case], world.tenant.id)
        wanted = WantedUser(who.user.id, "everything")
        assert await authenticate(connection, token, idle_seconds=3_600, wanted=wanted) is None
