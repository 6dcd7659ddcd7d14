"""Every field of every type answers, and every list is one page deep and one statement wide."""

import pytest
from graphql import get_named_type

from identity_api.graphql.engine.completion import plans_of
from identity_api.graphql.ids import global_id
from identity_api.graphql.schema import build
from tests.graphql.documents import CORE, everything
from tests.graphql.inputs import document, root_fields, working_arguments
from tests.graphql.world import SCHEMA, CountingDatabase, World, people

HISTORIES = frozenset([f"{kind}.history" for kind in ("User", "Identity", "GroupMapping", "Permission", "Provider")])
COUNTS = frozenset([
    f"{name}.{count}" for name in CORE.type_map if name.endswith("Connection") for count in ("totalCount", "estimatedCount")
])  # fmt: skip
PLAIN = HISTORIES | COUNTS | {
    "ApiToken.permissions", "GrantReason.grantedByName", "User.apiTokens", "Identity.loginEnd", "User.sessions",
    "User.hasSecondFactor", "User.lockedUntil", "Group.memberCount",
    "EffectivePermission.permission", "DormantPermission.permission",
}  # fmt: skip
"""Need a statement of their own; everything else of a list is read with the list."""

ORDINARY = build(compiled=False)
LISTS = ["users", "identities", "providers", "groups", "groupMappings", "permissions"]


def page(field: str, arguments: str = "") -> str:
    assert CORE.query_type
    type_name = get_named_type(CORE.query_type.fields[field].type).name
    return f"{{ {field}{arguments} {everything(type_name, without=PLAIN)} }}"


@pytest.mark.asyncio
@pytest.mark.parametrize("field", LISTS)
async def test_every_field_of_every_list_answers(world: World, field: str) -> None:
    data = await world.admin.data(page(field))
    assert data[field]["edges"]


@pytest.mark.asyncio
@pytest.mark.parametrize("field", LISTS)
async def test_every_list_is_completed_by_compiled_code(world: World, field: str) -> None:
    """The whole page, in one call, and nothing of it stepped aside."""
    text = page(field, "(first: 99)")
    await world.admin.data(text)
    document = SCHEMA.documents.prepare(text).document
    assert document is not None
    plans = plans_of(document)
    before = plans.completed
    await world.admin.data(text)
    assert (plans.completed - before, plans.stepped_aside) == (1, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("field", LISTS)
async def test_with_compiled_completion_switched_off_the_answers_are_the_same(world: World, field: str) -> None:
    ordinary = await world.admin.ask_of(ORDINARY, page(field))
    assert ordinary == await world.admin.ask(page(field))
    assert ordinary.data
    assert ORDINARY.build_executor != SCHEMA.build_executor


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "is_held"),
    [
        ("select $1::uuid", True),
        ("update identity_sync set groups_valid_until = now() where tenant_id = $1", False),
        ("update provider set enabled = false where tenant_id = $1", False),
        ("update app_user set disabled_at = now() where tenant_id = $1 and username = 'ada'", False),
    ],
)
async def test_permissions_read_briefly_are_those_in_force(world: World, change: str, *, is_held: bool) -> None:
    """They are shown as they were written only while all of them are in force."""
    await people(world, ["ada", "grace"], groups=["engineering", "sales"])
    await world.execute(change, world.tenant)
    text = "{ users { edges { node { username permissions { name reasons { group { name } source } } } } } }"
    answer = await world.admin.ask(text)
    assert answer == await world.admin.ask_of(ORDINARY, text)
    assert answer.data
    of_ada = next(one["node"] for one in answer.data["users"]["edges"] if one["node"]["username"] == "ada")
    assert bool(of_ada["permissions"]) is is_held


