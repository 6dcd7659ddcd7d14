"""`apply`: the difference is shown, applying twice changes nothing, and a rehearsal writes nothing."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, ask

DECLARATION = """
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["acme.example.com"]

[[tenants.providers]]
slug = "keycloak"
issuer = "https://sso.acme.example/realms/acme"
client_id = "identity-api"
client_secret_env = "ACME_SECRET"

[[tenants.group_mappings]]
provider = "keycloak"
group = "engineering"
permissions = ["docs:read"]

[[tenants.group_mappings]]
group = "support"
permissions = ["tickets:answer"]
"""


@pytest.fixture
def acme(command: Command) -> Command:
    """The command line where ACME_SECRET is set."""
    command.env["ACME_SECRET"] = "s3cret"
    return command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.toml"
    path.write_text(DECLARATION)
    return path


def test_a_declared_tenant_is_made_and_then_left_alone(acme: Command, file: Path) -> None:
    done = acme("apply", file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "+ acme: tenant acme",
        "+ acme: permission docs:read",
        "+ acme: permission tickets:answer",
        "+ acme: provider keycloak",
        "+ acme: mapping engineering",
        "+ acme: mapping support",
        "total: tenant + 1; permission + 2; provider + 1; mapping + 2",
    ]
    assert acme("apply", file).stdout == "Nothing to change.\n"


def test_a_redirect_url_that_follows_from_a_plain_http_public_url_is_refused_at_once(
    acme: Command, file: Path, url: str
) -> None:
    """A provider would not take it, and the next `apply` would read it back from the database."""
    machine = {"IDENTITY_PUBLIC_URL": "", "IDENTITY_TRUSTED_PROXIES": ""}
    for told in (acme("apply", file, **machine), acme("check-config", file, **machine)):
        assert told.returncode == 78, told.stdout
        assert "http://acme.example.com:8000/auth/oidc/keycloak/callback, which is not https" in told.stderr
        assert "Make IDENTITY_PUBLIC_URL, which is http://127.0.0.1:8000 now, an https address" in told.stderr
    assert ask(url, "select from tenant") == []
    file.write_text(DECLARATION.replace('hosts = ["acme.example.com"]', "", 1))
    assert acme("apply", file, **machine).returncode == 0
    assert acme("apply", file, **machine).stdout == "Nothing to change.\n"


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("redirect_url", "http://acme.example.com:8000/auth/oidc/keycloak/callback", "redirect_url"),
        ("sync_interval_seconds", 5, "sync_interval_seconds"),
    ],
)
def test_a_stored_value_that_no_file_could_declare_is_not_held_against_the_rest(
    acme: Command, file: Path, url: str, column: str, value: str | int, field: str
) -> None:
    """The demo syncs every five seconds; an earlier version stored plain http redirect URLs."""
    assert acme("apply", file).returncode == 0
    ask(url, f"update provider set {column} = $1", value)
    again = acme("apply", file)
    assert (again.returncode, again.stdout) == (0, "Nothing to change.\n"), again.stderr
    exported = acme("export", "acme").stdout
    assert field in exported
    assert acme("apply", "-", stdin=exported.encode()).stdout == "Nothing to change.\n"
    other = exported.replace("acme.example.com:8000", "other.example.com:8000").replace(
        "seconds = 5\n", "seconds = 6\n"
    )
    assert acme("apply", "-", stdin=other.encode()).returncode == 78


def test_the_operator_is_named_in_the_audit(acme: Command, file: Path, url: str) -> None:
    acme("apply", file)
    actors = {row["actor"] for row in ask(url, "select distinct actor from audit_event")}
    assert len(actors) == 1
    assert actors.pop().startswith("operator:")


def test_a_rehearsal_of_a_new_tenant_shows_everything_and_writes_nothing(acme: Command, file: Path, url: str) -> None:
    dry_run = acme("apply", file, "--dry-run")
    assert dry_run.returncode == 0, dry_run.stderr
    assert ask(url, "select from tenant") == []
    assert acme("apply", file).stdout == dry_run.stdout


def test_a_rehearsal_counts_with_what_the_file_itself_would_make(acme: Command, file: Path) -> None:
    """A mapping for a provider and a permission that are in the file and not in the database yet."""
    acme("apply", file)
    more = DECLARATION.replace('permissions = ["docs:read"]', 'permissions = ["docs:read", "docs:print"]')
    other = DECLARATION.partition("[[tenants.providers]]")[2].partition("[[tenants.group_mappings]]")[0]
    more += f"\n[[tenants.providers]]{other.replace('keycloak', 'second')}"
    file.write_text(
        more + '\n[[tenants.group_mappings]]\nprovider = "second"\ngroup = "ops"\npermissions = ["docs:read"]\n'
    )
    refused = acme("apply", file, "--dry-run")
    assert (refused.returncode, "docs:print, which is no permission" in refused.stderr) == (78, True)
    dry_run = acme("apply", file, "--dry-run", "--create-permissions")
    assert dry_run.stdout.splitlines() == [
        "+ acme: permission docs:print",
        "+ acme: provider second",
        "~ acme: mapping engineering (permissions: docs:read -> docs:print, docs:read)",
        "+ acme: mapping ops",
        "total: permission + 1; provider + 1; mapping ~ 1, + 1",
    ]
    assert acme("apply", file, "--create-permissions").stdout == dry_run.stdout


def test_changes_are_told_by_their_fields_and_never_by_values(acme: Command, file: Path) -> None:
    acme("apply", file)
    file.write_text(DECLARATION.replace('name = "Acme"', 'name = "Acme Inc."'))
    done = acme("apply", file, "--json", ACME_SECRET="another-s3cret")
    changes = json.loads(done.stdout)["changes"]
    assert [(one["action"], one["kind"], one["fields"]) for one in changes] == [
        ("change", "tenant", ["name"]),
        ("change", "provider", ["client_secret"]),
    ]
    assert "s3cret" not in done.stdout


def test_only_prune_removes_a_mapping_that_is_no_longer_declared(acme: Command, file: Path) -> None:
    acme("apply", file)
    file.write_text(DECLARATION.rpartition("[[tenants.group_mappings]]")[0])
    assert acme("apply", file).stdout == "Nothing to change.\n"
    assert acme("apply", file, "--prune", "--dry-run").stdout == "- acme: mapping support\n"
    assert acme("apply", file, "--prune").stdout == "- acme: mapping support\n"
    assert acme("apply", file, "--prune").stdout == "Nothing to change.\n"


def test_standard_input_is_applied(acme: Command) -> None:
    done = acme("apply", "-", "--json", stdin=DECLARATION.encode())
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["changes"]) == 6


def test_a_missing_secret_stops_before_anything_is_written(acme: Command, file: Path, url: str) -> None:
    done = acme("apply", file, ACME_SECRET="")
    assert done.returncode == 78
    assert "ACME_SECRET is not set" in done.stderr
    assert ask(url, "select from tenant") == []


def test_a_host_of_another_tenant_is_refused(acme: Command, file: Path) -> None:
    assert acme("apply", file).returncode == 0
    file.write_text(DECLARATION.replace('slug = "acme"', 'slug = "mallory"'))
    done = acme("apply", file)
    assert done.returncode == 78
    assert "Tenant mallory: its host acme.example.com belongs to another tenant, acme." in done.stderr


SHARING = """
[[tenants]]
slug = "{slug}"
name = "{slug}"

