"""Strangers' wrong tries at a password do not lock its owner out, and are bounded all the same."""

from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.db.local_accounts import FREE_TRIES
from identity_api.db.password_tries import ADDRESS_TRIES, STRANGERS_TRIES
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginRequest
from identity_api.sessions.login.password_login import LocalSignIn, sign_in
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD, LocalWorld, make_local_world
from tests.sessions.local_door import ORIGIN, Address, Door

pytestmark = pytest.mark.asyncio
WRONG = "not this one"


class Browser:
    """At one address, with the cookies it was given."""

    def __init__(self, door: Door, address: str) -> None:
        self.door, self.address = door, address
        self.cookies: dict[str, str] = {}

    async def tries(self, password: str = PASSWORD, code: str | None = None) -> str:
        """OK, or the code of the refusal."""
        given = LocalSignIn(
            username="ada",
            password=password,
            code=code,
            beginning=LoginRequest(session_origin=ORIGIN),
            cookies=dict(self.cookies),
            address=self.address,
        )
        try:
            finished = await sign_in(self.door.deps(), self.door.world.tenant, given, address=Address())
        except LoginFailed as error:
            return error.code
        assert finished.known_browser is not None
        self.cookies[finished.known_browser.name] = finished.known_browser.value
        return "OK"

    async def reason(self) -> str:
        """Why the last try was refused, as the audit has it."""
        return str((await self.door.world.events("login.failed"))[-1]["reason"])


@pytest_asyncio.fixture
async def world(database: Any) -> LocalWorld:
    return await make_local_world(database)


@pytest_asyncio.fixture
async def ada(world: LocalWorld) -> UUID:
    return await world.make_user("ada")


@pytest.fixture
def door(world: LocalWorld, ada: UUID) -> Door:
    return Door(world)


async def lock(door: Door, address: str = "198.51.100.1") -> Browser:
    """A stranger tries until nothing is looked at any more."""
    stranger = Browser(door, address)
    for _ in range(FREE_TRIES + ADDRESS_TRIES + 1):
        assert await stranger.tries(WRONG) == "CREDENTIALS_REFUSED"
    assert await stranger.reason() == "locked"
    return stranger


async def test_a_browser_that_has_signed_in_before_is_not_locked_out_by_strangers(door: Door) -> None:
    """Not even at the stranger's own address, as behind one company's."""
    own = Browser(door, "198.51.100.1")
    assert await own.tries() == "OK"
    stranger = await lock(door)
    assert await own.tries() == "OK"
    assert await stranger.tries() == "CREDENTIALS_REFUSED", "the right password does not help a stranger now"


async def test_somebody_at_another_address_is_not_locked_out_either(door: Door) -> None:
    await lock(door)
    assert await Browser(door, "203.0.113.7").tries() == "OK"


async def test_strangers_of_many_addresses_have_a_bounded_number_of_tries(door: Door) -> None:
    """Ten, and a hundred a day beside the lock; then only what the lock lets through. The owner's browser goes on."""
    own = Browser(door, "203.0.113.7")
    assert await own.tries() == "OK"
    for number in range(FREE_TRIES + STRANGERS_TRIES):
        await Browser(door, f"10.0.{number // 250}.{number % 250}").tries(WRONG)
    looked_at = [one for one in await door.world.events("login.failed") if one["reason"] == "wrong_password"]
    assert len(looked_at) == STRANGERS_TRIES
    fresh = Browser(door, "192.0.2.200")
    assert (await fresh.tries(), await fresh.reason()) == ("CREDENTIALS_REFUSED", "locked")
    assert await own.tries() == "OK"


async def test_a_known_browser_has_as_many_tries_as_anybody(door: Door, ada: UUID) -> None:
    """Its cookie is no password: whoever has stolen it guesses no faster."""
    own = Browser(door, "203.0.113.7")
    assert await own.tries() == "OK"
    for _ in range(FREE_TRIES):
        assert await own.tries(WRONG) == "CREDENTIALS_REFUSED"
    assert (await own.tries(), await own.reason()) == ("CREDENTIALS_REFUSED", "locked")
    assert await Browser(door, "198.51.100.1").tries() == "OK", "others are not locked by it"
    await door.world.execute("update password_try set locked_until = now() where user_id = $1", ada)
    assert await own.tries() == "OK"


async def test_the_cookie_is_of_one_account_and_of_its_present_password(door: Door, ada: UUID) -> None:
    own = Browser(door, "203.0.113.7")
    assert await own.tries() == "OK"
    [(name, value)] = own.cookies.items()
    assert name.startswith("__Host-known-")
    own.cookies[name] = value[:-4] + "AAAA"
    await lock(door, "203.0.113.7")
    assert (await own.tries(), await own.reason()) == ("CREDENTIALS_REFUSED", "locked")
    own.cookies[name] = value
    assert await own.tries() == "OK"
    hashed = await door.world.passwords.hash(OTHER_PASSWORD.encode())
    await door.world.execute("update app_user set password_hash = $2 where id = $1", ada, hashed)
    assert (await own.tries(OTHER_PASSWORD), await own.reason()) == ("CREDENTIALS_REFUSED", "locked")


async def test_a_new_day_and_an_admin_forget_what_was_tried(door: Door, ada: UUID) -> None:
    stranger = await lock(door)
    await door.world.execute("update password_try set tried_at = tried_at - interval '1 day' where user_id = $1", ada)
    assert await stranger.tries() == "OK"
