"""Lists are printed by one function, as a table, as JSON and as CSV."""

import csv
import io
import json
import sys
from pathlib import Path

import pytest
import rich_click as click

from identity_api.cli.listing import Form, print_list
from identity_api.cli.root import COMMANDS, root
from identity_api.spreadsheets import text_of
from tests.cli.conftest import Command

LISTS = {
    "tenant list",
    "provider list",
    "provider secrets",
    "user list",
    "user identities",
    "setup-link list",
    "invitation list",
    "token list",
    "service-client list",
    "webhook list",
    "proposal list",
    "break-glass list",
    "sync status",
    "access at",
    "access held",
    "access holders",
}


def test_every_list_has_both_forms() -> None:
    found = set()
    with click.Context(root) as ctx:
        for name in COMMANDS:
            group = root.get_command(ctx, name)
            for verb, command in getattr(group, "commands", {}).items():
                if any(one.name == "form" and "--csv" in one.opts for one in command.params):
                    found.add(f"{name} {verb}")
    assert found == LISTS


def test_no_command_prints_a_table_beside_it() -> None:
    modules = Path("identity_api/cli").rglob("*.py")
    assert {one.name for one in modules if "print_table" in one.read_text("utf-8")} == {"output.py", "listing.py"}


HOSTILE = "a\x1b[2J\x9b2J\u202eb\u2028\n=1+1"
"""A name that clears the screen of a terminal in two ways, turns the direction of what follows, and is a line of its own."""


@pytest.mark.parametrize("form", ["json", "csv"])
def test_no_name_moves_the_cursor_of_a_terminal(
    form: Form, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_list(form, "things", [{"name": HOSTILE}], ("name",), [(HOSTILE,)])
    shown = capsys.readouterr().out
    assert [one for one in shown if not one.isprintable() and one != "\n"] == []


def test_a_program_gets_every_name_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_list("json", "things", [{"name": HOSTILE}], ("name",), [(HOSTILE,)])
    assert json.loads(capsys.readouterr().out) == {"things": [{"name": HOSTILE}]}
    print_list("csv", "things", [], ("name",), [(HOSTILE,)])
    [_, [cell]] = csv.reader(io.StringIO(capsys.readouterr().out, newline=""))
    assert text_of(cell) == HOSTILE


def test_no_cell_of_the_csv_is_computed_by_a_spreadsheet(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("=1+1", "a,b"), ("@x", 'say "so"')]
    print_list("csv", "things", rows, ("name", "value"), rows)
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [
        ["name", "value"],
        ["'=1+1", "a,b"],
        ["'@x", 'say "so"'],
    ]


def test_users_are_listed_in_each_form(command: Command) -> None:
    assert command("apply", "-", stdin=b'[[tenants]]\nslug = "sales"\nname = "Sales"\n').returncode == 0
    assert command("user", "create", "sales", "=cmd()", "--label", "Ada").returncode == 0
    as_csv = list(csv.reader(io.StringIO(command("user", "list", "sales", "--csv").stdout)))
    assert as_csv == [
        ["username", "label", "e-mail", "ways in", "state"],
        ["'=cmd()", "Ada", "", "none yet", "enabled"],
    ]
    [user] = json.loads(command("user", "list", "sales", "--json").stdout)["users"]
    assert (user["username"], user["display_label"]) == ("=cmd()", "Ada")
    assert "=cmd()" in command("user", "list", "sales").stdout
