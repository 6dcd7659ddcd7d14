"""Where the five systems before this one contradict each other: ten conflicts, all resolved at once in one deployment.

Five tenants, each imported from its system's own form, with one OpenID Provider and one running API. Every test takes one
conflict (C1 to C10) and shows both, or all, of its sides working beside each other.
"""

import base64
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from identity_api.cli.declaration import apply_declaration
from identity_api.config import load_settings
from identity_api.db import identities, providers, read_model, tenants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.errors import ConfigurationError
from identity_api.ids import uuid7
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.importing import Target, read_any
from tests import factories as make
from tests.flows.server import Proxy, running_server
from tests.provider import Client, Fault, RunningProvider
from tests.provider.browser import Arrival

PUBLIC_HOST = "id.service.example"
APP = "https://app.inference.example/"
ALL_SCOPES = {"openid", "profile", "email"}


def reinfer(name: str, idp: RunningProvider) -> str:
    """Groups in the access token (S0-44), a further scope, strict."""
    return f"""
[[reinfer]]
tenant = "{name}"
domain = "{name}.example"
issuer = "{idp.issuer}"
client_id = "{name}"
client_secret = "{idp.client_secret}"
groups = "access_token / groups"
offline_access = true
mode = "strict"

[reinfer.permissions]
"engineering" = ["dataset:read"]
"""


def directory(name: str, idp: RunningProvider, *, secret: bool = True) -> str:
    return f"""
[[federated_directory]]
directory = "{name}"
host = "{name}.example"
configuration_url = "{idp.discovery_url}"
client_id = "{name}"
{f'client_secret = "{idp.client_secret}"' if secret else ""}
"""


def infrahub(name: str, idp: RunningProvider) -> str:
    """A client without a secret, and accounts that are taken over by their name."""
    return f"""
[security]
oidc_providers = ["provider1"]
sso_account_name_fallback = true
[security.oidc_provider_settings.provider1]
client_id = "{name}"
discovery_url = "{idp.discovery_url}"
"""


def sysreptor(name: str, idp: RunningProvider) -> str:
    """Addresses as anchors, which one provider must verify and the other releases verified only."""
    settings = {
        "client_id": name,
        "client_secret": idp.client_secret,
        "server_metadata_url": idp.discovery_url,
        "client_kwargs": {"scope": "openid email", "code_challenge_method": "S256"},
        "user_identifier_claim": "email",
    }
    checked, trusted = {**settings, "require_email_verified": True}, {**settings, "require_email_verified": False}
    return json.dumps({"keycloak": {"label": "K", **checked}, "entra": {"label": "E", **trusted}})


def inference(name: str, idp: RunningProvider) -> str:
    """One callback for all tenants, and the token in the fragment."""
    return json.dumps(
        {
            "tenant_id": name,
            "name": "Inference",
            "mongo_uri": "mongodb://nowhere",
            "frontend_url": APP,
            "oidc_issuer": idp.issuer,
            "oidc_client_id": name,
            "oidc_client_secret": idp.client_secret,
            "oidc_redirect_url": f"https://{PUBLIC_HOST}/v1/auth/oidc/callback",
            "oidc_scopes": "openid profile email",
        }
    )


FORMS = {
    "reinfer": reinfer,
    "directory": directory,
    "infrahub": infrahub,
    "sysreptor": sysreptor,
    "inference": inference,
}


@dataclass
class Deployment:
    """The five tenants by system, the API's port, and the provider."""

    port: int
    database: Database
    idp: RunningProvider
    ids: dict[str, UUID]
    slugs: dict[str, str]

    def origin(self, system: str) -> str:
        """Where people of this system's tenant go; the last one has no host of its own."""
        if system == "inference":
            return f"https://{PUBLIC_HOST}/t/{self.slugs[system]}"
        return f"https://{self.slugs[system]}.example"

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=Proxy(self.port))

    async def provider(self, system: str, slug: str | None = None) -> Provider:
        async with self.database.reading() as connection:
            found = await providers.of_tenant(connection, self.ids[system])
        return next(one for one in found if slug in (None, one.slug))

    async def make_user(self, system: str, username: str) -> UUID:
        async with self.database.transaction() as connection:
            return await make.make_user(connection, self.ids[system], username=username)

    async def enter_identity(self, system: str, anchor: str, slug: str = "keycloak") -> UUID:
        """What an admin does: a user, and which value of the anchor is theirs."""
        user_id, provider = (
            await self.make_user(system, f"user of {anchor} at {slug}"),
            await self.provider(system, slug),
        )
        async with self.database.transaction() as connection:
            await identities.insert(
                connection,
                self.ids[system],
                identity_id=uuid7(),
                user_id=user_id,
                provider_id=provider.id,
                issuer=provider.issuer,
                subject=None,
                anchor=anchor,
            )
        return user_id


