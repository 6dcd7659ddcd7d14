"""`provider create`, `update`, secrets and switches: the use cases of tenants' admins, by the operator (S0-45)."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from identity_api.db import providers
from identity_api.db.database import Connection
from tests import factories as make
from tests.cli.conftest import Command, ask, on_database

UNUSED = "enabled: no\nidentities: 0 (live sessions: 0)\nmappings: 0\nclient secrets: 1\n"
SECRET = "correct-horse-battery-staple"


@pytest.fixture
def acme(command: Command) -> Command:
    declared = '[[tenants]]\nslug = "acme"\nname = "Acme"\nhosts = ["id.acme.example"]\n'
    done = command("apply", "-", stdin=declared.encode())
    assert done.returncode == 0, done.stderr
    return command


def create(acme: Command, *more: object, stdin: bytes = f"{SECRET}\n".encode()) -> str:
    fields = ("issuer=https://sso.acme.example", "client_id=app", 'scopes=["openid", "email"]', "position=3")
    settings = [part for field in fields for part in ("--set", field)]
    done = acme("provider", "create", "acme", "keycloak", *settings, "--secret-stdin", *more, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_provider_from_its_making_to_its_deletion(acme: Command, url: str) -> None:
    shown = create(acme)
    [row] = ask(url, "select slug, scopes, position, managed_by, client_authentication from provider")
    assert tuple(row) == ("keycloak", ["openid", "email"], 3, "API", "client_secret_post")
    for arguments, said in (
        (("update", "acme", "keycloak", "--set", "label=Acme SSO"), "~ provider keycloak (version 2)\n"),
        (("update", "acme", "keycloak", "--set", "label=Acme SSO"), "Nothing to change.\n"),
        (("disable", "acme", "keycloak"), "~ provider keycloak (disabled)\n"),
        (("enable", "acme", "keycloak"), "~ provider keycloak (enabled)\n"),
        (("disable", "acme", "keycloak"), "~ provider keycloak (disabled)\n"),
        (("delete", "acme", "keycloak", "--dry-run"), f"{UNUSED}- provider keycloak\n"),
        (("delete", "acme", "keycloak"), "- provider keycloak\n"),
    ):
        done = acme("provider", *arguments)
        assert (done.returncode, done.stdout) == (0, said), done.stderr
        shown += done.stdout + done.stderr
    assert ask(url, "select from provider") == []
    assert SECRET not in shown
    actors = ask(url, "select actor from audit_event where action like 'provider.%'")
    assert {row["actor"].partition(":")[0] for row in actors} == {"operator"}


def test_a_deletion_is_rehearsed_and_says_what_stands_in_its_way(acme: Command, url: str) -> None:
    """Nothing is deleted, and what a deletion would be refused for is said with its counts."""
    create(acme)
    enabled = acme("provider", "delete", "acme", "keycloak", "--dry-run")
    assert (enabled.returncode != 0, "Disable the provider first." in enabled.stderr) == (True, True)
    assert enabled.stdout == UNUSED.replace("enabled: no", "enabled: yes")
    assert acme("provider", "disable", "acme", "keycloak").returncode == 0
    ask(
        url,
        """insert into group_mapping (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by,
            created_at, updated_at)
        select gen_random_uuid(), tenant_id, id, 'engineering', 'EXACT', true, 1, 'API', now(), now() from provider
        where slug = 'keycloak'""",
    )
    used = acme("provider", "delete", "acme", "keycloak", "--dry-run")
    assert (used.returncode != 0, "0 identities and 1 mappings" in used.stderr) == (True, True), used.stderr
    assert used.stdout == UNUSED.replace("mappings: 0", "mappings: 1")
    assert len(ask(url, "select from provider where slug = 'keycloak'")) == 1


def test_apple_is_made_with_its_preset_and_the_key_file(acme: Command, tmp_path: Path, url: str) -> None:
    key = tmp_path / "AuthKey_ABC123DEFG.p8"
    key.write_bytes(generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    fields = ("preset=apple", "client_id=com.acme.login", "apple_team_id=DEF123GHIJ", "apple_key_id=ABC123DEFG")
    settings = [part for field in fields for part in ("--set", field)]
    done = acme("provider", "create", "acme", "apple", *settings, "--secret-file", key)
    assert done.returncode == 0, done.stderr
    [row] = ask(url, "select client_authentication, client_settings from provider")
    assert row["client_authentication"] == "apple_client_secret"
    assert json.loads(row["client_settings"]) == {"apple_team_id": "DEF123GHIJ", "apple_key_id": "ABC123DEFG"}
    refused = acme("provider", "set-secret", "acme", "apple", "--secret-stdin", stdin=b"a secret as others have")
    assert refused.returncode != 0
    assert "AuthKey_<key id>.p8" in refused.stderr


def test_secrets_come_from_a_variable_a_file_or_standard_input_and_are_never_shown(
    acme: Command, tmp_path: Path, url: str
) -> None:
    create(acme)
    done = acme(
        "provider", "set-secret", "acme", "keycloak", "--secret-env", "NEXT", "--secret-days", "730", NEXT="next"
    )
    assert (done.returncode, done.stdout) == (0, "~ provider keycloak (client_secret)\n"), done.stderr
    listed = acme("provider", "secrets", "acme", "keycloak", "--json").stdout
    new, old = json.loads(listed)["secrets"]
    assert (new["expires_at"] is None, old["expires_at"]) == (False, None)
    assert set(new) == {"id", "created_at", "expires_at"}
    assert acme("provider", "secrets", "acme", "keycloak").stdout.count("never") == 1
    assert acme("provider", "remove-secret", "acme", "keycloak", old["id"]).returncode == 0
    path = tmp_path / "secret"
    path.write_text("from-a-file\n")
    path.chmod(0o644)
    refused = acme("provider", "set-secret", "acme", "keycloak", "--secret-file", path)
    assert (refused.returncode, "from-a-file" in refused.stderr) == (78, False)
    path.chmod(0o600)
    assert acme("provider", "set-secret", "acme", "keycloak", "--secret-file", path).returncode == 0
    assert len(ask(url, "select from provider_secret")) == 2


def test_a_move_needs_the_secret_again(acme: Command, url: str) -> None:
    create(acme)
    moved = ("provider", "update", "acme", "keycloak", "--set", "issuer=https://new.acme.example")
    refused = acme(*moved)
    assert (refused.returncode, "enter it again" in refused.stderr) == (2, True)
    done = acme(*moved, "--secret-stdin", stdin=b"another")
    assert done.returncode == 0, done.stderr
    assert len(ask(url, "select from provider_secret")) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("disable", "nobody", "keycloak"), 1, "nobody"),
        (("disable", "acme", "nothing"), 1, "no provider nothing"),
        (("set-secret", "acme", "keycloak"), 2, "where the secret is"),
        (("set-secret", "acme", "keycloak", "--secret-stdin", "--secret-env", "HOME"), 2, "one place"),
        (("set-secret", "acme", "keycloak", "--secret-env", "NOT_SET"), 2, "NOT_SET is not set"),
        (("update", "acme", "keycloak", "--set", "label"), 2, "NAME=VALUE"),
        (("update", "acme", "keycloak", "--set", "client_secret=x"), 2, "cannot be set here"),
        (("update", "acme", "keycloak", "--set", "position=high"), 2, "position"),
        (("delete", "acme", "keycloak"), 1, "Disable the provider first"),
    ],
)
def test_what_cannot_be_done_is_said(
    acme: Command, url: str, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    create(acme)
    done = acme("provider", *arguments)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr
    [row] = ask(url, "select version, enabled from provider")
    assert tuple(row) == (1, True)


def test_a_preset_takes_its_values(acme: Command, url: str) -> None:
    directory = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
    done = acme(
        "provider", "create", "acme", "entra", "--preset", "entra", "--value", f"directory={directory}",
        "--set", "client_id=app", "--secret-stdin", stdin=b"s3cret",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [row] = ask(url, "select issuer, preset from provider")
    assert tuple(row) == (f"https://login.microsoftonline.com/{directory}/v2.0", "entra")


async def _enter(connection: Connection, who: str, anchor: str) -> None:
    """Somebody who has signed in at the provider, and is found there by this anchor."""
    tenant_id = await connection.fetchval("select id from tenant where slug = 'acme'")
    [provider] = await providers.of_tenant(connection, tenant_id)
    user_id = await make.make_user(connection, tenant_id, username=f"u{who}")
    await make.make_identity(connection, provider, user_id, subject=f"s-{who}", anchor=anchor)


def test_identities_of_a_rebuilt_provider_are_counted_and_then_wait(acme: Command, url: str) -> None:
    create(acme)
    for identity, anchor in (("1", "ada@acme.example"), ("2", "s-2")):
        on_database(url, lambda connection, who=identity, found_by=anchor: _enter(connection, who, found_by))
    dry_run = acme("provider", "rebind", "acme", "keycloak", "--dry-run", "--json")
    assert (dry_run.returncode, json.loads(dry_run.stdout)) == (
        0,
        {"dry_run": True, "rebound": 1, "waiting": 0, "anchored_by_subject": 1},
    ), dry_run.stderr
    assert len(ask(url, "select from identity where subject is null")) == 0
    done = acme("provider", "rebind", "acme", "keycloak")
    assert (done.returncode, "~ 1 identities wait" in done.stdout) == (0, True), done.stderr
    assert [row["anchor"] for row in ask(url, "select anchor from identity where subject is null")] == [
        "ada@acme.example"
    ]
    again = acme("user", "rebind", "acme", "u1", "keycloak")
    assert (again.returncode, "waits for its person already" in again.stderr) == (1, True), again.stderr


async def _wait(connection: Connection, username: str, anchor: str) -> None:
    """Somebody whom an admin has entered, and who has not signed in yet."""
    tenant_id = await connection.fetchval("select id from tenant where slug = 'acme'")
    [provider] = await providers.of_tenant(connection, tenant_id)
    user_id = await make.make_user(connection, tenant_id, username=username)
    identity_id = await make.make_identity(connection, provider, user_id, anchor=anchor)
    await connection.execute("update identity set subject = null where id = $1", identity_id)


def anchors(url: str) -> dict[str, str]:
    rows = ask(url, "select u.username, i.anchor from identity i join app_user u on u.id = i.user_id")
    return {row["username"]: row["anchor"] for row in rows}


def test_people_are_moved_to_another_anchor_claim_and_back(acme: Command, url: str, tmp_path: Path) -> None:
    create(acme)
    assert acme("provider", "update", "acme", "keycloak", "--set", "anchor_claim=email").returncode == 0
    on_database(url, lambda connection: _enter(connection, "1", "ada@acme.example"))
    on_database(url, lambda connection: _wait(connection, "bob", "bob@acme.example"))
    move, before = ("provider", "move-anchor", "acme", "keycloak"), anchors(url)
    shown = json.loads(acme(*move, "id_token / oid", "--dry-run", "--json").stdout)
    assert shown == {"dry_run": True, "moved": [], "by_login": 1, "lost": [["bob", "bob@acme.example"]]}
    refused = acme(*move, "id_token / oid")
    assert (refused.returncode, "1 identities would not be found any more" in refused.stderr) == (1, True)
    path = tmp_path / "anchors.csv"
    path.write_text("username,provider,anchor,new_anchor\nbob,keycloak,bob@acme.example,o-2\n", "utf-8")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(path.read_text("utf-8") + "eve,keycloak,x,y\nu1,keycloak,ada@acme.example,o-2\n", "utf-8")
    twice = acme(*move, "id_token / oid", "--table", wrong)
    assert (twice.returncode, "Line 3: eve has no identity x there." in twice.stderr) == (78, True)
    claim = "select claims -> 'anchor' ->> 0 as claim from provider"
    assert (anchors(url), ask(url, claim)[0]["claim"]) == (before, "email")
    done = acme(*move, "id_token / oid", "--table", path)
    assert (done.returncode, done.stdout) == (
        0, "~ anchor bob@acme.example of bob\n1 are found by their subject at their next login\n",
    ), done.stderr  # fmt: skip
    assert (anchors(url), ask(url, claim)[0]["claim"]) == ({**before, "bob": "o-2"}, "id_token / oid")
    undone = acme(*move, "email", "--table", path, "--back")
    assert undone.returncode == 0, undone.stderr
    assert (anchors(url), ask(url, claim)[0]["claim"]) == (before, "email")


def test_the_subject_as_the_new_anchor_is_known_of_everybody_who_has_signed_in(acme: Command, url: str) -> None:
    create(acme)
    assert acme("provider", "update", "acme", "keycloak", "--set", "anchor_claim=email").returncode == 0
    on_database(url, lambda connection: _enter(connection, "1", "ada@acme.example"))
    done = acme("provider", "move-anchor", "acme", "keycloak", "sub")
    assert done.returncode == 0, done.stderr
    assert anchors(url) == {"u1": "s-1"}
    on_database(url, lambda connection: _enter(connection, "2", "s-9"))
    on_database(url, lambda connection: _wait(connection, "bob", "s-2"))
    taken = acme("provider", "move-anchor", "acme", "keycloak", "sub")
    assert (taken.returncode, "u2: s-2 is the anchor of bob." in taken.stderr) == (78, True)


def test_whose_logins_a_shared_redirect_url_breaks_is_said(command: Command, url: str) -> None:
    """S4-06: by whichever command a provider comes to an address that others use."""
    shared = "https://id.example.com/v1/auth/oidc/callback"
    for slug in ("first", "second"):
        assert command("apply", "-", stdin=f'[[tenants]]\nslug = "{slug}"\nname = "{slug}"\n'.encode()).returncode == 0
    asked = ("--set", "client_id=c", "--set", f"redirect_url={shared}", "--secret-env", "S")
    first = command("provider", "create", "first", "oidc", "--set", "issuer=https://first.example", *asked, S="x" * 40)
    assert (first.returncode, first.stderr) == (0, "")
    second = command(
        "provider", "create", "second", "oidc", "--set", "issuer=https://second.example", *asked, S="x" * 40
    )
    for name in ("Tenant first, provider oidc", "Tenant second, provider oidc"):
        assert f"notice: {name}: shares its redirect URL" in second.stderr
    trusted = command("provider", "update", "first", "oidc", "--set", "accept_without_iss=true")
    assert "notice: Tenant first, provider oidc: accept_without_iss" in trusted.stderr
    assert "Tenant second, provider oidc: shares" in trusted.stderr
