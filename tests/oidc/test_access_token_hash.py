"""`at_hash` binds the access token to the ID Token. OIDC Core 3.1.3.6, 3.1.3.8; module invalid-athash."""

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.access_token_hash import check_access_token_hash
from identity_api.oidc.errors import ClaimMismatch, InvalidClaim
from identity_api.oidc.id_token import validate_id_token, validate_refreshed_id_token
from identity_api.oidc.jwks import ALLOWED_ALGORITHMS
from identity_api.oidc.signed_token import SignedClaims
from tests.oidc.strategies import json_values, on_a_shared_machine
from tests.oidc.tokens import LOGIN, NOW, REFRESH, SUBJECT, claims, signed

ACCESS_TOKEN = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
AT_HASH = "77QmUPtjPfzWtF2AnpK9RQ"


def half(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def hash_for(algorithm: str) -> str:
    octets = ACCESS_TOKEN.encode()
    if algorithm == "Ed448":
        return half(hashlib.shake_256(octets).digest(114))
    size = {"EdDSA": "512", "Ed25519": "512"}.get(algorithm, algorithm[-3:])
    return half(hashlib.new(f"sha{size}", octets).digest())


def check(at_hash: Any, algorithm: str = "RS256") -> None:
    check_access_token_hash(SignedClaims(claims=claims(at_hash=at_hash), algorithm=algorithm), ACCESS_TOKEN)


def test_the_example_of_the_specification_is_accepted() -> None:
    """Core appendix A.3."""
    check(AT_HASH)


@pytest.mark.parametrize("algorithm", sorted(ALLOWED_ALGORITHMS))
def test_every_algorithm_has_its_hash(algorithm: str) -> None:
    check(hash_for(algorithm), algorithm)
    with pytest.raises(ClaimMismatch):
        check(half(hashlib.md5(ACCESS_TOKEN.encode()).digest()), algorithm)


def test_an_absent_hash_says_nothing() -> None:
    check(None)


@pytest.mark.parametrize("at_hash", ["", AT_HASH + "=", AT_HASH[:-1], "77QmUPtjPfzWtF2AnpK9RA", "é", "\ud800"])
def test_another_hash_is_refused(at_hash: str) -> None:
    check(AT_HASH)
    with pytest.raises(ClaimMismatch) as caught:
        check(at_hash)
    assert caught.value.claim == "at_hash"


@pytest.mark.parametrize("at_hash", [1, True, [AT_HASH], {}])
def test_a_hash_of_another_type_is_refused(at_hash: object) -> None:
    with pytest.raises(InvalidClaim) as caught:
        check(at_hash)
    assert caught.value.claim == "at_hash"


def test_the_hash_of_a_login_is_checked_when_the_access_token_is_handed_in() -> None:
    good = signed(at_hash=AT_HASH)
    assert validate_id_token(good, LOGIN, NOW, access_token=ACCESS_TOKEN).subject == SUBJECT
    with pytest.raises(ClaimMismatch) as caught:
        validate_id_token(good, LOGIN, NOW, access_token="another")
    assert caught.value.claim == "at_hash"


def test_the_hash_of_a_refresh_is_checked_when_the_access_token_is_handed_in() -> None:
    good = signed(at_hash=AT_HASH)
    assert validate_refreshed_id_token(good, REFRESH, NOW, access_token=ACCESS_TOKEN).subject == SUBJECT
    with pytest.raises(ClaimMismatch) as caught:
        validate_refreshed_id_token(good, REFRESH, NOW, access_token="another")
    assert caught.value.claim == "at_hash"


@on_a_shared_machine
@given(json_values, st.sampled_from(sorted(ALLOWED_ALGORITHMS)), st.text(max_size=50))
def test_any_hash_and_token_pass_or_give_our_error(at_hash: object, algorithm: str, token: str) -> None:
    signed = SignedClaims(claims={"at_hash": at_hash}, algorithm=algorithm)
    if at_hash is None:
        check_access_token_hash(signed, token)
        return
    with pytest.raises((ClaimMismatch, InvalidClaim)) as caught:
        check_access_token_hash(signed, token)
    assert caught.value.claim == "at_hash"
