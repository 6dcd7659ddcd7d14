"""Plain OAuth 2.0 from the login page to the sync, over real HTTP, against a server that knows no OpenID Connect.

S2-01, S2-16 to S2-25, S2-31; the provider is GitHub's preset, pointed at loopback.
"""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio

from identity_api.app import build_api
from identity_api.clock import system_clock
from identity_api.config import load_settings
from identity_api.db import grants
from identity_api.db.database import Database
from identity_api.db.providers import ClaimSettings, Provider
from identity_api.sync.deps import SyncDeps
from identity_api.sync.run import sweep
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from identity_api.vault import Vault
from identity_api.web.http.http_application import HTTPApplication
from tests import factories as make
from tests.openid_provider import RunningProvider
from tests.openid_provider.plain_oauth2 import CLIENT_ID, PlainOAuth2
from tests.openid_provider.vendors import Fault, Vendors
from tests.web.site import Site, come_back, make_site, running

ALICE = {"id": 583231, "login": "alice", "name": "Alice Archer", "email": None, "groups": ["acme/engineering"]}


@pytest.fixture(scope="module")
def server() -> Iterator[PlainOAuth2]:
    with PlainOAuth2() as plain:
        yield plain


@pytest.fixture(scope="module")
def teams() -> Iterator[Vendors]:
    with Vendors() as vendors:
        yield vendors


@pytest_asyncio.fixture(scope="module")
async def plain_app(
    environ: dict[str, str], idp: RunningProvider, server: PlainOAuth2, teams: Vendors
) -> AsyncIterator[HTTPApplication]:
    reachable = ",".join([f"127.0.0.1:{one.port}" for one in (idp, server, teams)])
    app = build_api(load_settings({**environ, "IDENTITY_OUTBOUND_ALLOW": reachable}))
    async with running(app):
        yield app


class PlainSite:
    """A tenant with the plain provider `hub`, and its browsers."""

    def __init__(self, site: Site, provider: Provider, server: PlainOAuth2) -> None:
        self.site, self.provider, self.server = site, provider, server

    async def begin(self, client: httpx.AsyncClient) -> str:
        begun = await client.get("/auth/oauth2/hub/login")
        assert begun.status_code == 303, begun.text
        return begun.headers["location"]

    async def sign_in(self, client: httpx.AsyncClient, person: str = "alice") -> httpx.Response:
        arrival = await self.server.sign_in(await self.begin(client), person)
        assert urlsplit(arrival.url).path == "/auth/oauth2/hub/callback"
        return await come_back(client, arrival)

    async def me(self, client: httpx.AsyncClient) -> dict[str, Any]:
        answer = await client.get("/v1/me")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def user_id(self) -> Any:
        return await self.site.fetchval("select user_id from identity where provider_id = $1", self.provider.id)

    async def permissions(self) -> frozenset[str]:
        async with self.site.database.reading() as connection:
            return await grants.effective(connection, self.site.tenant.id, await self.user_id())

    async def sync(self, *reachable: Vendors) -> dict[str, int]:
        """The background job, for this person."""
        await self.site.execute("update identity_sync set due_at = now() where provider_id = $1", self.provider.id)
        ports = [self.server.port, *[one.port for one in reachable]]
        upstream = Upstream(allow=AllowList.parse([f"127.0.0.1:{port}" for port in ports]))
        documents = provider_documents(upstream, monotonic=time.monotonic)
        deps = SyncDeps(
            database=self.site.database,
            vault=self.site.vault,
            upstream=upstream,
            documents=documents,
            clock=system_clock,
        )
        try:
            return dict((await sweep(deps, user=(self.site.tenant.id, await self.user_id()))).outcomes)
        finally:
            await documents.aclose()
            await upstream.aclose()


