"""The ID Token that comes with a refresh. Core 12.2; promise 29; the conformance suite's Refresh Token plan."""

from typing import Any

import pytest

from identity_api.oidc.errors import ClaimMismatch, MissingClaim, OtherPerson, ProtocolError, TokenExpired
from identity_api.oidc.id_token import RefreshExpectation, SignedClaims, nonce_hash, validate_refreshed_id_token
from tests.oidc.tokens import ABSENT, CLIENT_ID, ISSUER, NONCE, NOW, REFRESH, SECONDS, SUBJECT, claims, signed


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
    ],
)
def test_another_issuer_or_subject_is_another_person(claim: str, value: str) -> None:
    error = refusal(**{claim: value})
    assert isinstance(error, OtherPerson)
    assert (error.claim, error.received) == (claim, value)
    assert error.expected == {"iss": ISSUER, "sub": SUBJECT}[claim]


def test_another_audience_is_refused_and_is_nobody_else() -> None:
    error = refusal(aud="client-2")
    assert isinstance(error, ClaimMismatch)
    assert not isinstance(error, OtherPerson)
    assert error.claim == "aud"


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("nonce", "another-nonce"),
        ("auth_time", SECONDS - 901),
        ("auth_time", SECONDS - 899),
        ("azp", "client-2"),
    ],
)
def test_another_sign_in_of_the_same_person_is_accepted_and_told(claim: str, value: object) -> None:
    """12.2 asks providers to repeat these; none of them says who somebody is."""
    verified = validate_refreshed_id_token(signed(**{claim: value}), REFRESH, NOW)
    assert verified.subject == SUBJECT
    assert [one.claim for one in verified.deviations] == [claim]


def test_a_token_that_repeats_the_login_deviates_in_nothing() -> None:
    assert validate_refreshed_id_token(signed(), REFRESH, NOW).deviations == ()


def test_several_audiences_without_azp_are_refused() -> None:
    assert isinstance(refusal(aud=[CLIENT_ID, "client-2"]), MissingClaim)


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


class TestEntraTemplate:
    """Entra's rules beside its template hold for a refresh as for a login: listed directory, `tid`, the key's issuer."""

    template = "https://login.microsoftonline.com/{tenantid}/v2.0"
    directory = "72f988bf-86f1-41af-91ab-2d7cd011db47"
    issuer = template.replace("{tenantid}", directory)

    def expected(self, *directories: str) -> RefreshExpectation:
        return RefreshExpectation(
            issuer=self.issuer,
            client_id=CLIENT_ID,
            subject=SUBJECT,
            auth_time=None,
            nonce_hash=nonce_hash(NONCE),
            announced_issuer=self.template,
            directories=frozenset(directories),
        )

    def refusal(self, expected: RefreshExpectation, key_issuer: str | None = None, **changes: Any) -> ProtocolError:
        good = {"iss": self.issuer, "tid": self.directory}
        token = SignedClaims(claims=claims(**{**good, **changes}), algorithm="RS256", key_issuer=key_issuer)
        with pytest.raises(ProtocolError) as caught:
            validate_refreshed_id_token(token, expected, NOW)
        return caught.value

    @pytest.mark.parametrize("key_issuer", [None, issuer, template])
    def test_the_directory_of_the_login_is_accepted(self, key_issuer: str | None) -> None:
        token = claims(iss=self.issuer, tid=self.directory)
        good = SignedClaims(claims=token, algorithm="RS256", key_issuer=key_issuer)
        assert validate_refreshed_id_token(good, self.expected(self.directory), NOW).issuer == self.issuer

    def test_another_directory_is_another_person(self) -> None:
        other = self.template.replace("{tenantid}", "other")
        assert isinstance(self.refusal(self.expected(self.directory), iss=other, tid="other"), OtherPerson)

    def test_a_directory_that_is_not_listed_any_more_is_refused(self) -> None:
        error = self.refusal(self.expected("other"))
        assert (type(error), error.claim) == (ClaimMismatch, "iss")

    def test_a_tid_that_contradicts_the_issuer_is_refused(self) -> None:
        assert self.refusal(self.expected(self.directory), tid="other").claim == "tid"

    def test_a_key_that_signs_for_another_directory_is_refused(self) -> None:
        error = self.refusal(self.expected(self.directory), self.template.replace("{tenantid}", "other"))
        assert (type(error), error.claim) == (ClaimMismatch, "iss")
