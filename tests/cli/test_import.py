"""`import`: the forms of five systems, applied by the real command."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, ask
from tests.tenants.importing.forms import DIRECTORY, data

INTO = ("--tenant", "acme", "--name", "Acme", "--host", "login.acme.example", "--allowed-directory", DIRECTORY)


def form(folder: Path, name: str) -> Path:
    """An example file, as an operator would keep it."""
    path = folder / name
    path.write_bytes(data(name))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "infrahub-oidc.toml", "infrahub-oauth2.toml", "infrahub.env", "sysreptor-oidc.json", "inference-tenant.json",
        "inference.env",
    ],
)  # fmt: skip
def test_every_form_is_rehearsed_and_applied_and_then_left_alone(
    command: Command, tmp_path: Path, url: str, name: str
) -> None:
    """S2-22, S2-23, S3-08, S4-35, S4-47: every form of the examples, by the command itself."""
    path = form(tmp_path, name)
    rehearsed = command("import", path, *INTO, "--dry-run")
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert ask(url, "select from provider") == []
    done = command("import", path, *INTO)
    assert (done.returncode, done.stdout) == (0, rehearsed.stdout), done.stderr
    assert "provider" in done.stdout
    assert ("notice: " in done.stderr) is (name != "inference.env")
    rows = ask(url, "select managed_by from provider")
    assert {row["managed_by"] for row in rows} == {"FILE"}
    again = command("import", path, *INTO)
    assert again.stdout == "Nothing to change.\n"
    secrets = ask(url, "select sealed from provider_secret")
    assert secrets
    assert "secret" not in (done.stdout + done.stderr).lower().replace("client_secret", "")


def test_variables_of_this_process_are_read_when_asked_for(command: Command, url: str) -> None:
    """S4-47."""
    variables = dict(line.split("=", 1) for line in data("inference.env").decode().splitlines() if "=" in line)
    done = command("import", "--environment", *INTO, "--json", **variables)
    assert done.returncode == 0, done.stderr
    assert [one["kind"] for one in json.loads(done.stdout)["changes"]].count("provider") == 1
    assert len(ask(url, "select from provider")) == 1


def test_variables_win_over_infrahubs_file(command: Command, tmp_path: Path, url: str) -> None:
    """S2-22."""
    path = form(tmp_path, "infrahub-oidc.toml")
    done = command("import", path, "--environment", *INTO, INFRAHUB_OIDC_PROVIDER1_CLIENT_ID="from-the-environment")
    assert done.returncode == 0, done.stderr
    [row] = ask(url, "select client_id from provider where slug = 'provider1'")
    assert row["client_id"] == "from-the-environment"


def test_a_tenant_that_exists_keeps_what_the_form_does_not_say(command: Command, tmp_path: Path, url: str) -> None:
    declared = '[[tenants]]\nslug = "acme"\nname = "Acme Inc."\nhosts = ["id.acme.example"]\nlocal_sign_in = true\n'
    assert command("apply", "-", stdin=declared.encode()).returncode == 0
    done = command("import", form(tmp_path, "infrahub-oidc.toml"), "--tenant", "acme", "--host", "login.acme.example")
    assert done.returncode == 0, done.stderr
    [tenant] = json.loads(command("tenant", "list", "--json").stdout)["tenants"]
    assert (tenant["name"], tenant["hosts"]) == ("Acme Inc.", ["id.acme.example", "login.acme.example"])
    assert [row["local_sign_in"] for row in ask(url, "select local_sign_in from local_policy")] == [True]


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        ((), 2, "Name a file"),
        (("--environment",), 2, "needs --tenant"),
        (("--host", "login.acme.example"), 2, "--tenant"),
        (("infrahub-oidc.toml",), 78, "say into which one"),
        (("unknown.txt", "--tenant", "acme"), 78, "unknown.txt"),
    ],
)
def test_what_cannot_be_imported_is_said_and_nothing_is_made(
    command: Command, tmp_path: Path, url: str, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    form(tmp_path, "infrahub-oidc.toml")
    (tmp_path / "unknown.txt").write_text("hello = 1\n")
    done = command("import", *arguments)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr
    assert ask(url, "select from tenant") == []


def test_a_switched_off_signature_check_stops_the_import_by_its_name(
    command: Command, tmp_path: Path, url: str
) -> None:
    path = tmp_path / "infrahub.toml"
    text = data("infrahub-oidc.toml").decode()
    path.write_text(text.replace("client_id", "id_token_verify_signature = false\nclient_id", 1))
    path.chmod(0o600)
    done = command("import", path, *INTO)
    assert done.returncode == 78
    assert "id_token_verify_signature" in done.stderr
    assert ask(url, "select from tenant") == []


def test_a_form_with_secrets_that_others_may_read_is_refused(command: Command, tmp_path: Path, url: str) -> None:
    path = form(tmp_path, "infrahub-oidc.toml")
    path.chmod(0o644)
    done = command("import", path, *INTO)
    assert (done.returncode, "chmod 600" in done.stderr) == (78, True)
    assert ask(url, "select from tenant") == []
