"""What is too large, too deep or too odd is refused cheaply, by every parser alike. Promise 3; bad input 33.

The figure is 5 ms of processor time, measured as `tests.cost` says. An encrypted token that names none of our keys costs
two operations with a private key; with RSA of 2,048 bits that is within the figure, with 4,096 bits it would not be.
"""

import json
import zlib
from collections.abc import Callable

import pytest

from identity_api.errors import BadInput
from identity_api.oidc.authorization import parse_callback
from identity_api.oidc.dpop import nonce_challenge
from identity_api.oidc.encrypted_token import decrypt_token
from identity_api.oidc.errors import ProtocolError
from identity_api.oidc.frontchannel_logout import parse_frontchannel_logout
from identity_api.oidc.initiated_login import parse_initiated_login
from identity_api.oidc.logout_token import LOGOUT_TOKEN_TYPES, parse_backchannel_logout
from identity_api.oidc.messages import Answer
from identity_api.oidc.own_keys import OwnKeys, read_own_key
from identity_api.oidc.par import read_pushed_response
from identity_api.oidc.signed_token import MAX_TOKEN_BYTES, verify_signature
from identity_api.oidc.userinfo import MAX_SIGNED_ANSWER_BYTES, SignedAnswers, read_userinfo
from tests.cost import seconds_of
from tests.oidc.own import key_of, own_key, own_keys, seal
from tests.oidc.tokens import CLIENT_ID, ISSUER, NOW, SUBJECT, claims, encode, key_set, public, rsa_key, sign

ALLOWED_SECONDS = 0.005
MEBIBYTE = 1024 * 1024
KEYS = key_set(public(rsa_key(), kid="key-1"))
SIGNED = sign(claims(), rsa_key())
HEAD = encode(b'{"alg":"RS256","kid":"key-1"}')
SEALED_HEAD = encode(json.dumps({"alg": "RSA-OAEP-256", "enc": "A256GCM"}).encode())
DEEP = b'{"a":' + b"[" * 6000 + b"]" * 6000 + b"}"
MANY_KEYS = OwnKeys(keys=tuple(own_key("RSA", "enc", number) for number in range(3)))

TOKENS = {
    "a mebibyte": "A" * MEBIBYTE,
    "dots": "." * MAX_TOKEN_BYTES,
    "a long header": f"{'A' * 16_000}.e30.AA",
    "a deep header": f"{encode(b'[' * 6000)}.e30.AA",
    "a long payload": f"{HEAD}.{'A' * 16_000}.AA",
    "a long signature": f"{HEAD}.e30.{'A' * 16_000}",
    "a deep payload": sign(DEEP, rsa_key())[:MAX_TOKEN_BYTES],
    "another alphabet": "é" * MAX_TOKEN_BYTES,
    "a long kid": f"{encode(json.dumps({'alg': 'RS256', 'kid': 'k' * 4000}).encode())}.e30.AA",
    "many names": f"{encode(json.dumps({str(n): n for n in range(600)}).encode())}.e30.AA",
}
SEALED = {
    "a mebibyte": "A" * MEBIBYTE,
    "dots": "." * MAX_TOKEN_BYTES,
    "a long header": f"{'A' * 16_000}.AA.AA.AA.AA",
    "a long key": f"{SEALED_HEAD}.{'A' * 16_000}.{encode(bytes(12))}.AA.{encode(bytes(16))}",
    "long content": f"{SEALED_HEAD}.{encode(bytes(256))}.{encode(bytes(12))}.{'A' * 15_000}.{encode(bytes(16))}",
    "a slow password": seal(SIGNED, key_of("RSA"), alg="PBES2-HS256+A128KW", p2c=2**31, p2s="AAAA"),
    "a bomb": seal(zlib.compress(b"a" * 5_000_000), key_of("RSA"), zip="DEF"),
    "a bomb without the label": seal(zlib.compress(b"a" * 5_000_000), key_of("RSA")),
    "envelopes in envelopes": seal(seal(seal(SIGNED, key_of("RSA")), key_of("RSA")), key_of("RSA")),
    "for somebody else": seal(SIGNED, key_of("RSA", 8)),
}
PAIRS = {
    "many": [(f"p{number}", "x") for number in range(100_000)],
    "the same": [("state", "x")] * 100_000,
    "long": [(name, "x" * MEBIBYTE) for name in ("code", "state", "iss", "sid", "logout_token", "target_link_uri")],
    "long names": [("x" * MEBIBYTE, "x")],
}


