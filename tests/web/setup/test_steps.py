"""The set-up of a provider through a link: from the choice of the vendor to the first login of somebody, step by step."""

import pytest

from tests.openid_provider import Fault
from tests.web.console.visitor import words
from tests.web.local_site import PAGE, from_page
from tests.web.setup.customer import READ, SECRET, customer_at
from tests.web.site import Site

pytestmark = pytest.mark.asyncio


async def test_a_customer_sets_up_a_provider_and_its_people_sign_in_with_permissions(site: Site) -> None:
    it = await customer_at(site, READ)
    assert "Which sign-in service" in words(await it.open())
    registering = await it.go("vendor", vendor="other")
    assert f"{site.origin}/auth/oidc/customer/callback" in registering.text
    assert "backchannel-logout" in registering.text
    assert 'data-copy="openid profile email offline_access"' in registering.text
    assert "Client secret" in words(await it.go("registered"))
    it.registers()
    tested = await it.go("connect", issuer=site.idp.issuer, client_id=it.client_id, client_secret=SECRET)
    assert "Check the connection" in words(tested)
    report = await it.test("bob")
    assert "id_token / groups" in words(report)
    assert "a list of" in words(report)
    assert "bob@demo.example" not in report.text
    assert "engineering" not in report.text
    assert "Where are the groups?" in words(await it.go("tested"))
    mapping = await it.go("groups", place="id_token / groups")
    assert READ in words(mapping)
    shown = await it.post("mappings", group="engineering", permission=READ, action="preview")
    assert f"is in the group engineering has: {READ}." in words(shown)
    assert "Groups that give permissions" not in shown.text
    saved = await it.go("mappings", group="engineering", permission=READ, action="save")
    assert "Groups that give permissions" in saved.text
    login = "/login?choose=1"
    assert "Customer SSO" not in (await site.client().get(login, headers=PAGE)).text
    ready = await it.go("mapped")
    assert "The test login worked" in words(ready)
    assert "Your people can sign in now" in words(await it.go("enable"))
    assert "Customer SSO" in (await site.client().get(login, headers=PAGE)).text
    client = site.client()
    assert (await site.sign_in(client, "bob", "/auth/oidc/customer/login")).status_code == 303
    assert READ in (await client.get("/v1/me")).text


async def test_who_stops_in_the_middle_comes_back_to_the_same_step_in_another_browser(site: Site) -> None:
    it = await customer_at(site)
    await it.open()
    await it.go("vendor", vendor="keycloak")
    it.client = site.client()
    again = await it.open()
    assert "What to create at Keycloak" in words(again)
    assert "Type" not in words(await it.get("/setup?step=enable"))
    assert "What to create at Keycloak" in words(await it.get("/setup?step=enable")), "a step ahead is not shown"
    assert "Which sign-in service" in words(await it.get("/setup?step=vendor"))


async def test_a_vendor_asks_for_its_own_values_and_makes_its_issuer(site: Site) -> None:
    it = await customer_at(site)
    await it.open()
    await it.go("vendor", vendor="entra")
    page = await it.go("registered")
    assert "Directory (tenant) ID" in words(page)
    refused = await it.post("connect", directory="not one", client_id="c", client_secret=SECRET)
    assert (refused.status_code, "PROVIDER_INVALID" in refused.text) == (400, True)
    directory = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
    await it.go("connect", directory=directory, client_id="c", client_secret=SECRET)
    made = "select issuer || ' ' || preset from provider where tenant_id = $1 and slug = 'customer'"
    assert await site.fetchval(made, site.tenant.id) == f"https://login.microsoftonline.com/{directory}/v2.0 entra"


async def test_another_vendor_takes_the_place_of_the_first_one(site: Site) -> None:
    it = await customer_at(site)
    await it.connected()
    await it.go("vendor", vendor="okta")
    assert "Okta domain" in words(await it.go("registered"))
    count = "select count(*) from provider where tenant_id = $1 and slug = 'customer'"
    assert await site.fetchval(count, site.tenant.id) == 0
    await it.go("connect", domain="https://acme.okta.com/", client_id="c", client_secret=SECRET)
    assert await site.fetchval(
        "select issuer from provider where slug = 'customer' and tenant_id = $1", site.tenant.id
    ) == ("https://acme.okta.com"), "an address that is pasted is as good as the host in it"
    assert await site.fetchval(count, site.tenant.id) == 1


