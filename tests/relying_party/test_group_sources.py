"""Groups from vendors' interfaces: a complete list, or none at all (I7), against servers that answer as documented.

S4-30 (Entra's overage), S2-04 and S2-40 (the presets these belong to), S0-44 (groups that are in no ID token).
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import pytest_asyncio

from identity_api.claims import MAX_GROUPS, Completeness, Documents, GroupsReading, Reason, read_groups
from identity_api.db.client_keys import SealedClient
from identity_api.db.providers import ClaimSettings, GroupSource, Provider
from identity_api.ids import uuid7
from identity_api.relying_party import group_sources
from identity_api.relying_party.claim_settings import claim_sources
from identity_api.relying_party.connection import ProviderConnection
from identity_api.relying_party.group_sources import paged_requests, with_listed_groups
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.tls import verifying_context
from tests.factories import EPOCH
from tests.openid_provider.tls_front import TLSFront
from tests.openid_provider.vendors import TOKEN, Fault, Vendors
from tests.upstream.certificates import issue, server_context

SOURCES = get_args(GroupSource)
PAGED = ("github", "google", "okta")
OVERAGE = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.windows.net/x"}}}
MANY = [f"acme/team-{number:03}" for number in range(250)]


@pytest.fixture(scope="module")
def server() -> Iterator[Vendors]:
    with Vendors() as vendors:
        yield vendors


@pytest.fixture
def vendors(server: Vendors) -> Vendors:
    server.reset(MANY)
    return server


@pytest_asyncio.fixture
async def upstream(server: Vendors) -> AsyncIterator[Upstream]:
    carrying = Upstream(allow=AllowList.parse([f"127.0.0.1:{server.port}"]))
    yield carrying
    await carrying.aclose()


def provider_at(base: str, source: str | None, **settings: Any) -> Provider:
    values = {
        "id": uuid7(),
        "tenant_id": uuid7(),
        "slug": "p",
        "label": "P",
        "issuer": f"{base}/oauth2/default",
        "client_id": "client",
        "redirect_url": "https://id.example/",
        "endpoints": {"groups": base},
        "claims": {"group_source": source, "groups": ["id_token / groups"]},
        "created_at": EPOCH,
        "updated_at": EPOCH,
        **settings,
    }
    return msgspec.convert(values, Provider, strict=False)


def needy_claims(source: str) -> dict[str, Any]:
    """What the ID token says of somebody for whom the source has to be asked."""
    groups = {"entra": OVERAGE, "okta": {"groups": MANY[:100]}}.get(source, {})
    return {"sub": "s", "email": "alice@acme.example", **groups}


def line_of(provider: Provider, certificate: ssl.SSLContext | None = None) -> ProviderConnection:
    """The line to a provider with no secrets and keys."""
    shows = certificate is not None
    return ProviderConnection(
        provider=provider, tenant="acme", sealed=SealedClient((), ()), tls=certificate, shows_certificate=shows
    )


async def listed(
    upstream: Upstream, provider: Provider, claims: dict[str, Any] | None = None, token: str = TOKEN
) -> GroupsReading:
    source = provider.claims.group_source
    documents = Documents(id_token=needy_claims(source or "") if claims is None else claims)
    said = read_groups(documents, claim_sources(provider.claims).groups, absent_groups="UNKNOWN")
    return await with_listed_groups(upstream, line_of(provider), token, documents, said)


def test_every_source_that_can_be_configured_is_there() -> None:
    assert set(group_sources.SOURCES) == set(SOURCES)


@pytest.mark.asyncio
@pytest.mark.parametrize("source", SOURCES)
async def test_all_groups_are_listed_over_all_pages(vendors: Vendors, upstream: Upstream, source: str) -> None:
    reading = await listed(upstream, provider_at(vendors.base, source))
    assert (reading.completeness, reading.reason, list(reading.groups)) == (
        Completeness.COMPLETE,
        Reason.LISTED,
        MANY,
    )
    assert len(vendors.asked) == (1 if source == "entra" else 3)


@pytest.mark.asyncio
@pytest.mark.parametrize("source", SOURCES)
async def test_without_the_setting_nobody_is_asked(vendors: Vendors, upstream: Upstream, source: str) -> None:
    """Off unless a preset's alternative or the operator says so."""
    provider = provider_at(vendors.base, None)
    reading = await listed(upstream, provider, needy_claims(source))
    assert reading == read_groups(
        Documents(id_token=needy_claims(source)), claim_sources(provider.claims).groups, absent_groups="UNKNOWN"
    )
    assert vendors.asked == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("source", "claims"),
    [
        ("entra", {"groups": ["g-1", "g-2"]}),
        ("entra", {"groups": []}),
        ("okta", {"groups": MANY[:99]}),
        ("okta", {}),
    ],
)
async def test_claims_that_are_whole_are_taken_as_they_are(
    vendors: Vendors, upstream: Upstream, source: str, claims: dict[str, Any]
) -> None:
    """Only an overage at Entra, and only a list of 100 or more at Okta, is worth a request."""
    provider = provider_at(vendors.base, source)
    reading = await listed(upstream, provider, claims)
    assert list(reading.groups) == claims.get("groups", [])
    assert vendors.asked == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("preset", "count", "completeness"),
    [
        ("okta", 100, Completeness.TRUNCATED),
        ("okta", 99, Completeness.COMPLETE),
        (None, 100, Completeness.COMPLETE),
        ("keycloak", 100, Completeness.COMPLETE),
    ],
)
async def test_a_list_that_okta_may_have_cut_off_is_not_whole_even_where_nobody_is_asked(
    vendors: Vendors, upstream: Upstream, preset: str | None, count: int, completeness: Completeness
) -> None:
    """I7: Okta cuts at 100 without a marker, and the groups behind that would lose their permissions."""
    provider = provider_at(vendors.base, None, preset=preset)
    reading = await listed(upstream, provider, {"groups": MANY[:count]})
    assert (reading.completeness, vendors.asked) == (completeness, [])
    assert len(reading.groups) == (0 if completeness is Completeness.TRUNCATED else count)
    assert (reading.reason is Reason.CUT_AT_CAP) is (completeness is Completeness.TRUNCATED)


