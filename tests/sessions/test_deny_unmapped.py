"""A provider whose people need a permission to enter: who is turned away, and who is not (`deny_unmapped`; S1-24).

Alice is in engineering and platform at the provider, carol in none that is mapped.
"""

from typing import Any

import pytest

from identity_api.db.grants import open_manual_grant
from identity_api.db.providers import ClaimSettings
from identity_api.sessions.errors import LoginFailed
from tests import factories as make
from tests.openid_provider import Fault
from tests.sessions.browsers import Browser, World

pytestmark = pytest.mark.asyncio


async def denying(world: World, **settings: Any) -> World:
    await world.change_provider(claims=ClaimSettings(deny_unmapped=True), **settings)
    return world


async def mapped(world: World, group: str = "engineering", *, permission: str | None = "docs:read", **of: Any) -> None:
    async with world.database.transaction() as connection:
        given = [await make.make_permission(connection, world.tenant.id, permission)] if permission else []
        await make.make_mapping(connection, world.tenant.id, group, given, **of)


async def turned_away(world: World, person: str = "alice", *, reason: str = "nothing_maps") -> None:
    """403 NO_ACCESS, and nothing of the person is left."""
    before = [await world.count(table) for table in ("app_user", "identity", "session", "refresh_token")]
    browser = Browser(world.deps)
    with pytest.raises(LoginFailed) as refused:
        await world.sign_in(person, browser)
    assert (refused.value.code, refused.value.status, refused.value.reason) == ("NO_ACCESS", 403, reason)
    assert browser.session is None
    assert [await world.count(table) for table in ("app_user", "identity", "session", "refresh_token")] == before
    assert (await world.events("login.failed"))[-1]["code"] == "NO_ACCESS"


async def test_whom_a_mapping_gives_something_enters_and_others_are_turned_away(world: World) -> None:
    """S1-24: who may enter is left to the provider; for one that lets everybody through there is this switch."""
    await mapped(await denying(world))
    assert (await world.sign_in("alice")).kind == "SESSION"
    await turned_away(world, "carol")


async def test_without_the_flag_people_with_nothing_enter(world: World) -> None:
    assert (await world.sign_in("carol")).kind == "SESSION"


async def test_a_pattern_counts_as_a_mapping(world: World) -> None:
    await mapped(await denying(world), "plat*", match="GLOB")
    assert (await world.sign_in("alice")).kind == "SESSION"


UNKNOWN = [Fault.GROUPS_OVERAGE, Fault.GROUPS_AS_NUMBERS, Fault.NO_GROUPS]


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_groups_that_are_not_known_keep_nobody_out_who_was_in(world: World, fault: Fault) -> None:
    """I7: unknown is never empty, so that what an earlier login was given stays, and its lease decides."""
    await mapped(await denying(world))
    await world.sign_in("alice")
    with world.idp.fault(fault):
        finished = await world.sign_in("alice")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    assert who.permissions == {"docs:read"}


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_groups_that_are_not_known_let_no_stranger_in(world: World, fault: Fault) -> None:
    """S1-24; I7: unknown never extends. By default an absent claim is unknown, and people without groups have none."""
    await mapped(await denying(world))
    with world.idp.fault(fault):
        await turned_away(world, reason="groups_unknown")
    assert (await world.sign_in("alice")).kind == "SESSION"


async def test_a_stranger_whom_an_admin_gave_something_enters_with_groups_unknown(world: World) -> None:
    await denying(world, provisioning="KNOWN_USERS")
    async with world.database.transaction() as connection:
        alice = await make.make_user(connection, world.tenant.id, username="alice")
        docs = await make.make_permission(connection, world.tenant.id, "docs:read")
        await open_manual_grant(connection, world.tenant.id, alice, docs, "operator:root")
    with world.idp.fault(Fault.NO_GROUPS):
        assert (await world.sign_in("alice")).kind == "SESSION"


async def test_an_absent_claim_that_means_empty_is_nothing(world: World) -> None:
    await mapped(await denying(world, absent_groups="EMPTY"))
    with world.idp.fault(Fault.NO_GROUPS):
        await turned_away(world)


@pytest.mark.parametrize(
    "statement",
    [
        "update group_mapping set enabled = false where tenant_id = $1",
        "update group_mapping set deleted_at = now() where tenant_id = $1",
        "delete from mapping_permission where tenant_id = $1",
    ],
)
async def test_a_mapping_that_gives_nothing_any_more_does_not_open_the_door(world: World, statement: str) -> None:
    await mapped(await denying(world))
    assert (await world.sign_in("alice")).kind == "SESSION"
    await world.execute(statement, world.tenant.id)
    await turned_away(world)


async def test_a_mapping_of_another_provider_does_not_open_the_door(world: World) -> None:
    async with world.database.transaction() as connection:
        other = await make.make_provider(connection, world.tenant.id, enabled=False)
    await mapped(await denying(world), provider_id=other.id)
    await turned_away(world)


async def test_who_holds_a_permission_by_hand_enters(world: World) -> None:
    """An operator whom no group of the provider gives anything is not locked out by this switch."""
    finished = await world.sign_in("carol")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    await denying(world)
    await turned_away(world, "carol")
    async with world.database.transaction() as connection:
        rights = await make.make_permission(connection, world.tenant.id, "identity:users:read")
        await open_manual_grant(connection, world.tenant.id, who.user.id, rights, "operator:root")
    assert (await world.sign_in("carol")).kind == "SESSION"


async def test_a_refused_login_adopts_nobody(world: World) -> None:
    """S2-33: the account still waits for its person."""
    await denying(world, adopt_by_name=True)
    async with world.database.transaction() as connection:
        waiting = await make.make_user(connection, world.tenant.id, username="alice")
    await turned_away(world)
    await mapped(world)
    finished = await world.sign_in("alice")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    assert who.user.id == waiting
