"""A file that says a part of a tenant changes that part; what is stored can be written down and applied again."""

import json
import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.cli.conftest import Command, ask
from tests.cli.test_access import on_database
from tests.cli.test_apply import DECLARATION
from tests.factories import make_identity, make_user, sign_in

WHOLE = (
    DECLARATION.replace(
        'hosts = ["acme.example.com"]',
        'hosts = ["acme.example.com"]\nlocal_sign_in = true\nsso_managed = true\ndefault_provider = "keycloak"',
    ).replace(
        'client_secret_env = "ACME_SECRET"',
        'client_secret_env = "ACME_SECRET"\nlabel = "Acme SSO"\nsync_mode = "ADDITIVE"\nabsent_groups = "EMPTY"',
    )
    + """
[[tenants.frontends]]
slug = "app"
origins = ["https://app.acme.example"]
return_urls = ["https://app.acme.example/in"]
deliveries = ["cookie", "code"]
"""
)


@pytest.fixture
def acme(command: Command) -> Command:
    """The tenant `acme`, declared whole; nothing of its secret is around any more."""
    done = command("apply", "-", stdin=WHOLE.encode(), ACME_SECRET="s3cret")
    assert done.returncode == 0, done.stderr
    return command


def tenant(text: str) -> bytes:
    return f'[[tenants]]\nslug = "acme"\nname = "Acme"\n{text}'.encode()


def provider(text: str) -> bytes:
    own = 'slug = "keycloak"\nissuer = "https://sso.acme.example/realms/acme"\nclient_id = "identity-api"'
    return tenant(f"[[tenants.providers]]\n{own}\n{text}")


def test_what_a_file_leaves_out_stays_as_it_is(acme: Command, url: str) -> None:
    before = acme("export", "acme").stdout
    for part in (tenant(""), provider("")):
        done = acme("apply", "-", stdin=part)
        assert (done.returncode, done.stdout) == (0, "Nothing to change.\n"), done.stderr
    done = acme("apply", "-", stdin=provider('label = "New"'))
    assert done.stdout == '~ acme: provider keycloak (label: "Acme SSO" -> "New")\n'
    after = acme("export", "acme").stdout
    assert after == before.replace('label = "Acme SSO"', 'label = "New"')
    assert len(ask(url, "select from provider_secret")) == 1


def test_an_empty_text_and_an_empty_list_take_a_value_back(acme: Command) -> None:
    done = acme("apply", "-", stdin=tenant('default_provider = ""\nhosts = []\nlocal_sign_in = false'))
    assert done.returncode == 0, done.stderr
    assert 'default_provider: "keycloak" -> none' in done.stdout
    assert 'hosts: ["acme.example.com"] -> none' in done.stdout
    assert "local_sign_in: true -> false" in done.stdout
    done = acme("apply", "-", stdin=provider('label = ""'))
    assert done.stdout == '~ acme: provider keycloak (label: "Acme SSO" -> "keycloak")\n'


def test_a_mapping_of_a_stored_provider_needs_no_declaration_of_it(acme: Command) -> None:
    text = '[[tenants.group_mappings]]\nprovider = "{}"\ngroup = "ops"\npermissions = ["docs:read"]'
    assert acme("apply", "-", stdin=tenant(text.format("keycloak"))).stdout == "+ acme: mapping ops\n"
    assert "not declared" in acme("apply", "-", stdin=tenant(text.format("keycloack"))).stderr


def test_a_misspelled_permission_is_a_problem_and_no_new_permission(acme: Command, url: str) -> None:
    text = '[[tenants.group_mappings]]\ngroup = "ops"\npermissions = ["docs:raed"]'
    done = acme("apply", "-", stdin=tenant(text))
    assert (done.returncode, "Did you mean docs:read?" in done.stderr) == (78, True), done.stderr
    assert ask(url, "select from permission where name = 'docs:raed'") == []
    made = acme("apply", "-", "--create-permissions", stdin=tenant(text))
    assert made.stdout.splitlines() == [
        "+ acme: permission docs:raed", "+ acme: mapping ops", "total: permission + 1; mapping + 1",
    ]  # fmt: skip


