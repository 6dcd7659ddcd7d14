"""Pushed authorization requests. RFC 9126; promise 12."""

import contextlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.authorization import authorization_parameters
from identity_api.oidc.client_auth import ClientAuthentication
from identity_api.oidc.errors import (
    InvalidMetadata,
    InvalidPushedResponse,
    PushedRequestError,
    PushedRequestRefused,
    PushedRequestUnavailable,
)
from identity_api.oidc.messages import Answer
from identity_api.oidc.par import (
    PushedRequest,
    pushed_authorization_request,
    pushed_authorization_url,
    read_pushed_response,
)
from tests.oidc.own import own_key
from tests.oidc.strategies import objects, on_a_shared_machine
from tests.oidc.tokens import CLIENT_ID, ISSUER, NOW

URN = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"
PUSHED = PushedRequest(request_uri=URN, expires_in_seconds=60)
ASKED: dict[str, Any] = {
    "client_id": CLIENT_ID,
    "redirect_uri": "https://app.example/auth/callback",
    "scopes": ("openid", "profile"),
    "state": "st",
    "nonce": "no",
    "code_challenge": "ch",
    "login_hint": "a@b.example",
}


def answer(status: int = 201, **changes: Any) -> Answer:
    members = {"request_uri": URN, "expires_in": 60, **changes}
    return Answer(status=status, headers={"retry-after": "9"}, body=json.dumps(members).encode())


def refusal(received: Answer) -> PushedRequestError:
    assert read_pushed_response(answer(), NOW) == PUSHED
    with pytest.raises(PushedRequestError) as caught:
        read_pushed_response(received, NOW)
    return caught.value


@pytest.mark.parametrize(
    "client",
    [
        ClientAuthentication(method="client_secret_basic", client_id=CLIENT_ID, client_secret="s"),
        ClientAuthentication(method="client_secret_post", client_id=CLIENT_ID, client_secret="s"),
        ClientAuthentication(method="private_key_jwt", client_id=CLIENT_ID, signing_key=own_key(), audience=ISSUER),
        ClientAuthentication(method="none", client_id=CLIENT_ID),
    ],
)
def test_the_whole_request_is_pushed_with_the_clients_proof(client: ClientAuthentication) -> None:
    request = pushed_authorization_request(
        f"{ISSUER}/par", client=client, parameters=authorization_parameters(**ASKED), now=NOW
    )
    assert (request.method, request.url) == ("POST", f"{ISSUER}/par")
    pushed = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    assert authorization_parameters(**ASKED).items() <= pushed.items()
    proofs = {"client_secret", "client_assertion"} & set(pushed) | {"authorization"} & set(request.headers)
    assert len(proofs) == (client.method != "none")


@pytest.mark.parametrize("endpoint", [f"{ISSUER}/authorize", f"{ISSUER}/authorize?p=policy"])
def test_the_browser_carries_only_client_id_and_request_uri(endpoint: str) -> None:
    """Promise 12."""
    sent = parse_qs(urlsplit(pushed_authorization_url(endpoint, client_id=CLIENT_ID, pushed=PUSHED)).query)
    sent.pop("p", None)
    assert sent == {"client_id": [CLIENT_ID], "request_uri": [URN]}


def test_an_endpoint_that_sets_our_parameters_is_refused() -> None:
    with pytest.raises(InvalidMetadata):
        pushed_authorization_url(f"{ISSUER}/authorize?scope=admin", client_id=CLIENT_ID, pushed=PUSHED)


@pytest.mark.parametrize("status", [200, 201])
def test_a_pushed_request_is_told_with_its_lifetime(status: int) -> None:
    assert read_pushed_response(answer(status), NOW) == PUSHED
    assert URN not in repr(PUSHED)


@pytest.mark.parametrize(("expires_in", "seconds"), [("90", 90), (5.9, 5), (10**9, 600)])
def test_a_lifetime_is_read_generously_and_bounded(expires_in: object, seconds: int) -> None:
    assert read_pushed_response(answer(expires_in=expires_in), NOW).expires_in_seconds == seconds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("request_uri", value)
            for value in (None, "", 1, [URN], "no-scheme", "urn:a b", "urn:é", "urn:" + "x" * 2050)
        ),
        *(("expires_in", value) for value in (None, 0, -1, True, "soon", [60])),
    ],
)
def test_an_unusable_success_is_refused(name: str, value: object) -> None:
    error = refusal(answer(**{name: value}))
    assert isinstance(error, InvalidPushedResponse)
    assert error.claim == name


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("invalid_request", "invalid_request"),
        ("invalid_client", "invalid_client"),
        ("use_dpop_nonce", "use_dpop_nonce"),
        ("<script>", "other"),
        (7, None),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 405, 413])
def test_a_refusal_tells_a_known_error_and_never_text(status: int, error: object, told: str | None) -> None:
    caught = refusal(answer(status, error=error, error_description="hidden"))
    assert isinstance(caught, PushedRequestRefused)
    assert (caught.status, caught.error) == (status, told)
    assert "hidden" not in str(caught)


@pytest.mark.parametrize("status", [100, 302, 429, 500, 503])
def test_a_provider_in_trouble_is_told_apart(status: int) -> None:
    error = refusal(answer(status))
    assert isinstance(error, PushedRequestUnavailable)
    assert error.retry_after_seconds == 9


@on_a_shared_machine
@given(st.integers(100, 599), st.binary(max_size=200) | objects("request_uri", "expires_in", "error").map(json.dumps))
def test_any_answer_gives_a_pushed_request_or_our_error(status: int, body: Any) -> None:
    octets = body if isinstance(body, bytes) else body.encode()
    with contextlib.suppress(PushedRequestError):
        assert read_pushed_response(Answer(status=status, body=octets), NOW).expires_in_seconds > 0