@dataclass
class Login:
    """A login from its beginning to its end."""

    deployment: Deployment
    browser: httpx.AsyncClient
    asked: dict[str, str]
    """The parameters of the authorization request."""
    arrival: Arrival
    answer: httpx.Response

    @property
    def succeeded(self) -> bool:
        return self.answer.status_code == 303

    async def me(self, system: str) -> dict[str, Any]:
        answer = await self.browser.get(f"{self.deployment.origin(system)}/v1/me")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


async def sign_in(
    deployment: Deployment, system: str, person: str, *, slug: str | None = None, begin_at: str | None = None
) -> Login:
    browser = deployment.browser()
    path = "/login" if slug is None else f"/auth/oidc/{slug}/login"
    answer = await browser.get(begin_at or f"{deployment.origin(system)}{path}")
    while answer.status_code == 303 and "/auth/launch/" in answer.headers["location"]:
        answer = await browser.get(answer.headers["location"])
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    arrival = await deployment.idp.sign_in(location, person)
    answer = await browser.get(arrival.url)
    while answer.status_code == 303 and "/auth/complete" in answer.headers["location"]:
        answer = await browser.get(answer.headers["location"])
    return Login(deployment, browser, dict(parse_qsl(urlsplit(location).query)), arrival, answer)


@pytest.fixture(scope="module")
def idp() -> Iterator[RunningProvider]:
    with RunningProvider() as provider:
        provider.add_person("dana.d", ["engineering"], subject="s-dana", name="Dana Diaz", email="dana@acme.example")
        yield provider


@pytest_asyncio.fixture(scope="module")
async def deployment(
    idp: RunningProvider,
    database: Database,
    database_url: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Deployment]:
    environ = {
        "IDENTITY_DATABASE_URL": database_url,
        "IDENTITY_REDIS_URL": redis_url,
        "IDENTITY_SECRET_KEYS": "test:" + base64.b64encode(os.urandom(32)).decode(),
        "IDENTITY_PUBLIC_URL": f"https://{PUBLIC_HOST}",
        "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{idp.port}",
        "IDENTITY_TRUSTED_PROXIES": "127.0.0.1/32",
    }
    own = uuid7().hex[-8:]
    slugs = {system: f"{system}-{own}" for system in FORMS}
    declared = [one for system, slug in slugs.items() for one in imported(system, slug, idp)]
    for tenant in declared:
        for provider in tenant.providers:
            callback = f"https://{tenant.slug}.example/auth/oidc/{provider.slug}/callback"
            register(
                idp,
                provider.client_id,
                provider.redirect_url or callback,
                has_secret=provider.client_secret is not None,
            )
    settings = load_settings({"HOME": "/nonexistent", **environ})
    await apply_declaration(database, settings, declared, Path(os.devnull).parent, prune=False, rehearse=False)
    ids = {}
    async with database.reading() as connection:
        for system, slug in slugs.items():
            tenant_row = await tenants.by_slug(connection, slug)
            assert tenant_row is not None
            ids[system] = tenant_row.id
    with running_server(environ, tmp_path_factory.mktemp("api") / "output") as port:
        yield Deployment(port, database, idp, ids, slugs)


def imported(system: str, slug: str, idp: RunningProvider) -> list[TenantDeclaration]:
    target = Target(slug=slug, name=system.title(), hosts=(f"{slug}.example",))
    return list(read_any(FORMS[system](slug, idp).encode(), target).tenants)


def register(idp: RunningProvider, client_id: str, redirect_url: str, *, has_secret: bool) -> None:
    """Register the client, or one more redirect URI of it."""
    known = REGISTERED.setdefault(client_id, set())
    known.add(redirect_url)
    secret = idp.client_secret if has_secret else None
    idp.register(Client(client_id=client_id, redirect_uris=tuple(known), client_secret=secret))


