"""`provider keys`, `list` and `show`: what to register at a provider, a rotation, and exceptions, on the real script."""

import json

import pytest

from tests.cli.conftest import Command

DECLARATION = """
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["sso.acme.example"]

[[tenants.providers]]
slug = "keycloak"
issuer = "https://login.acme.example"
client_id = "identity-api"
client_authentication = "private_key_jwt"
"""


@pytest.fixture
def acme(command: Command) -> Command:
    done = command("apply", "-", stdin=DECLARATION.encode())
    assert done.returncode == 0, done.stderr
    return command


def test_keys_are_listed_with_the_address_to_register_and_rotated(acme: Command) -> None:
    before = json.loads(acme("provider", "keys", "list", "acme", "keycloak", "--json").stdout)
    assert before["jwks_uri"].startswith("https://sso.acme.example/auth/providers/")
    assert before["jwks_uri"].endswith("/jwks")
    rotated = acme("provider", "keys", "rotate", "acme", "keycloak")
    assert rotated.returncode == 0, rotated.stderr
    assert "signs in 24 hours" in rotated.stdout
    after = acme("provider", "keys", "list", "acme", "keycloak").stdout
    assert before["keys"][0]["key_id"] in after
    assert after.count("signs: ") == 2
    assert "PRIVATE" not in after


def test_at_once_leaves_the_new_key_only(acme: Command) -> None:
    done = json.loads(acme("provider", "keys", "rotate", "acme", "keycloak", "--at-once", "--json").stdout)
    listed = json.loads(acme("provider", "keys", "list", "acme", "keycloak", "--json").stdout)["keys"]
    assert [key["key_id"] for key in listed] == [done["sig"]]


@pytest.mark.parametrize("names", [("nobody", "keycloak"), ("acme", "nobody")])
def test_what_is_not_there_is_named(acme: Command, names: tuple[str, str]) -> None:
    for verb in ("list", "rotate"):
        done = acme("provider", "keys", verb, *names)
        assert done.returncode == 1
        assert "nobody" in done.stderr


def test_exceptions_are_in_the_list_and_on_the_sheet_with_what_is_lost(command: Command) -> None:
    """They are the operator's, and nobody is to forget them."""
    weaker = DECLARATION.replace('client_authentication = "private_key_jwt"', 'client_secret = "s3cret"\npkce = "OFF"')
    done = command("apply", "-", stdin=weaker.encode())
    assert done.returncode == 0, done.stderr
    assert 'EXCEPTION acme/keycloak: pkce = "OFF"\n' in command("provider", "list").stdout
    sheet = command("provider", "show", "acme", "keycloak").stdout
    [line] = [line for line in sheet.splitlines() if line.startswith("EXCEPTION")]
    assert "a code that is stolen on its way here" in line
    assert json.loads(command("provider", "list", "--json").stdout)["providers"][0]["exceptions"] == ['pkce = "OFF"']
    ended = weaker.replace('pkce = "OFF"', 'pkce = "S256"')
    assert command("apply", "-", stdin=ended.encode()).returncode == 0
    assert "EXCEPTION" not in command("provider", "show", "acme", "keycloak").stdout
