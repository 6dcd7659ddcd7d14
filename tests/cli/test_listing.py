"""Lists are printed by one function, as a table, as JSON and as CSV."""

import csv
import io
import json
from pathlib import Path

import pytest
import rich_click as click

from identity_api.cli.listing import print_list
from identity_api.cli.root import COMMANDS, root
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
