"""The console's pages of providers: made disabled, tested, tried by a test login, enabled and disabled; no secret comes back."""

import pytest

from identity_api.graphql.ids import global_id
from tests.openid_provider import Client
from tests.web.console.visitor import Visitor, admin_at, words
from tests.web.local_site import PAGE, from_page
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
PROVIDERS = "/console/providers"
SECRET = "a secret that nobody reads again"


async def made(site: Site, admin: Visitor) -> str:
    """A provider that was made by the form; its page."""
    client_id = f"client-{site.tenant.slug}"
    redirect = f"{site.origin}/auth/oidc/second/callback"
    site.idp.register(Client(client_id=client_id, redirect_uris=(redirect,), client_secret=SECRET))
    fields = {"slug": "second", "label": "Second", "issuer": site.idp.issuer, "client_id": client_id}
    done = await admin.post(PROVIDERS, **fields, client_secret=SECRET, groups="id_token / groups")
    assert "It is not on the login page yet" in words(await admin.follow(done))
    return done.headers["location"].partition("?")[0]


async def test_a_provider_is_on_the_login_page_only_once_it_was_enabled(site: Site) -> None:
    admin = await admin_at(site)
    address = await made(site, admin)
    login = "/login?choose=1"
    assert "Second" not in (await site.client().get(login, headers=PAGE)).text
    assert "The provider is enabled" in words(await admin.follow(await admin.post(f"{address}/enable")))
    assert "Second" in (await site.client().get(login, headers=PAGE)).text
    assert "The provider is disabled." in words(await admin.follow(await admin.post(f"{address}/disable")))
    assert "Second" not in (await site.client().get(login, headers=PAGE)).text


async def test_a_test_and_a_test_login_are_told_with_the_names_of_the_claims(site: Site) -> None:
    admin = await admin_at(site)
    address = await made(site, admin)
    tested = await admin.post(f"{address}/test")
    assert tested.status_code == 200
    assert "What the test found in order" in words(tested)
    link = tested.text.split('<a class="button" href="')[1].split('"')[0]
    begun = await admin.get(link)
    arrival = await site.at_provider(begun.headers["location"], "bob")
    assert (await admin.get(arrival.url)).status_code in (200, 303)
    report = words(await admin.get(address))
    assert "The last test login in order" in report
    assert "groups" in report
    assert "bob@demo.example" not in report
    assert "engineering" not in report


async def test_further_settings_are_shown_and_saved_and_one_that_cannot_be_is_told(site: Site) -> None:
    admin = await admin_at(site)
    address = await made(site, admin)
    page = (await admin.get(address)).text
    assert '<option value="STRICT" selected>' in page
    fields = {
        "label": "Second",
        "syncMode": "ADDITIVE",
        "syncIntervalSeconds": "120",
        "usernameClaim": "upn, email",
        "maxRate": "7",
    }
    refused = await admin.post(address, **{**fields, "syncIntervalSeconds": "1"}, version="1")
    assert refused.status_code == 400
    assert 'id="syncIntervalSeconds" name="syncIntervalSeconds" value="1"' in refused.text
    assert "<details open>" in refused.text
    saved = (await admin.follow(await admin.post(address, **fields, reauthentication="yes", version="1"))).text
    assert '<option value="ADDITIVE" selected>' in saved
    for name, value in (("syncIntervalSeconds", "120"), ("usernameClaim", "upn, email"), ("maxRate", "7")):
        assert f'id="{name}" name="{name}" value="{value}"' in saved


async def test_what_a_test_finds_is_told_in_the_language_of_the_page(site: Site) -> None:
    admin = await admin_at(site)
    address = await made(site, admin)
    await site.execute(
        "update provider set client_id = 'mistyped' where slug = 'second' and tenant_id = $1", site.tenant.id
    )
    found = await admin.client.post(f"{address}/test", headers={**from_page(site), "accept-language": "de"})
    told = words(found)
    assert "falsch Client-Authentifizierung: Der Anbieter nimmt den Client nicht an" in told
    assert "Kopieren Sie beide noch einmal vom Anbieter." in told


async def test_settings_are_saved_and_a_stale_version_is_told(site: Site) -> None:
    admin = await admin_at(site)
    address = await made(site, admin)
    fields = {"label": "Renamed", "scopes": "openid email", "groups": "id_token / groups"}
    saved = await admin.follow(await admin.post(address, **fields, version="1"))
    assert "<h1>Renamed</h1>" in saved.text
    assert "openid email" in saved.text
    stale = await admin.post(address, **{**fields, "label": "Again"}, version="1")
    assert stale.status_code == 409
    assert 'value="Again"' in stale.text


async def test_no_secret_comes_back_whatever_goes_wrong(site: Site) -> None:
    admin = await admin_at(site)
    refused = await admin.post(PROVIDERS, slug="Not A Slug", issuer="nonsense", client_id="x", client_secret=SECRET)
    assert refused.status_code == 400
    assert 'value="Not A Slug"' in refused.text
    address = await made(site, admin)
    await site.execute("update provider set reauthentication = true where tenant_id = $1", site.tenant.id)
    await site.execute(
        "update session set authenticated_at = now() - interval '1 hour' where tenant_id = $1", site.tenant.id
    )
    proof = await admin.post(f"{address}/secret", client_secret=SECRET)
    assert proof.status_code == 403
    assert "/auth/reauthenticate" in proof.text
    for page in (refused, proof, await admin.get(address)):
        assert "secret+that" not in page.text
        assert "secret%20that" not in page.text
        assert SECRET not in page.text


async def test_who_only_reads_sees_the_provider_and_no_form(site: Site) -> None:
    reader = await admin_at(site, permissions=("identity:providers:read",))
    address = f"{PROVIDERS}/{global_id('Provider', site.provider.id)}"
    page = await reader.get(address)
    assert "Acme SSO" in page.text
    assert page.text.count("<form") == 1, "the language alone"
    assert (await reader.post(f"{address}/disable")).status_code == 403


async def test_the_form_asks_for_what_the_vendor_needs_and_for_nothing_else(site: Site) -> None:
    admin = await admin_at(site)
    entra = (await admin.get(f"{PROVIDERS}/new?preset=entra")).text
    names = {part.split('"')[0] for part in entra.split('<input id="')[1:]}
    assert names == {"slug", "label", "directory", "client_id", "client_secret"}
    assert "For example 8eaef023-2b34-4da1-9baa-8bc8c9d6a490." in entra
    okta = (await admin.get(f"{PROVIDERS}/new?preset=okta", accept_language="de")).text
    assert 'id="domain"' in okta
    assert 'id="issuer"' not in okta
    assert 'id="issuer"' in (await admin.get(f"{PROVIDERS}/new?preset=other")).text
    assert "<form" in (await admin.get(f"{PROVIDERS}/new?preset=nonsense")).text


async def test_a_provider_of_a_vendor_is_made_from_its_few_values_and_a_wrong_one_is_told(site: Site) -> None:
    admin = await admin_at(site)
    given = {"preset": "entra", "slug": "entra", "client_id": "an-application", "client_secret": SECRET}
    wrong = await admin.post(PROVIDERS, **given, directory="nonsense")
    assert wrong.status_code == 400
    assert 'value="nonsense"' in wrong.text
    assert SECRET not in wrong.text
    directory = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
    made = await admin.follow(await admin.post(PROVIDERS, **given, directory=directory, alternative_object_id="yes"))
    assert f"https://login.microsoftonline.com/{directory}/v2.0" in made.text
    assert "Enter this redirect URL there:" in words(made)
