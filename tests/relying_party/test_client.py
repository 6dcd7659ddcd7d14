"""Where a request is pushed, whom a JWT is for, and which key signs."""

import pytest

from identity_api.ids import uuid7
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import InvalidMetadata
from identity_api.relying_party.authorization_request import pushes
from identity_api.relying_party.cache import MAX_ENTRIES, ProviderCache
from identity_api.relying_party.requests import new_login_key, read_login_key

ENDPOINT = "https://idp.example/par"


def metadata(*, endpoint: str | None = None, is_required: bool = False) -> ProviderMetadata:
    return ProviderMetadata(
        issuer="https://idp.example",
        authorization_endpoint="https://idp.example/authorize",
        token_endpoint="https://idp.example/token",
        jwks_uri="https://idp.example/jwks",
        pushed_authorization_request_endpoint=endpoint,
        requires_pushed_authorization_requests=is_required,
    )


def test_promise_12_a_request_is_pushed_wherever_that_is_offered() -> None:
    assert pushes(metadata(endpoint=ENDPOINT))
    assert pushes(metadata(endpoint=ENDPOINT, is_required=True))
    assert not pushes(metadata())


def test_a_provider_that_insists_on_it_and_offers_it_nowhere_cannot_be_used() -> None:
    with pytest.raises(InvalidMetadata) as caught:
        pushes(metadata(is_required=True))
    assert caught.value.claim == "pushed_authorization_request_endpoint"


@pytest.mark.parametrize(
    ("announced", "algorithm"),
    [((), "ES256"), (("RS256", "ES256"), "ES256"), (("PS256", "EdDSA"), "EdDSA"), (("ES384",), "ES384")],
)
def test_a_login_key_is_of_a_kind_that_the_provider_takes(announced: tuple[str, ...], algorithm: str) -> None:
    made = new_login_key(announced)
    assert made.key.algorithms == (algorithm,)
    assert read_login_key(made.jwk).key.thumbprint == made.key.thumbprint
    assert made.jwk not in repr(made)


def test_no_login_key_is_made_that_the_provider_does_not_take() -> None:
    with pytest.raises(InvalidMetadata) as caught:
        new_login_key(("RS256",))
    assert caught.value.claim == "dpop_signing_alg_values_supported"


def test_what_is_remembered_is_bounded() -> None:
    memory = ProviderCache()
    ids = [uuid7() for _ in range(MAX_ENTRIES + 1)]
    for one in ids:
        memory.keep_nonce(one, "idp.example", "n")
    assert memory.nonce(ids[0], "idp.example") is None
    assert memory.nonce(ids[-1], "idp.example") == "n"
    assert memory.nonce(ids[-1], "other.example") is None
