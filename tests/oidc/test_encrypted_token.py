"""Encrypted tokens: an envelope with a signed token in it, or nothing. RFC 7516; promises 2, 3; bad input 30."""

import contextlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from identity_api.oidc.encrypted_token import MAX_DECRYPTIONS, decrypt_token
from identity_api.oidc.errors import (
    AlgorithmNotAllowed,
    InvalidSignature,
    MalformedToken,
    ProtocolError,
    UndecryptableToken,
)
from identity_api.oidc.own_keys import OwnKeys, read_own_key
from identity_api.oidc.signed_token import MAX_TOKEN_BYTES, verify_signature
from tests.oidc.own import key_of, own_key, own_keys, seal
from tests.oidc.strategies import json_values, on_a_shared_machine
from tests.oidc.tokens import ABSENT, SUBJECT, claims, encode, key_set, public, rsa_key, sign, unsigned_token

PROVIDER = key_set(public(rsa_key(), kid="key-1"))
SIGNED = sign(claims(), rsa_key())
RSA, P256 = own_keys("RSA"), own_keys("P-256")
SEALED = seal(SIGNED, key_of("RSA"))


def refusal(token: str, keys: OwnKeys = RSA) -> ProtocolError:
    assert decrypt_token(SEALED, RSA) == SIGNED
    with pytest.raises(ProtocolError) as caught:
        decrypt_token(token, keys)
    return caught.value


@pytest.mark.parametrize("encryption", ["A128GCM", "A256GCM"])
@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("RSA", "RSA-OAEP-256"), *[(k, a) for k in ("P-256", "P-384", "P-521") for a in ("ECDH-ES", "ECDH-ES+A256KW")]],
)
def test_a_token_encrypted_to_us_is_opened_and_then_verified(kind: str, algorithm: str, encryption: str) -> None:
    token = seal(SIGNED, key_of(kind), algorithm, encryption)
    inner = decrypt_token(token, own_keys(kind))
    assert verify_signature(inner, PROVIDER, ["RS256"]).claims["sub"] == SUBJECT


@pytest.mark.parametrize(
    "algorithm",
    [
        "RSA1_5",
        "RSA-OAEP",
        "dir",
        "A256KW",
        "A256GCMKW",
        "ECDH-ES+A128KW",
        "PBES2-HS256+A128KW",
        "none",
        "",
        "rsa-oaep-256",
    ],
)
def test_any_other_key_algorithm_is_refused(algorithm: str) -> None:
    """RSA 1.5 is an oracle; a shared key or a password would let anybody with it write to us; a p2c would cost time."""
    error = refusal(seal(SIGNED, key_of("RSA"), alg=algorithm, p2c=2**31, p2s="AAAA"))
    assert isinstance(error, AlgorithmNotAllowed)
    assert error.claim == "alg"


@pytest.mark.parametrize("encryption", ["A128CBC-HS256", "A256CBC-HS512", "A192GCM", "none", ""])
def test_any_other_content_encryption_is_refused(encryption: str) -> None:
    error = refusal(seal(SIGNED, key_of("RSA"), enc=encryption))
    assert isinstance(error, AlgorithmNotAllowed)
    assert error.claim == "enc"


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(claims()),
        f"{encode(json.dumps(claims()).encode())}",
        SEALED,
        "",
        "a.b",
        "é.é.é",
        b"\xff.\xff.\xff",
    ],
)
def test_what_is_only_encrypted_is_refused(content: str | bytes) -> None:
    """CVE-2026-29000: anybody can encrypt to our public key, so a plain JWT in an envelope is anybody's word."""
    assert isinstance(refusal(seal(content, key_of("RSA"))), MalformedToken)


def test_an_unsigned_token_in_an_envelope_is_refused() -> None:
    unsigned = unsigned_token(claims())
    inner = decrypt_token(seal(unsigned, key_of("RSA")), RSA)
    with pytest.raises(AlgorithmNotAllowed):
        verify_signature(inner, PROVIDER, ["RS256"])


def test_a_token_of_another_signer_in_an_envelope_is_refused() -> None:
    inner = decrypt_token(seal(sign(claims(), rsa_key(2048, 1)), key_of("RSA")), RSA)
    with pytest.raises(InvalidSignature):
        verify_signature(inner, PROVIDER, ["RS256"])


def test_a_token_that_is_not_encrypted_is_refused_where_encryption_was_agreed_on() -> None:
    assert isinstance(refusal(SIGNED), MalformedToken)


def test_a_compressed_token_is_refused_before_it_is_inflated() -> None:
    compressor = zlib.compressobj(9, wbits=-15)
    bomb = compressor.compress(b"a" * 10_000_000) + compressor.flush()
    assert len(bomb) < 12_000
    error = refusal(seal(bomb, key_of("RSA"), zip="DEF"))
    assert isinstance(error, MalformedToken)
    assert error.claim == "zip"


