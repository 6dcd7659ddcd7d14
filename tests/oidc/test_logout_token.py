"""Logout tokens: only a valid one acts. Back-Channel Logout 1.0 sections 2.4 to 2.6; promises 17 and 18."""

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.errors import (
    AlgorithmNotAllowed,
    ClaimMismatch,
    InvalidClaim,
    InvalidParameters,
    MalformedToken,
    MissingClaim,
    ProtocolError,
    TokenExpired,
    TokenNotYetValid,
    UnexpectedClaim,
)
from identity_api.oidc.logout_token import (
    LOGOUT_EVENT,
    LOGOUT_TOKEN_TYPES,
    LogoutExpectation,
    LogoutToken,
    parse_backchannel_logout,
    validate_logout_token,
)
from identity_api.oidc.signed_token import MAX_TOKEN_BYTES, SignedClaims, verify_signature
from tests.oidc.strategies import objects, on_a_shared_machine
from tests.oidc.tokens import (
    ABSENT,
    CLIENT_ID,
    ISSUER,
    NOW,
    SECONDS,
    SUBJECT,
    claims,
    key_set,
    public,
    rsa_key,
    sign,
)

EXPECTED = LogoutExpectation(issuer=ISSUER, client_id=CLIENT_ID)
KEYS = key_set(public(rsa_key(), kid="key-1"))


def logout_claims(**changes: Any) -> dict[str, Any]:
    valid = {
        "iss": ISSUER,
        "sub": SUBJECT,
        "sid": "s-1",
        "aud": CLIENT_ID,
        "iat": SECONDS - 2,
        "exp": SECONDS + 118,
        "jti": "j-1",
        "events": {LOGOUT_EVENT: {}},
    }
    return {name: value for name, value in {**valid, **changes}.items() if value is not ABSENT}


def judge(expected: LogoutExpectation = EXPECTED, **changes: Any) -> LogoutToken:
    """The whole way: a token string, its signature, its rules."""
    token = sign(logout_claims(**changes), rsa_key(), typ="logout+jwt")
    signed = verify_signature(token, KEYS, ["RS256"], types=LOGOUT_TOKEN_TYPES)
    return validate_logout_token(signed, expected, NOW)


def refusal(**changes: Any) -> ProtocolError:
    assert judge().token_id == "j-1"
    with pytest.raises(ProtocolError) as caught:
        judge(**changes)
    return caught.value


def test_a_valid_logout_token_says_whose_session_ends() -> None:
    token = judge()
    assert (token.issuer, token.subject, token.session_id, token.token_id) == (ISSUER, SUBJECT, "s-1", "j-1")
    assert token.issued_at == NOW - timedelta(seconds=2)
    assert token.expires_at == NOW + timedelta(seconds=118)
    assert SUBJECT not in repr(token)


@pytest.mark.parametrize("type_", ["logout+jwt", "Logout+JWT", "application/logout+jwt", ABSENT])
def test_a_logout_token_is_labelled_as_one_or_not_at_all(type_: object) -> None:
    token = sign(logout_claims(), rsa_key(), typ=type_)
    assert verify_signature(token, KEYS, ["RS256"], types=LOGOUT_TOKEN_TYPES).claims["jti"] == "j-1"


@pytest.mark.parametrize("type_", ["JWT", "at+jwt", "secevent+jwt", ""])
def test_a_token_labelled_as_another_kind_is_refused(type_: str) -> None:
    with pytest.raises(MalformedToken) as caught:
        verify_signature(sign(logout_claims(), rsa_key(), typ=type_), KEYS, ["RS256"], types=LOGOUT_TOKEN_TYPES)
    assert caught.value.claim == "typ"


def test_an_algorithm_that_was_not_agreed_on_is_refused() -> None:
    with pytest.raises(AlgorithmNotAllowed):
        verify_signature(sign(logout_claims(), rsa_key(), "PS256"), KEYS, ["RS256"], types=LOGOUT_TOKEN_TYPES)


@pytest.mark.parametrize("claim", ["iss", "aud", "iat", "exp", "jti", "events"])
@pytest.mark.parametrize("value", [ABSENT, None])
def test_a_missing_required_claim_is_refused(claim: str, value: object) -> None:
    error = refusal(**{claim: value})
    assert isinstance(error, MissingClaim)
    assert error.claim == claim


@pytest.mark.parametrize(
    ("claim", "value"),
    [("iss", "https://other.example"), ("iss", f"{ISSUER}/"), ("aud", "client-2"), ("aud", ["client-2"])],
)
def test_a_token_of_or_for_somebody_else_is_refused(claim: str, value: object) -> None:
    error = refusal(**{claim: value})
    assert isinstance(error, ClaimMismatch)
    assert error.claim == claim


def test_either_sub_or_sid_is_enough() -> None:
    assert judge(sid=ABSENT).session_id is None
    assert judge(sub=ABSENT).subject is None


@pytest.mark.parametrize("value", [ABSENT, None])
def test_neither_sub_nor_sid_is_refused(value: object) -> None:
    error = refusal(sub=value, sid=value)
    assert isinstance(error, MissingClaim)
    assert error.claim == "sub"


@pytest.mark.parametrize("claim", ["sub", "sid", "jti"])
@pytest.mark.parametrize("value", ["", 1, [], {}, True, "x" * 256, "a\x00b"])
def test_an_unusable_identifier_is_refused(claim: str, value: object) -> None:
    """Also where the other of `sub` and `sid` would be enough: half a token is not believed."""
    error = refusal(**{claim: value})
    assert isinstance(error, InvalidClaim)
    assert error.claim == claim