async def configured(
    app: HTTPApplication, database: Database, vault: Vault, idp: RunningProvider, server: PlainOAuth2, **settings: Any
) -> PlainSite:
    site = await make_site(app, database, vault, idp)
    claims = ClaimSettings(
        anchor=("userinfo / id",),
        username=("userinfo / login",),
        display=("userinfo / name", "userinfo / login"),
        email=("userinfo / email",),
        groups=settings.pop("groups", ("userinfo / groups",)),
        userinfo_method=server.userinfo_method,
        group_source=settings.pop("group_source", None),
    )
    values = {
        "slug": "hub",
        "protocol": "oauth2",
        "issuer": server.base,
        "endpoints": server.endpoints,
        "client_id": CLIENT_ID,
        "scopes": ("read:user",),
        "redirect_url": f"{site.origin}/auth/oauth2/hub/callback",
        "claims": claims,
        "sync": "ACCESS_TOKEN",
        **settings,
    }
    async with database.transaction() as connection:
        provider = await make.make_provider(connection, site.tenant.id, **values)
        await make.give_secrets(connection, vault, provider, server.client_secret)
        docs = await make.make_permission(connection, site.tenant.id, "docs:read")
        await make.make_mapping(connection, site.tenant.id, "acme/engineering", [docs])
    return PlainSite(site, provider, server)


@pytest_asyncio.fixture
async def plain(
    plain_app: HTTPApplication, database: Database, vault: Vault, idp: RunningProvider, server: PlainOAuth2
) -> PlainSite:
    server.people, server.asked = {"alice": dict(ALICE)}, []
    server.userinfo_method = "GET"
    return await configured(plain_app, database, vault, idp, server)


@pytest.mark.asyncio
async def test_somebody_signs_in_without_any_id_token(plain: PlainSite) -> None:
    """S2-01, S2-24, S2-31: who it is comes from UserInfo, and the number that GitHub gives is the anchor."""
    client = plain.site.client()
    ended = await plain.sign_in(client)
    assert (ended.status_code, urlsplit(ended.headers["location"]).path) == (303, "/account")
    me = await plain.me(client)
    assert (me["subject"], me["name"], me["email"], me["is_sso"]) == ("583231", "Alice Archer", None, True)
    assert me["permissions"] == ["docs:read"]
    row = await plain.site.fetchval("select anchor from identity where provider_id = $1", plain.provider.id)
    assert row == "583231"


@pytest.mark.asyncio
async def test_nothing_of_openid_connect_is_asked_for(plain: PlainSite) -> None:
    """S2-17 to S2-19: no nonce, no discovery, no keys; PKCE and state as always (S2-20)."""
    client = plain.site.client()
    await plain.sign_in(client)
    parameters = plain.server.requests("/authorization")[0].fields
    assert "nonce" not in parameters
    assert (parameters["scope"], parameters["code_challenge_method"]) == ("read:user", "S256")
    assert {one.path for one in plain.server.asked} == {"/authorization", "/token", "/userinfo"}


@pytest.mark.asyncio
async def test_the_token_endpoint_is_asked_for_json(plain: PlainSite) -> None:
    """GitHub answers in form encoding otherwise, which RFC 6749 section 5.1 does not know."""
    await plain.sign_in(plain.site.client())
    [asked] = plain.server.requests("/token")
    assert asked.accept == "application/json"


@pytest.mark.asyncio
@pytest.mark.parametrize("scopes", [("read:user",), ("openid", "read:user")])
async def test_a_nonce_is_sent_only_where_openid_is_asked_for(plain: PlainSite, scopes: tuple[str, ...]) -> None:
    """S2-27: `openid` may be needed for `sub`, and such a server may then want a nonce as well."""
    await plain.site.execute("update provider set scopes = $2 where id = $1", plain.provider.id, list(scopes))
    parameters = dict(parse_qsl(urlsplit(await plain.begin(plain.site.client())).query))
    assert ("nonce" in parameters) == ("openid" in scopes)


