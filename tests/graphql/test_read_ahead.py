"""A query for one user: who it is about is read by the statement that authenticates the request."""

from typing import Final

import pytest

from identity_api.graphql.ids import global_id
from tests.graphql.world import World

ONE_USER: Final = "query($id: ID!) { user(id: $id) { username email permissions { name } } }"


@pytest.mark.asyncio
async def test_a_user_is_read_by_the_statement_that_authenticates_once_the_document_is_known(world: World) -> None:
    asked = global_id("User", world.person)
    first = await world.admin.data(ONE_USER, id=asked)
    assert len(world.statements) == 1
    assert await world.admin.data(ONE_USER, id=asked) == first
    assert world.statements == []


@pytest.mark.asyncio
async def test_what_was_read_ahead_is_not_shown_to_somebody_who_may_not_read_it(world: World) -> None:
    asked = global_id("User", world.person)
    await world.admin.data(ONE_USER, id=asked)
    allowed = await world.admin.data(ONE_USER, id=asked)
    refused = await world.nobody.ask(ONE_USER, id=asked)
    assert allowed["user"]["username"]
    assert (refused.data, refused.code) == ({"user": None}, "FORBIDDEN")


@pytest.mark.asyncio
@pytest.mark.parametrize("odd", ["nonsense", "", "\x00", "dXM", None, 7])
async def test_an_odd_id_is_answered_the_same_once_the_document_is_known(world: World, odd: object) -> None:
    first = await world.admin.ask(ONE_USER, id=odd)
    await world.admin.data(ONE_USER, id=global_id("User", world.person))
    again = await world.admin.ask(ONE_USER, id=odd)
    assert (again.status, again.data, again.codes) == (first.status, first.data, first.codes)
