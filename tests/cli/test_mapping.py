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
    assert first.startswith("GROUPS_NEVER_READ: Nobody's groups have been read at provider oidc")
    assert "test login" in remedy
    [finding] = json.loads(command("mapping", "findings", "acme", "--json").stdout)["findings"]
    assert (finding["kind"], finding["provider"]["slug"], finding["is_certain"]) == ("GROUPS_NEVER_READ", "oidc", False)


def test_a_tenant_that_there_is_not_is_refused(command: Command) -> None:
    asked = command("mapping", "findings", "nobody")
    assert (asked.returncode, "nobody" in asked.stderr) == (1, True)


def test_a_table_of_mappings_is_shown_made_as_shown_and_then_left_alone(command: Command) -> None:
    (command.folder / "acme.toml").write_text(TENANT)
    (command.folder / "acme.toml").chmod(0o600)
    assert command("apply", "acme.toml").returncode == 0
    exported = command("mapping", "export", "acme").stdout
    assert exported == "group,match,provider,permissions,enabled\nengineering,EXACT,oidc,docs:read,yes\n"
    (command.folder / "more.csv").write_text(exported + "sales,EXACT,oidc,docs:read,yes\n")
    seen = command("mapping", "import", "acme", "more.csv", "--dry-run")
    assert (seen.returncode, seen.stdout.splitlines()[0]) == (0, "+ mapping sales"), seen.stderr
    digest = seen.stdout.splitlines()[-1].removeprefix("digest: ")
    other = command("mapping", "import", "acme", "more.csv", "--as-previewed", "0" * 64)
    assert (other.returncode, other.stderr.startswith("The changes would no longer do")) == (1, True)
    assert command("mapping", "import", "acme", "more.csv", "--as-previewed", digest).returncode == 0
    again = command("mapping", "import", "acme", "-", stdin=command("mapping", "export", "acme").stdout.encode())
    assert (again.returncode, again.stdout) == (0, "Nothing to change.\n")
    events = json.loads(command("audit", "list", "acme", "--action", "mapping.created", "--json").stdout)["events"]
    undone = json.loads(command("audit", "undo", "acme", events[0]["id"], "--json").stdout)["set"]
    assert [(one["action"], one["name"]) for one in undone["changes"]] == [("mapping.deleted", "sales")]
    assert command("mapping", "export", "acme").stdout == exported


def test_a_bad_table_is_refused_whole_with_line_and_reason(command: Command) -> None:
    (command.folder / "acme.toml").write_text(TENANT)
    (command.folder / "acme.toml").chmod(0o600)
    assert command("apply", "acme.toml").returncode == 0
    bad = b"group,permissions\nsales,docs:read\nsupport,docs:raed\n***x***,identity:users:write\n"
    done = command("mapping", "import", "acme", "-", stdin=bad)
    assert (done.returncode, done.stderr) == (
        78, "Line 3: There is no permission docs:raed. Did you mean docs:read?\n"
    )  # fmt: skip
    refused = command(
        "mapping", "import", "acme", "-", stdin=b"group,permissions\nsales,docs:read\nadmins,identity:users:write\n"
    )
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (78, "Line 3")
    assert "sales" not in command("mapping", "export", "acme").stdout
