"""Keyset pages: complete, without duplicates, in order; and cursors that open for one list only (bad input 56)."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.cases import cursor_of_users
from identity_api.db import audit
from identity_api.db.user_read_model import Position
from identity_api.graphql.ids import global_id, parse
from tests import factories as make
from tests.graphql.world import SCHEMA, VAULT, World, people

NAMES = [
    "ada",
    "Ada B",
    "\u00c4da",
    "bob",
    "Bob_1",
    "bob%",
    "carl",
    "Carl 2",
    "\u0437\u043e\u044f",
    "zoe",
    "Zo\u00eb",
    "10",
    "9",
]
"""Cases, accents, digits, and characters that LIKE would take for something else."""

LISTS = ["users", "identities", "providers", "groups", "groupMappings", "permissions", "proposals", "apiTokens"]


async def fill(world: World) -> None:
    """More than a page of everything."""
    await people(world, NAMES, groups=["engineering", "a", "B", "\u00e4", "sales"])
    async with world.database.transaction() as connection:
        for number in range(4):
            # Two at one position: the slug decides.
            await make.make_provider(connection, world.tenant, position=number // 2)
            await make.make_mapping(connection, world.tenant, f"group-{number}", [world.read])


async def walk(world: World, field: str, arguments: str, size: int, **variables: Any) -> list[dict[str, Any]]:
    """All nodes, page by page; checks what each page says of itself."""
    text = (
        f"query ($after: String{''.join([f', ${name}: {type_}' for name, (type_, _) in variables.items()])}) "
        f"{{ {field}(first: {size}, after: $after{arguments}) "
        "{ edges { cursor node { __typename id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
    )
    found: list[dict[str, Any]] = []
    after = None
    while True:
        values = {name: value for name, (_, value) in variables.items()}
        page = (await world.admin.data(text, after=after, **values))[field]
        info, edges = page["pageInfo"], page["edges"]
        assert info["hasPreviousPage"] is (after is not None)
        assert len(edges) <= size
        if edges:
            assert (info["startCursor"], info["endCursor"]) == (edges[0]["cursor"], edges[-1]["cursor"])
        found += [edge["node"] for edge in edges]
        if not info["hasNextPage"]:
            return found
        assert len(edges) == size
        assert len(found) < 500, "the pages go round in a circle"
        after = info["endCursor"]


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("field", LISTS)
async def test_pages_of_any_size_have_everything_once(world: World, field: str, size: int) -> None:
    await fill(world)
    kinds = {"users": "User", "identities": "Identity", "providers": "Provider", "groups": "Group",
             "groupMappings": "GroupMapping", "permissions": "Permission", "proposals": "Proposal",
             "apiTokens": "ApiToken"}  # fmt: skip
    found = [node["id"] for node in await walk(world, field, "", size)]
    assert len(found) == len(set(found))
    assert sorted(found) == sorted((await world.ids())[kinds[field]])


PAGE = "{ totalCount edges { cursor node { %s } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"
BACKWARD = {
    **{
        field: (f"query ($first: Int, $after: String, $last: Int, $before: String) {{ {field}({arguments} first: $first, "
                f"after: $after, last: $last, before: $before) {PAGE % node} }}")
        for field, arguments, node in [
            *[(field, "", "id") for field in LISTS],
            ("loginFailures", "", "id"),
            ("whoHeld", 'permission: "READ", since: "2020-01-01T00:00:00Z", until: "2100-01-01T00:00:00Z",', "id"),
            ("holders", 'permission: "READ",', "user { id }"),
        ]
    },
    "touched": f"""query ($first: Int, $after: String, $last: Int, $before: String) {{
        previewChangeSet(input: {{changes: [{{createGroupMapping: {{pattern: "a", permissions: ["docs:write"]}}}}]}}) {{
            touched(first: $first, after: $after, last: $last, before: $before) {PAGE % "user { id }"} }} }}""",
}  # fmt: skip
"""The documents that read a page of each list that can be read from both ends."""
COUNTED = {"users", "providers", "groupMappings", "permissions", "proposals", "holders", "touched"}


async def page_of(world: World, field: str, **arguments: Any) -> dict[str, Any]:
    """A page of a list, in either direction."""
    text = BACKWARD[field].replace("READ", global_id("Permission", world.read))
    data: dict[str, Any] = await world.admin.data(text, **arguments)
    found: dict[str, Any] = data[field] if field in data else data["previewChangeSet"][field]
    return found


@pytest.mark.asyncio
@pytest.mark.parametrize("field", BACKWARD)
async def test_a_list_is_the_same_from_its_end(world: World, field: str) -> None:
    """Each page in the list's own order; the pages before it, one after the other."""
    await fill(world)
    async with world.database.transaction() as connection:
        failed = [audit.Event("login.failed", "login", None, {"code": str(number)}) for number in range(3)]
        await audit.record(connection, world.tenant, "system", failed)
    found: list[Any] = []
    before = None
    while True:
        page = await page_of(world, field, last=2, before=before)
        info, edges = page["pageInfo"], page["edges"]
        assert (info["startCursor"], info["endCursor"]) == (edges[0]["cursor"], edges[-1]["cursor"])
        assert info["hasNextPage"] is (before is not None)
        found = [edge["node"] for edge in edges] + found
        if not info["hasPreviousPage"]:
            break
        assert len(edges) == 2
        before = info["startCursor"]
    whole = await page_of(world, field, first=100)
    assert found == [edge["node"] for edge in whole["edges"]]
    assert whole["totalCount"] == (len(found) if field in COUNTED else None)


