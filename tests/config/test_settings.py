"""Settings: one reading, all problems at once, no value repeated (promise 52; bad inputs 66 to 70, 73)."""

import base64
import dataclasses
import ipaddress
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.config import Secret, Settings, TenantLimits, create_keys_file, load_settings, settings_table
from identity_api.errors import ConfigurationError


def new_key(name="k1"):
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


GOOD = {
    "IDENTITY_SECRET_KEYS": new_key(),
    "IDENTITY_DATABASE_URL": "postgresql://identity:hunter2@db.example/identity",
    "IDENTITY_REDIS_URL": "rediss://:hunter2@redis.example:6380/0",
    "IDENTITY_PUBLIC_URL": "https://identity.example.com",
}


def problems_of(environ, path=None, **options):
    # Not the data directory of whoever runs the tests, where there may be a key ring.
    elsewhere = {"XDG_DATA_HOME": "/nonexistent"}
    with pytest.raises(ConfigurationError) as refused:
        load_settings(elsewhere | environ, path, **options)
    return refused.value.problems


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "settings.toml"

    def write(text, mode=0o600):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return write


def test_the_defaults_are_those_of_the_design(tmp_path):
    settings = load_settings({"IDENTITY_SECRET_KEYS": new_key(), "HOME": str(tmp_path)})
    assert (settings.sync_interval_seconds, settings.outage_grace_seconds, settings.leeway_seconds) == (300, 14_400, 60)
    assert (settings.session_idle_seconds, settings.session_absolute_seconds) == (3_600, 86_400)
    assert (settings.attempt_seconds, settings.handle_seconds, settings.code_seconds) == (600, 60, 60)
    assert (settings.database_url, settings.redis_url, settings.trusted_proxies) == (None, None, ())
    assert (settings.host, settings.port, settings.public_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert settings.demo is False


def test_a_full_environment_is_read():
    settings = load_settings(
        GOOD
        | {
            "IDENTITY_PORT": "9000",
            "IDENTITY_WORKERS": "4",
            "IDENTITY_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1",
            "IDENTITY_OUTBOUND_ALLOW": "idp.internal:8443@acme,10.1.0.0/16:443",
        }
    )
    assert settings.database_url == Secret(GOOD["IDENTITY_DATABASE_URL"])
    assert (settings.port, settings.workers) == (9000, 4)
    assert settings.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("192.0.2.1/32"))
    assert settings.outbound_allow == ("idp.internal:8443@acme", "10.1.0.0/16:443")


def test_the_limits_of_a_tenant_are_settings():
    assert load_settings(GOOD).tenant_limits == TenantLimits()
    assert load_settings(GOOD | {"IDENTITY_MAX_MAPPINGS": "7"}).tenant_limits == TenantLimits(max_mappings=7)


def test_a_file_is_read_and_the_environment_wins(file):
    path = file('port = 9000\nworkers = 2\ntrusted_proxies = ["10.0.0.0/8"]\npublic_url = "https://other.example"')
    settings = load_settings(GOOD | {"IDENTITY_PORT": "9001"}, path)
    assert (settings.port, settings.workers, settings.public_url) == (9001, 2, "https://identity.example.com")


def test_the_mark_that_windows_editors_put_before_a_file_is_not_read(file):
    assert load_settings(GOOD, file("\ufeffport = 9000")).port == 9000


def test_the_file_can_be_named_in_the_environment(file):
    assert load_settings(GOOD | {"IDENTITY_CONFIG_FILE": str(file("port = 9000"))}).port == 9000


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_settings(GOOD).port = 1


