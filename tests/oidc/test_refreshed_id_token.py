"""The ID Token that comes with a refresh. Core 12.2; promise 29; the conformance suite's Refresh Token plan."""

from typing import Any

import pytest

from identity_api.oidc.errors import ClaimMismatch, MissingClaim, ProtocolError, TokenExpired
from identity_api.oidc.id_token import RefreshExpectation, nonce_hash, validate_refreshed_id_token
from tests.oidc.tokens import ABSENT, CLIENT_ID, ISSUER, NONCE, NOW, REFRESH, SECONDS, SUBJECT, signed


def refusal(**changes: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        validate_refreshed_id_token(signed(**changes), REFRESH, NOW)
    return caught.value


def test_the_same_person_is_accepted() -> None:
    """refresh-token."""
    assert validate_refreshed_id_token(signed(), REFRESH, NOW).subject == SUBJECT


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "https://other.example"),  # refresh-token-invalid-issuer
        ("sub", "someone-else"),  # refresh-token-invalid-sub
        ("aud", "client-2"),
        ("nonce", "another-nonce"),
        ("auth_time", SECONDS - 901),
        ("azp", "client-2"),
    ],
)
def test_a_changed_claim_is_refused(claim: str, value: object) -> None:
    error = refusal(**{claim: value})
    assert isinstance(error, ClaimMismatch)
    assert error.claim == claim


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat"])
def test_a_missing_required_claim_is_refused(claim: str) -> None:
    error = refusal(**{claim: ABSENT})
    assert isinstance(error, MissingClaim)
    assert error.claim == claim


@pytest.mark.parametrize("claim", ["nonce", "auth_time"])
def test_nonce_and_auth_time_may_be_absent(claim: str) -> None:
    assert validate_refreshed_id_token(signed(**{claim: ABSENT}), REFRESH, NOW).subject == SUBJECT


def test_a_fraction_in_auth_time_is_no_change() -> None:
    assert validate_refreshed_id_token(signed(auth_time=SECONDS - 900 + 0.25), REFRESH, NOW).subject == SUBJECT


def test_auth_time_may_appear_where_the_login_had_none() -> None:
    expected = RefreshExpectation(
        issuer=ISSUER, client_id=CLIENT_ID, subject=SUBJECT, auth_time=None, nonce_hash=nonce_hash(NONCE)
    )
    assert validate_refreshed_id_token(signed(), expected, NOW).auth_time == SECONDS - 900


def test_an_expired_token_is_refused() -> None:
    assert isinstance(refusal(exp=SECONDS - 61), TokenExpired)
