"""`provider`: what to register, and a self-test whose first line names the fault."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Command, ask
from tests.cli.test_doctor import DECLARATION, REDIRECT_URL
from tests.provider import RunningProvider


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    """A provider that knows us."""
    with RunningProvider(redirect_uris=[REDIRECT_URL]) as running:
        yield running


@pytest.fixture
def declared(command: Command, provider: RunningProvider) -> Command:
    """An installation with that provider."""
    command.env["IDENTITY_OUTBOUND_ALLOW"] = provider.issuer.partition("://")[2]
    declaration = DECLARATION.format(issuer=provider.issuer).encode()
    done = command("apply", "-", stdin=declaration, ACME_SECRET=provider.client_secret)
    assert done.returncode == 0, done.stderr
    return command


def test_a_healthy_provider_passes_every_line(declared: Command) -> None:
    done = declared("provider", "test", "acme", "idp")
    assert done.returncode == 0, done.stdout
    first, empty, *lines = done.stdout.splitlines()
    assert first.startswith("ok ")
    assert empty == ""
    assert len(lines) > 10
    assert all(line.startswith("ok ") for line in lines)


def test_the_first_line_names_the_fault_and_the_second_the_cure(declared: Command, url: str) -> None:
    ask(url, "update provider set issuer = issuer || '/'")
    done = declared("provider", "test", "acme", "idp")
    assert done.returncode == 1
    first, second, *_ = done.stdout.splitlines()
    assert first.startswith("fail    issuer: ")
    assert "[ISSUER_MISMATCH]" in first
    assert "closing slash" in second


def test_json_has_the_verdict_and_every_finding(declared: Command, url: str) -> None:
    ask(url, "update provider set client_id = 'somebody-else'")
    done = declared("provider", "test", "acme", "idp", "--json")
    tested = json.loads(done.stdout)
    assert (done.returncode, tested["verdict"]["code"]) == (1, "CLIENT_SECRET_WRONG")
    assert tested["verdict"] in tested["findings"]


def test_a_warning_is_no_failure(declared: Command, url: str) -> None:
    ask(url, "update provider_secret set expires_at = now() + interval '6 days'")
    done = declared("provider", "test", "acme", "idp")
    assert done.returncode == 0
    assert done.stdout.startswith("warn    client secret: The client secret ends in 6 day(s).")


def test_what_to_register_is_shown(declared: Command, provider: RunningProvider, url: str) -> None:
    [[row_id]] = ask(url, "select id from provider")
    shown = declared("provider", "show", "acme", "idp").stdout
    for expected in (provider.issuer, REDIRECT_URL, f"{row_id}/backchannel-logout", "/auth/logout/return"):
        assert expected in shown
    sheet = json.loads(declared("provider", "show", "acme", "idp", "--json").stdout)
    assert sheet["urls"]["redirect"] == REDIRECT_URL
    assert "s3cret" not in shown


def test_providers_are_listed(declared: Command) -> None:
    found = json.loads(declared("provider", "list", "--json").stdout)["providers"]
    assert [(one["tenant"], one["slug"], one["enabled"]) for one in found] == [("acme", "idp", True)]
    assert "acme" in declared("provider", "list", "acme").stdout


@pytest.mark.parametrize("arguments", [("test", "acme", "nothing"), ("show", "nobody", "idp"), ("list", "nobody")])
def test_what_is_not_there_is_said(declared: Command, arguments: tuple[str, ...]) -> None:
    done = declared("provider", *arguments)
    assert done.returncode == 1
    assert "identity-api" in done.stderr