def test_neither_settings_nor_their_parts_show_a_secret():
    settings = load_settings(GOOD)
    shown = f"{settings!r} {settings.database_url} {settings.database_url!r} {settings.secret_keys!r}"
    assert "hunter2" not in shown
    assert GOOD["IDENTITY_SECRET_KEYS"].partition(":")[2] not in shown
    assert settings.database_url.reveal() == GOOD["IDENTITY_DATABASE_URL"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("IDENTITY_PORT", "0"),
        ("IDENTITY_PORT", "65536"),
        ("IDENTITY_PORT", "eight"),
        ("IDENTITY_PORT", "80.5"),
        ("IDENTITY_PORT", ""),
        ("IDENTITY_WORKERS", "65"),
        ("IDENTITY_SYNC_INTERVAL_SECONDS", "59"),
        ("IDENTITY_SYNC_INTERVAL_SECONDS", "421"),
        ("IDENTITY_OUTAGE_GRACE_SECONDS", "86401"),
        ("IDENTITY_OUTAGE_GRACE_SECONDS", "-1"),
        ("IDENTITY_LEEWAY_SECONDS", "301"),
        ("IDENTITY_ATTEMPT_SECONDS", "601"),
        ("IDENTITY_LOG_FORMAT", "JSON"),
        ("IDENTITY_LOG_LEVEL", "trace"),
        ("IDENTITY_PUBLIC_URL", "http://identity.example.com"),
        ("IDENTITY_PUBLIC_URL", "https://identity.example.com/path"),
        ("IDENTITY_PUBLIC_URL", "https://user@identity.example.com"),
        ("IDENTITY_PUBLIC_URL", "https://identity.example.com?x=1"),
        ("IDENTITY_PUBLIC_URL", "ftp://identity.example.com"),
        ("IDENTITY_PUBLIC_URL", "identity.example.com"),
        ("IDENTITY_PUBLIC_URL", "https://[::1"),
        ("IDENTITY_DATABASE_URL", "mysql://db/identity"),
        ("IDENTITY_DATABASE_URL", "postgresql://identity:changeme@db/identity"),
        ("IDENTITY_DATABASE_URL", "postgresql://identity:Change%2DMe@db/identity"),
        ("IDENTITY_DATABASE_URL", "postgresql://db:port/identity"),
        ("IDENTITY_DATABASE_URL", ""),
        ("IDENTITY_REDIS_URL", "http://redis"),
        ("IDENTITY_REDIS_URL", " "),
        ("IDENTITY_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("IDENTITY_TRUSTED_PROXIES", "proxy.example"),
        ("IDENTITY_HOST", "a b"),
        ("IDENTITY_OTLP_ENDPOINT", "https://user:pw@collector.example"),
        ("IDENTITY_DATA_DIR", ""),
        ("IDENTITY_CONFIG_FILE", "/nonexistent/settings.toml"),
    ],
)
def test_an_unusable_value_stops_the_start(variable, value):
    """Each beside a mapping that is accepted: `GOOD`."""
    (problem,) = problems_of(GOOD | {variable: value})
    assert variable in problem or problem.startswith("settings file")


@pytest.mark.parametrize("character", ["/", "?", "#"])
def test_a_password_that_ends_a_url_early_is_told_as_one_that_is_not_escaped(character):
    url = "postgresql://identity:hunter{}two@db.example/identity"
    (problem,) = problems_of(GOOD | {"IDENTITY_DATABASE_URL": url.format(character)})
    assert "are written %2F, %3F, %23 and %40" in problem
    assert "hunter" not in problem
    escaped = url.format(f"%{ord(character):02X}")
    assert load_settings(GOOD | {"IDENTITY_DATABASE_URL": escaped}).database_url == Secret(escaped)


@pytest.mark.parametrize(
    ("variable", "value"), [("IDENTITY_SYNC_INTERVAL_SECONDS", "420"), ("IDENTITY_LEEWAY_SECONDS", "0")]
)
def test_bounds_are_included(variable, value):
    assert getattr(load_settings(GOOD | {variable: value}), variable.removeprefix("IDENTITY_").lower()) == int(value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost:3000", "http://[::1]:8000", "http://app.localhost"]
)
def test_plain_http_is_accepted_for_this_machine(url):
    assert load_settings(GOOD | {"IDENTITY_PUBLIC_URL": url}).public_url == url


@pytest.mark.parametrize("url", ["https://Identity.Example.com/", "https://identity.example.com:443"])
def test_the_public_url_is_kept_as_browsers_write_an_origin(url):
    assert load_settings(GOOD | {"IDENTITY_PUBLIC_URL": url}).public_url == "https://identity.example.com"


@pytest.mark.parametrize(
    "text",
    ["port = '9000'", "port = true", "port = 9000.0", "trusted_proxies = '10.0.0.0/8'", "trusted_proxies = [1]", "host = 5",
     "public_url = ['https://a.example']", "log_format = 1", "database_url = {host = 'a'}"],
)  # fmt: skip
def test_a_wrong_type_in_the_file_stops_the_start(file, text):
    environ = {key: GOOD[key] for key in ("IDENTITY_SECRET_KEYS",)}
    (problem,) = problems_of(environ, file(text))
    assert problem.startswith(f"settings file: {text.split(' ')[0]}: ")