def cost(call: Callable[[], object]) -> float:
    """Processor time of the cheapest run; each must end in our own error, whose text is short."""

    def refused() -> None:
        with pytest.raises((ProtocolError, BadInput)) as caught:
            call()
        assert len(str(caught.value)) <= 300

    return seconds_of(refused, enough=ALLOWED_SECONDS)


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("types", [["jwt"], LOGOUT_TOKEN_TYPES])
def test_a_hostile_signed_token_is_refused_cheaply(name: str, types: list[str]) -> None:
    assert cost(lambda: verify_signature(TOKENS[name], KEYS, ["RS256"], types=types)) < ALLOWED_SECONDS


@pytest.mark.parametrize("name", SEALED)
def test_a_hostile_encrypted_token_is_refused_cheaply(name: str) -> None:
    """Even with more keys than are tried for junk."""
    assert decrypt_token(seal(SIGNED, key_of("RSA")), own_keys("RSA")) == SIGNED
    assert cost(lambda: decrypt_token(SEALED[name], own_keys("RSA"))) < ALLOWED_SECONDS
    assert cost(lambda: decrypt_token(SEALED[name], MANY_KEYS)) < ALLOWED_SECONDS


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(
    "parse", [parse_callback, parse_backchannel_logout, parse_frontchannel_logout, parse_initiated_login]
)
def test_hostile_parameters_are_refused_cheaply(parse: Callable[[object], object], name: str) -> None:
    assert cost(lambda: parse(PAIRS[name])) < ALLOWED_SECONDS


@pytest.mark.parametrize(
    "body", [b"A" * MEBIBYTE, b"[" * MEBIBYTE, DEEP, b'{"request_uri":"' + b"u:" * MEBIBYTE + b'"}']
)
def test_a_hostile_answer_to_a_pushed_request_is_refused_cheaply(body: bytes) -> None:
    assert cost(lambda: read_pushed_response(Answer(status=201, body=body), NOW)) < ALLOWED_SECONDS


@pytest.mark.parametrize(
    "body", [b"A" * MEBIBYTE, b"." * MAX_SIGNED_ANSWER_BYTES, f"{HEAD}.{'A' * 250_000}.AA".encode()]
)
def test_a_hostile_signed_userinfo_answer_is_refused_cheaply(body: bytes) -> None:
    expected = SignedAnswers(keys=KEYS, algorithms=frozenset(("RS256",)), issuer=ISSUER, client_id=CLIENT_ID)
    answer = Answer(status=200, headers={"content-type": "application/jwt"}, body=body)
    assert cost(lambda: read_userinfo(answer, SUBJECT, NOW, signed_answers=expected)) < ALLOWED_SECONDS


@pytest.mark.parametrize("source", [b"A" * MEBIBYTE, b"-----BEGIN " + b"A" * 30_000, b"[" * 30_000, DEEP])
def test_a_hostile_key_is_refused_cheaply(source: bytes) -> None:
    assert cost(lambda: read_own_key(source)) < ALLOWED_SECONDS


@pytest.mark.parametrize(
    "challenge", ["DPoP " * 100_000, 'DPoP error= " ' * 50_000, "," * MEBIBYTE, "error " * 100_000]
)
def test_a_hostile_challenge_is_read_cheaply(challenge: str) -> None:
    answer = Answer(status=401, headers={"www-authenticate": challenge, "dpop-nonce": "n"})
    assert nonce_challenge(answer) is None
    assert seconds_of(lambda: nonce_challenge(answer), enough=ALLOWED_SECONDS) < ALLOWED_SECONDS
