"""Signing in with a local password through the real routes (S0-05)."""

import re
from html import unescape
from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.web.http.limits import LOGIN_FAILURES
from identity_api.web.pages.pending_second_factor import HELD_SECONDS, hold, take
from tests.accounts.local_world import PASSWORD, LocalWorld
from tests.web.local_site import LOGIN, PAGE, from_page, signed_in, submit, with_passwords
from tests.web.site import FRONTEND, PUBLIC_URL, Site, cookies_set, fresh_address, make_site


@pytest_asyncio.fixture
async def world(site: Site) -> LocalWorld:
    return await with_passwords(site)


@pytest_asyncio.fixture
async def ada(world: LocalWorld) -> UUID:
    return await world.make_user("ada")


def field(page: str, name: str) -> str:
    """The value of an input of a page."""
    found = re.search(rf'<input[^>]* name="{name}" value="([^"]*)"', page)
    assert found, page
    return unescape(found[1])


@pytest.mark.asyncio
async def test_somebody_signs_in_with_a_password(site: Site, ada: UUID) -> None:
    client = site.client()
    answer = await submit(site, client)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{site.origin}/account")
    attributes = set(cookies_set(answer)["__Host-session"].split("; ")[1:])
    assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} <= attributes
    me = (await client.get("/v1/me")).json()
    assert (me["user_id"], me["is_sso"]) == (str(ada), False)


@pytest.mark.asyncio
async def test_a_program_signs_in_with_json(site: Site, ada: UUID) -> None:
    client, typed = site.client(), {"username": "ada", "password": PASSWORD, "return_to": "/account?tab=1"}
    answer = await client.post(LOGIN, json=typed, headers={"origin": site.origin})
    assert (answer.status_code, answer.json()) == (200, {"location": f"{site.origin}/account?tab=1"})
    assert (await client.get("/v1/me")).status_code == 200
    refused = await site.client().post(LOGIN, json={**typed, "password": "x"}, headers={"origin": site.origin})
    assert (refused.status_code, refused.json()["code"]) == (400, "CREDENTIALS_REFUSED")
    assert "set-cookie" not in refused.headers


@pytest.mark.asyncio
async def test_the_form_is_shown_where_passwords_are_on_beside_the_buttons(site: Site) -> None:
    """One provider is no longer the only way in, so it is not gone to by itself."""
    assert (await site.client().get("/login", headers=PAGE)).status_code == 303
    await with_passwords(site)
    page = await site.client().get("/login", params={"return_to": "/account?tab=1"}, headers=PAGE)
    assert page.status_code == 200
    assert f'action="{LOGIN}"' in page.text
    assert field(page.text, "return_to") == "/account?tab=1"
    assert "Or with your organisation" in page.text
    assert site.provider.label in page.text
    assert "never on this page" not in page.text
    assert "<script" not in page.text


@pytest.mark.asyncio
async def test_where_passwords_are_off_the_page_asks_for_none(site: Site) -> None:
    await site.add_provider("second")
    page = await site.client().get("/login", headers=PAGE)
    assert "<form" not in page.text
    assert "never on this page" in page.text
    answer = await submit(site, site.client())
    assert (answer.status_code, "LOCAL_SIGN_IN_OFF" in answer.text) == (403, True)


@pytest.mark.asyncio
async def test_the_form_carries_what_the_frontend_asked_for(site: Site, world: LocalWorld) -> None:
    await site.add_provider("second")
    asked = {"frontend": "app", "delivery": "code", "code_challenge": "x" * 43, "state": "own"}
    shown = await site.client().get("/login", params=asked, headers=PAGE)
    assert {name: field(shown.text, name) for name in asked} == asked
    # Chromium applies `form-action` to where the form's answer leads, and that is the frontend.
    assert "form-action" not in shown.headers["content-security-policy"]


@pytest.mark.asyncio
async def test_the_sign_in_leads_where_the_frontend_asked_and_nowhere_else(site: Site, ada: UUID) -> None:
    led = await submit(site, site.client(), frontend="app", return_to=f"{FRONTEND}/done")
    assert led.headers["location"] == f"{FRONTEND}/done"
    astray = await submit(site, site.client(), return_to="https://evil.example/")
    assert (astray.status_code, "RETURN_TO_REFUSED" in astray.text) == (400, True)
    assert "__Host-session" not in cookies_set(astray)


@pytest.mark.asyncio
@pytest.mark.parametrize("username", ["ada", "nobody", '"><script>alert(1)</script>'])
async def test_a_wrong_password_shows_the_form_again_and_tells_nothing(site: Site, ada: UUID, username: str) -> None:
    client = site.client()
    answer = await submit(site, client, username, "not this one", return_to="/account?tab=1")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "Username and password do not fit" in answer.text
    assert field(answer.text, "username") == username
    assert field(answer.text, "return_to") == "/account?tab=1"
    assert "not this one" not in answer.text
    assert "<script" not in answer.text
    assert "__Host-session" not in client.cookies


@pytest.mark.asyncio
async def test_a_second_factor_is_asked_for_without_typing_everything_again(
    site: Site, world: LocalWorld, ada: UUID
) -> None:
    secret = await world.enrol(ada)
    world.wait(seconds=30)  # the code that enrolled works nowhere else
    client = site.client()
    asked = await submit(site, client, return_to="/account?tab=1")
    assert asked.status_code == 200
    assert "Enter your code" in asked.text
    assert 'autocomplete="one-time-code"' in asked.text
    assert PASSWORD not in asked.text
    assert "__Host-session" not in client.cookies
    form = {"held": field(asked.text, "held"), "return_to": field(asked.text, "return_to")}
    wrong = await client.post(LOGIN, data={**form, "code": "000000"}, headers=from_page(site))
    assert (wrong.status_code, 'aria-invalid="true"' in wrong.text) == (400, True)
    code = world.code(secret)
    right = await client.post(LOGIN, data={**form, "code": f"{code[:3]} {code[3:]}"}, headers=from_page(site))
    assert (right.status_code, right.headers["location"]) == (303, f"{site.origin}/account?tab=1")
    assert (await client.get("/v1/me")).status_code == 200