@pytest.mark.asyncio
@pytest.mark.parametrize("name", list(root_fields()))
async def test_every_root_field_answers_the_same_with_compiled_completion_switched_off(world: World, name: str) -> None:
    """Queries as an admin who is answered and as somebody who is refused; mutations refused, so that nothing changes."""
    arguments = (await working_arguments(world))[name]
    operation, field = root_fields()[name]
    moving = PLAIN | {"PermissionExplanation.at"}  # the moment of asking
    text = document(name, everything(get_named_type(field.type).name, without=moving))
    askers = [await world.client(), *([world.admin] if operation == "query" else [])]
    for client in askers:
        compiled = await client.ask(text, **arguments)
        assert await client.ask_of(ORDINARY, text, **arguments) == compiled
        assert compiled.data or compiled.errors


@pytest.mark.asyncio
@pytest.mark.parametrize("field", LISTS)
async def test_a_page_of_fifty_is_one_statement_beyond_authentication(world: World, field: str) -> None:
    await people(world, [f"person-{number:02}" for number in range(52)], groups=["engineering", "sales"])
    async with world.database.transaction() as connection:
        await connection.execute(
            "insert into permission select gen_random_uuid(), $1, 'more:p' || n, '', true, now() from generate_series(1, 60) n",
            world.tenant,
        )
    data = await world.admin.data(page(field, "(first: 50)"))
    if field in ("users", "identities", "permissions"):
        assert len(data[field]["edges"]) == 50
        assert data[field]["pageInfo"]["hasNextPage"] is True
    # The mappings of a page of groups are a second statement, whatever their number.
    assert len(world.statements) == (2 if field == "groups" else 1)


@pytest.mark.asyncio
async def test_the_sessions_of_a_page_of_users_are_one_more_statement(world: World) -> None:
    for user_id in await people(world, ["ada", "grace", "joan"]):
        await world.sign_in(user_id)
    data = await world.admin.data("{ users { edges { node { id sessions { id kind provider { slug } } } } } }")
    found = [edge["node"]["sessions"] for edge in data["users"]["edges"]]
    assert sorted([len(one) for one in found]) == [0, 0, 1, 1, 1, 1, 1]
    assert len(world.statements) == 2


@pytest.mark.asyncio
async def test_every_field_of_every_node_answers(world: World) -> None:
    for kind, ids in (await world.ids()).items():
        for value in ids:
            text = f"query ($id: ID!) {{ node(id: $id) {{ ... on {kind} {everything(kind, without=HISTORIES)} }} }}"
            node = (await world.admin.data(text, id=value))["node"]
            assert (node["__typename"], node["id"]) == (kind, value)


@pytest.mark.asyncio
async def test_a_user_alone_is_read_with_the_session_once_the_document_is_known(world: World) -> None:
    text = f"query ($id: ID!) {{ user(id: $id) {everything('User', without=PLAIN)} }}"
    for _ in range(2):
        found = await world.admin.data(text, id=global_id("User", world.person))
    assert found["user"]["permissions"]
    assert world.statements == []


@pytest.mark.asyncio
async def test_the_viewer_costs_no_statement_beyond_authentication(world: World) -> None:
    client = await world.sign_in(world.person, world.person_identity)
    text = f"{{ viewer {everything('Viewer', without=PLAIN)} }}"
    data = await client.data(text)
    assert data["viewer"]["user"]["id"] == global_id("User", world.person)
    assert [one["name"] for one in data["viewer"]["permissions"]] == ["docs:read"]
    assert world.statements == []


@pytest.mark.asyncio
async def test_a_request_of_many_root_fields_takes_one_connection_at_a_time(world: World) -> None:
    """Root fields run side by side; twenty of them would take the pool from everybody else."""
    fields = " ".join([f"f{number}: users(first: 1) {{ edges {{ cursor }} }}" for number in range(20)])
    assert len(await world.admin.data(f"{{ {fields} }}")) == 20
    database = world.deps.database
    assert isinstance(database, CountingDatabase)
    assert (len(world.statements), database.most_at_once) == (20, 1)
