"""Keys of our own, made for one algorithm."""

import json

import pytest

from identity_api.errors import BadInput
from identity_api.oidc.new_keys import QUICK_ALGORITHMS, new_private_jwk
from identity_api.oidc.own_keys import OwnKeys, public_key_set, read_own_key


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", *QUICK_ALGORITHMS])
def test_a_made_key_signs_with_its_algorithm_and_no_other(algorithm: str) -> None:
    key = read_own_key(new_private_jwk(algorithm))
    assert (key.use, key.algorithms) == ("sig", (algorithm,))
    assert key.key_id == key.thumbprint
    assert key.sign({}, {}).count(".") == 2


def test_a_made_key_for_encryption_is_for_nothing_else() -> None:
    source = new_private_jwk("RSA-OAEP-256")
    assert read_own_key(source, use="enc").algorithms == ("RSA-OAEP-256",)
    with pytest.raises(BadInput, match="another use"):
        read_own_key(source, use="sig")


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RSA1_5", ""])
def test_no_key_is_made_for_an_algorithm_we_do_not_use(algorithm: str) -> None:
    with pytest.raises(BadInput) as caught:
        new_private_jwk(algorithm)
    assert caught.value.field == "algorithm"


def test_two_keys_are_never_the_same() -> None:
    made = [json.loads(new_private_jwk("ES256")) for _ in range(2)]
    assert made[0]["kid"] != made[1]["kid"]


def test_what_is_published_of_a_made_key_is_public() -> None:
    key = read_own_key(new_private_jwk("ES256"))
    (published,) = public_key_set(OwnKeys(keys=(key,)))["keys"]
    assert published.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
