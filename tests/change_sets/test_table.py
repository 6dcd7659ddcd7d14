"""Mappings as a table: what is written is read back without a change, and a bad table is refused whole, by line."""

import pytest

from identity_api.change_sets import changes, table
from identity_api.claims import MatchKind
from identity_api.db import mappings
from identity_api.errors import ConfigurationError
from tests.change_sets.sets import made, mapping
from tests.group_mappings.conftest import World


def refused(text: str | bytes) -> list[str]:
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ConfigurationError) as caught:
        raise table.TableRefused(table.read(content).problems)
    return list(caught.value.problems)


def test_columns_that_may_be_missing_have_a_default() -> None:
    [one] = table.read(b"permissions,group\ndocs:read docs:write,engineering\n").rows
    assert one == table.Row(2, "engineering", MatchKind.EXACT, "", ("docs:read", "docs:write"), True)


def test_a_table_as_a_spreadsheet_writes_it_is_read() -> None:
    content = '\ufeffgroup,match,provider,permissions,enabled\r\n"a, b",GLOB,okta,docs:read,no\r\n\r\n\'=x,,,docs:read,yes\r\n'
    first, second = table.read(content.encode()).rows
    assert (first.group, first.match, first.provider, first.enabled) == ("a, b", MatchKind.GLOB, "okta", False)
    assert (second.line, second.group) == (4, "=x")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "The table is empty"),
        (b"\xff\xfe", "not in UTF-8"),
        (b"x" * (table.MAX_BYTES + 1), "larger than 1,048,576 bytes"),
        ("group\na\n", "Line 1: The column permissions is missing."),
        ("group,permissions,colour\na,b:c,red\n", "Line 1: There is no column colour"),
        ("group,permissions,group\na,b:c,a\n", "Line 1: The column group is there twice."),
        ('group,permissions\n"a,b:c\n', "This is not CSV"),
        ("group,permissions\na,b:c,d\n", "Line 2: There are 3 cells and 2 columns."),
        ("group,permissions\na\n", "Line 2: There are 1 cells and 2 columns."),
        ("group,permissions\na,\n", "Line 2: Permissions are missing."),
        ("group,permissions\n,b:c\n", "Line 2: "),
        ("group,permissions\na\x00b,b:c\n", "Line 2: "),
        ("group,permissions,match\na,b:c,REGEX\n", "Line 2: Match is EXACT or GLOB."),
        ("group,permissions,enabled\na,b:c,maybe\n", "Line 2: Enabled is yes or no."),
        ("group,permissions,match\n******,b:c,GLOB\n", "Line 2: "),
    ],
)
def test_a_table_that_cannot_be_used_is_told_with_line_and_reason(text: str | bytes, told: str) -> None:
    [problem] = refused(text)
    assert told in problem


def test_every_problem_is_told_at_once() -> None:
    told = refused("group,permissions,match\na,b:c,\nb,,\na,d:e,\nc,b:c,REGEX\n")
    assert [one.partition(":")[0] for one in told] == ["Line 3", "Line 4", "Line 5"]
    assert "The mapping is in line 2 already" in told[1]


@pytest.mark.asyncio
async def test_what_is_written_is_read_back_without_a_change(world: World) -> None:
    strange = ["=1+1", "'quoted", '"a",b', " blank ", "+49", "@home", "-", "a\\b", "\u00e4\u00f6", "engineering"]
    await made(world, [mapping(world, group, world.read, world.write) for group in strange])
    await made(world, [mapping(world, "=*", glob=True), *[mapping(world, "other")]])
    async with world.database.reading() as connection:
        rows = await mappings.page(connection, world.tenant, after=None, first=100)
    text = table.written(rows)
    assert not [line for line in text.splitlines()[1:] if line.startswith(("=", "+", "-", "@"))]
    assert {row.group for row in table.read(text.encode()).rows} == {*strange, "=*", "other"}
    found, _ = await table.changes_to(world.database, world.operator, table.read(text.encode()), prune=True)
    assert found == []


@pytest.mark.asyncio
async def test_a_table_creates_changes_and_only_with_prune_deletes(world: World) -> None:
    await made(world, [mapping(world, "engineering"), mapping(world, "old")])
    rows = table.read(b"group,permissions\nengineering,docs:write\nplatform,docs:read\n")
    found, lines = await table.changes_to(world.database, world.operator, rows, prune=False)
    assert [type(one) for one in found] == [changes.UpdateMapping, changes.CreateMapping]
    pruned, pruned_lines = await table.changes_to(world.database, world.operator, rows, prune=True)
    assert [type(one) for one in pruned] == [changes.UpdateMapping, changes.CreateMapping, changes.DeleteMapping]
    assert (lines, pruned_lines) == ([2, 3], [2, 3, 0])
    await made(world, pruned)
    assert await table.changes_to(world.database, world.operator, rows, prune=True) == ([], [])


@pytest.mark.asyncio
async def test_names_that_there_are_not_and_mappings_of_a_file_are_told_by_line(world: World) -> None:
    await made(world, [mapping(world, "engineering")])
    async with world.database.transaction() as connection:
        await connection.execute("update group_mapping set managed_by = 'FILE' where tenant_id = $1", world.tenant)
    rows = table.read(b"group,permissions,provider\na,docs:raed,\nb,docs:read,okta\nengineering,docs:write,\n")
    with pytest.raises(ConfigurationError) as caught:
        await table.changes_to(world.database, world.operator, rows, prune=True)
    assert list(caught.value.problems) == [
        "Line 2: There is no permission docs:raed. Did you mean docs:read?",
        "Line 3: There is no provider okta.",
        "Line 4: A file manages this mapping. Change it there.",
    ]
    mixed = table.read(b"group,permissions,match\na,docs:read,glob\nb,docs:raed,\nc,,\n")
    with pytest.raises(ConfigurationError) as caught:
        await table.changes_to(world.database, world.operator, mixed, prune=False)
    assert [one[:6] for one in caught.value.problems] == ["Line 2", "Line 3", "Line 4"], "of every kind at once"
    kept = table.read(b"group,permissions\nengineering,docs:read\n")
    assert await table.changes_to(world.database, world.operator, kept, prune=True) == ([], [])
