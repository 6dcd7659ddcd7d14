"""What holds for every page of the console: who comes in, from where, under which policy, and in which language."""

import pytest

from identity_api.graphql.ids import global_id
from identity_api.web.console.forms import FORMS
from identity_api.web.console.pages import BY_NAME, PAGES
from tests.web.console.visitor import admin_at, lose
from tests.web.local_site import PAGE
from tests.web.site import Site

pytestmark = pytest.mark.asyncio


async def test_who_is_not_signed_in_comes_back_after_the_login(site: Site) -> None:
    browser = site.client()
    asked = await browser.get("/console/users?q=bob&state=no", headers=PAGE)
    assert asked.status_code == 303
    ended = await site.sign_in(browser, "alice", asked.headers["location"])
    assert ended.headers["location"].endswith("/console/users?q=bob&state=no")


async def test_a_script_whose_session_is_over_is_told_to_take_the_browser_to_the_login(site: Site) -> None:
    asked = await site.client().get("/console/users", headers={"hx-request": "true"})
    assert asked.headers["hx-redirect"] == "/login?return_to=%2Fconsole%2Fusers"


async def test_who_administers_nothing_is_told_so_and_an_admin_is_led_on(site: Site) -> None:
    nobody = await admin_at(site, "bob", ())
    refused = await nobody.get("/console")
    assert refused.status_code == 403
    assert "/console" not in (await nobody.get("/account")).text
    admin = await admin_at(site)
    assert (await admin.get("/console")).headers["location"].startswith("/console/")
    assert 'href="/console"' in (await admin.get("/account")).text


async def test_an_error_page_leads_back_to_the_console_while_it_shows_something(site: Site) -> None:
    """A right that is lost while a page is open leaves the others."""
    await site.signed_in("bob")
    admin = await admin_at(site, permissions=["identity:users:read", "identity:audit:read"])
    assert (await admin.get("/console/users")).status_code == 200
    await lose(site, admin.user_id, "identity:users:read")
    back = '<a class="button" href="/console">'
    for answer in (
        await admin.get("/console/users"),
        await admin.get("/console/mappings.csv"),
        await admin.post("/console/language", language="none"),
    ):
        assert answer.status_code in (403, 404), answer.url
        assert back in answer.text, answer.url
    assert (await admin.get("/console")).headers["location"] == "/console/overview"
    assert (await admin.get("/console/overview")).status_code == 200
    assert back not in (await admin.get("/nothing")).text
    await lose(site, admin.user_id, "identity:audit:read")
    for path in ("/console", "/console/users"):
        refused = await admin.get(path)
        assert refused.status_code == 403
        assert back not in refused.text
        assert '<a class="button" href="/account">' in refused.text


async def test_a_form_of_another_site_is_refused_and_our_own_is_taken(site: Site) -> None:
    admin = await admin_at(site)
    fields = {"language": "de", "return_to": "/console/users"}
    for headers in ({}, {"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        refused = await admin.client.post("/console/language", data=fields, headers={**PAGE, **headers})
        assert refused.status_code == 403, headers
    assert (await admin.post("/console/language", **fields)).status_code == 303


async def test_no_page_frames_it_and_only_our_own_scripts_run(site: Site) -> None:
    admin = await admin_at(site)
    page = await admin.get("/console/users")
    policy = page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    for part in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "script-src 'self'", "base-uri"):
        assert part in policy
    assert "unsafe" not in policy
    scripts = [part.split('"')[0] for part in page.text.split('<script src="')[1:]]
    for address in scripts:
        script = await admin.get(address)
        assert script.status_code == 200
        assert "immutable" in script.headers["cache-control"]
    assert len(scripts) == 2
    assert (await admin.get("/static/console/README.md")).status_code == 404


async def test_the_language_is_the_browsers_until_another_one_is_chosen(site: Site) -> None:
    admin = await admin_at(site)
    assert "<h1>Benutzer</h1>" in (await admin.get("/console/users", accept_language="fr, de-CH;q=0.8, en;q=0.5")).text
    assert "<h1>Users</h1>" in (await admin.get("/console/users", accept_language="fr")).text
    chosen = await admin.post("/console/language", language="de", return_to="/console/users?q=x")
    assert chosen.headers["location"] == "/console/users?q=x"
    german = await admin.get("/console/users", accept_language="en")
    assert '<html lang="de">' in german.text
    assert "<h1>Benutzer</h1>" in german.text


async def test_choosing_a_language_leads_to_no_other_site(site: Site) -> None:
    admin = await admin_at(site)
    for address in ("https://evil.example/", "//evil.example", "/\\evil.example", "/%2F/evil.example"):
        refused = await admin.post("/console/language", language="de", return_to=address)
        assert refused.status_code == 400, address


async def test_too_many_questions_are_refused_as_by_the_api(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 41: the console has no budget of its own."""
    monkeypatch.setattr("identity_api.app.COST_PER_MINUTE", 40)
    admin = await admin_at(site)
    answers = [await admin.get("/console/users") for _ in range(4)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert "retry-after" in answers[-1].headers


async def test_every_form_stands_on_a_page_there_is() -> None:
    assert {form.page for form in FORMS} <= set(BY_NAME)
    assert len({page.path for page in PAGES}) == len(PAGES)
    assert len({form.name for form in FORMS}) == len(FORMS)


async def test_who_may_read_nobody_sees_their_own_page_and_an_id_of_another_kind_is_nothing(site: Site) -> None:
    nobody = await admin_at(site, "bob", ())
    own = global_id("User", nobody.user_id)
    page = await nobody.get(f"/console/users/{own}")
    assert page.status_code == 200, page.text
    for path in (f"/console/permissions/{own}", f"/console/providers/{own}"):
        assert (await nobody.get(path)).status_code == 404, path


async def test_who_holds_nothing_does_nothing_by_any_form(site: Site) -> None:
    admin, nobody = await admin_at(site), await admin_at(site, "bob", ())
    own, others = global_id("User", nobody.user_id), global_id("User", admin.user_id)
    fields = {"given": "docs:read", "table": "engineering,docs:read", "digest": "x", "event": "x", "version": "1"}
    for form in FORMS:
        for named in (own, others):
            answer = await nobody.post(form.path.replace("{id:str}", named), **fields)
            assert answer.status_code in (400, 403, 404), (form.name, named)


async def test_a_form_of_another_site_is_refused_wherever_it_is_sent(site: Site) -> None:
    admin = await admin_at(site)
    named = global_id("User", admin.user_id)
    for form in FORMS:
        for headers in ({}, {"origin": f"{site.origin}.evil.example"}, {"sec-fetch-site": "same-site"}):
            path = form.path.replace("{id:str}", named)
            refused = await admin.client.post(path, data={"reason": "x"}, headers={**PAGE, **headers})
            assert refused.status_code == 403, (form.name, headers)