def test_a_rehearsal_shows_whom_a_mapping_touches(acme: Command, url: str) -> None:
    async def alice_in_engineering(connection: Any) -> None:
        from identity_api.db import providers

        [row] = await connection.fetch("select id from tenant")
        keycloak = await providers.by_slug(connection, row["id"], "keycloak")
        user_id: UUID = await make_user(connection, row["id"], username="alice")
        identity = await make_identity(connection, keycloak, user_id)
        await sign_in(connection, keycloak, identity, ["engineering"])

    on_database(url, alice_in_engineering)
    text = '[[tenants.group_mappings]]\nprovider = "keycloak"\ngroup = "engineering"\npermissions = ["tickets:answer"]'
    shown = acme("apply", "-", "--dry-run", stdin=tenant(text))
    change = "~ acme: mapping engineering (permissions: docs:read -> tickets:answer; gains: alice; loses: alice)"
    assert shown.stdout.splitlines() == [
        change,
        "acme: 1 gain and 1 lose something, of 1 concerned.",
        "acme:   alice: +tickets:answer -docs:read",
    ]
    [found] = json.loads(acme("apply", "-", "--dry-run", "--json", stdin=tenant(text)).stdout)["sets"]
    [alice] = found["set"]["touched"]
    assert (alice["user"]["username"], [one["name"] for one in alice["lost"]]) == ("alice", ["docs:read"])
    assert acme("apply", "-", stdin=tenant(text)).stdout == f"{change}\n"


def test_an_export_is_applied_without_a_change_and_holds_no_secret(acme: Command, tmp_path: Path) -> None:
    written = acme("export", "acme")
    assert written.returncode == 0, written.stderr
    [table] = tomllib.loads(written.stdout)["tenants"]
    assert table["providers"][0]["client_secret_stored"] is True
    assert "s3cret" not in written.stdout
    assert acme("apply", "-", stdin=written.stdout.encode()).stdout == "Nothing to change.\n"
    assert acme("export", "nobody").returncode == 1


def test_an_export_of_elsewhere_asks_for_the_secrets_by_name(acme: Command) -> None:
    elsewhere = (
        acme("export", "acme").stdout.replace('"acme"', '"other"').replace("acme.example.com", "other.example.com")
    )
    done = acme("apply", "-", stdin=elsewhere.encode())
    assert (done.returncode, "provider keycloak: nothing is stored of it here" in done.stderr) == (78, True), (
        done.stderr
    )
    given = elsewhere.replace("client_secret_stored = true", 'client_secret_env = "ACME_SECRET"')
    given = given.replace("accept_without_iss = false\n", "").replace("acme.example/auth", "other.example/auth")
    assert acme("apply", "-", stdin=given.encode(), ACME_SECRET="s3cret").returncode == 0


def test_a_secret_does_not_follow_a_provider_that_moves(acme: Command) -> None:
    moved = provider("").replace(b"realms/acme", b"realms/other")
    done = acme("apply", "-", stdin=moved)
    assert (done.returncode, "give it again" in done.stderr) == (78, True), done.stderr
    again = moved + b'\nclient_secret_env = "ACME_SECRET"'
    assert acme("apply", "-", stdin=again, ACME_SECRET="s3cret").returncode == 0


