"""How the client proves itself. Core 9, RFC 6749 section 2.3.1."""

import base64
from typing import Any

import pytest

from identity_api.errors import BadInput
from identity_api.oidc.client_auth import ClientAuthentication, authenticate


def proof(**members: Any) -> tuple[dict[str, str], dict[str, str]]:
    parameters: dict[str, str] = {}
    headers: dict[str, str] = {}
    authenticate(ClientAuthentication(**members), parameters, headers)
    return parameters, headers


def test_client_secret_post_is_in_the_form() -> None:
    parameters, headers = proof(method="client_secret_post", client_id="c", client_secret="s")
    assert parameters == {"client_id": "c", "client_secret": "s"}
    assert headers == {}


def test_client_secret_basic_is_in_the_header_only() -> None:
    """client-secret-basic."""
    parameters, headers = proof(method="client_secret_basic", client_id="c", client_secret="s-1._~")
    assert parameters == {}
    assert headers == {"authorization": "Basic " + base64.b64encode(b"c:s-1._~").decode()}


def test_client_secret_basic_encodes_both_halves() -> None:
    """A colon in the id would otherwise move the seam."""
    _, headers = proof(method="client_secret_basic", client_id="a:b", client_secret="p +%&é")
    assert base64.b64decode(headers["authorization"][6:]) == b"a%3Ab:p+%2B%25%26%C3%A9"


def test_a_public_client_sends_its_id_only() -> None:
    assert proof(method="none", client_id="c") == ({"client_id": "c"}, {})


@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_a_client_known_by_its_certificate_sends_its_id_only(method: str) -> None:
    """RFC 8705 section 2: the connection is the proof."""
    assert proof(method=method, client_id="c") == ({"client_id": "c"}, {})
    with pytest.raises(BadInput):
        ClientAuthentication(method=method, client_id="c", client_secret="s")


@pytest.mark.parametrize(
    "members",
    [
        {"method": "none", "client_secret": "s"},
        {"method": "client_secret_basic", "client_secret": None},
        {"method": "client_secret_post", "client_secret": ""},
        {"method": "private_key_jwt", "client_secret": "s"},
        {"method": "none", "client_id": ""},
    ],
)
def test_a_method_that_does_not_fit_the_secret_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        ClientAuthentication(**{"client_id": "c", **members})


def test_the_secret_is_not_shown() -> None:
    shown = repr(ClientAuthentication(method="client_secret_post", client_id="c", client_secret="hidden"))
    assert "hidden" not in shown
