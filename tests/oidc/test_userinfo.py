"""UserInfo: whose claims they are. Promise 10."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.errors import (
    AccessTokenRefused,
    ClaimMismatch,
    InvalidClaim,
    InvalidUserInfo,
    MissingClaim,
    ProtocolError,
    UserInfoError,
    UserInfoUnavailable,
)
from identity_api.oidc.messages import Answer
from identity_api.oidc.userinfo import read_profile, read_userinfo, userinfo_request
from tests.oidc.strategies import on_a_shared_machine
from tests.oidc.tokens import ABSENT, ISSUER, NOW, SUBJECT


def answer(status: int = 200, **changes: Any) -> Answer:
    members = {"sub": SUBJECT, "name": "Jane", "groups": ["a"], **changes}
    body = json.dumps({name: value for name, value in members.items() if value is not ABSENT}).encode()
    return Answer(status=status, headers={"content-type": "application/json", "retry-after": "9"}, body=body)


def test_userinfo_bearer_header_is_how_we_ask() -> None:
    request = userinfo_request(f"{ISSUER}/userinfo", "at-1")
    assert (request.method, request.url, request.body) == ("GET", f"{ISSUER}/userinfo", b"")
    assert request.headers["authorization"] == "Bearer at-1"
    assert "at-1" not in repr(request)


def test_the_claims_of_the_same_subject_are_accepted() -> None:
    """scope-userinfo-claims."""
    userinfo = read_userinfo(answer(), SUBJECT, NOW)
    assert (userinfo.subject, userinfo.claims["name"]) == (SUBJECT, "Jane")
    assert "Jane" not in repr(userinfo)


@pytest.mark.parametrize("subject", [SUBJECT + " ", SUBJECT.upper() + "x", "someone-else"])
def test_userinfo_invalid_sub_is_refused(subject: str) -> None:
    with pytest.raises(ClaimMismatch) as caught:
        read_userinfo(answer(sub=subject), SUBJECT, NOW)
    assert caught.value.claim == "sub"


@pytest.mark.parametrize("value", [ABSENT, None])
def test_a_missing_sub_is_refused(value: object) -> None:
    with pytest.raises(MissingClaim) as caught:
        read_userinfo(answer(sub=value), SUBJECT, NOW)
    assert caught.value.claim == "sub"


@pytest.mark.parametrize("value", ["", int(SUBJECT), [SUBJECT], True])
def test_a_sub_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(InvalidClaim) as caught:
        read_userinfo(answer(sub=value), SUBJECT, NOW)
    assert caught.value.claim == "sub"


def test_a_refused_access_token_is_told_apart() -> None:
    with pytest.raises(AccessTokenRefused):
        read_userinfo(answer(401), SUBJECT, NOW)


@pytest.mark.parametrize("status", [100, 302, 429, 500, 503])
def test_a_provider_in_trouble_is_told_apart(status: int) -> None:
    with pytest.raises(UserInfoUnavailable) as caught:
        read_userinfo(answer(status), SUBJECT, NOW)
    assert caught.value.retry_after_seconds == 9


@pytest.mark.parametrize("status", [400, 403, 404])
def test_another_refusal_gives_no_claims(status: int) -> None:
    with pytest.raises(UserInfoError) as caught:
        read_userinfo(answer(status), SUBJECT, NOW)
    assert caught.value.status == status


def test_a_signed_answer_is_refused_as_such() -> None:
    signed = Answer(status=200, headers={"content-type": "Application/JWT; charset=utf-8"}, body=b"a.b.c")
    with pytest.raises(InvalidUserInfo, match="signs"):
        read_userinfo(signed, SUBJECT, NOW)


def test_a_profile_of_plain_oauth_is_read_without_a_subject() -> None:
    assert read_profile(answer(sub=ABSENT, id=7), NOW)["id"] == 7


@on_a_shared_machine
@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_answer_gives_claims_or_our_error(status: int, body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_userinfo(Answer(status=status, body=body), SUBJECT, NOW)


SLACK = {"sub": ABSENT, "name": ABSENT, "groups": ABSENT, "ok": False}


@pytest.mark.parametrize("error", ["invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_authed"])
def test_slacks_word_against_a_token_is_one_whatever_the_status(error: str) -> None:
    """It comes with status 200."""
    assert read_profile(answer(ok=True), NOW)["sub"] == SUBJECT
    with pytest.raises(AccessTokenRefused):
        read_profile(answer(**SLACK, error=error), NOW)


@pytest.mark.parametrize("error", ["ratelimited", "internal_error", None, 5])
def test_anything_else_that_slack_refuses_with_is_no_word_against_the_token(error: Any) -> None:
    with pytest.raises(UserInfoUnavailable):
        read_profile(answer(**SLACK, error=error), NOW)


def test_a_claim_of_another_provider_that_is_called_ok_refuses_nothing() -> None:
    assert read_profile(answer(ok=False), NOW)["ok"] is False