REGISTERED: dict[str, set[str]] = {}


@pytest.fixture(autouse=True)
def without_faults(idp: RunningProvider) -> None:
    idp.reset()


@pytest.mark.asyncio
async def test_c1_preferred_username_is_a_display_name_a_login_key_and_never_an_anchor(deployment: Deployment) -> None:
    """S0-38 shows it, S1-10 matches by it, S3-31 calls it a risk: three settings, and the anchor is another one."""
    shown = await sign_in(deployment, "reinfer", "dana.d")
    assert (await shown.me("reinfer"))["name"] == "dana.d"
    known = await deployment.make_user("directory", "dana.d")
    matched = await sign_in(deployment, "directory", "dana.d")
    me = await matched.me("directory")
    assert (me["user_id"], me["name"]) == (str(known), "Dana Diaz")
    named = await sign_in(deployment, "infrahub", "dana.d")
    assert (await named.me("infrahub"))["name"] == "Dana Diaz"
    # Somebody who takes the name over is somebody else, wherever it is shown or matched.
    deployment.idp.add_person(
        "dana.d", ["engineering"], subject="s-other", name="Dana Diaz", email="other@acme.example"
    )
    try:
        stranger = await sign_in(deployment, "reinfer", "dana.d")
        assert (await stranger.me("reinfer"))["user_id"] != (await shown.me("reinfer"))["user_id"]
        assert (await sign_in(deployment, "directory", "dana.d")).answer.status_code == 403
    finally:
        deployment.idp.add_person(
            "dana.d", ["engineering"], subject="s-dana", name="Dana Diaz", email="dana@acme.example"
        )


@pytest.mark.asyncio
async def test_c2_each_tenant_has_its_own_way_to_an_account(deployment: Deployment) -> None:
    """S0-08 makes it, S1-11 knows it, S2-32 takes it over, S3-22 has it entered by an admin."""
    deployment.idp.add_person("erin", subject="s-erin", name="Erin Eng", email="erin@acme.example")
    assert (await sign_in(deployment, "reinfer", "erin")).succeeded
    unknown = await sign_in(deployment, "directory", "erin")
    assert (unknown.answer.status_code, "ACCOUNT_NOT_FOUND" in unknown.answer.text) == (403, True)
    known = await deployment.make_user("directory", "erin")
    assert (await (await sign_in(deployment, "directory", "erin")).me("directory"))["user_id"] == str(known)
    waiting = await deployment.make_user("infrahub", "Erin Eng")
    assert (await (await sign_in(deployment, "infrahub", "erin")).me("infrahub"))["user_id"] == str(waiting)
    unlinked = await sign_in(deployment, "sysreptor", "erin", slug="keycloak")
    assert (unlinked.answer.status_code, "ACCOUNT_NOT_FOUND" in unlinked.answer.text) == (403, True)
    entered = await deployment.enter_identity("sysreptor", "erin@acme.example")
    linked = await sign_in(deployment, "sysreptor", "erin", slug="keycloak")
    assert (await linked.me("sysreptor"))["user_id"] == str(entered)


@pytest.mark.asyncio
async def test_c3_each_claim_is_looked_for_where_the_tenant_says(deployment: Deployment) -> None:
    """S0-36 and S0-39 in the ID token, S0-44 groups in the access token, S1-12 ID token first, S3-18 UserInfo only."""
    log = deployment.idp.log
    login = await sign_in(deployment, "reinfer", "dana.d")
    assert log.count("/userinfo") == 0
    me = await login.me("reinfer")
    assert (me["groups"], me["permissions"], me["email"]) == (["engineering"], ["dataset:read"], "dana@acme.example")
    deployment.idp.add_person("finn", subject="s-finn", email="finn@acme.example")
    await deployment.enter_identity("sysreptor", "finn@acme.example")
    assert (await sign_in(deployment, "sysreptor", "finn", slug="keycloak")).succeeded
    assert log.count("/userinfo") == 1
    with deployment.idp.fault(Fault.UNAUTHORIZED, path="/userinfo"):
        assert (await sign_in(deployment, "reinfer", "dana.d")).succeeded
        refused = await sign_in(deployment, "sysreptor", "finn", slug="keycloak")
    assert "USERINFO_REFUSED" in refused.answer.text


