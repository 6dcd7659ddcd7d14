"""Signatures: only an agreed algorithm, only the provider's key, and cheap refusals. Promises 1, 2 and 3."""

import contextlib
import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import Key

from identity_api.oidc.errors import (
    AlgorithmNotAllowed,
    AmbiguousKey,
    InvalidSignature,
    MalformedToken,
    ProtocolError,
    UnknownKey,
)
from identity_api.oidc.jwks import ALLOWED_ALGORITHMS, KeySet
from identity_api.oidc.signed_token import ACCESS_TOKEN_TYPES, MAX_TOKEN_BYTES, verify_signature
from tests.cost import seconds_of
from tests.oidc.strategies import on_a_shared_machine
from tests.oidc.tokens import ABSENT, SUBJECT, claims, ec_key, encode, key_set, okp_key, public, rsa_key, sign

RSA_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
FITTING = {
    "RSA": RSA_ALGORITHMS,
    "P-256": ["ES256"],
    "P-384": ["ES384"],
    "P-521": ["ES512"],
    "Ed25519": ["EdDSA", "Ed25519"],
    "Ed448": ["EdDSA", "Ed448"],
}
EVERY_ALGORITHM = sorted(ALLOWED_ALGORITHMS)
KEYS = key_set(public(rsa_key(), kid="key-1"))
HEADER = encode(b'{"alg":"RS256","kid":"key-1"}')


def key_of(kind: str) -> Key:
    if kind == "RSA":
        return rsa_key()
    return ec_key(kind) if kind.startswith("P-") else okp_key(kind)


def signing_name(kind: str, algorithm: str) -> str:
    return kind if algorithm == "EdDSA" else algorithm  # the library warns of the old name


def signature_refusal(token: str, keys: KeySet = KEYS, algorithms: Any = ("RS256",)) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        verify_signature(token, keys, algorithms)
    return caught.value


@pytest.mark.parametrize("kind", FITTING)
@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM)
def test_a_key_verifies_exactly_the_algorithms_of_its_type(kind: str, algorithm: str) -> None:
    """The matrix of promise 2. A token that names an algorithm its key is not for finds no key."""
    own = algorithm if algorithm in FITTING[kind] else FITTING[kind][0]
    token = sign(claims(), key_of(kind), signing_name(kind, own), alg=algorithm)
    keys = key_set(public(key_of(kind), kid="key-1"))
    if algorithm in FITTING[kind]:
        assert verify_signature(token, keys, [algorithm]).claims["sub"] == SUBJECT
    else:
        assert isinstance(signature_refusal(token, keys, [algorithm]), UnknownKey)


@pytest.mark.parametrize("kind", FITTING)
@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM)
def test_an_algorithm_that_was_not_agreed_on_is_refused(kind: str, algorithm: str) -> None:
    own = FITTING[kind][0]
    token = sign(claims(), key_of(kind), signing_name(kind, own), alg=algorithm)
    agreed = [name for name in EVERY_ALGORITHM if name != algorithm]
    error = signature_refusal(token, key_set(public(key_of(kind), kid="key-1")), agreed)
    assert isinstance(error, AlgorithmNotAllowed)
    assert error.claim == "alg"


def test_idtoken_sig_rs256_is_accepted() -> None:
    signed = verify_signature(sign(claims(), rsa_key()), KEYS, ["RS256"])
    assert (signed.algorithm, signed.key_id) == ("RS256", "key-1")


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", "HS256", "HS384", "HS512", "rs256", "ES256K", "dir"])
def test_idtoken_sig_none_and_hmac_are_refused_even_when_listed(name: str) -> None:
    """Stricter than the suite: `none` is refused although the code flow would allow it."""
    unsigned = f"{encode(json.dumps({'alg': name, 'kid': 'key-1'}).encode())}.{encode(json.dumps(claims()).encode())}"
    for signature in ("", encode(b"x" * 32)):
        assert isinstance(signature_refusal(f"{unsigned}.{signature}", algorithms=[name, "RS256"]), AlgorithmNotAllowed)


def test_hmac_with_the_public_key_as_secret_is_refused() -> None:
    """Key confusion, CVE-2024-37568 and its kin."""
    head = encode(json.dumps({"alg": "HS256", "kid": "key-1"}).encode())
    signing_input = f"{head}.{encode(json.dumps(claims()).encode())}"
    for secret in (rsa_key().as_pem(private=False), json.dumps(public(rsa_key())).encode()):
        token = f"{signing_input}.{encode(hmac.new(secret, signing_input.encode(), sha256).digest())}"
        assert isinstance(signature_refusal(token, algorithms=["HS256", "RS256"]), AlgorithmNotAllowed)


