"""Proof of possession. RFC 9449; promise 12."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.errors import BadInput
from identity_api.oidc.client_auth import ClientAuthentication
from identity_api.oidc.dpop import TOKEN_TYPE, dpop_proof, next_nonce, nonce_challenge, with_proof
from identity_api.oidc.errors import InvalidTokenResponse
from identity_api.oidc.jwks import parse_key_set
from identity_api.oidc.messages import Answer
from identity_api.oidc.signed_token import verify_signature
from identity_api.oidc.token_endpoint import (
    BadResponse,
    Refreshed,
    Transient,
    read_code_response,
    read_refresh_response,
    refresh_request,
)
from identity_api.oidc.userinfo import userinfo_request
from tests.oidc.own import own_key
from tests.oidc.strategies import on_a_shared_machine
from tests.oidc.tokens import CLIENT_ID, ISSUER, NOW, SECONDS

ENDPOINT = f"{ISSUER}/token"
NONCE = "eyJ7S_zG.eyJH0-Z.HX4w-7v"
CHALLENGE = 'Bearer realm="x", DPoP realm="y", error="use_dpop_nonce", error_description="z"'


def proof(kind: str = "P-256", **changes: Any) -> str:
    return dpop_proof(own_key(kind), **{"method": "POST", "url": ENDPOINT, "now": NOW, **changes})


def header_of(token: str) -> dict[str, Any]:
    segment = token.split(".")[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return header


def claims_of(token: str) -> dict[str, Any]:
    """As a server reads a proof: with the key that is in it, which then must be the one the token is bound to."""
    header = header_of(token)
    keys = parse_key_set(json.dumps({"keys": [header["jwk"]]}).encode())
    return dict(verify_signature(token, keys, [header["alg"]], types=["dpop+jwt"]).claims)


def test_a_proof_is_for_one_request_now() -> None:
    claims = claims_of(proof())
    assert len(claims.pop("jti")) > 43
    assert claims == {"htm": "POST", "htu": ENDPOINT, "iat": SECONDS}


@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "Ed25519"])
def test_a_proof_holds_the_public_key_and_nothing_private(kind: str) -> None:
    header = header_of(proof(kind))
    assert header["typ"] == "dpop+jwt"
    assert header["jwk"] == own_key(kind).public_members
    assert {"d", "p", "q", "k"}.isdisjoint(header["jwk"])
    assert claims_of(proof(kind))["htm"] == "POST"


@pytest.mark.parametrize("suffix", ["?a=1", "#f", "?a=1#f", ""])
def test_query_and_fragment_are_not_part_of_the_proof(suffix: str) -> None:
    assert claims_of(proof(url=ENDPOINT + suffix))["htu"] == ENDPOINT


def test_no_two_proofs_have_the_same_id() -> None:
    assert len({claims_of(proof())["jti"] for _ in range(50)}) == 50


def test_the_hash_of_the_access_token_is_that_of_the_specification() -> None:
    """RFC 9449 section 7.1, figure 13."""
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert claims_of(proof(access_token=token))["ath"] == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_a_key_for_encryption_proves_nothing() -> None:
    with pytest.raises(BadInput):
        dpop_proof(own_key("P-256", "enc"), method="POST", url=ENDPOINT, now=NOW)


def test_a_token_request_gets_a_proof_and_keeps_the_rest() -> None:
    client = ClientAuthentication(method="client_secret_basic", client_id=CLIENT_ID, client_secret="s")
    plain = refresh_request(ENDPOINT, client=client, refresh_token="r")
    proven = with_proof(plain, own_key(), NOW, nonce=NONCE)
    assert claims_of(proven.headers["dpop"])["nonce"] == NONCE
    assert proven.headers.items() > plain.headers.items()
    assert proven.body == plain.body
    again = with_proof(proven, own_key(), NOW, nonce="n2")
    assert claims_of(again.headers["dpop"])["nonce"] == "n2"


def test_a_userinfo_request_presents_its_token_as_dpop() -> None:
    request = with_proof(userinfo_request(f"{ISSUER}/userinfo", "at-1"), own_key(), NOW, access_token="at-1")
    assert request.headers["authorization"] == "DPoP at-1"
    claims = claims_of(request.headers["dpop"])
    assert (claims["htm"], claims["htu"]) == ("GET", f"{ISSUER}/userinfo")
    assert "ath" in claims


def refused(status: int = 400, error: str = "use_dpop_nonce", **headers: str) -> Answer:
    return Answer(status=status, headers={"dpop-nonce": NONCE, **headers}, body=json.dumps({"error": error}).encode())


class TestChallenge:
    """Sections 8 and 9: which nonce to come back with."""

    def test_the_token_endpoint_asks_in_its_error(self) -> None:
        assert nonce_challenge(refused()) == NONCE

    def test_a_resource_asks_in_its_challenge(self) -> None:
        assert nonce_challenge(refused(401, error="", **{"www-authenticate": CHALLENGE})) == NONCE

    @pytest.mark.parametrize(
        "answer",
        [
            refused(error="invalid_dpop_proof"),
            refused(error="invalid_grant"),
            refused(200),
            refused(500),
            refused(401, error=""),
            refused(401, error="", **{"www-authenticate": 'Bearer error="use_dpop_nonce"'}),
            refused(401, error="", **{"www-authenticate": 'DPoP error="invalid_token"'}),
            Answer(status=400, headers={"dpop-nonce": NONCE}, body=b"<html>"),
            Answer(status=400, body=b'{"error":"use_dpop_nonce"}'),
        ],
    )
    def test_any_other_answer_asks_for_nothing(self, answer: Answer) -> None:
        assert nonce_challenge(answer) is None

    @pytest.mark.parametrize("nonce", ["", "a b", 'a"b', "a\\b", "é", "n" * 513, "a\r\nx: y"])
    def test_a_nonce_that_cannot_be_used_is_none(self, nonce: str) -> None:
        assert next_nonce(Answer(status=200, headers={"dpop-nonce": "n" * 512})) == "n" * 512
        assert next_nonce(Answer(status=200, headers={"dpop-nonce": nonce})) is None
        assert nonce_challenge(refused(**{"dpop-nonce": nonce})) is None

    def test_a_success_may_bring_the_next_nonce(self) -> None:
        assert next_nonce(Answer(status=200, headers={"dpop-nonce": NONCE}, body=b"{}")) == NONCE

    @on_a_shared_machine
    @given(st.integers(100, 599), st.binary(max_size=60), st.text(max_size=60), st.text(max_size=20))
    def test_any_answer_gives_a_nonce_or_none(self, status: int, body: bytes, challenge: str, nonce: str) -> None:
        headers = {"www-authenticate": challenge, "dpop-nonce": nonce}
        assert nonce_challenge(Answer(status=status, headers=headers, body=body)) in (None, nonce)


def tokens(token_type: object) -> Answer:
    return Answer(status=200, body=json.dumps({"access_token": "at", "token_type": token_type}).encode())


class TestTokenType:
    """Section 5: a token that was to be bound to our key says so."""

    @pytest.mark.parametrize("token_type", ["DPoP", "dpop"])
    def test_a_bound_token_is_accepted_where_a_proof_was_sent(self, token_type: str) -> None:
        assert read_code_response(tokens(token_type), NOW, token_type=TOKEN_TYPE).token_type == "DPoP"
        assert isinstance(read_refresh_response(tokens(token_type), NOW, token_type=TOKEN_TYPE), Refreshed)

    @pytest.mark.parametrize(("token_type", "expected"), [("Bearer", "DPoP"), ("DPoP", "Bearer"), (None, "DPoP")])
    def test_a_token_of_the_other_type_is_refused(self, token_type: object, expected: str) -> None:
        with pytest.raises(InvalidTokenResponse) as caught:
            read_code_response(tokens(token_type), NOW, token_type=expected)
        assert caught.value.claim == "token_type"
        assert isinstance(read_refresh_response(tokens(token_type), NOW, token_type=expected), BadResponse)

    @pytest.mark.parametrize("error", ["use_dpop_nonce", "invalid_dpop_proof"])
    def test_a_refused_proof_never_means_a_dead_token(self, error: str) -> None:
        assert read_refresh_response(refused(error=error), NOW) == Transient(error)
