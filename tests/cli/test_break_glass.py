"""`identity-api break-glass`: made offline, listed without its code, revoked."""

import json

from tests.cli.conftest import Command, ask
from tests.cli.test_mapping import TENANT


def test_a_code_is_printed_once_listed_without_itself_and_revoked(command: Command) -> None:
    (command.folder / "acme.toml").write_text(TENANT)
    (command.folder / "acme.toml").chmod(0o600)
    assert command("apply", "acme.toml").returncode == 0
    made = command("break-glass", "create", "acme", "--days", "30", "--minutes", "15")
    code, address, told = made.stdout.splitlines()
    assert (made.returncode, code[:4], address) == (0, "ibg_", "address: https://acme.example.com/auth/break-glass")
    assert "for 15 minutes" in told
    printed = json.loads(command("break-glass", "create", "acme", "--json").stdout)
    assert (printed["minutes"], printed["permissions"]) == (
        30,
        ["identity:grants:write", "identity:users:read", "identity:users:write"],
    )
    listed = command("break-glass", "list", "acme", "--json").stdout
    assert printed["id"] in listed
    assert printed["code"] not in listed
    assert command("break-glass", "revoke", "acme", printed["id"]).returncode == 0
    assert "revoked" in command("break-glass", "list", "acme").stdout
    stored = str(ask(command.env["IDENTITY_DATABASE_URL"], "select b::text from break_glass b"))
    stored += str(ask(command.env["IDENTITY_DATABASE_URL"], "select e::text from audit_event e"))
    assert code not in stored


def test_only_permissions_of_this_service_that_there_are_can_be_given(command: Command) -> None:
    (command.folder / "acme.toml").write_text(TENANT)
    (command.folder / "acme.toml").chmod(0o600)
    assert command("apply", "acme.toml").returncode == 0
    for wanted in ("docs:read", "identity:no:such"):
        refused = command("break-glass", "create", "acme", "--permission", wanted)
        assert refused.returncode != 0
    assert command("break-glass", "create", "acme", "--permission", "identity:mappings:write").returncode == 0
