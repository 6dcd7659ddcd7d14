"""The cache with the real parsers of `oidc`, over real HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio
from joserfc.jwk import ECKey

from identity_api.oidc.errors import InvalidKeySet, IssuerMismatch, UnknownKey
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from tests.upstream.hostile import Hostile

WELL_KNOWN = "/.well-known/openid-configuration"


def public_key(kid: str) -> dict[str, Any]:
    return {**ECKey.generate_key("P-256").as_dict(private=False), "kid": kid, "alg": "ES256"}


class Provider:
    def __init__(self, hostile: Hostile, upstream: Upstream, port: int) -> None:
        self.hostile, self.issuer = hostile, f"http://127.0.0.1:{port}"
        metadata = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
        }
        hostile.documents[WELL_KNOWN] = json.dumps(metadata).encode()
        self.publish("first")
        self.documents = provider_documents(upstream, monotonic=lambda: 0.0)

    def publish(self, *kids: str) -> None:
        self.hostile.documents["/jwks"] = json.dumps({"keys": [public_key(kid) for kid in kids]}).encode()


@pytest_asyncio.fixture
async def provider(hostile: Hostile, open_upstream: Callable[..., Upstream]):
    port = await hostile.listen()
    made = Provider(hostile, open_upstream(f"127.0.0.1:{port}"), port)
    yield made
    await made.documents.aclose()


@pytest.mark.asyncio
@pytest.mark.parametrize("suffix", ["", WELL_KNOWN])
async def test_a_provider_is_found_by_its_issuer_or_by_its_document(provider, suffix):
    metadata = await provider.documents.metadata(provider.issuer + suffix)
    assert (metadata.issuer, metadata.jwks_uri) == (provider.issuer, f"{provider.issuer}/jwks")


@pytest.mark.asyncio
async def test_a_document_of_another_issuer_is_refused(provider):
    with pytest.raises(IssuerMismatch):
        await provider.documents.metadata(f"{provider.issuer}/", discovery_url=provider.issuer + WELL_KNOWN)


@pytest.mark.asyncio
async def test_an_unknown_key_is_found_after_a_refetch(provider):
    jwks_uri = (await provider.documents.metadata(provider.issuer)).jwks_uri
    keys = await provider.documents.keys(jwks_uri)
    provider.publish("first", "second")
    with pytest.raises(UnknownKey):
        keys.find("second", "ES256")
    newer = await provider.documents.refetch_keys(jwks_uri, judged=keys)
    assert newer.find("second", "ES256").key_id == "second"


@pytest.mark.asyncio
async def test_keys_are_imported_once_however_often_they_are_asked_for(provider):
    first = await provider.documents.keys(f"{provider.issuer}/jwks")
    assert await provider.documents.keys(f"{provider.issuer}/jwks") is first


@pytest.mark.asyncio
async def test_what_is_no_key_set_is_refused(provider):
    provider.hostile.documents["/jwks"] = b"[]"
    with pytest.raises(InvalidKeySet):
        await provider.documents.keys(f"{provider.issuer}/jwks")
