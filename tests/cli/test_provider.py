"""`provider keys`: what to register at a provider, and a rotation, on the real script."""

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