[[tenants.providers]]
slug = "sso"
issuer = "{issuer}"
client_id = "identity-api"
client_secret_env = "ACME_SECRET"
redirect_url = "https://id.example.com/v1/auth/oidc/callback"
accept_without_iss = true
"""


def sharing(slug: str, issuer: str, settings: str = "") -> bytes:
    """A tenant of which the provider has the redirect URL that systems share which move in."""
    return (SHARING.format(slug=slug, issuer=issuer) + settings).encode()


def test_a_provider_that_names_anothers_issuer_is_refused_at_a_shared_redirect_url(acme: Command, url: str) -> None:
    """Promise 8: with a metadata document of its own, in whichever tenant. Other issuers, and the same provider, may share."""
    honest, elsewhere = "https://sso.acme.example", 'discovery_url = "https://evil.example/metadata"'
    assert acme("apply", "-", stdin=sharing("acme", honest)).returncode == 0
    refused = acme("apply", "-", stdin=sharing("umbrella", honest, elsewhere))
    assert refused.returncode == 78
    assert "Tenant umbrella, provider sso, redirect_url:" in refused.stderr
    assert "(REDIRECT_URL_SHARED)" in refused.stderr
    assert "acme" not in refused.stderr
    assert [row["slug"] for row in ask(url, "select slug from tenant")] == ["acme"]
    together = acme("apply", "-", stdin=sharing("first", honest) + sharing("second", honest, elsewhere))
    assert (together.returncode, together.stderr.count("(REDIRECT_URL_SHARED)")) == (78, 2)
    for slug, issuer, settings in (
        ("umbrella", "https://sso.umbrella.example", elsewhere),
        ("subsidiary", honest, ""),
    ):
        done = acme("apply", "-", stdin=sharing(slug, issuer, settings))
        assert done.returncode == 0, done.stderr


def test_an_update_that_begins_to_share_is_refused_as_a_new_provider_is(acme: Command) -> None:
    """The stored row stays as it was."""
    honest, elsewhere = "https://sso.acme.example", 'discovery_url = "https://evil.example/metadata"'
    acme("apply", "-", stdin=sharing("acme", honest))
    apart = sharing("umbrella", honest, elsewhere).replace(b"/v1/auth/oidc/", b"/login/oidc/umbrella/")
    assert acme("apply", "-", stdin=apart).returncode == 0
    refused = acme("apply", "-", stdin=sharing("umbrella", honest, elsewhere))
    assert "(REDIRECT_URL_SHARED)" in refused.stderr
    assert acme("apply", "-", stdin=apart).stdout == "Nothing to change.\n"


def test_more_than_a_tenant_may_have_is_refused_with_the_setting_that_says_so(acme: Command, file: Path) -> None:
    refused = acme("apply", file, IDENTITY_MAX_MAPPINGS="1")
    assert refused.returncode != 0
    assert "IDENTITY_MAX_MAPPINGS" in refused.stderr
    assert ask(acme.env["IDENTITY_DATABASE_URL"], "select slug from tenant") == []
    assert acme("apply", file, IDENTITY_MAX_MAPPINGS="2").returncode == 0
