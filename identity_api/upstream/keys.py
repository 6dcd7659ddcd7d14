"""Provider metadata (OpenID Connect Discovery 1.0 §4) and key sets (RFC 7517 §5), fetched and cached.

`oidc` parses the documents; `documents` does sharing, freshness and cool-down. Metadata is fetched again every hour, keys
every five minutes, since a key that a provider has removed may have been stolen. If a fetch fails, the cached document is
used for up to 24 hours. Keys are also fetched again for a token that the cached ones do not verify.
"""

import dataclasses
import ssl
from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

from identity_api.oidc.discovery import ProviderMetadata, configuration_url, parse_provider_metadata
from identity_api.oidc.jwks import KeySet, read_key_set
from identity_api.upstream.addresses import tenant_name
from identity_api.upstream.documents import Cached, Monotonic, Parser, Source, Times
from identity_api.upstream.exchange import Upstream

Metadata = TypeVar("Metadata")
Keys = TypeVar("Keys")
KEYS_FRESH_SECONDS = 300.0
"""How long a removed key is used at most while the provider can be asked for its keys."""


class ProviderDocuments(Generic[Metadata, Keys]):
    """Metadata and keys of every provider in use. One per process; close it before its Upstream."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        monotonic: Monotonic,
        configuration_url: Callable[[str], str],
        parse_metadata: Callable[[bytes, str], Metadata],
        parse_keys: Parser[Keys],
        times: Times | None = None,
    ) -> None:
        """Store the parts; nothing is fetched yet.

        Args:
            upstream: carries the requests.
            monotonic: seconds, such as `time.monotonic`.
            configuration_url: issuer to the URL of its metadata.
            parse_metadata: body and expected issuer to metadata; raises if they do not agree.
            parse_keys: body to key set.
            times: freshness, usability, cool-down and deadline; keys are never fresh for longer than KEYS_FRESH_SECONDS.
        """
        times = times or Times()
        key_times = dataclasses.replace(times, fresh_seconds=min(times.fresh_seconds, KEYS_FRESH_SECONDS))
        self._configuration_url, self._parse_metadata, self._parse_keys = configuration_url, parse_metadata, parse_keys
        self._metadata: Cached[Metadata] = Cached(upstream, monotonic=monotonic, times=times)
        self._keys: Cached[Keys] = Cached(upstream, monotonic=monotonic, times=key_times)

    async def metadata(
        self,
        issuer: str,
        *,
        discovery_url: str | None = None,
        tenant: str | UUID | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Metadata:
        """The metadata of `issuer`, which it must name exactly.

        Args:
            issuer: the required `issuer` of the document.
            discovery_url: the document's address, if not the issuer's well-known path.
            tenant: on whose behalf; documents are not shared between tenants.
            tls: see `Upstream.exchange`.

        Raises:
            UpstreamError: it cannot be fetched, and none is held that is younger than 24 hours.
            Exception: what `parse_metadata` raised, under the same condition.
        """
        url = discovery_url or self._configuration_url(issuer)
        source = Source(url, tenant_name(tenant), issuer, tls)
        return await self._metadata.get(source, lambda body: self._parse_metadata(body, issuer))

    async def keys(
        self,
        jwks_uri: str,
        *,
        tenant: str | UUID | None = None,
        tls: ssl.SSLContext | None = None,
        serves: Callable[[Keys], bool] | None = None,
    ) -> Keys:
        """The key set at `jwks_uri`. Raises as `metadata` does.

        With `serves` (does it have the needed key?) a cached set that does not serve is fetched again at once, unless
        that was done less than the cool-down ago. Many unknown ids at once make one fetch, also with an empty cache.
        """
        return await self._keys.get(Source(jwks_uri, tenant_name(tenant), "", tls), self._parse_keys, serves=serves)

    async def refetch_keys(
        self,
        jwks_uri: str,
        *,
        judged: Keys,
        tenant: str | UUID | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Keys:
        """For a caller that found no fitting key in `judged`: a newer set if there is one, otherwise the same."""
        source = Source(jwks_uri, tenant_name(tenant), "", tls)
        return await self._keys.refetch(source, self._parse_keys, judged=judged)

    async def renew(
        self,
        issuer: str,
        *,
        discovery_url: str | None = None,
        tenant: str | UUID | None = None,
        tls: ssl.SSLContext | None = None,
        jwks_uri: Callable[[Metadata], str],
    ) -> None:
        """Fetch metadata and keys now, in this process, unless they were fetched less than the cool-down ago.

        Args:
            issuer, discovery_url, tenant, tls: as for `metadata`.
            jwks_uri: where the metadata says that the keys are.

        Raises:
            UpstreamError, Exception: either cannot be fetched or read; the cached documents stay in use.
        """
        source = Source(discovery_url or self._configuration_url(issuer), tenant_name(tenant), issuer, tls)
        metadata = await self._metadata.renew(source, lambda body: self._parse_metadata(body, issuer))
        await self._keys.renew(Source(jwks_uri(metadata), tenant_name(tenant), "", tls), self._parse_keys)

    async def aclose(self) -> None:
        """End the fetches in flight."""
        await self._metadata.aclose()
        await self._keys.aclose()


def provider_documents(
    upstream: Upstream, *, monotonic: Monotonic, times: Times | None = None
) -> ProviderDocuments[ProviderMetadata, KeySet]:
    """The cache with the parsers of `oidc`, whose errors (`InvalidMetadata`, `IssuerMismatch`, `InvalidKeySet`) it adds.

    An address that is already the document's URL may be given as `issuer`: `oidc.discovery` knows both spellings.
    """
    return ProviderDocuments(
        upstream,
        monotonic=monotonic,
        configuration_url=configuration_url,
        parse_metadata=parse_provider_metadata,
        parse_keys=read_key_set,
        times=times,
    )
