"""`invitation create|list|revoke`."""

import json

from tests.cli.conftest import Command, ask

TENANT = b"""
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["acme.example.com"]
local_sign_in = true
permissions = [{ name = "docs:read" }]
"""


def test_an_invitation_is_made_listed_and_revoked(command: Command, url: str) -> None:
    assert command("apply", "-", stdin=TENANT).returncode == 0
    asked = ("invitation", "create", "acme", "jane@acme.example", "--permission", "docs:read", "--json")
    made = json.loads(command(*asked).stdout)
    token = made["url"].removeprefix("https://acme.example.com/invitation/")
    assert token.startswith("inv_")
    assert not [row for row in ask(url, "select to_jsonb(i)::text as row from invitation i") if token in row["row"]]
    again = command(*asked)
    assert (again.returncode, "already a user of this name" in again.stderr) == (1, True)
    listed = command("invitation", "list", "acme").stdout
    assert "jane@acme.example" in listed
    assert "live" in listed
    assert command("invitation", "revoke", "acme", made["id"]).stdout == "- invitation of jane@acme.example\n"
    [one] = json.loads(command("invitation", "list", "acme", "--json").stdout)["invitations"]
    assert (one["ended_reason"], one["username"]) == ("REVOKED", "jane@acme.example")
    assert command("invitation", "revoke", "acme", made["id"]).returncode == 1
