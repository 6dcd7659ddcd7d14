"""`check-config`: every problem, one a line, exit code 78 (bad inputs 66 to 70)."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command, new_key

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
"""


@pytest.fixture
def configured(offline: Command) -> Command:
    """Good settings."""
    offline.env["IDENTITY_SECRET_KEYS"] = new_key("k1")
    offline.env["IDENTITY_PUBLIC_URL"] = "https://id.example.com"
    offline.env["IDENTITY_TRUSTED_PROXIES"] = "10.0.0.0/8"
    return offline


@pytest.fixture
def declaration(tmp_path: Path) -> Path:
    """A good declaration."""
    path = tmp_path / "tenants.toml"
    path.write_text(DECLARATION)
    return path


def test_good_settings_and_a_good_declaration_pass(configured: Command, declaration: Path) -> None:
    done = configured("check-config", declaration, ACME_SECRET="s3cret")
    assert done.returncode == 0, done.stderr
    assert "1 tenant(s), 1 provider(s)" in done.stdout
    assert done.stderr == ""


def test_what_is_lawful_and_easily_not_meant_is_a_notice(configured: Command, declaration: Path) -> None:
    """Found in use: `realm_access.roles`, as other systems write a path, and an account that capitals kept from its person."""
    quiet = configured("check-config", declaration, ACME_SECRET="s3cret")
    assert "Notice" not in quiet.stdout
    more = 'groups_claim = "realm_access.roles"\nprovisioning = "KNOWN_USERS"\nclient_id ='
    declaration.write_text(DECLARATION.replace("client_id =", more, 1))
    done = configured("check-config", declaration, ACME_SECRET="s3cret")
    assert done.returncode == 0, done.stderr
    assert (
        "Notice: Tenant acme, provider keycloak: The groups_claim realm_access.roles is taken as the name"
        in done.stdout
    )
    assert "write id_token / realm_access / roles" in done.stdout
    assert "compares usernames exactly, capitals included" in done.stdout


def test_a_file_for_a_tenant_that_exists_is_sent_to_where_it_can_be_checked(
    configured: Command, declaration: Path
) -> None:
    """`apply` takes it, over what is stored; this check touches no database."""
    mapping = '[[tenants.group_mappings]]\nprovider = "other"\ngroup = "engineering"\npermissions = ["docs:read"]\n'
    for partial in (DECLARATION.replace('name = "Acme"\n', ""), DECLARATION + mapping):
        declaration.write_text(partial)
        done = configured("check-config", declaration, ACME_SECRET="s3cret")
        assert done.returncode == 78
        assert "`identity-api apply --dry-run` checks it over what is stored" in done.stderr
    declaration.write_text(DECLARATION.replace("https://sso", "gopher://sso"))
    assert "--dry-run" not in configured("check-config", declaration, ACME_SECRET="s3cret").stderr


def test_a_word_that_a_setting_does_not_have_is_told_with_those_it_has(configured: Command, declaration: Path) -> None:
    declaration.write_text(DECLARATION + 'sync_mode = "strict"\n')
    done = configured("check-config", declaration, ACME_SECRET="s3cret")
    assert done.returncode == 78
    assert "sync_mode`; it is one of ADDITIVE, NONE, STRICT." in done.stderr
    declaration.write_text(DECLARATION + 'sync_mode = "STRICT"\n')
    assert configured("check-config", declaration, ACME_SECRET="s3cret").returncode == 0


def test_every_problem_is_listed_on_a_line_of_its_own_and_no_value_is_repeated(configured: Command) -> None:
    done = configured(
        "check-config",
        IDENTITY_SYNC_INTERVAL_SECONDS="421",
        IDENTITY_SESION_IDLE_SECONDS="60",
        IDENTITY_SECRET_KEYS="hunter2",
    )
    assert done.returncode == 78
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert any("IDENTITY_SYNC_INTERVAL_SECONDS" in line for line in lines)
    assert any("did you mean IDENTITY_SESSION_IDLE_SECONDS" in line for line in lines)
    assert "hunter2" not in done.stderr


def test_a_missing_key_ring_is_a_problem(offline: Command) -> None:
    done = offline("check-config")
    assert done.returncode == 78
    assert "IDENTITY_SECRET_KEYS" in done.stderr


def test_an_outbound_allowance_that_cannot_be_read_is_a_problem(configured: Command) -> None:
    done = configured("check-config", IDENTITY_OUTBOUND_ALLOW="10.0.0.0/8")
    assert done.returncode == 78
    assert "a network needs a port" in done.stderr


def test_a_secret_that_a_declaration_names_and_nobody_gives_is_a_problem(
    configured: Command, declaration: Path
) -> None:
    done = configured("check-config", declaration)
    assert done.returncode == 78
    assert "ACME_SECRET is not set" in done.stderr


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "declares no [[tenants]]"),
        (b"\xff", "not UTF-8"),
        (b"[[tenants]", "not TOML"),
        (DECLARATION.replace("hosts", "hostz").encode(), "hostz"),
        (DECLARATION.replace("https://sso", "http://sso").encode(), "issuer"),
    ],
    ids=["empty", "not utf-8", "not toml", "unknown key", "http issuer"],
)
def test_a_bad_declaration_is_refused(configured: Command, declaration: Path, content: bytes, problem: str) -> None:
    declaration.write_bytes(content)
    done = configured("check-config", declaration, ACME_SECRET="s3cret")
    assert done.returncode == 78
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_with_a_secret_in_it_must_be_closed_to_others(configured: Command, declaration: Path) -> None:
    declaration.write_text(DECLARATION.replace("client_secret_env", "client_secret"))
    declaration.chmod(0o644)
    done = configured("check-config", declaration)
    assert done.returncode == 78
    assert "chmod 600" in done.stderr
    declaration.chmod(0o600)
    assert configured("check-config", declaration).returncode == 0


def test_standard_input_is_read(configured: Command) -> None:
    done = configured("check-config", "-", stdin=DECLARATION.encode(), ACME_SECRET="s3cret")
    assert done.returncode == 0, done.stderr