@pytest.mark.asyncio
@pytest.mark.parametrize("source", ["entra", "github", "google"])
async def test_somebody_in_no_group_has_an_empty_list(vendors: Vendors, upstream: Upstream, source: str) -> None:
    """Empty is an answer, which takes permissions; Google leaves the member out."""
    vendors.reset([])
    reading = await listed(upstream, provider_at(vendors.base, source))
    assert (reading.completeness, reading.groups) == (Completeness.EMPTY, ())


@pytest.mark.asyncio
@pytest.mark.parametrize("source", PAGED)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(page=2),
        Fault(page=3, status=429),
        Fault(page=2, status=302),
        Fault(page=2, body=b"{"),
        Fault(page=2, body=b'"a text"'),
        Fault(page=2, body=b"\xff\xfe"),
    ],
    ids=["500", "429 on the last page", "redirect", "cut off", "another shape", "no text"],
)
async def test_a_list_that_stops_half_way_is_no_list(
    vendors: Vendors, upstream: Upstream, source: str, fault: Fault
) -> None:
    """I7: half of somebody's groups would take the other half's permissions away."""
    vendors.reset(MANY, fault=fault)
    reading = await listed(upstream, provider_at(vendors.base, source))
    assert (reading.completeness, reading.reason, reading.groups) == (
        Completeness.TRUNCATED,
        Reason.SOURCE_INCOMPLETE,
        (),
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("status", [400, 403, 404, 503])
async def test_a_source_that_does_not_answer_leaves_the_groups_unknown(
    vendors: Vendors, upstream: Upstream, source: str, status: int
) -> None:
    """403 is Google's answer for accounts without the edition, 400 Entra's above 11,000 groups."""
    vendors.reset(MANY, fault=Fault(page=1, status=status))
    reading = await listed(upstream, provider_at(vendors.base, source))
    assert (reading.is_verified, reading.reason, reading.groups) == (False, Reason.SOURCE_UNAVAILABLE, ())
    # An overage stays one: the claim itself said that there are more.
    expected = Completeness.TRUNCATED if source == "entra" else Completeness.UNKNOWN
    assert reading.completeness is expected


@pytest.mark.asyncio
@pytest.mark.parametrize("source", SOURCES)
async def test_a_token_that_is_refused_leaves_the_groups_unknown(
    vendors: Vendors, upstream: Upstream, source: str
) -> None:
    reading = await listed(upstream, provider_at(vendors.base, source), token="another token")
    assert (reading.is_verified, reading.diagnostics[-1].detail) == (False, "status_401")


@pytest.mark.asyncio
@pytest.mark.parametrize("source", ["github", "okta"])
@pytest.mark.parametrize("elsewhere", ["https://evil.example/user/teams", "http://127.0.0.1:1/x", "https://127.0.0.1/"])
async def test_the_access_token_goes_to_no_other_origin(
    vendors: Vendors, upstream: Upstream, source: str, elsewhere: str
) -> None:
    """A `Link` is the vendor's word, or somebody's who answers in its place."""
    vendors.reset(MANY, fault=Fault(page=99, link=elsewhere))
    reading = await listed(upstream, provider_at(vendors.base, source))
    assert (reading.completeness, reading.diagnostics[-1].detail) == (Completeness.TRUNCATED, "next_page_elsewhere")
    assert len(vendors.asked) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("source", SOURCES)
async def test_an_address_that_is_not_allowed_is_not_connected_to(
    vendors: Vendors, server: Vendors, source: str
) -> None:
    """Promise 50: the same guard as for every outbound request."""
    guarded = Upstream(allow=AllowList.parse([]))
    try:
        reading = await listed(guarded, provider_at(vendors.base, source))
    finally:
        await guarded.aclose()
    assert (reading.is_verified, reading.diagnostics[-1].detail) == (False, "target_not_allowed")
    assert vendors.asked == []


@pytest.mark.asyncio
@pytest.mark.parametrize("source", PAGED)
async def test_pages_without_end_are_not_followed_for_ever(vendors: Vendors, upstream: Upstream, source: str) -> None:
    vendors.reset(MANY, page_size=1)
    reading = await listed(upstream, provider_at(vendors.base, source))
    assert (reading.completeness, reading.diagnostics[-1].detail) == (Completeness.TRUNCATED, "too_many_pages")
    assert len(vendors.asked) == paged_requests.MAX_PAGES


@pytest.mark.asyncio
@pytest.mark.parametrize("source", SOURCES)
async def test_more_groups_than_can_be_kept_are_truncated(vendors: Vendors, upstream: Upstream, source: str) -> None:
    vendors.reset([f"acme/{number}" for number in range(MAX_GROUPS + 1)], page_size=1_000)
    reading = await listed(upstream, provider_at(vendors.base, source))
    assert (reading.completeness, reading.reason) == (Completeness.TRUNCATED, Reason.TOO_MANY)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "address",
    [None, 7, "", "alice", "a' || member_key_id == 'boss@acme.example", "a\\'@acme.example", "alice@acme.example "],
)
async def test_an_address_that_would_change_googles_query_is_not_sent(
    vendors: Vendors, upstream: Upstream, address: object
) -> None:
    """Whoever can set their address would choose whose groups are listed."""
    reading = await listed(upstream, provider_at(vendors.base, "google"), {"email": address})
    assert (reading.is_verified, reading.diagnostics[-1].detail, vendors.asked) == (False, "no_address", [])


