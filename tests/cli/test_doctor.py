"""`doctor`: each thing that can be wrong is a line that says what to do, beside the line when it is right."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command, ask, new_key
from tests.openid_provider import RunningProvider
from tests.ports import free_port

DECLARATION = """
[[tenants]]
slug = "acme"
name = "Acme"

[[tenants.providers]]
slug = "idp"
issuer = "{issuer}"
client_id = "identity-api"
client_secret_env = "ACME_SECRET"
"""


REDIRECT_URL = "https://id.example.com/t/acme/auth/oidc/idp/callback"


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    """A provider that answers, and knows us."""
    with RunningProvider(redirect_uris=[REDIRECT_URL]) as running:
        yield running


@pytest.fixture
def healthy(command: Command, provider: RunningProvider) -> Command:
    """An installation with one provider, in good order."""
    command.env["IDENTITY_PORT"] = str(free_port())
    command.env["IDENTITY_OUTBOUND_ALLOW"] = provider.issuer.partition("://")[2]
    declaration = DECLARATION.format(issuer=provider.issuer).encode()
    done = command("apply", "-", stdin=declaration, ACME_SECRET=provider.client_secret)
    assert done.returncode == 0, done.stderr
    return command


def troubles(command: Command, **env: str) -> tuple[int, list[tuple[str, str, str]]]:
    """Exit code, and the findings that are not ok."""
    done = command("doctor", "--json", **env)
    found = json.loads(done.stdout)["findings"]
    return done.returncode, [(one["level"], one["subject"], one["message"]) for one in found if one["level"] != "ok"]


def test_a_healthy_installation_is_all_ok(healthy: Command) -> None:
    assert troubles(healthy) == (0, [])
    lines = healthy("doctor").stdout.splitlines()
    assert all(line.startswith("ok    ") for line in lines)
    assert "ok    provider acme/idp: its self-test finds nothing wrong." in lines


def test_settings_that_cannot_be_read_are_listed(healthy: Command) -> None:
    code, found = troubles(healthy, IDENTITY_PORT="many", IDENTITY_WORKERS="0")
    assert code == 1
    assert [(level, subject) for level, subject, _ in found] == [("fail", "settings")] * 2


def test_a_database_that_does_not_answer_does_not_hide_redis(healthy: Command, tmp_path: Path) -> None:
    code, found = troubles(healthy, IDENTITY_DATABASE_URL=f"postgresql://app@/identity?host={tmp_path}")
    assert code == 1
    assert [(level, subject) for level, subject, _ in found] == [("fail", "database")]
    done = healthy("doctor", IDENTITY_DATABASE_URL=f"postgresql://app@/identity?host={tmp_path}")
    assert "ok    redis: it answers." in done.stdout


def test_a_redis_that_does_not_answer_fails(healthy: Command, tmp_path: Path) -> None:
    code, found = troubles(healthy, IDENTITY_REDIS_URL=f"unix://{tmp_path}/nothing.sock")
    assert (code, [(level, subject) for level, subject, _ in found]) == (1, [("fail", "redis")])


def test_an_unfit_schema_names_the_command(healthy: Command, url: str) -> None:
    ask(url, "delete from migration where name = (select max(name) from migration)")
    code, [(level, subject, message)] = troubles(healthy)
    assert (code, level, subject) == (1, "fail", "schema")
    assert "identity-api migrate" in message


def test_a_lost_key_fails_and_an_old_one_warns(healthy: Command) -> None:
    old, new = healthy.env["IDENTITY_SECRET_KEYS"], new_key("k2")
    code, found = troubles(healthy, IDENTITY_SECRET_KEYS=new)
    assert code == 1
    assert [(level, subject) for level, subject, _ in found] == [("fail", "keys"), ("fail", "provider acme/idp")]
    assert "key k1 is missing" in found[0][2]
    assert "client secret or key cannot be opened" in found[1][2]
    code, [(level, subject, message)] = troubles(healthy, IDENTITY_SECRET_KEYS=f"{new},{old}")
    assert (code, level, subject) == (0, "warn", "keys")
    assert "identity-api keys rotate" in message
    healthy("keys", "rotate", IDENTITY_SECRET_KEYS=f"{new},{old}")
    done = healthy("doctor", IDENTITY_SECRET_KEYS=f"{new},{old}")
    assert "nothing needs k1 any more" in done.stdout


def test_a_provider_that_may_not_be_called_names_the_setting(healthy: Command) -> None:
    code, [(level, subject, message)] = troubles(healthy, IDENTITY_OUTBOUND_ALLOW="")
    assert (code, level, subject) == (1, "fail", "provider acme/idp")
    assert "IDENTITY_OUTBOUND_ALLOW" in message


def test_a_provider_of_another_issuer_fails(healthy: Command, url: str, provider: RunningProvider) -> None:
    ask(url, "update provider set discovery_url = issuer || '/.well-known/openid-configuration'")
    assert troubles(healthy) == (0, [])
    ask(url, "update provider set issuer = issuer || '/other'")
    code, [(level, subject, _)] = troubles(healthy)
    assert (code, level, subject) == (1, "fail", "provider acme/idp")


def test_a_client_secret_that_ends_warns_and_one_that_ended_fails(healthy: Command, url: str) -> None:
    ask(url, "update provider_secret set expires_at = now() + interval '40 days'")
    assert troubles(healthy) == (0, [])
    ask(url, "update provider_secret set expires_at = now() + interval '6 days'")
    code, [(level, _, message)] = troubles(healthy)
    assert (code, level) == (0, "warn")
    assert "ends in 6 day(s)" in message
    ask(url, "update provider_secret set expires_at = now() - interval '1 second'")
    code, [(level, subject, _)] = troubles(healthy)
    assert (code, level, subject) == (1, "fail", "provider acme/idp")


def test_work_that_nobody_does_is_noticed(healthy: Command, url: str) -> None:
    ask(url, "update audit_event set at = now() - interval '5 minutes'")
    code, [(level, subject, message)] = troubles(healthy)
    assert (code, level, subject) == (1, "fail", "worker")
    assert "identity-api worker" in message


def test_a_public_address_without_a_trusted_proxy_warns(healthy: Command) -> None:
    code, [(level, subject, message)] = troubles(healthy, IDENTITY_TRUSTED_PROXIES="")
    assert (code, level, subject) == (0, "warn", "proxies")
    assert "IDENTITY_TRUSTED_PROXIES" in message
