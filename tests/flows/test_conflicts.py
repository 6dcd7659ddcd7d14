"""Where the five systems before this one contradict each other: ten conflicts, all resolved at once in one deployment.

Five tenants, each imported from its system's own form, with one OpenID Provider and one running API. Every test takes one
conflict (C1 to C10) and shows both, or all, of its sides working beside each other.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio

from identity_api.db import user_filters, user_read_model
from identity_api.db.database import Database
from identity_api.errors import ConfigurationError
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.tenants.importing import Target, read_any
from tests.flows.five_systems import (
    APP,
    FORMS,
    PUBLIC_HOST,
    Deployment,
    deployed,
    directory,
    reinfer,
    sign_in,
    sysreptor,
)
from tests.openid_provider import Fault, RunningProvider

ALL_SCOPES = {"openid", "profile", "email"}


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
    services = {"IDENTITY_DATABASE_URL": database_url, "IDENTITY_REDIS_URL": redis_url}
    folder = tmp_path_factory.mktemp("api")
    async with deployed(database, dict.fromkeys(FORMS, idp), services, folder) as running:
        yield running


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
        read_any(directory("acme", deployment.idp, secret=False).encode(), Target())
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
    [tenant] = read_any(slashed.encode(), Target()).tenants
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
        found = await user_read_model.list_users(
            connection,
            deployment.ids["sysreptor"],
            where=user_filters.Filter(email="GWEN@acme.EXAMPLE"),
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
