"""`sync`: what an operator sees of it, and stops and starts, on the real script."""

import json

import pytest

from tests.cli.conftest import Command, ask
from tests.cli.test_provider import acme

__all__ = ["acme"]


def status(acme: Command) -> dict[str, object]:
    done = acme("sync", "status", "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["providers"]
    return dict(found)


def test_each_provider_is_shown_and_a_pause_until_it_ends(acme: Command) -> None:
    assert status(acme)["standing"] == "OK"
    assert acme("sync", "pause", "acme", "keycloak").stdout == "The syncs of acme/keycloak are paused.\n"
    assert status(acme)["standing"] == "PAUSED"
    assert "paused since" in acme("sync", "status", "acme").stdout
    assert "Nothing to do" in acme("sync", "pause", "acme", "keycloak").stdout
    assert acme("sync", "resume", "acme", "keycloak").stdout == "The syncs of acme/keycloak go on.\n"
    assert status(acme)["standing"] == "OK"


def test_a_provider_that_refuses_us_is_exit_code_1_with_the_reason_and_the_next_try(acme: Command, url: str) -> None:
    ask(
        url,
        "insert into provider_breaker (id, tenant_id, failures, people, open_until, reason, changed_at)"
        " select id, tenant_id, 3, '{}', now() + interval '1 hour', 'invalid_client', now() from provider",
    )
    done = acme("sync", "status")
    assert done.returncode == 1
    assert "REFUSED" in done.stdout
    assert "invalid_client; next try" in done.stdout


def test_everybody_is_made_due_by_a_command(acme: Command) -> None:
    assert acme("sync", "now", "acme", "keycloak").stdout == "0 identities of acme/keycloak are due now.\n"


@pytest.mark.parametrize("arguments", [("status", "nobody"), ("pause", "acme", "nobody"), ("now", "acme", "nobody")])
def test_what_does_not_exist_is_exit_code_1_and_named(acme: Command, arguments: tuple[str, ...]) -> None:
    done = acme("sync", *arguments)
    assert done.returncode == 1
    assert "nobody" in done.stderr