@pytest.mark.parametrize("value", [["exp"], [], None])
def test_extensions_are_refused(value: object) -> None:
    error = refusal(seal(SIGNED, key_of("RSA"), crit=value))
    assert isinstance(error, MalformedToken)
    assert error.claim == "crit"


@pytest.mark.parametrize("content_type", ["JWT", "jwt", "application/jwt", ABSENT])
def test_the_content_type_is_a_token_or_absent(content_type: object) -> None:
    assert decrypt_token(seal(SIGNED, key_of("RSA"), cty=content_type), RSA) == SIGNED


@pytest.mark.parametrize("content_type", ["JWK", "", "json"])
def test_another_content_type_is_refused(content_type: str) -> None:
    assert refusal(seal(SIGNED, key_of("RSA"), cty=content_type)).claim == "cty"


@pytest.mark.parametrize("header", [{"alg": 1}, {"alg": ABSENT}, {"enc": ABSENT}, {"kid": 1}, {"epk": []}, {"cty": 1}])
def test_a_header_of_another_shape_is_refused(header: dict[str, Any]) -> None:
    assert isinstance(refusal(seal(SIGNED, key_of("RSA"), **header)), MalformedToken)


def test_unknown_header_members_do_no_harm() -> None:
    assert decrypt_token(seal(SIGNED, key_of("RSA"), iss="x", jku="https://evil.example", note=[1]), RSA) == SIGNED


@pytest.mark.parametrize("position", range(5))
def test_every_part_counts(position: int) -> None:
    """GCM covers the header as well."""
    parts = SEALED.split(".")
    middle = len(parts[position]) // 2
    changed = "A" if parts[position][middle] != "A" else "B"
    parts[position] = parts[position][:middle] + changed + parts[position][middle + 1 :]
    error = refusal(".".join(parts))
    assert isinstance(error, UndecryptableToken | MalformedToken | AlgorithmNotAllowed)
    assert position == 0 or isinstance(error, UndecryptableToken)


@pytest.mark.parametrize("size", [0, 4, 8, 12, 15, 17, 32])
def test_a_tag_of_another_length_is_refused(size: int) -> None:
    """A short tag can be guessed: four bytes in a few thousand million attempts."""
    parts = SEALED.split(".")
    parts[4] = encode((b"\x00" * 32)[:size])
    assert isinstance(refusal(".".join(parts)), MalformedToken)


@pytest.mark.parametrize("size", [8, 16])
def test_an_initialization_vector_of_another_length_is_refused(size: int) -> None:
    assert isinstance(refusal(seal(SIGNED, key_of("RSA"), iv_bytes=size)), MalformedToken)


def test_an_encrypted_key_is_there_exactly_where_the_algorithm_has_one() -> None:
    direct = seal(SIGNED, key_of("P-256"), "ECDH-ES").split(".")
    assert decrypt_token(".".join(direct), P256) == SIGNED
    direct[1] = "AAAA"
    assert isinstance(refusal(".".join(direct), P256), MalformedToken)
    wrapped = SEALED.split(".")
    wrapped[1] = ""
    assert isinstance(refusal(".".join(wrapped)), MalformedToken)


class TestEphemeralKey:
    """The sender's key comes from anybody."""

    good = seal(SIGNED, key_of("P-256"), "ECDH-ES")

    def refused(self, epk: object) -> None:
        assert decrypt_token(self.good, P256) == SIGNED
        with pytest.raises((UndecryptableToken, MalformedToken)):
            decrypt_token(seal(SIGNED, key_of("P-256"), "ECDH-ES", epk=epk), P256)

    def test_a_point_off_the_curve_is_refused(self) -> None:
        """The invalid curve attack, which would give away our key bit by bit."""
        self.refused({"kty": "EC", "crv": "P-256", "x": encode(b"\x01" * 32), "y": encode(b"\x02" * 32)})

    def test_another_curve_is_refused(self) -> None:
        self.refused(public(ECKey.generate_key("P-384")))

    @pytest.mark.parametrize("epk", [ABSENT, None, {}, {"kty": "EC", "crv": "P-256"}, {"kty": "oct", "k": "AA"}])
    def test_what_is_no_key_is_refused(self, epk: object) -> None:
        self.refused(epk)

    @on_a_shared_machine
    @given(st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "kid", "use"]), json_values))
    def test_any_key_gives_our_error(self, changes: dict[str, Any]) -> None:
        epk = {**public(key_of("P-256", 3)), **changes}
        with pytest.raises((UndecryptableToken, MalformedToken)):
            decrypt_token(seal(SIGNED, key_of("P-256"), "ECDH-ES", epk=epk), P256)