@pytest.mark.asyncio
async def test_c4_a_client_has_a_secret_or_none_and_pkce_always(deployment: Deployment) -> None:
    """S0-30, S1-08 and S4-44 require one; S2-07 does not, and then PKCE alone binds the code."""
    for system in ("reinfer", "infrahub", "inference"):
        login = await sign_in(deployment, system, "alice")
        assert login.succeeded, login.answer.text
        assert (login.asked["code_challenge_method"], len(login.asked["code_challenge"])) == ("S256", 43)
    methods = {system: (await deployment.provider(system)).client_authentication for system in FORMS}
    assert methods["infrahub"] == "none"
    assert {methods[system] for system in ("reinfer", "directory", "inference")} == {"client_secret_post"}
    assert methods["sysreptor"] == "client_secret_basic"
    with pytest.raises(ConfigurationError) as refused:
        read_any(directory("acme", deployment.idp, secret=False).encode(), None)
    assert "client_secret" in " ".join(refused.value.problems)


@pytest.mark.asyncio
async def test_c5_four_shapes_of_callback_end_in_the_tenant_they_began_in(deployment: Deployment) -> None:
    """S0-32 the bare host, S2-24 one per slot, S3-03 one per provider id, S4-06 one for everybody; `state` tells."""
    await deployment.enter_identity("sysreptor", "bob@demo.example")
    wanted = {
        "reinfer": (None, ""),
        "infrahub": (None, "/auth/oidc/provider1/callback"),
        "sysreptor": ("keycloak", "/login/oidc/keycloak/callback"),
        "inference": (None, "/v1/auth/oidc/callback"),
    }
    for system, (slug, path) in wanted.items():
        login = await sign_in(deployment, system, "bob", slug=slug)
        assert login.succeeded, (system, login.answer.text)
        # Sent and registered byte for byte: no slash is added to the bare host.
        registered = (await deployment.provider(system, slug)).redirect_url
        assert (login.asked["redirect_uri"], urlsplit(registered).path) == (registered, path)
        me = await login.me(system)
        assert me["tenant_id"] == str(deployment.ids[system])


@pytest.mark.asyncio
async def test_c6_an_issuer_and_a_discovery_url_are_both_enough(deployment: Deployment) -> None:
    """S0-48 and S4-08 name the issuer, S1-05, S2-08 and S3-13 the document; the issuer is never edited (S1-06)."""
    rows = {system: await deployment.provider(system) for system in FORMS}
    assert {row.issuer for row in rows.values()} == {deployment.idp.issuer}
    assert {system for system, row in rows.items() if row.discovery_url is None} == {"reinfer", "inference"}
    for system in ("reinfer", "infrahub"):
        assert (await sign_in(deployment, system, "carol")).succeeded
    slashed = reinfer("acme", deployment.idp).replace(deployment.idp.issuer, "https://oauth.id.jumpcloud.com/")
    [tenant] = read_any(slashed.encode(), None).tenants
    assert tenant.providers[0].issuer == "https://oauth.id.jumpcloud.com/"


@pytest.mark.asyncio
async def test_c7_anchors_are_exact_and_searches_are_not(deployment: Deployment) -> None:
    """S3-21: case included; an administrator who looks for an address need not know how it is written."""
    deployment.idp.add_person("gwen", subject="s-gwen", email="Gwen@Acme.example")
    await deployment.enter_identity("sysreptor", "gwen@acme.example")
    refused = await sign_in(deployment, "sysreptor", "gwen", slug="keycloak")
    assert (refused.answer.status_code, "ACCOUNT_NOT_FOUND" in refused.answer.text) == (403, True)
    entered = await deployment.enter_identity("sysreptor", "Gwen@Acme.example")
    assert (await sign_in(deployment, "sysreptor", "gwen", slug="keycloak")).succeeded
    async with deployment.database.reading() as connection:
        found = await read_model.list_users(
            connection,
            deployment.ids["sysreptor"],
            where=read_model.Filter(email="GWEN@acme.EXAMPLE"),
            order="ID",
            descending=False,
            after=None,
            first=10,
        )
    assert entered in [user.id for user in found.users]


