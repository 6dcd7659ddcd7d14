"""The conformance suite's Refresh Token plan, each module a test of its name, through a whole sync. Promise 29."""

import pytest

from tests.openid_provider import Fault
from tests.sync.world import Person, World

pytestmark = pytest.mark.asyncio


async def quarantines(world: World, fault: Fault, reason: str) -> None:
    """The refreshed ID Token is refused, and nothing of the login has force any more."""
    alice = await world.sign_in("alice")
    with world.issuer.fault(fault):
        assert (await world.sync(alice)).outcomes == {reason: 1}
    assert await world.state(alice) == ("QUARANTINED", reason)
    assert await world.permissions(alice) == frozenset()


async def renews(world: World, person: Person) -> None:
    before = await world.token(person)
    assert (await world.sync(person)).outcomes == {"ok": 1}
    assert await world.state(person) == ("FRESH", None)
    assert (await world.token(person))["hash"] != before["hash"]


async def test_oidcc_client_test_refresh_token(world: World) -> None:
    """Rotated twice: each time with the token that came last, and the new access token is used."""
    alice = await world.sign_in("alice")
    await renews(world, alice)
    world.issuer.set_groups("alice", ["support"])
    await world.make_due(alice)
    with world.issuer.fault(Fault.NO_ID_TOKEN):  # then UserInfo is asked, with the access token of this refresh
        await renews(world, alice)
    assert await world.permissions(alice) == {"tickets:answer"}


async def test_oidcc_client_test_refresh_token_invalid_issuer(world: World) -> None:
    await quarantines(world, Fault.WRONG_ISSUER, "issuer_changed")


async def test_oidcc_client_test_refresh_token_invalid_sub(world: World) -> None:
    await quarantines(world, Fault.OTHER_SUBJECT, "subject_changed")