async def test_the_secret_is_on_no_page_and_stays_if_none_is_typed(site: Site) -> None:
    it = await customer_at(site)
    page = await it.connected()
    refused = await it.post("connect", issuer="nonsense", client_id="x", client_secret=SECRET)
    assert refused.status_code == 400
    pages = [page, refused, await it.get("/setup?step=connect"), await it.post("test")]
    assert not any(SECRET in one.text or "secret+that" in one.text for one in pages)
    await it.go("connect", issuer=site.idp.issuer, client_id=it.client_id, client_secret="")
    assert "CLIENT_REFUSED" not in (await it.test()).text
    assert "in order" in words(await it.get())


async def test_a_wrong_issuer_is_named_by_the_check(site: Site) -> None:
    it = await customer_at(site)
    await it.connected(issuer=f"{site.idp.issuer}/nobody")
    checked = await it.post("test")
    assert checked.status_code == 200
    assert "does not work" in words(checked)
    assert "Correct the connection" in words(checked)
    assert f"{site.idp.issuer}/nobody" in checked.text


async def test_a_wrong_secret_is_named_and_once_corrected_all_goes_on(site: Site) -> None:
    it = await customer_at(site)
    await it.connected(secret="another secret than the registered one")
    checked = await it.post("test")
    assert "secret" in words(checked).split("What the check found")[1]
    assert "does not work" in words(checked)
    assert words(checked).index("client authentication:") < words(checked).index("discovery:"), (
        "what is wrong comes first"
    )
    failed = await it.test()
    assert "What the test login found" in words(failed)
    assert "Where are the groups?" not in words(await it.post("tested"))
    assert (await it.post("tested")).status_code == 403
    await it.go("connect", issuer=site.idp.issuer, client_id=it.client_id, client_secret=SECRET)
    assert "What the test login found" not in words(await it.get()), "the old report is about other settings"
    await it.test()
    assert "Where are the groups?" in words(await it.go("tested"))


async def test_another_claim_is_tested_again_before_the_provider_can_be_enabled(site: Site) -> None:
    it = await customer_at(site)
    await it.connected()
    await it.test()
    await it.go("tested")
    strange = await it.post("groups", place="id_token / nothing of the kind")
    assert (strange.status_code, "did not come with the test login" in strange.text) == (400, True)
    again = await it.go("groups", place="id_token / email")
    assert "Check the connection" in words(again)
    assert (await it.post("enable")).status_code == 403
    await it.test()
    await it.go("tested")
    assert "Permissions of groups" in words(await it.go("groups", place="id_token / email"))


async def test_groups_can_be_left_out_altogether(site: Site) -> None:
    it = await customer_at(site)
    await it.connected()
    with site.idp.fault(Fault.NO_GROUPS):
        await it.test()
        await it.go("tested")
        await it.go("groups", place="none")
        await it.test()
    await it.go("tested")
    await it.go("groups", place="none")
    await it.go("mapped")
    assert "Your people can sign in now" in words(await it.go("enable"))


async def test_the_pages_are_there_in_german(site: Site) -> None:
    it = await customer_at(site)
    await it.open()
    assert "Welchen Anmeldedienst" in words(await it.get("/setup", accept_language="de"))
    assert (await it.post("language", language="de", step="vendor")).status_code == 303
    assert "Welchen Anmeldedienst" in words(await it.get())
    steps = await it.go("vendor", vendor="okta")
    assert "Legen Sie eine App Integration an" in words(steps)
    assert "Tragen Sie die Redirect-URL hier ein: Okta admin console" in words(steps)


async def test_what_the_test_finds_is_told_in_the_language_of_the_page(site: Site) -> None:
    customer = await customer_at(site)
    await customer.connected(secret="not the one")
    found = await customer.client.post("/setup/test", headers={**from_page(site), "accept-language": "de"})
    told = words(found)
    assert (
        "Client-Authentifizierung: Der Anbieter nimmt den Client nicht an: Das Geheimnis oder die Client-ID ist falsch."
        in told
    )
    assert "Kopieren Sie beide noch einmal vom Anbieter." in told