class TestRotation:
    """Several keys of ours at once."""

    keys = OwnKeys(keys=tuple(own_key("P-256", "enc", number) for number in range(1, MAX_DECRYPTIONS + 2)))

    def test_the_key_is_found_by_its_id_wherever_it_is(self) -> None:
        for number, key in enumerate(self.keys.keys, start=1):
            token = seal(SIGNED, key_of("P-256", number), "ECDH-ES", kid=key.key_id)
            assert decrypt_token(token, self.keys) == SIGNED

    def test_without_an_id_the_first_few_are_tried(self) -> None:
        assert decrypt_token(seal(SIGNED, key_of("P-256", MAX_DECRYPTIONS), "ECDH-ES"), self.keys) == SIGNED
        beyond = seal(SIGNED, key_of("P-256", MAX_DECRYPTIONS + 1), "ECDH-ES")
        assert isinstance(refusal(beyond, self.keys), UndecryptableToken)

    @pytest.mark.parametrize("kid", ["unknown", own_key("P-256", "enc", 2).key_id], ids=["unknown", "another"])
    def test_the_id_of_no_key_or_of_another_is_refused(self, kid: str) -> None:
        """Not `UnknownKey`: the provider's keys need no other look."""
        token = seal(SIGNED, key_of("P-256", 1), "ECDH-ES", kid=kid)
        assert isinstance(refusal(token, self.keys), UndecryptableToken)

    def test_without_keys_nothing_opens(self) -> None:
        assert isinstance(refusal(SEALED, OwnKeys()), UndecryptableToken)

    def test_a_key_that_signs_does_not_open(self) -> None:
        assert isinstance(refusal(SEALED, OwnKeys(keys=(own_key("RSA"),))), UndecryptableToken)

    def test_a_key_for_one_algorithm_does_not_serve_another(self) -> None:
        source = json.dumps(key_of("P-256").as_dict(private=True)).encode()
        only = OwnKeys(keys=(read_own_key(source, use="enc", algorithm="ECDH-ES+A256KW"),))
        assert decrypt_token(seal(SIGNED, key_of("P-256"), "ECDH-ES+A256KW"), only) == SIGNED
        assert isinstance(refusal(seal(SIGNED, key_of("P-256"), "ECDH-ES"), only), UndecryptableToken)


def test_every_cause_has_the_same_message() -> None:
    """Who learns why a decryption failed can decrypt in the end."""
    parts = SEALED.split(".")
    broken_key = ".".join((parts[0], encode(b"\x01" * 256), *parts[2:]))
    broken_tag = ".".join((*parts[:4], encode(b"\x01" * 16)))
    errors = [refusal(token) for token in (broken_key, broken_tag, seal(SIGNED, key_of("RSA", 8)))]
    assert {(type(error), str(error), error.claim) for error in errors} == {
        (UndecryptableToken, "The token cannot be decrypted.", None)
    }


def test_the_largest_token_is_accepted_and_one_byte_more_is_refused() -> None:
    room = (MAX_TOKEN_BYTES - len(SEALED) - 30) * 9 // 16
    token = seal(sign(claims(pad="x" * room), rsa_key()), key_of("RSA"))
    assert MAX_TOKEN_BYTES - 64 < len(token) <= MAX_TOKEN_BYTES
    assert decrypt_token(token, RSA)
    assert isinstance(refusal(token + "A" * (MAX_TOKEN_BYTES + 1 - len(token))), MalformedToken)
    assert decrypt_token(token, RSA, max_bytes=len(token))
    with pytest.raises(MalformedToken):
        decrypt_token(token, RSA, max_bytes=len(token) - 1)


@on_a_shared_machine
@given(st.text(max_size=200) | st.builds(".".join, st.lists(st.text("AQIDeyJhbGciOiJ-_=+", max_size=40), max_size=6)))
def test_any_text_gives_a_token_or_our_error(token: str) -> None:
    with pytest.raises(ProtocolError):
        decrypt_token(token, RSA)


@on_a_shared_machine
@given(
    st.sampled_from(["ECDH-ES", "ECDH-ES+A256KW"]),
    st.sampled_from(["A128GCM", "A256GCM"]),
    st.dictionaries(st.sampled_from(["kid", "cty", "epk", "apu", "apv", "typ", "jwk", "x5c", "url"]), json_values),
    st.binary(max_size=60),
)
def test_any_header_and_key_give_a_token_or_our_error(
    algorithm: str, encryption: str, header: dict[str, Any], encrypted_key: bytes
) -> None:
    parts = seal(SIGNED, key_of("P-256"), algorithm, encryption, **header).split(".")
    with contextlib.suppress(ProtocolError):
        decrypt_token(".".join(parts), P256)
    parts[1] = encode(encrypted_key)
    with contextlib.suppress(ProtocolError):
        decrypt_token(".".join(parts), P256)
