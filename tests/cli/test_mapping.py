"""`identity-api mapping findings`: what stands between groups and permissions, for operators."""

import json

from tests.cli.conftest import Command

TENANT = """
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["acme.example.com"]

[[tenants.permissions]]
name = "docs:read"

[[tenants.providers]]
slug = "oidc"
issuer = "https://sso.example.com"
client_id = "acme"
client_secret = "a-secret-of-a-test"
sync_mode = "STRICT"

[[tenants.group_mappings]]
provider = "oidc"
group = "engineering"
permissions = ["docs:read"]
"""


def test_findings_are_told_with_what_to_do_and_as_json(command: Command) -> None:
    (command.folder / "acme.toml").write_text(TENANT)
    (command.folder / "acme.toml").chmod(0o600)
    assert command("apply", "acme.toml").returncode == 0
    shown = command("mapping", "findings", "acme")
    assert shown.returncode == 0, shown.stderr
    first, remedy, *_ = shown.stdout.splitlines()
    assert first.startswith("GROUPS_NEVER_READ: The groups of nobody have been read at provider oidc")
    assert "test login" in remedy
    [finding] = json.loads(command("mapping", "findings", "acme", "--json").stdout)["findings"]
    assert (finding["kind"], finding["provider"]["slug"], finding["is_certain"]) == ("GROUPS_NEVER_READ", "oidc", False)


def test_a_tenant_that_there_is_not_is_refused(command: Command) -> None:
    asked = command("mapping", "findings", "nobody")
    assert (asked.returncode, "nobody" in asked.stderr) == (1, True)