@pytest.mark.asyncio
async def test_both_directions_at_once_are_refused(world: World) -> None:
    cursor = await cursor_of(world, "users")
    for arguments in ("first: 1, last: 1", f'last: 1, after: "{cursor}"', f'first: 1, before: "{cursor}"'):
        answer = await world.admin.ask(f"{{ users({arguments}) {{ edges {{ cursor }} }} }}")
        assert (answer.code, answer.errors[0]["extensions"]["field"]) == ("BAD_INPUT", "last")
    for last in (0, 101):
        assert (await world.admin.ask(f"{{ users(last: {last}) {{ edges {{ cursor }} }} }}")).code == "BAD_INPUT"
    assert (await world.admin.ask(f'{{ users(last: 1, before: "{cursor}") {{ edges {{ cursor }} }} }}')).errors == []


@pytest.mark.asyncio
async def test_a_list_is_counted_with_its_filter_where_that_is_cheap(world: World) -> None:
    await fill(world)
    ids = await world.ids()
    counted = {"users": "User", "providers": "Provider", "groupMappings": "GroupMapping", "permissions": "Permission"}
    for field, kind in counted.items():
        page = (await world.admin.data(f"{{ {field}(first: 1) {{ totalCount estimatedCount }} }}"))[field]
        assert page == {"totalCount": len(ids[kind]), "estimatedCount": len(ids[kind])}
    text = '{ users(filter: {usernamePrefix: "bob"}) { totalCount edges { cursor } } }'
    page = (await world.admin.data(text))["users"]
    assert page["totalCount"] == len(page["edges"]) == 3
    assert (await world.admin.data("{ auditEvents { totalCount estimatedCount } }"))["auditEvents"] == {
        "totalCount": None, "estimatedCount": None,
    }  # fmt: skip


@pytest.mark.asyncio
async def test_more_users_than_are_counted_are_estimated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(world)
    monkeypatch.setattr("identity_api.graphql.users.users.MAX_COUNTED", 5)
    text = "query ($filter: UserFilter) { users(first: 1, filter: $filter) { totalCount estimatedCount } }"
    page = (await world.admin.data(text))["users"]
    assert page["totalCount"] is None
    assert page["estimatedCount"] >= 1
    filtered = (await world.admin.data(text, filter={"enabled": True}))["users"]
    assert filtered == {"totalCount": None, "estimatedCount": None}


