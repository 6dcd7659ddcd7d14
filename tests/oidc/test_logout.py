"""The URL that ends the provider's session. RP-Initiated Logout 1.0 section 2."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from identity_api.oidc.errors import InvalidMetadata
from identity_api.oidc.logout import end_session_url
from tests.oidc.tokens import ISSUER


def url(endpoint: str = f"{ISSUER}/logout", **changes: Any) -> str:
    valid: dict[str, Any] = {
        "id_token_hint": "a.b.c",
        "client_id": "client-1",
        "post_logout_redirect_uri": "https://app.example/bye",
        "state": "s-1",
    }
    return end_session_url(endpoint, **{**valid, **changes})


def test_rp_init_logout_sends_all_four_parameters() -> None:
    assert parse_qs(urlsplit(url()).query) == {
        "id_token_hint": ["a.b.c"],
        "client_id": ["client-1"],
        "post_logout_redirect_uri": ["https://app.example/bye"],
        "state": ["s-1"],
    }


def test_without_a_hint_the_client_says_who_asks() -> None:
    assert parse_qs(urlsplit(url(id_token_hint=None)).query)["client_id"] == ["client-1"]


def test_state_is_sent_only_with_a_place_to_return_to() -> None:
    assert "state" not in url(post_logout_redirect_uri=None)


def test_the_endpoints_own_query_is_kept() -> None:
    assert parse_qs(urlsplit(url(f"{ISSUER}/logout?p=policy")).query)["p"] == ["policy"]


def test_an_endpoint_that_sets_our_parameters_is_refused() -> None:
    with pytest.raises(InvalidMetadata) as caught:
        url(f"{ISSUER}/logout?post_logout_redirect_uri=https://evil.example")
    assert caught.value.claim == "end_session_endpoint"
