"""Whose page posted a callback, as a browser tells it (Fetch 3.2, RFC 6454 section 6.2)."""

import msgspec
import pytest

from identity_api.oidc.callback_origin import can_be_told, origin_of, vouches
from identity_api.oidc.discovery import ProviderMetadata

METADATA = ProviderMetadata(
    issuer="https://idp.example/realms/a",
    authorization_endpoint="https://idp.example/realms/a/authorize?p=1",
    token_endpoint="https://idp.example/realms/a/token",
    jwks_uri="https://idp.example/keys",
)
DOCUMENT = "https://idp.example/realms/a/.well-known/openid-configuration"
ELSEWHERE = msgspec.structs.replace(METADATA, token_endpoint="https://tokens.example/token")


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://IdP.example/a?b#c", "https://idp.example"),
        ("https://idp.example:443/", "https://idp.example"),
        ("https://idp.example:8443/", "https://idp.example:8443"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("https://[::1]:8443/a", "https://[::1]:8443"),
        ("https://user@idp.example/", "https://idp.example"),
        ("null", None),
        ("", None),
        ("https://", None),
        ("https://[", None),
        ("file:///etc", None),
    ],
)
def test_an_origin_is_written_as_browsers_do(address: str, origin: str | None) -> None:
    assert origin_of(address) == origin


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "https://idp.example.",
        "https://idp.example:443",
        "http://idp.example",
        "https://other.example",
    ],
)
def test_one_origin_and_no_other_vouches(origin: str | None) -> None:
    assert vouches("https://idp.example", METADATA, DOCUMENT)
    assert not vouches(origin, METADATA, DOCUMENT)


def test_a_code_goes_back_to_where_it_came_from() -> None:
    """A token endpoint elsewhere is believed if the posting origin itself names it in its document, and never otherwise."""
    assert vouches("https://idp.example", ELSEWHERE, DOCUMENT)
    for document in (None, "https://evil.example/metadata", "https://tokens.example/metadata"):
        assert not vouches("https://idp.example", ELSEWHERE, document)
        assert not can_be_told(ELSEWHERE, document)
        assert can_be_told(METADATA, document)


def test_a_document_that_names_a_strangers_page_is_not_believed() -> None:
    """The page is the honest provider's, document and token endpoint are the attacker's."""
    lie = msgspec.structs.replace(METADATA, token_endpoint="https://evil.example/token")
    assert not vouches("https://idp.example", lie, "https://evil.example/metadata")