@pytest.mark.asyncio
async def test_userinfo_is_asked_by_post_where_the_setting_says_so(
    plain_app: HTTPApplication, database: Database, vault: Vault, idp: RunningProvider, server: PlainOAuth2
) -> None:
    """S2-19: by login and sync alike; by GET such a server answers 405."""
    server.people, server.asked, server.userinfo_method = {"alice": dict(ALICE)}, [], "POST"
    plain = await configured(plain_app, database, vault, idp, server)
    assert (await plain.sign_in(plain.site.client())).status_code == 303
    assert await plain.sync() == {"ok": 1}
    assert [one.method for one in server.requests("/userinfo")] == ["POST", "POST"]
    server.userinfo_method = "GET"
    refused = await plain.sign_in(plain.site.client())
    assert (refused.status_code, "USERINFO_REFUSED" in refused.text) == (400, True)


@pytest.mark.asyncio
async def test_a_sub_is_the_subject_where_there_is_one(plain: PlainSite) -> None:
    """S2-26, S2-31: Entra's UserInfo has `sub` although the protocol is OAuth 2.0."""
    plain.server.people["alice"]["sub"] = "pairwise-1"
    client = plain.site.client()
    await plain.sign_in(client)
    assert (await plain.me(client))["subject"] == "pairwise-1"


@pytest.mark.asyncio
async def test_without_the_anchor_nobody_is_signed_in(plain: PlainSite) -> None:
    """S2-27, S3-23: the refusal names the claim for the administrator."""
    del plain.server.people["alice"]["id"]
    refused = await plain.sign_in(plain.site.client())
    assert (refused.status_code, "CLAIM_UNUSABLE" in refused.text) == (400, True)
    assert await plain.site.fetchval("select count(*) from identity where provider_id = $1", plain.provider.id) == 0
    said = await plain.site.fetchval(
        "select payload->>'reason' from audit_event where tenant_id = $1 and action = 'login.failed'",
        plain.site.tenant.id,
    )
    assert said == "CLAIM_MISSING:userinfo / id"


@pytest.mark.asyncio
async def test_another_number_under_the_same_name_is_another_person(plain: PlainSite) -> None:
    """S3-32: a login name that was given up and taken by somebody else opens nothing."""
    client = plain.site.client()
    await plain.sign_in(client)
    plain.server.people["alice"] = {**ALICE, "id": 999}
    successor = plain.site.client()
    await plain.sign_in(successor)
    assert (await plain.me(client))["user_id"] != (await plain.me(successor))["user_id"]


@pytest.mark.asyncio
async def test_a_refusal_with_status_200_is_a_refusal(plain: PlainSite) -> None:
    """GitHub says `error` in a successful answer; here because the client is not who the code was given to."""
    client = plain.site.client()
    arrival = await plain.server.sign_in(await plain.begin(client), "alice")
    await plain.site.execute("update provider set client_id = 'somebody-else' where id = $1", plain.provider.id)
    refused = await come_back(client, arrival)
    assert refused.status_code in (400, 502)
    assert "__Host-session" not in client.cookies


@pytest.mark.asyncio
async def test_the_sync_reads_userinfo_again_with_the_access_token(plain: PlainSite) -> None:
    """`sync = ACCESS_TOKEN`; S0-09, S0-10: name, e-mail and permissions follow, with no token request."""
    client = plain.site.client()
    await plain.sign_in(client)
    changed = {"name": "Alice Baker", "email": "alice@acme.example", "groups": []}
    plain.server.people["alice"] = {**ALICE, **changed}
    plain.server.asked = []
    assert await plain.sync() == {"ok": 1}
    assert [one.path for one in plain.server.asked] == ["/userinfo"]
    me = await plain.me(client)
    assert (me["name"], me["email"], me["permissions"]) == ("Alice Baker", "alice@acme.example", [])