@pytest.mark.asyncio
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("by", ["ID", "USERNAME", "DISPLAY_LABEL", "EMAIL"])
async def test_users_are_complete_and_ordered_in_every_order(world: World, by: str, direction: str) -> None:
    await fill(world)
    # Equal names: the id decides. And one without an address, whom only the order by address leaves out.
    await world.execute("update app_user set display_label_folded = 'same', display_label = 'Same' where tenant_id = $1"
                        " and username < 'c'", world.tenant)  # fmt: skip
    await world.execute("update app_user set email = username || '@X.org' where tenant_id = $1", world.tenant)
    await world.execute("update app_user set email_folded = lower(email) where tenant_id = $1", world.tenant)
    await world.execute("update app_user set email = null, email_folded = null where id = $1", world.local)
    order = f", orderBy: {{field: {by}, direction: {direction}}}"
    found = [node["id"] for node in await walk(world, "users", order, 3)]
    column = {
        "ID": "id",
        "USERNAME": "username_folded",
        "DISPLAY_LABEL": "display_label_folded",
        "EMAIL": "email_folded",
    }
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            f"select id, {column[by]} as value from app_user where tenant_id = $1 and {column[by]} is not null",
            world.tenant,
        )

    def key(row: Any) -> Any:
        return row["id"].bytes if by == "ID" else row["value"].encode()

    by_id = sorted(rows, key=lambda row: row["id"].bytes, reverse=direction == "DESC")
    expected = sorted(by_id, key=key, reverse=direction == "DESC")
    if by != "ID":
        # `reverse` keeps equal ones in their order, which is by id in the same direction already.
        assert len({key(row) for row in rows}) < len(rows) or by != "DISPLAY_LABEL"
    assert found == [global_id("User", row["id"]) for row in expected]


@pytest.mark.asyncio
async def test_a_page_is_not_disturbed_by_what_appears_before_it(world: World) -> None:
    """Offsets would show an entry twice."""
    await people(world, ["b", "c", "d", "e"])
    text = 'query ($after: String) { users(first: 2, after: $after, orderBy: {field: USERNAME}, filter: {usernamePrefix: ""})'
    text += " { edges { node { username } } pageInfo { endCursor } } }"
    first = (await world.admin.data(text))["users"]
    await people(world, ["a"])
    second = (await world.admin.data(text, after=first["pageInfo"]["endCursor"]))["users"]
    names = [edge["node"]["username"] for page in (first, second) for edge in page["edges"]]
    assert names == ["b", "c", "d", "e"]


@pytest.mark.asyncio
@pytest.mark.parametrize("first", ["0", "101", "-1", "2147483648", "1e3", '"5"'])
@pytest.mark.parametrize("field", LISTS)
async def test_a_page_has_one_to_a_hundred_entries(world: World, field: str, first: str) -> None:
    answer = await world.admin.ask(f"{{ {field}(first: {first}) {{ edges {{ cursor }} }} }}")
    assert answer.code == "BAD_INPUT"
    assert not (answer.data or {}).get(field)


@pytest.mark.asyncio
async def test_a_number_of_a_variable_is_checked_as_well(world: World) -> None:
    text = "query ($first: Int) { users(first: $first) { edges { cursor } } }"
    for first in (101, -1, 2**31):
        assert (await world.admin.ask(text, first=first)).code == "BAD_INPUT"
    for first in (1, 100, None):
        assert (await world.admin.ask(text, first=first)).errors == []


async def cursor_of(world: World, field: str, arguments: str = "") -> str:
    data = await world.admin.data(f"{{ {field}{arguments and f'({arguments})'} {{ edges {{ cursor }} }} }}")
    cursor: str = data[field]["edges"][0]["cursor"]
    return cursor


