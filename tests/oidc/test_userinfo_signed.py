"""Signed, and encrypted, UserInfo answers. Core 5.3.2, 5.3.4; module userinfo-signed; promises 2 and 10."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.errors import (
    AccessTokenRefused,
    AlgorithmNotAllowed,
    ClaimMismatch,
    InvalidClaim,
    InvalidSignature,
    InvalidUserInfo,
    MalformedToken,
    MissingClaim,
    ProtocolError,
    TokenExpired,
    TokenNotYetValid,
    UnknownKey,
    UserInfoUnavailable,
)
from identity_api.oidc.messages import Answer
from identity_api.oidc.userinfo import MAX_SIGNED_ANSWER_BYTES, SignedAnswers, read_userinfo, userinfo_request
from tests.oidc.own import key_of, own_keys, seal
from tests.oidc.strategies import objects, on_a_shared_machine
from tests.oidc.tokens import (
    ABSENT,
    CLIENT_ID,
    ISSUER,
    NOW,
    SECONDS,
    SUBJECT,
    key_set,
    public,
    rsa_key,
    sign,
    unsigned_token,
)

SIGNED = SignedAnswers(
    keys=key_set(public(rsa_key(), kid="key-1")),
    algorithms=frozenset(("RS256",)),
    issuer=ISSUER,
    client_id=CLIENT_ID,
)
SEALED = msgspec.structs.replace(SIGNED, decryption_keys=own_keys("RSA"))


def token(**changes: Any) -> str:
    valid = {"iss": ISSUER, "aud": CLIENT_ID, "sub": SUBJECT, "name": "Jane"}
    return sign({name: value for name, value in {**valid, **changes}.items() if value is not ABSENT}, rsa_key())


def answer(body: str, content_type: str = "application/jwt", status: int = 200) -> Answer:
    return Answer(status=status, headers={"content-type": content_type}, body=body.encode())


def refusal(received: Answer, expected: SignedAnswers = SIGNED) -> ProtocolError:
    assert read_userinfo(answer(token()), SUBJECT, NOW, signed_answers=SIGNED).subject == SUBJECT
    with pytest.raises(ProtocolError) as caught:
        read_userinfo(received, SUBJECT, NOW, signed_answers=expected)
    return caught.value


@pytest.mark.parametrize("content_type", ["application/jwt", "Application/JWT; charset=utf-8"])
def test_userinfo_signed_is_verified_and_used(content_type: str) -> None:
    read = read_userinfo(answer(token() + "\n", content_type), SUBJECT, NOW, signed_answers=SIGNED)
    assert read.claims["name"] == "Jane"
    assert "client-1" not in repr(SIGNED)


def test_a_signed_answer_is_asked_for() -> None:
    assert userinfo_request(f"{ISSUER}/userinfo", "at", accepts_jwt=True).headers["accept"] == "application/jwt"


def test_an_encrypted_answer_is_opened_and_verified() -> None:
    sealed = answer(seal(token(), key_of("RSA")))
    assert read_userinfo(sealed, SUBJECT, NOW, signed_answers=SEALED).claims["name"] == "Jane"


def test_an_answer_that_is_not_encrypted_is_refused_where_encryption_was_agreed_on() -> None:
    assert isinstance(refusal(answer(token()), SEALED), MalformedToken)


def test_claims_that_are_only_encrypted_are_refused() -> None:
    plain = json.dumps({"iss": ISSUER, "aud": CLIENT_ID, "sub": SUBJECT})
    assert isinstance(refusal(answer(seal(plain, key_of("RSA"))), SEALED), MalformedToken)


def test_plain_json_is_refused_where_a_signature_was_agreed_on() -> None:
    plain = json.dumps({"sub": SUBJECT, "name": "Jane"})
    assert isinstance(refusal(answer(plain, "application/json")), InvalidUserInfo)


def test_another_sub_is_refused() -> None:
    error = refusal(answer(token(sub="someone-else")))
    assert isinstance(error, ClaimMismatch)
    assert error.claim == "sub"


@pytest.mark.parametrize("claim", ["iss", "aud", "sub"])
@pytest.mark.parametrize("value", [ABSENT, None])
def test_a_missing_required_claim_is_refused(claim: str, value: object) -> None:
    error = refusal(answer(token(**{claim: value})))
    assert isinstance(error, MissingClaim)
    assert error.claim == claim


@pytest.mark.parametrize(
    ("claim", "value"), [("iss", f"{ISSUER}/"), ("aud", "client-2"), ("aud", []), ("aud", ["client-2"])]
)
def test_an_answer_of_or_for_somebody_else_is_refused(claim: str, value: object) -> None:
    error = refusal(answer(token(**{claim: value})))
    assert isinstance(error, ClaimMismatch)
    assert error.claim == claim


def test_an_aud_that_includes_us_is_enough() -> None:
    """Core 5.3.2: "be or include"; `azp` is a claim of the ID Token."""
    both = answer(token(aud=[CLIENT_ID, "api"]))
    assert read_userinfo(both, SUBJECT, NOW, signed_answers=SIGNED).subject == SUBJECT


def test_times_are_checked_where_they_are_sent() -> None:
    assert isinstance(refusal(answer(token(exp=SECONDS - 60))), TokenExpired)
    assert isinstance(refusal(answer(token(iat=SECONDS + 61))), TokenNotYetValid)
    assert isinstance(refusal(answer(token(nbf=SECONDS + 61))), TokenNotYetValid)
    assert isinstance(refusal(answer(token(exp="soon"))), InvalidClaim)
    fresh = answer(token(exp=SECONDS - 59, iat=SECONDS + 59))
    assert read_userinfo(fresh, SUBJECT, NOW, signed_answers=SIGNED).subject == SUBJECT


def test_a_signature_of_another_key_or_algorithm_is_refused() -> None:
    body = {"iss": ISSUER, "aud": CLIENT_ID, "sub": SUBJECT}
    assert isinstance(refusal(answer(sign(body, rsa_key(2048, 1)))), InvalidSignature)
    assert isinstance(refusal(answer(sign(body, rsa_key(), "PS256"))), AlgorithmNotAllowed)
    assert isinstance(refusal(answer(sign(body, rsa_key(), kid="key-2"))), UnknownKey)
    unsigned = unsigned_token(body)
    assert isinstance(refusal(answer(unsigned)), AlgorithmNotAllowed)


@pytest.mark.parametrize("type_", ["at+jwt", "logout+jwt"])
def test_a_token_of_another_kind_is_refused(type_: str) -> None:
    body = {"iss": ISSUER, "aud": CLIENT_ID, "sub": SUBJECT}
    assert refusal(answer(sign(body, rsa_key(), typ=type_))).claim == "typ"


def test_the_status_comes_first() -> None:
    assert isinstance(refusal(answer(token(), status=401)), AccessTokenRefused)
    assert isinstance(refusal(answer(token(), status=503)), UserInfoUnavailable)


def test_a_long_list_of_groups_fits_and_there_is_a_bound() -> None:
    groups = [f"group-{number:036}" for number in range(2000)]
    long = answer(token(groups=groups))
    assert len(long.body) > 100_000
    assert read_userinfo(long, SUBJECT, NOW, signed_answers=SIGNED).claims["groups"] == groups
    assert isinstance(refusal(answer(token(pad="x" * MAX_SIGNED_ANSWER_BYTES))), MalformedToken)


@on_a_shared_machine
@given(st.integers(100, 599), st.binary(max_size=200), st.booleans())
def test_any_answer_gives_our_error(status: int, body: bytes, is_encrypted: bool) -> None:
    received = Answer(status=status, headers={"content-type": "application/jwt"}, body=body)
    with pytest.raises(ProtocolError):
        read_userinfo(received, SUBJECT, NOW, signed_answers=SEALED if is_encrypted else SIGNED)


@on_a_shared_machine
@given(objects("iss", "aud", "sub", "exp", "iat", "nbf"))
def test_any_signed_claims_give_userinfo_or_our_error(changes: dict[str, Any]) -> None:
    with contextlib.suppress(ProtocolError):
        read = read_userinfo(answer(token(**changes)), SUBJECT, NOW, signed_answers=SIGNED)
        assert read.subject == SUBJECT