@pytest.mark.asyncio
async def test_what_is_held_opens_for_its_tenant_for_five_minutes_and_unchanged(site: Site, world: LocalWorld) -> None:
    now = world.now
    held = hold(site.vault, site.tenant.id, "ada", PASSWORD, now)
    opened = take(site.vault, site.tenant.id, held, now)
    assert opened is not None
    assert (opened.username, opened.password, repr(opened)) == ("ada", PASSWORD, "HeldSignIn()")
    world.wait(seconds=HELD_SECONDS)
    assert take(site.vault, site.tenant.id, held, world.now) is None
    other = await make_site(site.app, site.database, site.vault, site.idp)
    assert take(site.vault, other.tenant.id, held, now) is None
    for broken in ("", "!", held[:-4], held[4:], "A" * 200, held + "A" * 9_000):
        assert take(site.vault, site.tenant.id, broken, now) is None


@pytest.mark.asyncio
async def test_a_form_that_holds_nothing_of_ours_begins_again(site: Site, ada: UUID) -> None:
    answer = await site.client().post(LOGIN, data={"held": "x", "code": "123456"}, headers=from_page(site))
    assert (answer.status_code, "LOGIN_EXPIRED" in answer.text) == (400, True)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": FRONTEND},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
@pytest.mark.parametrize("kind", ["data", "json"])
async def test_another_page_cannot_sign_a_browser_in(site: Site, ada: UUID, sent: dict[str, str], kind: str) -> None:
    """Login CSRF: somebody else's page must not make the browser mine."""
    typed = {"username": "ada", "password": PASSWORD}
    client = site.client()
    refused = await client.post(LOGIN, headers=sent, **{kind: typed})
    assert (refused.status_code, refused.json()["code"]) == (403, "ORIGIN_REFUSED")
    assert "__Host-session" not in client.cookies
    for accepted in ({"origin": site.origin}, {"sec-fetch-site": "same-origin"}):
        answer = await site.client().post(LOGIN, headers=accepted, **{kind: typed})
        assert answer.status_code == (303 if kind == "data" else 200)


@pytest.mark.asyncio
async def test_a_session_that_the_browser_brought_along_ends(site: Site, ada: UUID) -> None:
    client = await signed_in(site)
    before = client.cookies["__Host-session"]
    assert (await submit(site, client)).status_code == 303
    assert client.cookies["__Host-session"] != before
    old = await site.client().get("/v1/me", headers={"authorization": f"Bearer {before}"})
    assert old.status_code == 401


@pytest.mark.asyncio
async def test_a_password_of_one_tenant_is_nothing_at_another(site: Site, ada: UUID) -> None:
    other = await make_site(site.app, site.database, site.vault, site.idp)
    await with_passwords(other)
    answer = await submit(other, other.client())
    assert (answer.status_code, "CREDENTIALS_REFUSED" in answer.text or "do not fit" in answer.text) == (400, True)
    prefix = f"/t/{site.tenant.slug}"
    at_prefix = await site.client(base_url=PUBLIC_URL).post(
        prefix + LOGIN, data={"username": "ada", "password": PASSWORD}, headers={**PAGE, "origin": PUBLIC_URL}
    )
    assert at_prefix.headers["location"] == f"{PUBLIC_URL}{prefix}/account"


@pytest.mark.asyncio
async def test_a_disabled_account_says_so_to_who_knows_its_password_alone(site: Site, ada: UUID) -> None:
    await site.execute("update app_user set disabled_at = now() where id = $1", ada)
    right = await submit(site, site.client())
    assert (right.status_code, "ACCOUNT_DISABLED" in right.text) == (403, True)
    wrong = await submit(site, site.client(), password="not this one")
    assert (wrong.status_code, "disabled" in wrong.text) == (400, False)


@pytest.mark.asyncio
async def test_an_address_that_fails_too_often_waits_whatever_it_types(site: Site, ada: UUID) -> None:
    address = fresh_address()
    client = site.client(address=address)
    for _ in range(2 * LOGIN_FAILURES):
        # Guessed links count like guessed passwords, and cost no hash here.
        guess = {"__Host-password": "ipw_" + "a" * 43}
        guessed = await site.client(address=address, cookies=guess).get("/auth/password")
        if guessed.status_code == 429:
            break
        assert guessed.status_code == 404
    waiting = await submit(site, client)
    assert guessed.status_code == 429
    assert waiting.status_code == 429
    assert int(waiting.headers["retry-after"]) > 0
    assert (await submit(site, site.client())).status_code == 303


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"username=ada", "application/x-www-form-urlencoded", 400),
        (b"username=ada&username=bob&password=x", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"username": "ada", "password": 1}', "application/json", 400),
        (b"username=ada&password=x", "text/plain", 415),
        (b"username=" + b"a" * 17_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_bodies_that_are_none_are_refused(
    site: Site, ada: UUID, body: bytes, content_type: str, status: int
) -> None:
    answer = await site.client().post(
        LOGIN, content=body, headers={"origin": site.origin, "content-type": content_type}
    )
    assert answer.status_code == status