def test_vendors_are_asked_at_their_public_places_over_https() -> None:
    assert all(base.startswith("https://") for base in group_sources.BASES.values())
    assert group_sources.okta.base_of("https://acme.okta.com/oauth2/default") == "https://acme.okta.com"


def test_the_setting_is_kept_with_the_other_settings_of_claims() -> None:
    stored = msgspec.json.encode(ClaimSettings(group_source="entra"))
    assert msgspec.json.decode(stored, type=ClaimSettings).group_source == "entra"


@pytest.mark.asyncio
async def test_an_answer_of_graph_that_says_there_is_more_is_no_list(vendors: Vendors, upstream: Upstream) -> None:
    """It is not documented to come in pages; should it ever, a part must not pass for the whole."""
    page = b'{"value": ["g-1"], "@odata.nextLink": "https://graph.microsoft.com/v1.0/next"}'
    vendors.reset(MANY, fault=Fault(page=1, body=page))
    reading = await listed(upstream, provider_at(vendors.base, "entra"))
    assert (reading.completeness, reading.groups) == (Completeness.TRUNCATED, ())


@pytest.mark.asyncio
async def test_an_interface_on_the_providers_own_host_is_shown_our_certificate(server: Vendors, tmp_path: Path) -> None:
    """RFC 8705: the provider's own TLS, there and nowhere else; another host is a stranger's, whatever its address says."""
    server.reset(MANY)
    authority = issue("Acme")
    own = issue("client", by=authority).save(tmp_path / "client.pem")
    chain = issue("server", by=authority, hosts=("localhost",)).save(tmp_path / "server.pem")
    front = TLSFront(server_context(chain, ca_pem=authority.pem), server.port)
    carrying = Upstream(allow=AllowList.parse([f"localhost:{front.port}", f"127.0.0.1:{front.port}"]))
    try:
        for issuer, completeness in (("localhost", Completeness.COMPLETE), ("127.0.0.1", Completeness.TRUNCATED)):
            base = f"https://localhost:{front.port}"
            provider = provider_at(base, "entra", issuer=f"https://{issuer}:{front.port}/")
            claims = needy_claims("entra")
            documents = Documents(id_token=claims)
            said = read_groups(documents, claim_sources(provider.claims).groups, absent_groups="UNKNOWN")
            line = line_of(provider, verifying_context(ca_pem=authority.pem, certificate_file=own))
            assert (await with_listed_groups(carrying, line, TOKEN, documents, said)).completeness is completeness
    finally:
        front.stop()
        await carrying.aclose()
    assert len(server.asked) == 1
