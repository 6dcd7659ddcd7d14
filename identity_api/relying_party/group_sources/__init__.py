"""Groups from vendors' own APIs, where their claims omit or truncate them. Used only where configured.

    entra       claims up to 200 groups, and a marker above
    github      no claim at all: teams
    google      no claim at all: Cloud Identity groups
    okta        a claim that may be cut off at 100 without a marker

Each module has `fetch(ask, documents, reading)`, which takes the reading of the claims and returns a better or an
unverified one. A list that was not read to its end is `TRUNCATED` and has no groups in it, and one that could not be
read at all is `UNKNOWN`: neither changes or extends anything (I7).

The API's address is `endpoints.groups` of the provider, otherwise the vendor's public one. The access token is sent only
to this origin, and the address is checked like that of every outbound request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from identity_api.claims import Completeness, Diagnostic, Documents, GroupsReading, unverified
from identity_api.db.providers import GroupSource
from identity_api.relying_party.connection import ProviderConnection
from identity_api.relying_party.group_sources import entra, github, google, okta
from identity_api.relying_party.group_sources.paged_requests import MAX_SECONDS, PAGE_CAP_BYTES, Ask, SourceFailed
from identity_api.telemetry import get_logger
from identity_api.upstream.exchange import Upstream

Fetch = Callable[[Ask, Documents, GroupsReading], Awaitable[GroupsReading]]

SOURCES: Mapping[GroupSource, Fetch] = {
    "entra": entra.fetch,
    "github": github.fetch,
    "google": google.fetch,
    "okta": okta.fetch,
}
BASES: Mapping[GroupSource, str] = {
    "entra": "https://graph.microsoft.com",
    "github": "https://api.github.com",
    "google": "https://cloudidentity.googleapis.com",
}
"""Okta's API is at the customer's own domain, which the issuer names."""

_log = get_logger(__name__)


async def with_listed_groups(
    upstream: Upstream,
    line: ProviderConnection,
    access_token: str | None,
    documents: Documents,
    reading: GroupsReading,
) -> GroupsReading:
    """The groups of the access token's person: from the claims, or from the vendor's API.

    Never raises for a vendor's answer; takes at most `MAX_SECONDS`.

    Args:
        access_token: None if the provider gave none.
        line: to the provider. Its TLS settings apply to an API on the provider's own host, and to no other.
        documents: the verified claims of this exchange.
        reading: the groups in the claims.
    """
    provider = line.provider
    source = provider.claims.group_source
    if source is None:
        return okta.doubted(reading) if provider.preset == okta.PRESET else reading
    base = provider.endpoints.get("groups") or BASES.get(source) or okta.base_of(provider.issuer)
    ends_at = asyncio.get_running_loop().time() + MAX_SECONDS
    try:
        async with line.for_host(base).client(upstream, deadline=MAX_SECONDS, cap=PAGE_CAP_BYTES) as client:
            ask = Ask(client=client, base=base.rstrip("/"), access_token=access_token, ends_at=ends_at)
            return await SOURCES[source](ask, documents, reading)
    except SourceFailed as failed:
        _log.warning(
            "groups.source_failed",
            tenant_id=str(provider.tenant_id),
            provider_id=str(provider.id),
            source=source,
            failure=failed.detail,
        )
        was_cut = failed.is_partial or reading.completeness is Completeness.TRUNCATED
        completeness = Completeness.TRUNCATED if was_cut else Completeness.UNKNOWN
        remark = Diagnostic(failed.reason.value, source, failed.detail)
        return unverified(completeness, failed.reason, (*reading.diagnostics, remark))