def test_what_was_handed_over_is_changed_by_admins_and_left_alone_by_files(acme: Command, url: str) -> None:
    """S0-26, S4-48: files make it, admins keep it."""
    done = acme("hand-over", "acme")
    assert done.stdout.splitlines() == [
        "~ provider keycloak (managed by GraphQL)",
        "~ mapping engineering (managed by GraphQL)",
        "~ mapping support (managed by GraphQL)",
    ]
    assert acme("hand-over", "acme").stdout == "Nothing to change.\n"
    changed = acme("provider", "update", "acme", "keycloak", "--set", "label=By an admin")
    assert changed.returncode == 0, changed.stderr
    kept = acme("apply", "-", "--prune", stdin=WHOLE.encode(), ACME_SECRET="s3cret")
    assert kept.stdout.splitlines() == [
        '! acme: provider keycloak is managed through GraphQL and stays as it is (label: "By an admin" -> "Acme SSO")'
    ]
    assert ask(url, "select label from provider")[0]["label"] == "By an admin"
    export = acme("export", "acme").stdout
    assert acme("apply", "-", stdin=export.encode()).stdout == "Nothing to change.\n"
    assert acme("hand-over", "acme", "--provider", "keycloak", "--to", "file").returncode == 0
    assert 'label: "By an admin"' in acme("apply", "-", stdin=WHOLE.encode(), ACME_SECRET="s3cret").stdout
    rows = ask(url, "select managed_by from group_mapping")
    assert {row["managed_by"] for row in rows} == {"API"}
    assert acme("hand-over", "acme", "--mapping", "nobody").returncode == 1


def test_a_file_takes_back_what_was_handed_over_and_what_graphql_made_only_by_its_name(acme: Command, url: str) -> None:
    statement = """
        insert into group_mapping
            (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by, created_at, updated_at)
        select gen_random_uuid(), id, null, 'by-an-admin', 'EXACT', true, 1, 'API', now(), now() from tenant
    """
    ask(url, statement)
    assert acme("hand-over", "acme", "--to", "file").stdout == "Nothing to change.\n"
    acme("hand-over", "acme")
    shown = acme("hand-over", "acme", "--to", "file", "--dry-run")
    assert shown.stdout.splitlines() == [
        "~ provider keycloak (managed by a file)",
        "~ mapping engineering (managed by a file)",
        "~ mapping support (managed by a file)",
    ]
    assert {row["managed_by"] for row in ask(url, "select managed_by from group_mapping")} == {"API"}
    assert acme("hand-over", "acme", "--to", "file").stdout == shown.stdout
    named = acme("hand-over", "acme", "--to", "file", "--mapping", "by-an-admin")
    assert named.stdout == "~ mapping by-an-admin (managed by a file)\n"


REINFER = """
[[reinfer]]
tenant = "acme"
domain = "acme.example.com"
issuer = "https://sso.acme.example"
client_id = "the-client"
client_secret = "the-secret"
groups = "id_token / roles"
mode = "strict"

[reinfer.permissions]
Readers = ["dataset:read"]
Writers = ["dataset:write"]
"""


def test_a_mapping_that_the_form_does_not_say_any_more_is_told_and_pruned(
    command: Command, tmp_path: Path, url: str
) -> None:
    """S0-26, S0-54."""
    path = tmp_path / "acme.toml"
    path.write_text(REINFER)
    path.chmod(0o600)
    assert command("import", path).returncode == 0
    path.write_text(REINFER.replace('Writers = ["dataset:write"]', ""))
    again = command("import", path)
    assert again.stdout == "Nothing to change.\n"
    assert "the mapping of Writers is in no form any more" in again.stderr
    shown = command("import", path, "--prune", "--dry-run")
    assert shown.stdout == "- acme: mapping Writers\n"
    assert command("import", path, "--prune").stdout == shown.stdout
    live = ask(url, "select pattern from group_mapping where deleted_at is null")
    assert [row["pattern"] for row in live] == ["Readers"]
    typo = path.write_text(REINFER.replace('"dataset:read"', '"datset:read"')) and command("import", path)
    assert (typo.returncode, "Did you mean dataset:read?" in typo.stderr) == (78, True)


