"""`setup-link create|list|revoke`."""

import json

from tests.cli.conftest import Command, ask

TENANT = '[[tenants]]\nslug = "acme"\nname = "Acme"\n\n[[tenants.permissions]]\nname = "docs:read"\n'


def test_a_link_is_made_listed_and_revoked(command: Command, url: str) -> None:
    assert command("apply", "-", stdin=TENANT.encode()).returncode == 0
    made = json.loads(command("setup-link", "create", "acme", "sso", "--permission", "docs:read", "--json").stdout)
    assert "/t/acme/setup/isl_" in made["url"]
    token = made["url"].rpartition("/")[2]
    assert not [row for row in ask(url, "select to_jsonb(l)::text as row from setup_link l") if token in row["row"]]
    listed = command("setup-link", "list", "acme").stdout
    assert all(word in listed for word in (made["id"], "operator:", "docs:read", "vendor", "works"))
    assert token not in listed
    assert command("setup-link", "revoke", "acme", made["id"]).returncode == 0
    assert [row["ended_reason"] for row in ask(url, "select ended_reason from setup_link")] == ["REVOKED"]