async def is_refused(world: World, field: str, arguments: str, cursor: str) -> bool:
    text = (
        f"query ($after: String) {{ {field}(after: $after{arguments and ', ' + arguments}) {{ edges {{ cursor }} }} }}"
    )
    answer = await world.admin.ask(text, after=cursor)
    if not answer.errors:
        return False
    assert answer.code == "BAD_INPUT"
    assert answer.errors[0]["extensions"]["field"] == "after"
    return True


@pytest.mark.asyncio
@pytest.mark.parametrize("field", LISTS)
async def test_a_cursor_opens_for_its_own_list_only(world: World, other: World, field: str) -> None:
    cursor = await cursor_of(world, field)
    assert await is_refused(world, field, "", cursor) is False
    assert await is_refused(other, field, "", cursor)
    for another in LISTS:
        assert await is_refused(world, another, "", cursor) is (another != field)


@pytest.mark.asyncio
async def test_a_cursor_opens_for_its_own_order_and_filter_only(world: World) -> None:
    cases = {
        "users": [
            "", "orderBy: {field: ID, direction: DESC}", "orderBy: {field: USERNAME}", "orderBy: {field: EMAIL}",
            "filter: {enabled: true}", 'filter: {usernamePrefix: "u"}', 'filter: {usernamePrefix: "us"}',
            'filter: {displayLabelPrefix: "u"}',
        ],
        "identities": ["", "filter: {state: FRESH}", f'filter: {{provider: "{global_id("Provider", world.provider.id)}"}}'],
        "groups": ["", "mapped: true", 'namePrefix: "e"', f'provider: "{global_id("Provider", world.provider.id)}"'],
    }  # fmt: skip
    for field, variants in cases.items():
        for made_for in variants:
            cursor = await cursor_of(world, field, made_for)
            for used_for in variants:
                assert await is_refused(world, field, used_for, cursor) is (used_for != made_for), (made_for, used_for)


@pytest.mark.asyncio
async def test_a_filter_written_in_other_words_is_the_same_filter(world: World) -> None:
    cursor = await cursor_of(world, "users")
    assert not await is_refused(world, "users", "filter: {}, orderBy: {field: ID, direction: ASC}, first: 7", cursor)


@pytest.mark.asyncio
async def test_a_cursor_that_was_made_up_is_noted_in_the_audit(world: World) -> None:
    assert await is_refused(world, "users", "", "bm90IGEgY3Vyc29y")
    assert await world.events("access.refused") == [{"code": "CURSOR_REFUSED"}]


@pytest.mark.asyncio
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_no_text_but_a_cursor_is_one(world: World, data: st.DataObject) -> None:
    """Any text, and any change of a real one."""
    cursor = await cursor_of(world, "users")
    place = data.draw(st.integers(0, len(cursor) - 1))
    alphabet = st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs"])
    forged = data.draw(
        st.one_of(
            st.text(alphabet, max_size=80),
            st.text("ABCabc019_-=", max_size=120),
            st.sampled_from([cursor[:place], cursor + "A", cursor[:place] + "A" + cursor[place + 1 :]]),
        )
    )
    if forged != cursor:
        assert await is_refused(world, "users", "", forged)


def test_every_list_of_the_schema_is_paged_here() -> None:
    fields = SCHEMA._schema.query_type.fields
    found = {name for name, field in fields.items() if str(field.type).endswith("Connection")}
    assert found == {*LISTS, "loginFailures", "auditEvents", "whoHeld", "holders"}, (
        "these are paged in tests of their own"
    )


@pytest.mark.asyncio
async def test_the_benchmarks_cursor_is_one_of_the_products(world: World) -> None:
    """It asks for positions at random, and has to know how they are bound."""
    await people(world, ["ada", "bob"])
    rows = [node["id"] for node in await walk(world, "users", "", 1)]
    first = parse(rows[0])
    assert first is not None
    cursor = cursor_of_users(VAULT, world.tenant, "ID ASC", Position("", first.row_id))
    data = await world.admin.data("query ($a: String) { users(after: $a) { edges { node { id } } } }", a=cursor)
    assert [edge["node"]["id"] for edge in data["users"]["edges"]] == rows[1:]
