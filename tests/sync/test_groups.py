"""What a sync makes of groups: changed, gone, unreadable, or looked for in the wrong place (I7)."""

import pytest

from identity_api.db.sync import LEASE_SECONDS
from identity_api.providers.checks import Bounds
from tests.openid_provider import Fault
from tests.sync.conftest import MakeWorld
from tests.sync.world import World


@pytest.mark.asyncio
async def test_a_changed_group_changes_permissions(world: World) -> None:
    """S0-22 (STRICT is the default)."""
    alice = await world.sign_in("alice")
    world.issuer.set_groups("alice", ["support"])
    report = await world.sync(alice)
    assert (report.opened, report.closed) == (1, 1)
    assert await world.permissions(alice) == {"tickets:answer"}
    assert await world.session_is_over(alice) is None


@pytest.mark.asyncio
async def test_a_group_taken_away_takes_its_permissions(world: World) -> None:
    """S0-22."""
    alice = await world.sign_in("alice")
    world.issuer.set_groups("alice", [])
    assert (await world.sync(alice)).closed == 1
    assert await world.permissions(alice) == frozenset()
    assert await world.state(alice) == ("FRESH", None)


@pytest.mark.asyncio
@pytest.mark.parametrize(("absent_groups", "held"), [("EMPTY", set()), ("UNKNOWN", {"docs:write"})])
async def test_an_absent_claim_means_what_the_provider_is_said_to_mean(
    new_world: MakeWorld, absent_groups: str, held: set[str]
) -> None:
    world = await new_world(absent_groups=absent_groups)
    alice = await world.sign_in("alice")
    with world.issuer.fault(Fault.NO_GROUPS):
        await world.sync(alice)
    assert await world.permissions(alice) == held


UNREADABLE = {
    Fault.GROUPS_OVERAGE: "groups_overage",
    Fault.GROUPS_AS_NUMBERS: "wrong_shape",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", UNREADABLE)
async def test_groups_that_cannot_be_trusted_change_and_extend_nothing(world: World, fault: Fault) -> None:
    alice = await world.sign_in("alice")
    until = (await world.sync_row(alice))["groups_valid_until"]
    with world.issuer.fault(fault):
        await world.sync(alice)
    assert await world.state(alice) == ("STALE", UNREADABLE[fault])
    assert await world.permissions(alice) == {"docs:write"}
    row = await world.sync_row(alice)
    assert row["groups_valid_until"] == until
    assert row["signed_in_until"] > until


@pytest.mark.asyncio
async def test_groups_are_read_from_where_they_are_configured(new_world: MakeWorld) -> None:
    """S0-44, S0-49: UserInfo is asked only where a claim needs it; the access token counts as the provider signed it."""
    for source, asks_userinfo in (("id_token / groups", 0), ("userinfo / groups", 1), ("access_token / groups", 0)):
        world = await new_world(claims={"groups": [source]})
        alice = await world.sign_in("alice")
        world.issuer.set_groups("alice", ["support"])
        world.issuer.log.clear()
        assert (await world.sync(alice)).outcomes == {"ok": 1}
        assert await world.permissions(alice) == {"tickets:answer"}
        assert world.issuer.log.count("/userinfo") == asks_userinfo
        world.issuer.set_groups("alice", ["engineering"])


@pytest.mark.asyncio
async def test_a_sync_by_access_token_asks_userinfo_and_nothing_else(new_world: MakeWorld) -> None:
    """`sync = ACCESS_TOKEN`: what the login kept is its access token."""
    world = await new_world(sync="ACCESS_TOKEN")
    alice = await world.sign_in("alice")
    access_token = await world.access_token("alice")
    await world.keep_instead(alice, access_token)
    world.issuer.set_groups("alice", ["support"])
    world.issuer.log.clear()
    assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert await world.permissions(alice) == {"tickets:answer"}
    assert [exchange.path for exchange in world.issuer.log.find()][-1] == "/userinfo"
    assert world.token_requests() == 0
    world.issuer.remove("alice")
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"access_token_refused": 1}
    assert await world.state(alice) == ("STALE", "access_token_refused")


@pytest.mark.asyncio
async def test_a_profile_change_arrives(world: World) -> None:
    """S0-09, S0-10, S0-41: name, e-mail and permissions are kept in step by the refresh token of the last login."""
    alice = await world.sign_in("alice")
    subject = world.issuer.people["alice"].subject
    world.issuer.add_person("alice", ["support"], subject=subject, name="Alice Newname", email="new@demo.example")
    assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert world.token_requests(alice) == 1
    row = await world.row("select display_label, email from app_user where id = $1", alice.user_id)
    assert tuple(row) == ("Alice Newname", "new@demo.example")
    assert await world.permissions(alice) == {"tickets:answer"}


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["STRICT", "ADDITIVE"])
async def test_the_longest_interval_that_may_be_set_keeps_the_promise_of_ten_minutes(
    new_world: MakeWorld, mode: str
) -> None:
    """S0-20, S0-64: in both modes the next read is due in time even if a worker dies over it."""
    longest = Bounds().sync_interval_seconds[1]
    world = await new_world(sync_mode=mode, sync_interval_seconds=longest)
    alice = await world.sign_in("alice")
    for _ in range(5):
        await world.make_due(alice)
        assert (await world.sync(alice)).outcomes == {"ok": 1}
        assert (await world.sync_row(alice))["due_in"] + LEASE_SECONDS < 600


@pytest.mark.asyncio
async def test_a_refresh_that_brings_the_subject_alone_takes_no_email_and_no_name_away(world: World) -> None:
    """Unknown is never empty, for the profile too; and the first answer that has the claims counts again."""
    alice = await world.sign_in("alice")
    read = "select email, email_verified, display_label from app_user where id = $1"
    before = tuple(await world.row(read, alice.user_id))
    assert before[0] == "alice@demo.example"
    with world.issuer.fault(Fault.NO_ID_TOKEN), world.issuer.fault(Fault.USERINFO_SUBJECT_ONLY):
        for _ in range(2):
            await world.make_due(alice)
            await world.sync(alice)
            assert tuple(await world.row(read, alice.user_id)) == before
    assert (
        "user.profile_changed"
        not in [
            row["action"]
            for row in await world.rows("select action from audit_event where subject_id = $1", alice.user_id)
        ][1:]
    )
    world.issuer.add_person(
        "alice", ["engineering"], subject=world.issuer.people["alice"].subject, email="new@demo.example"
    )
    await world.make_due(alice)
    await world.sync(alice)
    assert (await world.row(read, alice.user_id))["email"] == "new@demo.example"
