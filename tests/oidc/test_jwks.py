"""Reading a key set and choosing a key. Promises 2 and 4."""

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey

from identity_api.oidc.errors import AmbiguousKey, InvalidKeySet, UnknownKey
from identity_api.oidc.jwks import ALLOWED_ALGORITHMS, KeySet, allowed_algorithms, parse_key_set
from identity_api.oidc.signed_token import verify_signature
from tests.oidc.strategies import json_values, objects, on_a_shared_machine
from tests.oidc.tokens import claims, ec_key, encode, key_set, okp_key, public, rsa_key, sign


def reason(member: Any) -> str:
    """Why a key is left out, proving that a good key beside it stays."""
    keys = key_set(member, public(ec_key(), kid="good"))
    assert [key.key_id for key in keys.keys] == ["good"]
    (ignored,) = keys.ignored
    return ignored.reason


def test_a_key_of_each_type_is_usable() -> None:
    keys = key_set(public(rsa_key(), kid="r"), public(ec_key(), kid="e"), public(okp_key(), kid="o", use="sig"))
    assert [key.key_id for key in keys.keys] == ["r", "e", "o"]
    assert keys.ignored == ()


@pytest.mark.parametrize("key", [rsa_key(), ec_key(), okp_key()])
def test_a_private_key_is_never_used(key: Any) -> None:
    """Discovery 3: who has read it can sign as the provider."""
    assert reason(key.as_dict(private=True)) == "private"


def test_a_symmetric_key_is_never_used() -> None:
    assert reason(OctKey.generate_key(256).as_dict(private=True)) == "symmetric"


@pytest.mark.parametrize(
    "changes",
    [{"use": "enc"}, {"use": 1}, {"key_ops": ["encrypt"]}, {"key_ops": "verify"}, {"alg": "RSA-OAEP"}, {"alg": 1}],
)
def test_a_key_that_is_not_for_signatures_is_not_used(changes: dict[str, Any]) -> None:
    assert reason(public(rsa_key(), **changes)) == "not_for_signatures"


@pytest.mark.parametrize(
    "changes", [{"use": "sig"}, {"key_ops": ["verify"]}, {"alg": "RS256"}, {"x5c": ["?"]}, {"x5u": 7}, {"note": {}}]
)
def test_other_members_do_not_spoil_a_key(changes: dict[str, Any]) -> None:
    assert key_set(public(rsa_key(), kid="r", **changes)).find("r", "RS256").key_id == "r"


@pytest.mark.parametrize("changes", [{"kty": "AKP"}, {"kty": 1}, {"kty": None}, {"crv": "P-521 "}, {"crv": []}])
def test_a_key_of_unknown_type_is_skipped(changes: dict[str, Any]) -> None:
    assert reason(public(ec_key(), **changes)) == "unknown_type"


@pytest.mark.parametrize("member", [None, 1, "key", []])
def test_what_is_not_an_object_is_skipped(member: object) -> None:
    assert reason(member) == "not_an_object"


@pytest.mark.parametrize("changes", [{"x": "AAAA"}, {"x": 1}, {"x": ""}, {"y": encode(b"\x01" * 32)}, {"y": "*"}])
def test_a_key_that_cannot_be_read_is_skipped(changes: dict[str, Any]) -> None:
    """Among them a point that is not on the curve."""
    assert reason(public(ec_key(), **changes)) == "unreadable"


def test_an_rsa_key_below_2048_bits_is_not_used() -> None:
    assert reason(public(rsa_key(1024))) == "unacceptable_size"


@pytest.mark.parametrize(
    "changes", [{"n": encode(b"\xff" * 2048)}, {"e": encode(b"\xff" * 255)}, {"n": 1}, {"e": encode(b"\x00")}]
)
def test_an_rsa_key_that_would_be_slow_or_empty_is_not_used(changes: dict[str, Any]) -> None:
    assert reason(public(rsa_key(), **changes)) in ("unacceptable_size", "unreadable")


@pytest.mark.parametrize("key_id", [1, [], {}, "k" * 513])
def test_a_key_id_of_another_type_or_size_is_skipped(key_id: object) -> None:
    assert reason(public(rsa_key(), kid=key_id)) == "unusable_key_id"


def test_an_algorithm_on_the_key_limits_it() -> None:
    keys = key_set(public(rsa_key(), kid="r", alg="RS256"))
    assert keys.find("r", "RS256").key_id == "r"
    with pytest.raises(UnknownKey):
        keys.find("r", "PS256")


def test_a_key_labelled_with_either_eddsa_name_verifies_both() -> None:
    for label in ("EdDSA", "Ed25519"):
        keys = key_set(public(okp_key(), kid="o", alg=label))
        assert keys.find("o", "EdDSA") is keys.find("o", "Ed25519")


