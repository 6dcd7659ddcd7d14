"""The ID Token of a login. Names in capitals are modules of the OpenID conformance suite; promises 1 and 13."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given

from identity_api.oidc.errors import (
    ClaimMismatch,
    InvalidClaim,
    MissingClaim,
    ProtocolError,
    TokenExpired,
    TokenNotYetValid,
)
from identity_api.oidc.id_token import LoginExpectation, VerifiedIDToken, nonce_hash, validate_id_token
from identity_api.oidc.signed_token import SignedClaims
from tests.oidc.strategies import objects, on_a_shared_machine
from tests.oidc.tokens import ABSENT, CLIENT_ID, ISSUER, LOGIN, NONCE, NOW, SECONDS, SUBJECT, claims, signed


def refusal(expected: LoginExpectation = LOGIN, **changes: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        validate_id_token(signed(**changes), expected, NOW)
    return caught.value


def test_a_valid_id_token_is_accepted_with_what_it_says() -> None:
    """oidcc-client-test."""
    verified = validate_id_token(signed(sid="s-1", groups=["a"]), LOGIN, NOW)
    assert (verified.issuer, verified.subject, verified.session_id) == (ISSUER, SUBJECT, "s-1")
    assert verified.issued_at == NOW
    assert verified.expires_at == NOW + timedelta(seconds=300)
    assert verified.auth_time == SECONDS - 900
    assert verified.claims["groups"] == ["a"]


@pytest.mark.parametrize(
    "issuer",
    [f"{ISSUER}/", "https://IDP.example", f"{ISSUER}:443", "http://idp.example", "https://idp.example.evil", ""],
)
def test_invalid_iss_is_refused(issuer: str) -> None:
    error = refusal(iss=issuer)
    assert isinstance(error, ClaimMismatch)
    assert error.claim == "iss"


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "nonce"])
@pytest.mark.parametrize("value", [ABSENT, None])
def test_a_missing_required_claim_is_refused(claim: str, value: object) -> None:
    """S0-36. missing-sub, missing-aud, missing-iat, and the FAPI modules for exp, iss and nonce."""
    error = refusal(**{claim: value})
    assert isinstance(error, MissingClaim)
    assert error.claim == claim


@pytest.mark.parametrize("subject", ["", 1, 1.5, True, [], {}, "x" * 256, "x" * 300, "a\x00b"])
def test_an_unusable_sub_is_refused(subject: object) -> None:
    error = refusal(sub=subject)
    assert isinstance(error, InvalidClaim)
    assert error.claim == "sub"


@pytest.mark.parametrize("subject", ["x", "x" * 255, "Jürgen", "a|b"])
def test_any_other_sub_is_accepted(subject: str) -> None:
    assert validate_id_token(signed(sub=subject), LOGIN, NOW).subject == subject


def test_invalid_aud_is_refused() -> None:
    error = refusal(aud="client-2")
    assert isinstance(error, ClaimMismatch)
    assert error.claim == "aud"


@pytest.mark.parametrize("audience", [[], ["client-2"], ["client-1 "]])
def test_an_aud_list_without_us_is_refused(audience: list[str]) -> None:
    error = refusal(aud=audience)
    assert isinstance(error, ClaimMismatch)
    assert error.claim == "aud"


@pytest.mark.parametrize("audience", [1, True, {"client-1": 1}, ["client-1", 1], [["client-1"]], ["client-1"] * 101])
def test_an_aud_of_another_type_is_refused(audience: object) -> None:
    error = refusal(aud=audience)
    assert isinstance(error, InvalidClaim)
    assert error.claim == "aud"


def test_an_aud_list_of_one_is_accepted() -> None:
    assert validate_id_token(signed(aud=[CLIENT_ID]), LOGIN, NOW).subject == SUBJECT


def test_further_audiences_are_accepted_with_our_azp() -> None:
    assert validate_id_token(signed(aud=[CLIENT_ID, "api"], azp=CLIENT_ID), LOGIN, NOW).subject == SUBJECT


def test_further_audiences_without_azp_are_refused() -> None:
    error = refusal(aud=[CLIENT_ID, "api"])
    assert isinstance(error, MissingClaim)
    assert error.claim == "azp"


@pytest.mark.parametrize("audience", [CLIENT_ID, [CLIENT_ID, "api"]])
def test_an_azp_that_is_not_us_is_refused(audience: object) -> None:
    """S0-37."""
    error = refusal(aud=audience, azp="api")
    assert isinstance(error, ClaimMismatch)
    assert error.claim == "azp"


def test_nonce_invalid_is_refused() -> None:
    """S1-21."""
    error = refusal(nonce=NONCE + "x")
    assert isinstance(error, ClaimMismatch)
    assert error.claim == "nonce"


def test_a_missing_nonce_is_accepted_by_exception_and_another_one_never() -> None:
    """LinkedIn's ID Tokens have none."""
    excepted = msgspec.structs.replace(LOGIN, accepts_missing_nonce=True)
    assert validate_id_token(signed(nonce=ABSENT), excepted, NOW).subject == SUBJECT
    assert isinstance(refusal(nonce=ABSENT), MissingClaim)
    assert isinstance(refusal(excepted, nonce=NONCE + "x"), ClaimMismatch)


def test_a_nonce_of_another_type_is_refused() -> None:
    error = refusal(nonce=["nonce-of-this-login"])
    assert isinstance(error, InvalidClaim)
    assert error.claim == "nonce"


@pytest.mark.parametrize("late_seconds", [0, 59, 59.5])
def test_a_token_within_the_leeway_after_exp_is_accepted(late_seconds: float) -> None:
    assert validate_id_token(signed(exp=SECONDS - late_seconds), LOGIN, NOW).subject == SUBJECT


