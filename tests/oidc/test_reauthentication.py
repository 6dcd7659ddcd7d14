"""A login that demanded a new proof (`prompt=login`, `max_age=0`), or an `acr`. Core 3.1.3.7 steps 12 and 13."""

from datetime import timedelta
from typing import Any

import pytest

from identity_api.oidc.errors import ClaimMismatch, InvalidClaim, MissingClaim, ProtocolError, TokenNotYetValid
from identity_api.oidc.id_token import LoginExpectation, nonce_hash, validate_id_token
from tests.oidc.tokens import ABSENT, CLIENT_ID, ISSUER, NONCE, NOW, SECONDS, signed


def expectation(**changes: Any) -> LoginExpectation:
    members = {"issuer": ISSUER, "client_id": CLIENT_ID, "nonce_hash": nonce_hash(NONCE), "max_age_seconds": None}
    return LoginExpectation(**{**members, **changes})


# The person took four minutes at the provider.
REQUESTED_AT = SECONDS - 240
AGAIN = expectation(authenticated_since=NOW - timedelta(seconds=240))


def refusal(expected: LoginExpectation, **changes: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        validate_id_token(signed(**changes), expected, NOW)
    return caught.value


@pytest.mark.parametrize("auth_time", [REQUESTED_AT, REQUESTED_AT + 30, SECONDS, REQUESTED_AT - 60, SECONDS + 60])
def test_a_proof_since_the_request_is_accepted(auth_time: int) -> None:
    """The leeway holds on both sides; how long ago the proof was does not matter, only that it is new."""
    assert validate_id_token(signed(auth_time=auth_time), AGAIN, NOW).auth_time == auth_time


@pytest.mark.parametrize("auth_time", [REQUESTED_AT - 61, REQUESTED_AT - 3600, 0])
def test_a_proof_from_before_the_request_is_refused(auth_time: int) -> None:
    """The provider ignored `prompt=login` and answered from its own session."""
    error = refusal(AGAIN, auth_time=auth_time)
    assert isinstance(error, ClaimMismatch)
    assert error.claim == "auth_time"


@pytest.mark.parametrize("value", [ABSENT, None])
def test_a_token_that_does_not_say_when_is_refused(value: object) -> None:
    error = refusal(AGAIN, auth_time=value)
    assert isinstance(error, MissingClaim)
    assert error.claim == "auth_time"


def test_a_proof_from_the_future_is_refused() -> None:
    error = refusal(AGAIN, auth_time=SECONDS + 61)
    assert isinstance(error, TokenNotYetValid)
    assert error.claim == "auth_time"


@pytest.mark.parametrize(("age_seconds", "is_fine"), [(0, True), (60, True), (61, False)])
def test_a_max_age_of_nothing_leaves_only_the_leeway(age_seconds: int, is_fine: bool) -> None:
    if is_fine:
        validate_id_token(signed(auth_time=SECONDS - age_seconds), expectation(max_age_seconds=0), NOW)
    else:
        assert refusal(expectation(max_age_seconds=0), auth_time=SECONDS - age_seconds).claim == "auth_time"


@pytest.mark.parametrize(("max_age_seconds", "is_fine"), [(300, True), (100, False)])
def test_with_both_demands_the_stricter_one_holds(max_age_seconds: int, is_fine: bool) -> None:
    both = expectation(max_age_seconds=max_age_seconds, authenticated_since=AGAIN.authenticated_since)
    if is_fine:
        validate_id_token(signed(auth_time=REQUESTED_AT), both, NOW)
    else:
        assert refusal(both, auth_time=REQUESTED_AT).claim == "auth_time"
    assert refusal(both, auth_time=REQUESTED_AT - 61).claim == "auth_time"


def test_where_nothing_was_demanded_an_old_proof_is_fine() -> None:
    assert validate_id_token(signed(auth_time=1), expectation(), NOW).auth_time == 1


class TestContextClass:
    """`acr`, where it was asked for as essential."""

    expected = expectation(context_classes=("phr", "phrh"))

    def test_one_of_those_asked_for_is_accepted(self) -> None:
        assert validate_id_token(signed(acr="phrh"), self.expected, NOW).context_class == "phrh"

    @pytest.mark.parametrize("acr", ["0", "PHR", ""])
    def test_another_is_refused(self, acr: str) -> None:
        error = refusal(self.expected, acr=acr)
        assert isinstance(error, ClaimMismatch)
        assert error.claim == "acr"

    def test_none_at_all_is_refused(self) -> None:
        assert isinstance(refusal(self.expected, acr=ABSENT), MissingClaim)

    def test_another_type_is_refused(self) -> None:
        assert isinstance(refusal(self.expected, acr=["phr"]), InvalidClaim)

    def test_asked_for_nothing_it_is_only_told(self) -> None:
        assert validate_id_token(signed(acr="0"), expectation(), NOW).context_class == "0"
        assert validate_id_token(signed(acr=1), expectation(), NOW).context_class is None