@pytest.mark.asyncio
async def test_a_revoked_access_token_lets_the_lease_run_out_and_a_login_brings_everything_back(
    plain: PlainSite,
) -> None:
    """A 401 is not `invalid_grant`, so nothing is revoked at once; I1: nothing is extended either.

    Here an access token may simply have expired. What the person had lasts no longer than its lease (S0-13).
    """
    client = plain.site.client()
    await plain.sign_in(client)
    until = await plain.site.fetchval(
        "select groups_valid_until from identity_sync where provider_id = $1", plain.provider.id
    )
    plain.server.revoke("alice")
    assert await plain.sync() == {"access_token_refused": 1}
    state = await plain.site.fetchval(
        "select state || ' ' || state_reason from identity where provider_id = $1", plain.provider.id
    )
    assert state == "STALE access_token_refused"
    assert await plain.permissions() == {"docs:read"}
    assert until == await plain.site.fetchval(
        "select groups_valid_until from identity_sync where provider_id = $1", plain.provider.id
    )
    await plain.site.execute(
        "update identity_sync set groups_valid_until = now(), signed_in_until = now() where provider_id = $1",
        plain.provider.id,
    )
    assert await plain.permissions() == frozenset()
    await plain.sign_in(plain.site.client())
    assert await plain.permissions() == {"docs:read"}


@pytest.mark.asyncio
async def test_a_token_that_speaks_of_somebody_else_ends_the_login(plain: PlainSite) -> None:
    """Without `sub` the anchor itself is compared (Core 5.3.2 in spirit; S3-30)."""
    await plain.sign_in(plain.site.client())
    plain.server.people["alice"] = {**ALICE, "id": 999}
    assert await plain.sync() == {"subject_changed": 1}
    assert await plain.permissions() == frozenset()


@pytest.mark.asyncio
@pytest.mark.parametrize(("absent", "held"), [("EMPTY", frozenset()), ("UNKNOWN", frozenset({"docs:read"}))])
async def test_leaving_the_last_group_counts_as_the_operator_says_with_the_default_place_too(
    plain_app: HTTPApplication,
    database: Database,
    vault: Vault,
    idp: RunningProvider,
    server: PlainOAuth2,
    absent: str,
    held: frozenset[str],
) -> None:
    """The bare `groups` means ID Token or UserInfo, and OAuth 2.0 has no ID Token that could be missed."""
    server.people, server.asked, server.userinfo_method = {"alice": dict(ALICE)}, [], "GET"
    plain = await configured(plain_app, database, vault, idp, server, groups=("groups",), absent_groups=absent)
    await plain.sign_in(plain.site.client())
    assert await plain.permissions() == {"docs:read"}
    server.people["alice"] = {name: value for name, value in ALICE.items() if name != "groups"}
    assert await plain.sync() == {"ok": 1}
    assert await plain.permissions() == held


@pytest.mark.asyncio
async def test_permissions_follow_teams_at_login_and_sync(
    plain_app: HTTPApplication,
    database: Database,
    vault: Vault,
    idp: RunningProvider,
    server: PlainOAuth2,
    teams: Vendors,
) -> None:
    """The alternative `teams` of the preset: UserInfo says who it is, the teams what they may do; a part is nothing (I7)."""
    server.people, server.asked, server.userinfo_method = (
        {"alice": {**ALICE, "groups": ["acme/engineering"]}},
        [],
        "GET",
    )
    everything = [f"acme/team-{number}" for number in range(150)]
    teams.reset([*everything, "acme/engineering"])
    teams.token = None
    endpoints = {**server.endpoints, "groups": teams.base}
    plain = await configured(
        plain_app, database, vault, idp, server, endpoints=endpoints, group_source="github", scopes=("read:org",)
    )
    await plain.sign_in(plain.site.client())
    assert await plain.permissions() == {"docs:read"}
    teams.reset(everything, fault=Fault(page=2))
    teams.token = None
    assert await plain.sync(teams) == {"ok": 1}
    state = await plain.site.fetchval(
        "select state || ' ' || state_reason from identity where provider_id = $1", plain.provider.id
    )
    assert (state, await plain.permissions()) == ("STALE source_incomplete", {"docs:read"})
    teams.reset(everything)
    teams.token = None
    assert await plain.sync(teams) == {"ok": 1}
    assert await plain.permissions() == frozenset()