@pytest.mark.parametrize("name", ["IDENTITY_DEMO", "IDENTITY_TLS_VERIFY", "IDENTITY_DEV", "IDENTITY_", "IDENTITY_port"])
def test_an_unknown_variable_stops_the_start(name):
    (problem,) = problems_of(GOOD | {name: "true"})
    assert problem.startswith(f"{name} is not a setting")


def test_a_misspelt_name_is_met_with_the_right_one():
    assert problems_of(GOOD | {"IDENTITY_TRUSTED_PROXYS": "x"}) == (
        "IDENTITY_TRUSTED_PROXYS is not a setting; did you mean IDENTITY_TRUSTED_PROXIES?",
    )


def test_what_every_variable_begins_with_makes_none_of_them_near():
    assert problems_of(GOOD | {"IDENTITY_PROT": "x", "IDENTITY_ROOT": "x"}) == (
        "IDENTITY_PROT is not a setting; did you mean IDENTITY_PORT?",
        "IDENTITY_ROOT is not a setting",
    )


def test_variables_of_others_are_left_alone():
    assert load_settings(GOOD | {"PATH": "/bin", "ACME_SECRET": "x", "MY_IDENTITY_PORT": "x"})


@pytest.mark.parametrize("text", ["demo = true", "tls_verify = false", "IDENTITY_PORT = 1", "[server]\nport = 1"])
def test_an_unknown_key_in_the_file_stops_the_start(file, text):
    (problem,) = problems_of(GOOD, file(text))
    assert "is not a setting" in problem


@pytest.mark.parametrize(
    "content",
    [b"", b"# nothing\n", b"\xff\xfe", b"port = ", b"port = 1\nport = 2", b"\0", b"x" * (1024 * 1024 + 1)],
    ids=["empty", "comment", "not-utf8", "no-value", "twice", "nul", "huge"],
)
def test_a_file_that_is_no_settings_file_stops_the_start(file, content):
    (problem,) = problems_of(GOOD, file(content))
    assert problem.startswith("settings file: ")


def test_a_directory_is_no_settings_file(tmp_path):
    assert problems_of(GOOD, tmp_path)[0].startswith("settings file: it cannot be read")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o666, 0o660])
def test_a_file_with_secrets_that_others_may_read_or_change_is_refused(file, mode):
    text = f'secret_keys = "{new_key()}"'
    assert load_settings({}, file(text))
    (problem,) = problems_of({}, file(text, mode))[:1]
    assert problem == "settings file: it holds secrets and others may read or change it: run chmod 600"


def test_a_file_without_secrets_may_be_read_by_all(file):
    assert load_settings(GOOD, file("port = 9000", 0o644)).port == 9000


def test_all_problems_are_listed_at_once(file):
    environ = {"IDENTITY_PORT": "x", "IDENTITY_NOPE": "x", "IDENTITY_PUBLIC_URL": "http://a.example"}
    assert len(problems_of(environ, file("workers = 0\nnope = 1"))) == 6  # and no key ring


def test_no_problem_repeats_a_value(file):
    environ = {setting.variable: "canary://canary:canary@canary canary" for setting in settings_table()}
    path = file('port = "canary"\nnope = "canary"\nsecret_keys = "canary:canary"', 0o644)
    assert "canary" not in " ".join(problems_of(environ, path))
    assert "canary" not in " ".join(problems_of({}, path))
    assert "canary" not in " ".join(problems_of({}, file("secret_keys = canary")))


def test_control_characters_in_an_unknown_name_are_not_written_out():
    (problem,) = problems_of(GOOD | {"IDENTITY_\x1b[31m\nforged": "x"})
    assert problem.isprintable()


def test_a_retention_of_the_audit_needs_a_folder_and_a_folder_a_retention(tmp_path):
    months, folder = {"IDENTITY_AUDIT_RETENTION_MONTHS": "13"}, {"IDENTITY_AUDIT_ARCHIVE_FOLDER": str(tmp_path)}
    assert load_settings(GOOD).audit_retention_months == 0
    settings = load_settings(GOOD | months | folder)
    assert (settings.audit_retention_months, settings.audit_archive_folder) == (13, tmp_path)
    for one in (months, folder):
        assert "need each other" in problems_of(GOOD | one)[0]


def test_an_idle_session_cannot_outlive_an_absolute_one():
    times = {"IDENTITY_SESSION_IDLE_SECONDS": "7200", "IDENTITY_SESSION_ABSOLUTE_SECONDS": "7200"}
    assert load_settings(GOOD | times)
    assert len(problems_of(GOOD | times | {"IDENTITY_SESSION_IDLE_SECONDS": "7201"})) == 1


