"""`import`: the forms of five systems, applied by the real command."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, ask
from tests.tenants.importing.forms import DIRECTORY, data

INTO = ("--tenant", "acme", "--name", "Acme", "--host", "login.acme.example", "--offline")


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
    dry_run = command("import", path, *INTO, "--dry-run")
    assert dry_run.returncode == 0, dry_run.stderr
    assert ask(url, "select from provider") == []
    done = command("import", path, *INTO)
    assert (done.returncode, done.stdout) == (0, dry_run.stdout), done.stderr
    assert "provider" in done.stdout
    assert "notice: " in done.stderr
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
    app = "https://app.acme.example/in"
    done = command("import", "--environment", *INTO, "--frontend-url", app, "--json", **variables)
    assert done.returncode == 0, done.stderr
    assert [row["return_urls"] for row in ask(url, "select return_urls from frontend")] == [[app]]
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


@pytest.mark.parametrize("name", ["infrahub-oidc.toml", "sysreptor-oidc.json"])
def test_a_later_import_keeps_the_redirect_urls_where_they_are_registered(
    command: Command, tmp_path: Path, url: str, name: str
) -> None:
    """A tenant's hosts are stored: a form that names none must not move logins to the public address."""
    path = form(tmp_path, name)
    into = ("--tenant", "acme", "--offline")
    first = command("import", path, *into, "--host", "login.acme.example")
    assert first.returncode == 0, first.stderr
    again = command("import", path, *into)
    assert (again.returncode, again.stdout) == (0, "Nothing to change.\n"), again.stderr
    assert "without a host of the tenant" not in again.stderr
    # Before the first one in the alphabet: the order of names is not the order of hosts.
    added = command("import", path, *into, "--host", "a.acme.example")
    assert "hosts" in added.stdout, added.stderr
    assert "redirect_url" not in added.stdout
    hosts = {row["redirect_url"].split("/")[2] for row in ask(url, "select redirect_url from provider")}
    assert hosts == {"login.acme.example"}


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        ((), 2, "Name a file"),
        (("--environment",), 2, "needs --tenant"),
        (("--host", "login.acme.example"), 2, "--tenant"),
        (("infrahub-oidc.toml",), 78, "say with --tenant into which one"),
        (("infrahub-oidc.toml", "--tenant", "acme", "--allowed-directory", DIRECTORY), 2, "TENANT=ID"),
        (("infrahub-oidc.toml", "--tenant", "acme", "--allowed-directory", f"other={DIRECTORY}"), 78, "no form has"),
        (("infrahub-oidc.toml", "--tenant", "acme", "--accept-without-iss", "other"), 78, "no form has a tenant other"),
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


def tenants(*changes: dict[str, str]) -> str:
    """The example of the Inference API, once for each."""
    example = json.loads(data("inference-tenant.json")) | {
        "oidc_redirect_url": "https://id.example.com/v1/auth/oidc/callback"
    }
    return json.dumps([example | change for change in changes])


def test_each_tenant_gets_the_directories_that_were_said_to_be_its_own(
    command: Command, tmp_path: Path, url: str
) -> None:
    """S4-24, S4-32: a list for all would let the people of one customer sign in at another."""
    other = DIRECTORY.replace("8eaef023", "9eaef023")
    many = {"oidc_issuer": "https://login.microsoftonline.com/organizations/v2.0"}
    path = tmp_path / "tenants.json"
    path.write_text(tenants({"tenant_id": "ta", **many}, {"tenant_id": "tb", **many}))
    path.chmod(0o600)
    refused = command("import", path)
    assert refused.returncode == 78
    for slug in ("ta", "tb"):
        assert refused.stderr.count(f"tenant '{slug}', provider 'oidc'.allowed_directories") == 1
        assert f"--allowed-directory {slug}=ID" in refused.stderr
    done = command("import", path, "--allowed-directory", f"ta={DIRECTORY}", "--allowed-directory", f"tb={other}")
    assert done.returncode == 0, done.stderr
    rows = ask(url, "select t.slug, p.claims from provider p join tenant t on t.id = p.tenant_id")
    assert {row["slug"]: json.loads(row["claims"])["directories"] for row in rows} == {"ta": [DIRECTORY], "tb": [other]}