@pytest.mark.parametrize("late_seconds", [60, 61, 3600])
def test_an_expired_token_is_refused(late_seconds: int) -> None:
    error = refusal(exp=SECONDS - late_seconds)
    assert isinstance(error, TokenExpired)
    assert error.claim == "exp"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_within_the_leeway_before_its_time_is_accepted(claim: str) -> None:
    assert validate_id_token(signed(**{claim: SECONDS + 59}), LOGIN, NOW).subject == SUBJECT


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_from_the_future_is_refused(claim: str) -> None:
    error = refusal(**{claim: SECONDS + 61})
    assert isinstance(error, TokenNotYetValid)
    assert error.claim == claim


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize("value", [str(SECONDS), True, [], -1, 1e300, 10**30])
def test_a_time_of_another_type_or_size_is_refused(claim: str, value: object) -> None:
    error = refusal(**{claim: value})
    assert isinstance(error, InvalidClaim)
    assert error.claim == claim


def test_the_leeway_can_be_nothing() -> None:
    strict = LoginExpectation(
        issuer=ISSUER, client_id=CLIENT_ID, nonce_hash=nonce_hash(NONCE), max_age_seconds=None, leeway_seconds=0
    )
    assert validate_id_token(signed(exp=SECONDS + 1), strict, NOW).subject == SUBJECT
    assert isinstance(refusal(strict, exp=SECONDS), TokenExpired)


@pytest.mark.parametrize("auth_time", [0, 1700000000.123])
def test_an_odd_auth_time_is_accepted_when_no_max_age_was_sent(auth_time: float) -> None:
    assert validate_id_token(signed(auth_time=auth_time), LOGIN, NOW).auth_time == int(auth_time)


class TestMaxAge:
    """Core 3.1.3.7 step 13."""

    expected = LoginExpectation(issuer=ISSUER, client_id=CLIENT_ID, nonce_hash=nonce_hash(NONCE), max_age_seconds=600)

    def test_a_recent_authentication_is_accepted(self) -> None:
        assert validate_id_token(signed(auth_time=SECONDS - 659), self.expected, NOW).auth_time == SECONDS - 659

    def test_an_older_authentication_is_refused(self) -> None:
        error = refusal(self.expected, auth_time=SECONDS - 661)
        assert isinstance(error, ClaimMismatch)
        assert error.claim == "auth_time"

    def test_a_token_that_does_not_say_when_is_refused(self) -> None:
        error = refusal(self.expected, auth_time=ABSENT)
        assert isinstance(error, MissingClaim)
        assert error.claim == "auth_time"


class TestEntraTemplate:
    """The one declared exception to the exact comparison of issuers (S4-32)."""

    template = "https://login.microsoftonline.com/{tenantid}/v2.0"
    directory = "72f988bf-86f1-41af-91ab-2d7cd011db47"
    expected = LoginExpectation(
        issuer=template,
        client_id=CLIENT_ID,
        nonce_hash=nonce_hash(NONCE),
        max_age_seconds=None,
        directories=frozenset((directory,)),
    )

    def token(self, **changes: Any) -> dict[str, Any]:
        return {"iss": self.template.replace("{tenantid}", self.directory), "tid": self.directory, **changes}

    def test_a_listed_directory_is_accepted(self) -> None:
        verified = validate_id_token(signed(**self.token()), self.expected, NOW)
        assert verified.issuer == self.template.replace("{tenantid}", self.directory)

    def test_another_directory_is_refused(self) -> None:
        error = refusal(self.expected, **self.token(iss=self.template.replace("{tenantid}", "other"), tid="other"))
        assert error.claim == "iss"

    def test_the_template_itself_is_refused(self) -> None:
        assert refusal(self.expected, **self.token(iss=self.template)).claim == "iss"

    def test_a_tid_that_contradicts_the_issuer_is_refused(self) -> None:
        assert refusal(self.expected, **self.token(tid="other")).claim == "tid"

    def test_a_token_without_tid_is_refused(self) -> None:
        assert isinstance(refusal(self.expected, **self.token(tid=ABSENT)), MissingClaim)

    def test_nobody_is_accepted_while_no_directory_is_listed(self) -> None:
        unlisted = LoginExpectation(
            issuer=self.template, client_id=CLIENT_ID, nonce_hash=nonce_hash(NONCE), max_age_seconds=None
        )
        assert refusal(unlisted, **self.token()).claim == "iss"

    def test_a_key_that_signs_for_another_directory_is_refused(self) -> None:
        mine, other = (self.template.replace("{tenantid}", name) for name in (self.directory, "other"))
        for key_issuer in (None, mine, self.template):
            good = SignedClaims(claims=claims(**self.token()), algorithm="RS256", key_issuer=key_issuer)
            assert validate_id_token(good, self.expected, NOW).subject == SUBJECT
        bad = SignedClaims(claims=claims(**self.token()), algorithm="RS256", key_issuer=other)
        with pytest.raises(ClaimMismatch) as caught:
            validate_id_token(bad, self.expected, NOW)
        assert caught.value.claim == "iss"


@on_a_shared_machine
@given(objects("iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "auth_time", "sid", "tid"))
def test_any_claims_give_a_verified_token_or_our_error(changes: dict[str, Any]) -> None:
    payload = SignedClaims(claims=claims(**changes), algorithm="RS256")
    blame: str | None = "none"
    try:
        assert isinstance(validate_id_token(payload, LOGIN, NOW), VerifiedIDToken)
    except ProtocolError as error:
        blame = error.claim
    assert blame is not None


def test_what_is_verified_shows_no_claims() -> None:
    assert SUBJECT not in repr(validate_id_token(signed(), LOGIN, NOW))
    assert SUBJECT not in repr(signed())