def test_embedded_services_mean_one_api_process():
    assert load_settings(GOOD | {"IDENTITY_WORKERS": "2"})
    without = {key: value for key, value in GOOD.items() if key != "IDENTITY_REDIS_URL"}
    assert problems_of(without | {"IDENTITY_WORKERS": "2"})[0].startswith("IDENTITY_WORKERS must be 1")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_the_demo_listens_on_this_machine_only(host):
    assert load_settings(GOOD, demo=True).demo is True
    assert load_settings(GOOD | {"IDENTITY_HOST": host}).host == host
    assert problems_of(GOOD | {"IDENTITY_HOST": host}, demo=True)[0].startswith("IDENTITY_HOST: the demo")


def test_keys_are_required_unless_the_command_opens_nothing(tmp_path):
    environ = {"IDENTITY_DATA_DIR": str(tmp_path)}
    assert problems_of(environ) == (
        "IDENTITY_SECRET_KEYS or IDENTITY_SECRET_KEYS_FILE is missing; `identity-api keys generate` prints a key",
    )
    assert not load_settings(environ, keys_required=False).secret_keys


def test_keys_in_the_data_directory_are_used_without_being_named(tmp_path):
    ring = create_keys_file(tmp_path / "keys.toml")
    assert load_settings({"IDENTITY_DATA_DIR": str(tmp_path)}).secret_keys == ring


def test_keys_given_twice_are_refused(tmp_path):
    create_keys_file(tmp_path / "keys.toml")
    assert "both set" in problems_of(GOOD | {"IDENTITY_SECRET_KEYS_FILE": str(tmp_path / "keys.toml")})[0]


def test_a_keys_file_that_was_named_and_is_missing_stops_the_start(tmp_path):
    (problem,) = problems_of({"IDENTITY_SECRET_KEYS_FILE": str(tmp_path / "none.toml")})
    assert problem == "IDENTITY_SECRET_KEYS_FILE: it cannot be read: No such file or directory"


def test_data_goes_where_the_platform_keeps_it(tmp_path, monkeypatch):
    keys = {"IDENTITY_SECRET_KEYS": new_key()}
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    home = tmp_path / "home"
    assert load_settings(keys | {"HOME": str(home)}).data_dir == home / ".local/share/identity-api"
    assert load_settings(keys | {"HOME": "/h", "XDG_DATA_HOME": "/x"}).data_dir == Path("/x/identity-api")
    assert load_settings(keys | {"HOME": "/h", "XDG_DATA_HOME": "x"}).data_dir == Path("/h/.local/share/identity-api")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert load_settings(keys | {"HOME": "/root"}).data_dir == Path("/var/lib/identity-api")


def test_a_user_without_a_name_and_a_home_has_the_same_data_directory_as_root(monkeypatch):
    """In a container, whose user is a number."""

    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(os, "geteuid", lambda: 10_001)
    monkeypatch.setattr(Path, "home", nowhere)
    found = load_settings({}, keys_required=False)
    assert found.data_dir == Path("/var/lib/identity-api")


def test_the_default_public_url_has_the_port():
    keys = {"IDENTITY_SECRET_KEYS": new_key(), "IDENTITY_PORT": "9123"}
    assert load_settings(keys).public_url == "http://127.0.0.1:9123"


def test_every_attribute_is_a_row_of_the_table_and_the_reverse():
    attributes = {field.name for field in dataclasses.fields(Settings)} - {"demo"}
    assert attributes == {setting.name for setting in settings_table()}


@given(
    st.dictionaries(
        st.sampled_from([setting.variable for setting in settings_table()]), st.text(max_size=30), max_size=5
    )
)
def test_any_texts_give_settings_or_our_error(environ):
    try:
        load_settings(GOOD | environ)
    except ConfigurationError as error:
        problems = error.problems
    else:
        return
    assert problems


@pytest.mark.parametrize("variable", ["IDENTITY_DATA_DIR", "IDENTITY_CONFIG_FILE"])
def test_the_home_of_nobody_is_a_problem_and_ones_own_is_not(variable, tmp_path, monkeypatch):
    (problem,) = problems_of(GOOD | {variable: "~nobody-of-this-name/x"})
    assert problem == f"{variable}: whose home directory `~` means is not known"
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x").write_text("port = 9000")
    assert load_settings(GOOD | {variable: "~/x"})


def test_a_secret_equals_its_own_text_only():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert f"{Secret('a')}" == "<secret>"