def test_a_permission_that_the_catalogue_does_not_have_any_more_is_left_over_and_named(
    command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "acme.toml"
    whole = REINFER.replace("mode =", 'catalogue = ["dataset:read", "dataset:write", "dataset:admin"]\nmode =')
    path.write_text(whole)
    path.chmod(0o600)
    assert command("import", path).returncode == 0
    assert "left over" not in command("import", path).stderr
    path.write_text(whole.replace(', "dataset:admin"', ""))
    again = command("import", path)
    assert (again.returncode, again.stdout) == (0, "Nothing to change.\n")
    [told] = [line for line in again.stderr.splitlines() if "left over" in line]
    assert "permission dataset:admin is left over" in told
    assert "identity-api revoke acme USER dataset:admin" in told
    assert "dataset:admin is left over" in command("import", path, "--prune").stderr


def test_a_frontend_that_the_form_does_not_name_any_more_is_left_over_and_what_ends_it_works(
    command: Command, tmp_path: Path, url: str
) -> None:
    path = tmp_path / "tenant.json"
    document = {
        "tenant_id": "acme",
        "oidc_issuer": "https://sso.acme.example",
        "oidc_client_id": "c",
        "oidc_client_secret": "s",
        "oidc_redirect_url": "https://id.example.com/v1/auth/oidc/callback",
    }
    path.write_text(json.dumps(document | {"frontend_url": "https://app.acme.example/"}))
    path.chmod(0o600)
    assert command("import", path).returncode == 0
    assert "left over" not in command("import", path).stderr
    path.write_text(json.dumps(document))
    again = command("import", path)
    [told] = [line for line in again.stderr.splitlines() if "left over" in line]
    assert "frontend frontend is left over" in told
    ending = '[[tenants]]\nslug = "acme"\n[[tenants.frontends]]\nslug = "frontend"\norigins = []\nreturn_urls = []\n'
    (command.folder / "ending.toml").write_text(ending)
    done = command("apply", "ending.toml")
    assert done.returncode == 0, done.stderr
    [row] = ask(url, "select origins, return_urls from frontend")
    assert (row["origins"], row["return_urls"]) == ([], [])
    assert "left over" not in command("import", path).stderr


def test_an_empty_issuer_switches_the_provider_off(command: Command, tmp_path: Path, url: str) -> None:
    """S4-46: the documented switch, on a tenant that has one."""
    path = tmp_path / "tenant.json"
    document = {
        "tenant_id": "acme",
        "oidc_issuer": "https://sso.acme.example",
        "oidc_client_id": "c",
        "oidc_client_secret": "s",
        "oidc_redirect_url": "https://id.example.com/v1/auth/oidc/callback",
    }
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    assert command("import", path).returncode == 0
    path.write_text(json.dumps(document | {"oidc_issuer": ""}))
    done = command("import", path)
    assert "~ acme: provider oidc (enabled: true -> false)" in done.stdout, done.stderr
    assert [row["enabled"] for row in ask(url, "select enabled from provider")] == [False]
    [found] = json.loads(command("tenant", "list", "--json").stdout)["tenants"]
    assert found["default_provider"] is None
    path.write_text(json.dumps(document))
    assert command("import", path).returncode == 0
    assert [row["enabled"] for row in ask(url, "select enabled from provider")] == [True]


SLOTS = """
[security]
oidc_providers = ["provider2", "provider1"]
sso_account_name_fallback = false

[security.oidc_provider_settings.provider1]
client_id = "one"
discovery_url = "https://one.example/.well-known/openid-configuration"

[security.oidc_provider_settings.provider2]
client_id = "two"
discovery_url = "https://two.example/.well-known/openid-configuration"
"""


def test_a_slot_whose_settings_are_gone_is_switched_off(command: Command, tmp_path: Path, url: str) -> None:
    """S2-15; and the buttons are in the order of the list."""
    path = tmp_path / "infrahub.toml"
    path.write_text(SLOTS)
    into = ("--tenant", "acme", "--host", "login.acme.example", "--offline")
    assert command("import", path, *into).returncode == 0
    rows = ask(url, "select slug from provider order by position")
    assert [row["slug"] for row in rows] == ["provider2", "provider1"]
    path.write_text(SLOTS.partition("[security.oidc_provider_settings.provider2]")[0].replace('"provider2", ', ""))
    done = command("import", path, *into)
    assert "~ acme: provider provider2 (enabled: true -> false)" in done.stdout, done.stderr
    rows = ask(url, "select slug from provider where enabled")
    assert [row["slug"] for row in rows] == ["provider1"]