def test_a_second_tenant_at_a_shared_redirect_url_does_not_break_the_first_in_silence(
    command: Command, tmp_path: Path, url: str
) -> None:
    """S4-06: whose callbacks cannot be told apart is named, the tenant that is there already too; nothing is written."""
    path = tmp_path / "tenants.json"
    for slug in ("first", "second"):
        path.write_text(tenants({"tenant_id": slug, "oidc_issuer": f"https://{slug}.example"}))
        path.chmod(0o600)
        done = command("import", path)
        assert done.returncode == (0 if slug == "first" else 78), done.stderr
    assert {name in done.stderr for name in ("Tenant first, provider oidc", "Tenant second, provider oidc")} == {True}
    assert "accept_without_iss" in done.stderr
    assert [row["slug"] for row in ask(url, "select slug from tenant")] == ["first"]


def test_the_operators_exception_is_made_by_name_and_said(command: Command, tmp_path: Path, url: str) -> None:
    path = tmp_path / "tenants.json"
    path.write_text(
        tenants(*[{"tenant_id": slug, "oidc_issuer": f"https://{slug}.example"} for slug in ("first", "second")])
    )
    path.chmod(0o600)
    named = command("import", path, "--accept-without-iss", "first")
    assert (named.returncode, "Tenant first" in named.stderr, "Tenant second" in named.stderr) == (78, False, True)
    done = command("import", path, "--accept-without-iss", "first", "--accept-without-iss", "second")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("can take the codes of every other provider") == 2
    assert len(ask(url, "select from provider where client_settings ->> 'accept_without_iss' = 'true'")) == 2


def test_the_five_keys_alone_are_a_tenants_that_is_said_beside_them(command: Command, tmp_path: Path, url: str) -> None:
    """S4-35: as the guides for Entra, Keycloak and others print them."""
    path = tmp_path / "entra.json"
    five = {
        name: value for name, value in json.loads(data("inference-tenant.json")).items() if name.startswith("oidc_")
    }
    path.write_text(json.dumps(five))
    path.chmod(0o600)
    assert "--tenant" in command("import", path).stderr
    done = command("import", path, "--tenant", "acme", "--frontend-url", "https://app.acme.example/in")
    assert done.returncode == 0, done.stderr
    [row] = ask(url, "select p.issuer from provider p join tenant t on t.id = p.tenant_id where t.slug = 'acme'")
    assert row["issuer"] == five["oidc_issuer"]
    assert [row["return_urls"] for row in ask(url, "select return_urls from frontend")] == [
        ["https://app.acme.example/in"]
    ]


def test_what_is_said_beside_a_tenant_document_counts(command: Command, tmp_path: Path, url: str) -> None:
    """S4-11: and the tenant answers on the host of its redirect URL."""
    path = form(tmp_path, "inference-tenant.json")
    done = command("import", path, "--tenant", "other", "--name", "Other", "--host", "login.other.example")
    assert done.returncode == 0, done.stderr
    [tenant] = json.loads(command("tenant", "list", "--json").stdout)["tenants"]
    assert (tenant["slug"], tenant["name"]) == ("other", "Other")
    assert tenant["hosts"] == ["api.yourplatform.com", "login.other.example"]


def test_a_placeholder_that_was_left_is_a_problem_by_its_name(command: Command, tmp_path: Path, url: str) -> None:
    """S4-31."""
    path = tmp_path / "tenant.json"
    path.write_text(tenants({"oidc_issuer": "https://login.microsoftonline.com/{tenant-id}/v2.0"}))
    path.chmod(0o600)
    done = command("import", path)
    assert (done.returncode, "placeholder {tenant-id}" in done.stderr) == (78, True), done.stderr
    assert ask(url, "select from tenant") == []
