"""Global ids: one form for each row, and no other text is one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.errors import NotFound
from identity_api.graphql.ids import GlobalID, Kind, encoder, global_id, parse, row_id
from tests import factories as make
from tests.graphql.world import World, people

KINDS: list[Kind] = ["User", "Identity", "Group", "GroupMapping", "Permission", "Provider", "Session"]
kinds = st.sampled_from(KINDS)


@given(kinds, st.uuids())
def test_an_id_names_its_type_and_row(kind: Kind, value: UUID) -> None:
    assert parse(global_id(kind, value)) == GlobalID(kind, value)
    assert row_id(global_id(kind, value), kind) == value


@given(kinds, st.uuids())
def test_a_row_has_the_same_id_from_text_and_from_a_uuid(kind: Kind, value: UUID) -> None:
    assert encoder(kind)(value) == encoder(kind)(str(value))


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{24}", fullmatch=True))
def test_any_text_is_an_id_in_its_one_form_or_none(text: str) -> None:
    """Two texts for one row would be two keys in a client's cache."""
    found = parse(text)
    assert found is None or global_id(found.kind, found.row_id) == text


@given(kinds, kinds, st.uuids())
def test_an_id_of_another_type_is_refused_as_one_of_nothing(kind: Kind, other: Kind, value: UUID) -> None:
    if kind == other:
        assert row_id(global_id(other, value), kind) == value
        return
    with pytest.raises(NotFound) as wrong:
        row_id(global_id(other, value), kind)
    with pytest.raises(NotFound) as nonsense:
        row_id("nonsense", kind)
    assert wrong.value.message == nonsense.value.message


@given(kinds, st.uuids(), st.sampled_from(["=", "A", "AAAA", "\n", " "]))
def test_nothing_may_follow_an_id_nor_come_before_it(kind: Kind, value: UUID, more: str) -> None:
    whole = global_id(kind, value)
    assert parse(whole + more) is None
    assert parse(more + whole) is None
    assert parse(whole[:-1]) is None


NODES = """query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on User { username permissions { name } }
    ... on Permission { name } } }"""


@pytest.mark.asyncio
async def test_permissions_of_many_users_are_asked_for_at_once(world: World) -> None:
    names = [f"person-{number}" for number in range(5)]
    users = [global_id("User", row_id) for row_id in await people(world, names, groups=["engineering"])]
    wanted = [users[3], global_id("Permission", world.read), "x", *users, global_id("User", world.tenant), users[3]]
    found = (await world.admin.data(NODES, ids=wanted))["nodes"]
    assert [one and one["id"] for one in found] == [users[3], wanted[1], None, *users, None, users[3]]
    assert found[0] == {"id": users[3], "username": "person-3", "permissions": [{"name": "docs:read"}]}
    await world.admin.data(NODES, ids=users)
    assert len(world.statements) == 1
    await world.admin.data(NODES, ids=[wanted[1]] * 100)
    assert len(world.statements) == 1, "whatever is asked for again is read once"


@pytest.mark.asyncio
async def test_each_of_many_things_needs_what_it_needs_alone(world: World) -> None:
    own, other = (global_id("User", user_id) for user_id in (world.nobody.user_id, world.person))
    assert (await world.nobody.ask(NODES, ids=[own])).errors == []
    assert (await world.nobody.ask(NODES, ids=[own, other])).code == "FORBIDDEN"
    assert (await world.admin.ask(NODES, ids=[own] * 101)).code == "BAD_INPUT"
    assert (await world.admin.ask(NODES, ids=[own] * 100)).errors == []


@pytest.mark.asyncio
async def test_a_hundred_things_of_many_types_are_one_statement_for_each_type(world: World) -> None:
    async with world.database.transaction() as connection:
        for number in range(20):
            await make.make_permission(connection, world.tenant, f"many:p{number}")
            await make.make_mapping(connection, world.tenant, f"many-{number}", [world.read])
            await make.make_person(connection, world.provider, [f"many-{number}"], username=f"many{number}")
    found = await world.ids()
    asked = [one for kind in ("User", "Identity", "Group", "GroupMapping", "Permission") for one in found[kind][:20]]
    answer = await world.admin.data("query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }", ids=asked[::-1])
    assert [one["id"] for one in answer["nodes"]] == asked[::-1]
    assert len(asked) == 100
    reading = [one for one in world.statements if one.strip().startswith(("select", "with"))]
    assert len(reading) <= 6  # one for each type, and the mappings of the groups