@pytest.mark.parametrize(
    "events",
    [
        {},
        [],
        "logout",
        {LOGOUT_EVENT: None},
        {LOGOUT_EVENT: True},
        {LOGOUT_EVENT: []},
        {LOGOUT_EVENT + "/": {}},
        [LOGOUT_EVENT],
    ],
)
def test_events_that_do_not_say_logout_are_refused(events: object) -> None:
    error = refusal(events=events)
    assert isinstance(error, InvalidClaim)
    assert error.claim == "events"


def test_further_events_and_members_do_no_harm() -> None:
    assert judge(events={LOGOUT_EVENT: {"reason": "x"}, "https://other.example/event": 1}).token_id == "j-1"


@pytest.mark.parametrize("nonce", ["n", "", None])
def test_a_nonce_makes_it_an_id_token(nonce: object) -> None:
    error = refusal(nonce=nonce)
    assert isinstance(error, UnexpectedClaim)
    assert error.claim == "nonce"


def test_an_id_token_is_no_logout_token() -> None:
    signed = verify_signature(sign(claims(), rsa_key(), typ=ABSENT), KEYS, ["RS256"], types=LOGOUT_TOKEN_TYPES)
    with pytest.raises(MissingClaim):
        validate_logout_token(signed, EXPECTED, NOW)


@pytest.mark.parametrize("late_seconds", [0, 59])
def test_a_token_within_the_leeway_after_exp_is_accepted(late_seconds: int) -> None:
    assert judge(iat=SECONDS - 120, exp=SECONDS - late_seconds).token_id == "j-1"


@pytest.mark.parametrize("late_seconds", [60, 600])
def test_an_expired_token_is_refused(late_seconds: int) -> None:
    assert isinstance(refusal(iat=SECONDS - 700, exp=SECONDS - late_seconds), TokenExpired)


@pytest.mark.parametrize(("age_seconds", "is_fine"), [(359, True), (360, False), (600, False)])
def test_an_old_token_is_refused_whatever_its_exp_says(age_seconds: int, is_fine: bool) -> None:
    """Five minutes and the leeway; ten minutes is the case of promise 17."""
    changes = {"iat": SECONDS - age_seconds, "exp": SECONDS + 86_400}
    if is_fine:
        assert judge(**changes).token_id == "j-1"
    else:
        assert isinstance(refusal(**changes), TokenExpired)


def test_a_token_from_the_future_is_refused() -> None:
    assert judge(iat=SECONDS + 59).token_id == "j-1"
    assert isinstance(refusal(iat=SECONDS + 61), TokenNotYetValid)


@pytest.mark.parametrize(("exp", "until"), [(SECONDS + 30, 90), (SECONDS + 10**9, 358)])
def test_a_replay_needs_to_be_remembered_only_while_it_would_be_accepted(exp: int, until: int) -> None:
    """Promise 18. A provider cannot make us remember a `jti` for ever."""
    token = judge(exp=exp)
    assert token.remember_until == NOW + timedelta(seconds=until)
    signed = SignedClaims(claims=logout_claims(exp=exp), algorithm="RS256")
    assert validate_logout_token(signed, EXPECTED, token.remember_until - timedelta(seconds=1)).token_id == "j-1"
    with pytest.raises(TokenExpired):
        validate_logout_token(signed, EXPECTED, token.remember_until)


@on_a_shared_machine
@given(objects("iss", "sub", "sid", "aud", "azp", "exp", "iat", "nbf", "jti", "events", "nonce"))
def test_any_claims_give_a_logout_token_or_our_error(changes: dict[str, Any]) -> None:
    signed = SignedClaims(claims=logout_claims(**changes), algorithm="RS256")
    blame: str | None = "none"
    try:
        token = validate_logout_token(signed, EXPECTED, NOW)
        assert (token.subject or token.session_id) is not None
    except ProtocolError as error:
        blame = error.claim
    assert blame is not None


class TestRequest:
    """The form that carries it; bad input 38."""

    def test_the_token_is_taken_from_the_form(self) -> None:
        assert parse_backchannel_logout([("logout_token", "a.b.c"), ("other", "x")]) == "a.b.c"

    @pytest.mark.parametrize(
        "pairs",
        [
            [],
            [("token", "a.b.c")],
            [("logout_token", "a.b.c"), ("logout_token", "a.b.c")],
            [("logout_token", "")],
            [("logout_token", "a\nb")],
            [("logout_token", "x" * (MAX_TOKEN_BYTES + 1))],
        ],
    )
    def test_none_or_two_or_an_unusable_one_is_refused(self, pairs: list[tuple[str, str]]) -> None:
        with pytest.raises(InvalidParameters) as caught:
            parse_backchannel_logout(pairs)
        assert caught.value.claim == "logout_token"

    def test_too_many_parameters_are_refused(self) -> None:
        parse_backchannel_logout([("logout_token", "a.b.c"), *[(f"p{number}", "x") for number in range(31)]])
        with pytest.raises(InvalidParameters):
            parse_backchannel_logout([("logout_token", "a.b.c"), *[(f"p{number}", "x") for number in range(32)]])


@on_a_shared_machine
@given(st.lists(st.tuples(st.just("logout_token") | st.text(max_size=5), st.text(max_size=20)), max_size=4))
def test_any_form_gives_a_token_or_our_error(pairs: list[tuple[str, str]]) -> None:
    with contextlib.suppress(InvalidParameters):
        assert ("logout_token", parse_backchannel_logout(pairs)) in pairs
