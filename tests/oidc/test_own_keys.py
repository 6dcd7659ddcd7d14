"""Our own keys: imported once, published without their private half, rotated. RFC 7517, RFC 7638; Core 10."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey

from identity_api.errors import BadInput
from identity_api.oidc.jwks import parse_key_set
from identity_api.oidc.own_keys import MAX_OWN_KEYS, OwnKey, OwnKeys, public_key_set, read_own_key
from identity_api.oidc.signed_token import verify_signature
from tests.oidc.own import key_of, own_key
from tests.oidc.strategies import json_values, objects, on_a_shared_machine
from tests.oidc.tokens import rsa_key

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
SIGNING = {
    "RSA": ["RS256", "PS256", "RS384", "PS384", "RS512", "PS512"],
    "P-256": ["ES256"],
    "P-384": ["ES384"],
    "P-521": ["ES512"],
    "Ed25519": ["EdDSA", "Ed25519"],
    "Ed448": ["EdDSA", "Ed448"],
}


def jwk(kind: str, **changes: Any) -> bytes:
    return json.dumps({**key_of(kind).as_dict(private=True), **changes}).encode()


def refusal(source: bytes, **changes: Any) -> str:
    with pytest.raises(BadInput) as caught:
        read_own_key(source, **changes)
    assert caught.value.field == "key"
    return caught.value.message


@pytest.mark.parametrize("kind", SIGNING)
def test_a_key_is_read_from_pem_or_jwk_alike(kind: str) -> None:
    from_pem = read_own_key(key_of(kind).as_pem(private=True))
    from_jwk = read_own_key(jwk(kind))
    assert from_pem.public_members == from_jwk.public_members
    assert from_pem.key_id == from_jwk.key_id == from_pem.thumbprint
    assert from_pem.algorithms == (SIGNING[kind][0],)


@pytest.mark.parametrize(("kind", "algorithm"), [(kind, name) for kind, names in SIGNING.items() for name in names])
def test_what_a_key_signs_is_verified_with_what_it_publishes(kind: str, algorithm: str) -> None:
    key = read_own_key(jwk(kind), algorithm=algorithm, key_id="k-1")
    token = key.sign({"typ": "JWT", "kid": key.key_id}, {"sub": "x"})
    published = parse_key_set(json.dumps(public_key_set(OwnKeys(keys=(key,)))).encode())
    assert verify_signature(token, published, [algorithm]).claims == {"sub": "x"}


@pytest.mark.parametrize("use", ["sig", "enc"])
@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "P-521"])
def test_the_published_set_has_no_private_member(kind: str, use: str) -> None:
    key = own_key(kind, use)
    (published,) = public_key_set(OwnKeys(keys=(key,)))["keys"]
    assert PRIVATE_MEMBERS.isdisjoint(published)
    assert (published["kid"], published["use"]) == (key.key_id, use)


def test_a_key_to_encrypt_to_does_not_verify_signatures() -> None:
    published = parse_key_set(json.dumps(public_key_set(OwnKeys(keys=(own_key("RSA", "enc"),)))).encode())
    assert [key.reason for key in published.ignored] == ["not_for_signatures"]


def test_a_key_to_encrypt_to_does_not_sign() -> None:
    assert own_key("RSA").sign({}, {})
    with pytest.raises(BadInput):
        own_key("RSA", "enc").sign({}, {})


def test_the_thumbprint_is_that_of_the_specification() -> None:
    """RFC 7638 section 3.1 says how, RFC 8037 appendix A.3 gives a result for a private key that is published."""
    source = {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    assert read_own_key(json.dumps(source).encode()).key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_what_the_jwk_says_of_itself_counts_unless_told_otherwise() -> None:
    source = jwk("RSA", kid="from-jwk", alg="PS256", use="sig")
    assert (read_own_key(source).key_id, read_own_key(source).algorithms) == ("from-jwk", ("PS256",))
    told = read_own_key(source, key_id="told", algorithm="RS512")
    assert (told.key_id, told.algorithms) == ("told", ("RS512",))


def test_nothing_private_is_shown() -> None:
    shown = repr(own_key("RSA")) + repr(OwnKeys(keys=(own_key("RSA"),)))
    assert key_of("RSA").as_dict(private=True)["d"] not in shown


@pytest.mark.parametrize("kind", SIGNING)
def test_a_public_key_is_refused(kind: str) -> None:
    assert read_own_key(jwk(kind))
    refusal(key_of(kind).as_pem(private=False))
    refusal(json.dumps(key_of(kind).as_dict(private=False)).encode())


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"{}",
        b"[]",
        b"x" * 40_000,
        b'{"kty":["RSA"]}',
        json.dumps(OctKey.generate_key(256).as_dict(private=True)).encode(),
        json.dumps({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}).encode(),
        OKPKey.generate_key("X25519").as_pem(private=True),
        ECKey.generate_key("secp256k1").as_pem(private=True),
        rsa_key(1024).as_pem(private=True),
        json.dumps(rsa_key(1024).as_dict(private=True)).encode(),
        json.dumps({"kty": "RSA", "n": 7, "e": "AQAB", "d": "AQAB"}).encode(),
    ],
    ids=range(13),  # keys are made anew in every process, and test ids must not differ between processes
)
def test_what_is_no_usable_private_key_is_refused(source: bytes) -> None:
    refusal(source)


def test_an_encrypted_pem_is_refused() -> None:
    refusal(key_of("P-256").as_pem(private=True, password="secret"))


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({"use": "enc"}, {}),
        ({"use": "sig"}, {"use": "enc"}),
        ({"alg": "RS256"}, {"use": "enc"}),
        ({"alg": "ES256"}, {}),
        ({}, {"algorithm": "HS256"}),
        ({}, {"algorithm": "none"}),
        ({"kid": 1}, {}),
        ({"kid": "é"}, {}),
        ({"kid": "k" * 513}, {}),
    ],
)
def test_a_key_that_does_not_fit_its_purpose_is_refused(changes: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert read_own_key(jwk("RSA"))
    refusal(jwk("RSA", **changes), **arguments)


def test_an_edwards_key_is_not_for_encryption() -> None:
    refusal(jwk("Ed25519"), use="enc")


class TestRotation:
    """Append, move to the front, drop."""

    old, new = own_key("P-256", "sig", 1), own_key("P-256", "sig", 2)

    @pytest.mark.parametrize(("keys", "signs"), [((old,), old), ((old, new), old), ((new, old), new), ((new,), new)])
    def test_the_first_key_signs_and_all_are_published(self, keys: tuple[OwnKey, ...], signs: OwnKey) -> None:
        own = OwnKeys(keys=keys)
        assert own.signing(["ES256"]) is signs
        assert [key["kid"] for key in public_key_set(own)["keys"]] == [key.key_id for key in keys]

    def test_the_key_is_chosen_by_what_the_provider_accepts(self) -> None:
        own = OwnKeys(keys=(own_key("P-256", "enc"), self.old, own_key("RSA")))
        assert own.signing() is self.old
        assert own.signing(["RS256", "ES384"]) is own_key("RSA")
        with pytest.raises(BadInput):
            own.signing(["ES384"])
        with pytest.raises(BadInput):
            OwnKeys().signing()

    def test_one_key_is_not_there_twice(self) -> None:
        with pytest.raises(BadInput):
            OwnKeys(keys=(self.old, self.old))

    def test_the_number_of_keys_is_bounded(self) -> None:
        keys = [read_own_key(jwk("P-256"), key_id=str(number)) for number in range(MAX_OWN_KEYS + 1)]
        assert OwnKeys(keys=tuple(keys[1:]))
        with pytest.raises(BadInput):
            OwnKeys(keys=tuple(keys))


@on_a_shared_machine
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda body: b"-----BEGIN PRIVATE KEY-----\n" + body))
def test_any_bytes_give_a_key_or_our_error(source: bytes) -> None:
    with contextlib.suppress(BadInput):
        read_own_key(source)


@on_a_shared_machine
@given(st.sampled_from(["P-256", "Ed25519"]), objects("kty", "crv", "x", "y", "d", "kid", "use", "alg"), json_values)
def test_any_members_give_a_key_or_our_error(kind: str, changes: dict[str, Any], key_ops: object) -> None:
    with contextlib.suppress(BadInput):
        assert read_own_key(jwk(kind, **changes, key_ops=key_ops)).key_id
