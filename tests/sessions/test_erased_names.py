"""Logins that failed under a name of somebody who is erased later."""

from uuid import UUID

import pytest

from identity_api.accounts.erasure import erase_user
from identity_api.accounts.local import NewLocalUser, ProfileChange, create_local_user, update_profile
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.sessions.errors import LoginFailed
from tests.sessions.browsers import World

pytestmark = pytest.mark.asyncio


async def failed_as(world: World, name: str) -> None:
    world.idp.add_person(name, subject=uuid7().hex)
    with pytest.raises(LoginFailed) as failure:
        await world.sign_in(name)
    assert failure.value.reason == "no_such_username"


async def recorded(world: World, name: str) -> int:
    found: int = await world.fetchval(
        "select count(*) from audit_event e where tenant_id = $1 and e::text like '%' || $2 || '%'",
        world.tenant.id,
        name,
    )
    return found


async def test_a_login_that_failed_under_any_name_the_person_had_names_them_no_more(world: World) -> None:
    """Before there was an account, under the name of now or of then; what others were called stays."""
    await world.change_provider(provisioning="KNOWN_USERS")
    first, now, other = [f"{word}-{uuid7().hex[-12:]}" for word in ("maiden", "married", "other")]
    for name in (first, now, other):
        await failed_as(world, name)
    operator = Actor(world.tenant.id, None, "operator:root", frozenset())
    user_id: UUID = await create_local_user(
        world.database, operator, NewLocalUser(username=first, display_label="x", email=None)
    )
    await update_profile(world.database, operator, user_id, ProfileChange(username=now))
    assert [await recorded(world, name) for name in (first, now, other)] == [3, 2, 1]
    await erase_user(world.database, operator, user_id)
    assert [await recorded(world, name) for name in (first, now, other)] == [0, 0, 1]