def test_a_key_refuses_an_algorithm_that_is_not_its_own() -> None:
    """Even if asked directly: PS256 and RS256 share a key type, and a label limits the key to one of them."""
    (key,) = key_set(public(rsa_key(), alg="RS256")).keys
    signing_input, _, signature = sign(claims(), rsa_key(), "PS256").rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    assert not key.verify("PS256", signing_input.encode(), raw)
    (unlabelled,) = key_set(public(rsa_key())).keys
    assert unlabelled.verify("PS256", signing_input.encode(), raw)


def test_the_issuer_that_a_key_is_limited_to_is_kept() -> None:
    """Entra's keys carry one."""
    keys = key_set(public(rsa_key(), kid="key-1", issuer="https://login.example/{tenantid}"))
    assert verify_signature(sign(claims(), rsa_key()), keys, ["RS256"]).key_issuer == "https://login.example/{tenantid}"


def test_one_id_for_two_algorithms_is_told_apart() -> None:
    keys = key_set(public(rsa_key(), kid="same", alg="RS256"), public(rsa_key(2048, 1), kid="same", alg="RS512"))
    assert keys.find("same", "RS512").algorithms == {"RS512"}


def test_one_id_for_two_fitting_keys_is_refused() -> None:
    keys = key_set(public(rsa_key(), kid="same"), public(rsa_key(2048, 1), kid="same"))
    with pytest.raises(AmbiguousKey):
        keys.find("same", "RS256")


def test_one_key_that_is_published_twice_is_one_key() -> None:
    """Found in use. With a token that names no key, also under two ids; the label of the algorithm may differ."""
    twice = key_set(public(rsa_key(), kid="same"), public(rsa_key(), kid="same", alg="RS256"))
    assert verify_signature(sign(claims(), rsa_key(), kid="same"), twice, ["RS256"]).claims == claims()
    assert key_set(public(rsa_key(), kid="a"), public(rsa_key(), kid="b")).find(None, "RS256").key_id == "a"
    assert key_set(public(okp_key(), kid="o"), public(okp_key(), kid="o")).find("o", "EdDSA").key_id == "o"


def test_one_key_for_two_issuers_is_refused() -> None:
    keys = key_set(public(rsa_key(), kid="e", issuer="https://a.example"), public(rsa_key(), kid="e"))
    with pytest.raises(AmbiguousKey):
        keys.find("e", "RS256")


def test_an_unknown_id_is_told_apart_so_that_the_set_can_be_fetched_again() -> None:
    keys = key_set(public(rsa_key(), kid="r"))
    with pytest.raises(UnknownKey) as caught:
        keys.find("s", "RS256")
    assert caught.value.code == "UNKNOWN_KEY"


def test_a_key_without_id_does_not_serve_a_token_with_one() -> None:
    keys = key_set(public(rsa_key()))
    assert keys.find(None, "RS256").key_id is None
    with pytest.raises(UnknownKey):
        keys.find("r", "RS256")


def test_a_set_without_usable_keys_is_a_set() -> None:
    keys = parse_key_set(b'{"keys":[]}')
    with pytest.raises(UnknownKey):
        keys.find(None, "RS256")


def test_a_hundred_keys_are_accepted_and_one_more_is_refused() -> None:
    members = [public(okp_key(), kid=str(number)) for number in range(100)]
    assert len(key_set(*members).keys) == 100
    with pytest.raises(InvalidKeySet):
        key_set(*members, public(okp_key()))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":null}', b" " * 600_000, b"[" * 5000])
def test_what_is_not_a_key_set_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidKeySet):
        parse_key_set(body)


def test_only_announced_asymmetric_algorithms_are_allowed() -> None:
    assert allowed_algorithms(["RS256", "HS256", "none", "ES256", "RSA1_5"]) == {"RS256", "ES256"}
    assert allowed_algorithms(["none", "HS512"]) == frozenset()


def test_no_allowed_algorithm_is_symmetric() -> None:
    assert {name[:2] for name in ALLOWED_ALGORITHMS} == {"RS", "PS", "ES", "Ed"}


@on_a_shared_machine
@given(st.binary(max_size=200))
def test_any_bytes_give_a_key_set_or_our_error(body: bytes) -> None:
    with contextlib.suppress(InvalidKeySet):
        assert isinstance(parse_key_set(body), KeySet)


@on_a_shared_machine
@given(
    st.sampled_from([public(rsa_key()), public(ec_key()), public(okp_key())]),
    objects("kty", "crv", "x", "y", "n", "e", "use", "key_ops", "alg", "kid", "issuer", "d"),
    json_values,
)
def test_any_members_give_a_key_set(key: dict[str, Any], changes: dict[str, Any], other: object) -> None:
    keys = parse_key_set(json.dumps({"keys": [{**key, **changes}, other]}).encode())
    assert len(keys.keys) + len(keys.ignored) == 2