@pytest.mark.asyncio
@pytest.mark.parametrize("said", [True, False, None])
async def test_c8_an_address_that_nobody_verified_counts_where_the_provider_is_trusted(
    deployment: Deployment, said: bool | None
) -> None:
    """S3-26: missing is refused, as false is; S3-29: unless the provider is trusted; where it is no anchor, S0-39."""
    name = f"hana-{said}".lower()
    address = f"{name}@acme.example"
    deployment.idp.add_person(name, subject=f"s-{name}", email=address, email_verified=said is True)
    for slug in ("keycloak", "entra"):
        await deployment.enter_identity("sysreptor", address, slug)
    with contextlib.ExitStack() as while_absent:
        if said is None:
            while_absent.enter_context(deployment.idp.fault(Fault.NO_EMAIL_VERIFIED))
        checked = await sign_in(deployment, "sysreptor", name, slug="keycloak")
        trusted = await sign_in(deployment, "sysreptor", name, slug="entra")
        elsewhere = await sign_in(deployment, "reinfer", name)
    assert (checked.succeeded, trusted.succeeded, elsewhere.succeeded) == (said is True, True, True)
    if said is not True:
        assert (checked.answer.status_code, "EMAIL_NOT_VERIFIED" in checked.answer.text) == (403, True)


@pytest.mark.asyncio
async def test_c9_scopes_have_a_floor_only_where_the_system_had_one(deployment: Deployment) -> None:
    """S0-34 always asks for three; S3-15 for fewer; `openid` is the one that every OpenID Provider needs."""
    await deployment.enter_identity("sysreptor", "carol@demo.example")
    asked = {
        system: set((await sign_in(deployment, system, "carol", slug=slug)).asked["scope"].split())
        for system, slug in (("reinfer", None), ("infrahub", None), ("sysreptor", "keycloak"), ("inference", None))
    }
    assert asked == {
        "reinfer": {*ALL_SCOPES, "offline_access"},
        "infrahub": ALL_SCOPES,
        "sysreptor": {"openid", "email"},
        "inference": ALL_SCOPES,
    }
    narrower = sysreptor("acme", deployment.idp).replace("openid email", "email")
    target = Target(slug="acme", name="Acme", hosts=("acme.example",))
    with pytest.raises(ConfigurationError) as refused:
        read_any(narrower.encode(), target)
    assert "openid" in " ".join(refused.value.problems)


@pytest.mark.asyncio
async def test_c10_a_login_is_delivered_by_cookie_by_one_time_code_or_in_the_fragment(deployment: Deployment) -> None:
    """S4-54 beside today's advice: the fragment is one tenant's choice, which must echo the frontend's own state."""
    by_cookie = await sign_in(deployment, "reinfer", "bob")
    assert "__Host-session" in by_cookie.browser.cookies
    body = {"tenant_id": deployment.slugs["inference"], "frontend": "frontend", "return_to": APP}
    begin = f"https://{PUBLIC_HOST}/v1/auth/oidc/login"

    async def prepared(**wishes: str) -> httpx.Response:
        return await deployment.browser().post(begin, json={**body, **wishes})

    answer = await prepared(delivery="fragment", state="mine")
    in_fragment = await sign_in(deployment, "inference", "bob", begin_at=answer.json()["auth_url"])
    address = urlsplit(in_fragment.answer.headers["location"])
    given = parse_qs(address.fragment)
    assert (address.query, given["state"]) == ("", ["mine"])
    assert "__Host-session" not in in_fragment.browser.cookies
    bearer = {"authorization": f"Bearer {given['access_token'][0]}"}
    me = await deployment.browser().get(f"{deployment.origin('inference')}/v1/me", headers=bearer)
    assert me.json()["tenant_id"] == str(deployment.ids["inference"])
    assert (await prepared(delivery="fragment")).json()["code"] == "CLIENT_STATE_REQUIRED"
    verifier = new_code_verifier()
    answer = await prepared(delivery="code", state="mine", code_challenge=code_challenge(verifier))
    by_code = await sign_in(deployment, "inference", "bob", begin_at=answer.json()["auth_url"])
    code = dict(parse_qsl(urlsplit(by_code.answer.headers["location"]).query))["code"]
    token = await deployment.browser().post(
        f"{deployment.origin('inference')}/v1/auth/token",
        json={"code": code, "code_verifier": verifier},
        headers={"origin": APP.rstrip("/")},
    )
    assert token.status_code == 200, token.text
    assert token.json()["token_type"].lower() == "bearer"