def test_an_empty_list_of_algorithms_accepts_nothing() -> None:
    assert isinstance(signature_refusal(sign(claims(), rsa_key()), algorithms=[]), AlgorithmNotAllowed)


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS256"), ("RSA", "PS256"), ("P-256", "ES256")])
def test_invalid_sig_is_refused(kind: str, algorithm: str) -> None:
    """invalid-sig-rs256, invalid-sig-es256: every byte of the signature counts."""
    keys = key_set(public(key_of(kind), kid="key-1"))
    head, payload, signature = sign(claims(), key_of(kind), algorithm).split(".")
    for position in (0, len(signature) // 2, len(signature) - 2):
        changed = "A" if signature[position] != "A" else "B"
        broken = signature[:position] + changed + signature[position + 1 :]
        assert isinstance(signature_refusal(f"{head}.{payload}.{broken}", keys, [algorithm]), InvalidSignature)
    for cut in ("", signature[: len(signature) // 8 * 4]):
        assert isinstance(signature_refusal(f"{head}.{payload}.{cut}", keys, [algorithm]), InvalidSignature)


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_an_ecdsa_signature_of_zeros_is_refused(curve: str) -> None:
    """CVE-2022-21449: r = s = 0 fits every message where the range is not checked."""
    algorithm = FITTING[curve][0]
    head, payload, signature = sign(claims(), ec_key(curve), algorithm).split(".")
    zeros = encode(b"\x00" * (len(signature) * 3 // 4))
    keys = key_set(public(ec_key(curve), kid="key-1"))
    assert isinstance(signature_refusal(f"{head}.{payload}.{zeros}", keys, [algorithm]), InvalidSignature)


def test_a_changed_payload_is_refused() -> None:
    head, _, signature = sign(claims(), rsa_key()).split(".")
    payload = encode(json.dumps(claims(sub="admin")).encode())
    assert isinstance(signature_refusal(f"{head}.{payload}.{signature}"), InvalidSignature)


def test_a_token_of_another_key_with_the_same_id_is_refused() -> None:
    assert isinstance(signature_refusal(sign(claims(), rsa_key(2048, 1))), InvalidSignature)


def test_a_key_in_the_header_is_not_believed() -> None:
    """RFC 8725 section 3.10: `jwk`, `jku`, `x5u` and `x5c` are anybody's to write."""
    attacker = rsa_key(2048, 1)
    token = sign(claims(), attacker, jwk=public(attacker), jku="https://evil.example/keys", x5c=["AAAA"])
    assert isinstance(signature_refusal(token), InvalidSignature)


def test_kid_absent_single_jwks_is_accepted() -> None:
    keys = key_set(public(rsa_key(), kid="key-1"), public(ec_key(), kid="key-2"))
    assert verify_signature(sign(claims(), rsa_key(), kid=ABSENT), keys, ["RS256"]).claims["sub"] == SUBJECT


def test_kid_absent_multiple_jwks_is_refused() -> None:
    keys = key_set(public(rsa_key(), kid="key-1"), public(rsa_key(2048, 1), kid="key-2"))
    assert verify_signature(sign(claims(), rsa_key()), keys, ["RS256"]).claims["sub"] == SUBJECT
    assert isinstance(signature_refusal(sign(claims(), rsa_key(), kid=ABSENT), keys), AmbiguousKey)


def test_signing_key_rotation_asks_for_another_fetch() -> None:
    token = sign(claims(), rsa_key(2048, 1), kid="key-2")
    assert isinstance(signature_refusal(token), UnknownKey)
    fetched_again = key_set(public(rsa_key(2048, 1), kid="key-2"))
    assert verify_signature(token, fetched_again, ["RS256"]).key_id == "key-2"


def test_of_a_member_that_is_there_twice_the_last_counts() -> None:
    """RFC 7515 section 4 and RFC 7519 section 4: refuse, or take the last; never one for the check and another for use."""
    payload = json.dumps(claims(pad=1)).replace('"pad": 1', '"sub": "admin"').encode()
    assert payload.count(b'"sub"') == 2
    assert verify_signature(sign(payload, rsa_key()), KEYS, ["RS256"]).claims["sub"] == "admin"
    body = encode(json.dumps(claims()).encode())
    for header in (b'{"alg":"RS256","kid":"key-1","alg":"none"}', b'{"alg":"none","kid":"key-1","alg":"RS256"}'):
        assert signature_refusal(f"{encode(header)}.{body}.").code in ("ALGORITHM_NOT_ALLOWED", "INVALID_SIGNATURE")


@pytest.mark.parametrize("type_", [ABSENT, "JWT", "jwt", "application/jwt"])
def test_the_usual_types_are_accepted(type_: object) -> None:
    assert verify_signature(sign(claims(), rsa_key(), typ=type_), KEYS, ["RS256"]).claims["sub"] == SUBJECT


@pytest.mark.parametrize("type_", ["at+jwt", "logout+jwt", "application/logout+jwt", "JOSE", ""])
def test_a_token_of_another_type_is_refused(type_: str) -> None:
    error = signature_refusal(sign(claims(), rsa_key(), typ=type_))
    assert isinstance(error, MalformedToken)
    assert error.claim == "typ"


def test_an_access_token_is_accepted_where_one_is_asked_for() -> None:
    token = sign(claims(), rsa_key(), typ="at+jwt")
    assert verify_signature(token, KEYS, ["RS256"], types=ACCESS_TOKEN_TYPES).claims["sub"] == SUBJECT


@pytest.mark.parametrize(
    "header",
    [{"crit": ["exp"]}, {"crit": []}, {"crit": None}, {"crit": ["b64"], "b64": False}, {"b64": True}, {"b64": False}],
)
def test_extensions_are_refused(header: dict[str, Any]) -> None:
    assert isinstance(signature_refusal(sign(claims(), rsa_key(), **header)), MalformedToken)


@pytest.mark.parametrize("header", [{"alg": 1}, {"alg": ABSENT}, {"kid": 1}, {"kid": "k" * 513}, {"typ": ["JWT"]}])
def test_a_header_of_another_shape_is_refused(header: dict[str, Any]) -> None:
    assert isinstance(signature_refusal(sign(claims(), rsa_key(), **header)), MalformedToken)


def test_a_certificate_chain_in_the_header_does_no_harm() -> None:
    token = sign(claims(), rsa_key(), x5c=["M" * 4000])
    assert verify_signature(token, KEYS, ["RS256"]).claims["sub"] == SUBJECT


def test_an_encrypted_token_is_refused() -> None:
    assert isinstance(signature_refusal("eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d"), MalformedToken)


@pytest.mark.parametrize("payload", [b"[]", b"null", b'"x"', b"", b"{", b"\xff", b'{"a":NaN}'])
def test_a_signed_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    assert isinstance(signature_refusal(sign(payload, rsa_key())), MalformedToken)


def test_a_signed_payload_nested_too_deeply_is_refused() -> None:
    for depth, is_fine in ((31, True), (32, False), (4000, False)):
        token = sign(b'{"a":' + b"[" * depth + b"]" * depth + b"}", rsa_key())
        if is_fine:
            assert "a" in verify_signature(token, KEYS, ["RS256"]).claims
        else:
            assert isinstance(signature_refusal(token), MalformedToken)


def test_the_largest_token_is_accepted_and_one_byte_more_is_refused() -> None:
    room = MAX_TOKEN_BYTES - len(sign(claims(pad=""), rsa_key()))
    token = sign(claims(pad="x" * (room * 3 // 4)), rsa_key())
    assert MAX_TOKEN_BYTES - 4 < len(token) <= MAX_TOKEN_BYTES
    assert verify_signature(token, KEYS, ["RS256"]).claims["sub"] == SUBJECT
    assert isinstance(signature_refusal(token + "A" * (MAX_TOKEN_BYTES + 1 - len(token))), MalformedToken)


@pytest.mark.parametrize(
    "token",
    [
        "A" * 1024 * 1024,
        "." * 16000,
        encode(b"[" * 6000) + ".e30.AA",
        encode(b'{"alg":"RS256","kid":"key-1","x":' + b"[" * 6000) + ".e30.AA",
        f"{HEADER}.{'A' * 16000}.AA",
        f"{HEADER}.e30.{'A' * 16000}",
        "é" * 100,
    ],
)
def test_a_hostile_token_is_refused_cheaply(token: str) -> None:
    """Bad input 33: 5 ms."""
    assert signature_refusal(token).code in ("MALFORMED_TOKEN", "INVALID_SIGNATURE")
    assert seconds_of(lambda: signature_refusal(token), enough=0.005) < 0.005


def test_a_second_spelling_of_the_same_signature_is_refused() -> None:
    """256 bytes leave four unused bits in the last character."""
    token = sign(claims(), rsa_key())
    assert verify_signature(token, KEYS, ["RS256"])
    other = chr(ord(token[-1]) + 1)
    assert isinstance(signature_refusal(token[:-1] + other), MalformedToken)


@on_a_shared_machine
@given(st.text(max_size=200) | st.builds(".".join, st.lists(st.text("AQIDeyJhbGciOiJ-_=+", max_size=40), max_size=5)))
def test_any_text_gives_claims_or_our_error(token: str) -> None:
    assert isinstance(signature_refusal(token), ProtocolError)


@on_a_shared_machine
@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=300))
def test_any_segments_give_claims_or_our_error(head: bytes, payload: bytes, signature: bytes) -> None:
    assert isinstance(signature_refusal(".".join(map(encode, (head, payload, signature)))), ProtocolError)


@on_a_shared_machine
@given(st.binary(max_size=300))
def test_any_signed_payload_gives_claims_or_our_error(payload: bytes) -> None:
    token = sign(payload, ec_key(), "ES256")
    with contextlib.suppress(MalformedToken):
        assert isinstance(verify_signature(token, key_set(public(ec_key(), kid="key-1")), ["ES256"]).claims, dict)
