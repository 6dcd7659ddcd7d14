"""How a provider ended a login is shown to who reads users: removal and disuse apart (S0-12)."""

from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from identity_api.lifecycle.end_login import Reason, end_logins
from identity_api.permissions.service import USERS_READ
from tests.graphql.world import World, moment

pytestmark = pytest.mark.asyncio

LISTED = "{ identities { edges { node { id state stateReason loginEnd { cause at said } } } } }"
OF_A_USER = "query ($id: ID!) { user(id: $id) { identities { loginEnd { cause at said } } } }"


async def end(world: World, said: str | None, *, reason: Reason = "invalid_grant") -> None:
    detail = {} if said is None else {"said": said}
    async with world.database.transaction() as connection:
        await end_logins(connection, world.tenant, [world.person_identity], reason=reason, actor="sync", detail=detail)


async def told(world: World) -> Any:
    """In the list, and with the user: the same."""
    data = await world.admin.data(LISTED)
    wanted = global_id("Identity", world.person_identity)
    [node] = [edge["node"] for edge in data["identities"]["edges"] if edge["node"]["id"] == wanted]
    user = await world.admin.data(OF_A_USER, id=global_id("User", world.person))
    assert user["user"]["identities"] == [{"loginEnd": node["loginEnd"]}]
    return node["loginEnd"]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("invalid_grant: AADSTS50057: The user account is disabled.", "REMOVED"),
        ("invalid_grant: AADSTS700082: The refresh token has expired due to inactivity.", "INACTIVE"),
        ("invalid_grant", "NOT_TOLD"),
    ],
)
async def test_removal_and_disuse_are_told_apart_with_the_time(world: World, said: str, cause: str) -> None:
    assert await told(world) is None
    await end(world, said)
    shown = await told(world)
    assert moment(shown.pop("at"))
    assert shown == {"cause": cause, "said": said}


async def test_an_end_that_is_not_the_providers_word_is_not_told_as_its_own(world: World) -> None:
    await end(world, None, reason="admin")
    assert await told(world) is None


async def test_the_providers_words_are_not_for_the_person_themself(world: World) -> None:
    await end(world, "invalid_grant: User disabled")
    oneself = await world.sign_in(world.person)
    answer = await oneself.ask(OF_A_USER, id=global_id("User", world.person))
    assert answer.codes == ["FORBIDDEN"]
    assert answer.data == {"user": {"identities": [{"loginEnd": None}]}}
    reader = await world.client(USERS_READ)
    assert (await reader.ask(OF_A_USER, id=global_id("User", world.person))).errors == []


async def test_the_ends_of_a_page_are_read_with_one_statement(world: World) -> None:
    await end(world, "invalid_grant: User disabled")
    await world.admin.data(LISTED)
    assert len(world.statements) == 2
