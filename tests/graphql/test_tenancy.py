"""Tenants never meet (I2, bad input 57): every id of one tenant, tried by an admin of another wherever an id is taken."""

from typing import Any

import pytest
from graphql import GraphQLInputObjectType, get_named_type

from identity_api.db.ways_in import through
from identity_api.graphql.ids import Kind, global_id
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.setup.links import Wish, create_link
from tests.graphql.inputs import ID_ARGUMENTS, OF_EVENTS, document, root_fields, with_id, working_arguments
from tests.graphql.world import World

OWNERS = {"tenant": "id", "service_client": "owner_id"}
"""The column that names the tenant, where it is not `tenant_id`."""


def ids_beneath(path: str, type_: Any) -> set[str]:
    """Everything beneath an argument that takes an ID, by its path."""
    type_ = get_named_type(type_)
    if type_.name == "ID":
        return {path}
    if not isinstance(type_, GraphQLInputObjectType):
        return set()
    return {one for key, field in type_.fields.items() for one in ids_beneath(f"{path}.{key}", field.type)}


def test_the_list_of_arguments_that_take_an_id_is_complete() -> None:
    found = {
        path
        for name, (_, field) in root_fields().items()
        for argument, one in field.args.items()
        for path in ids_beneath(f"{name}.{argument}", one.type)
    }
    assert found == {*ID_ARGUMENTS, *OF_EVENTS}


async def contents(world: World) -> list[tuple[str, str]]:
    """Every row of every table that the tenant has, with the table's name."""
    async with world.database.reading() as connection:
        tables = await connection.fetch(
            "select table_name::text from information_schema.columns"
            " where table_schema = 'public' and column_name = 'tenant_id'"
        )
        owners = {**{table: "tenant_id" for (table,) in tables}, **OWNERS}
        of_each = [
            f"select '{table}' as name, t::text as content from {table} t where {owner} = $1"
            for table, owner in sorted(owners.items())
        ]
        rows = await connection.fetch(f"{' union all '.join(of_each)} order by 1, 2", world.tenant)
    return [(row["name"], row["content"]) for row in rows]


@pytest.mark.asyncio
async def test_what_is_compared_has_everything_that_a_tenant_has(world: World) -> None:
    async with world.database.transaction() as connection:
        operator = Actor(world.tenant, None, "operator:root", frozenset())
        every = [one.name for one in await through(connection, world.tenant, uuid7())]
    wish = Wish(slug="customer", label="Customer", permissions=tuple(every))
    await create_link(world.database, operator, wish, public_url="https://id.example")
    found = {name for name, _ in await contents(world)}
    assert found >= {
        "app_user", "identity", "identity_sync", "provider", "provider_group", "identity_group", "group_mapping",
        "mapping_permission", "mapping_group", "permission", "permission_grant", "session", "user_read", "audit_event",
        "proposal", "api_token", "frontend", "webhook", "service_client", "setup_link", "tenant",
    }  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("argument", list(ID_ARGUMENTS))
async def test_an_id_of_another_tenant_is_an_id_of_nothing(world: World, other: World, argument: str) -> None:
    """Every id of a tenant, of every type, on one argument: the same answer as for an id that was never given out.

    Nothing of either tenant changes, but for the note of what was refused.
    """
    name, arguments = argument.partition(".")[0], await working_arguments(other)
    text, kind = document(name), ID_ARGUMENTS[argument]
    theirs, before, mine = await world.ids(), await contents(world), await contents(other)
    absent = await other.admin.ask(text, **with_id(arguments, argument, global_id(kind, uuid7())))
    if name == "nodes":
        assert absent.data == {"nodes": [None]}
    else:
        code = absent.code if absent.errors else (absent.data or {})[name]["code"]
        assert code == "NOT_FOUND"
    for values in theirs.values():
        for value in values:
            answer = await other.admin.ask(text, **with_id(arguments, argument, value))
            if argument == "node.id":  # says of which type the id is, as the id itself does
                assert (answer.code, answer.data) == ("NOT_FOUND", {"node": None})
            else:
                assert answer == absent
    assert await contents(world) == before
    assert await contents(other) == mine


OF_ANY_TYPE = {"node.id", "nodes.ids", "auditEvents.filter.subject"}


@pytest.mark.asyncio
@pytest.mark.parametrize("argument", [one for one in ID_ARGUMENTS if one not in OF_ANY_TYPE])
async def test_an_id_of_another_type_is_an_id_of_nothing(world: World, argument: str) -> None:
    name, arguments = argument.partition(".")[0], await working_arguments(world)
    text, kind = document(name), ID_ARGUMENTS[argument]
    absent = await world.admin.ask(text, **with_id(arguments, argument, global_id(kind, uuid7())))
    own: dict[Kind, list[str]] = await world.ids()
    wrong = [values[0] for one, values in own.items() if one != kind]
    for value in [*wrong, "", "x", "User:1", str(world.person), wrong[0] + "=", wrong[0][:-1], "\u00e9" * 24]:
        assert await world.admin.ask(text, **with_id(arguments, argument, value)) == absent


LISTS = {"users", "identities", "providers", "groups", "groupMappings", "permissions", "proposals", "apiTokens"}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", sorted(LISTS))
async def test_a_list_has_nothing_of_another_tenant(world: World, other: World, name: str) -> None:
    theirs = {value for values in (await world.ids()).values() for value in values}
    data = await other.admin.data(document(name))
    listed = {edge["node"]["id"] for edge in data[name]["edges"]}
    assert listed
    assert not listed & theirs
