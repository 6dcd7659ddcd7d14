"""Whoever knows the password has no more tries at the code of the second factor than anybody has at a password."""

import base64
from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.accounts.second_factor import confirm_totp, enrol_totp
from identity_api.db.database import Database
from identity_api.db.local_accounts import FREE_TRIES
from identity_api.db.password_tries import KNOWN_TRIES
from identity_api.errors import Conflict
from tests.accounts.local_world import PASSWORD, LocalWorld, make_local_world
from tests.sessions.local_door import Door
from tests.sessions.test_locked_out import Browser, lock

pytestmark = pytest.mark.asyncio
WRONG = "not this one"


@pytest_asyncio.fixture
async def world(database: Database) -> LocalWorld:
    return await make_local_world(database)


@pytest_asyncio.fixture
async def ada(world: LocalWorld) -> UUID:
    return await world.make_user("ada")


@pytest.fixture
def door(world: LocalWorld, ada: UUID) -> Door:
    return Door(world)


async def strangers(world: LocalWorld) -> tuple[int, bool]:
    """What all strangers together have failed, and whether they are locked out."""
    row = "select {} from local_account where tenant_id = $1"
    failures = await world.fetchval(row.format("failures"), world.tenant.id)
    return failures, await world.fetchval(row.format("locked_until > now()"), world.tenant.id)


async def test_a_try_without_a_code_gives_back_only_where_it_was_counted(door: Door, ada: UUID) -> None:
    """While the strangers' lock holds, a new address's try is not among theirs."""
    await door.world.enrol(ada)
    await lock(door)
    assert await strangers(door.world) == (FREE_TRIES, True)
    for _ in range(4):
        assert await Browser(door, "203.0.113.7").tries() == "SECOND_FACTOR_REQUIRED"
    assert await strangers(door.world) == (FREE_TRIES, True)


async def test_a_try_without_a_code_lifts_the_lock_that_it_brought_itself(door: Door, ada: UUID) -> None:
    await door.world.enrol(ada)
    stranger = Browser(door, "198.51.100.1")
    for _ in range(FREE_TRIES - 1):
        await stranger.tries(WRONG)
    for _ in range(2):
        assert await stranger.tries() == "SECOND_FACTOR_REQUIRED"
    assert await strangers(door.world) == (FREE_TRIES - 1, None)


async def test_the_password_alone_forgets_no_tries_at_the_code(door: Door, ada: UUID) -> None:
    """Asking for another factor, in a session, with the right password."""
    world = door.world
    await world.enrol(ada)
    for _ in range(5):
        assert await Browser(door, "198.51.100.1").tries(code="000000") == "SECOND_FACTOR_REFUSED"
    with pytest.raises(Conflict):
        await enrol_totp(world.deps, world.actor(ada), PASSWORD, issuer="Acme")
    assert await strangers(world) == (5, None)


async def test_a_browser_known_by_the_password_alone_is_a_stranger_once_there_is_a_factor(
    door: Door, ada: UUID
) -> None:
    """Otherwise whoever knows the password collects cookies first, each with tries of its own at the code."""
    own = Browser(door, "198.51.100.1")
    assert await own.tries() == "OK"
    secret = await door.world.enrol(ada)
    await lock(door, own.address)
    door.world.wait(minutes=1)
    code = door.world.code(secret)
    assert (await own.tries(code=code), await own.reason()) == ("CREDENTIALS_REFUSED", "locked")
    own.address = "203.0.113.7"
    assert await own.tries(code=code) == "OK"
    await lock(door, "203.0.113.7")
    assert await own.tries() == "SECOND_FACTOR_REQUIRED", "known again, by a code this time"


async def test_all_known_browsers_of_an_account_have_a_bounded_number_of_tries(door: Door, ada: UUID) -> None:
    """Whoever signs in once more has another; none of them has tries beyond those of all together."""
    first, second = Browser(door, "203.0.113.7"), Browser(door, "203.0.113.7")
    for browser in (first, second):
        assert await browser.tries() == "OK"
    await first.tries(WRONG)
    await door.world.execute("update password_try set failures = $2 where user_id = $1", ada, KNOWN_TRIES - 1)
    assert (await second.tries(WRONG), await second.reason()) == ("CREDENTIALS_REFUSED", "wrong_password")
    assert (await second.tries(), await second.reason()) == ("CREDENTIALS_REFUSED", "locked")
    await door.world.execute("update password_try set tried_at = tried_at - interval '1 day' where user_id = $1", ada)
    assert await second.tries() == "OK"


async def test_a_new_factor_ends_the_other_sessions_from_the_password(door: Door, ada: UUID) -> None:
    world, own = door.world, door.world.actor(ada)
    here, elsewhere = await door.token(), await door.token()
    found = await door.who(here)
    assert found is not None
    made = await enrol_totp(world.deps, own, PASSWORD, issuer="Acme")
    assert await door.who(elsewhere) is not None, "it counts for nothing yet"
    code = world.code(base64.b32decode(made.secret))
    await confirm_totp(world.deps, own, code, session_id=found.session_id)
    assert (await door.who(here) is not None, await door.who(elsewhere)) == (True, None)
    assert [event["reason"] for event in await world.events("session.ended")] == ["second_factor_enrolled"]
