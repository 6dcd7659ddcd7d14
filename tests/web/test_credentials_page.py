"""One's own password and second factor, on pages (S0-05)."""

import base64
import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from identity_api.accounts import totp
from identity_api.web.pages.qr_code import qr_code
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD, LocalWorld
from tests.web.local_site import PAGE, from_page, signed_in, submit, with_passwords
from tests.web.site import Site

CREDENTIALS = "/account/credentials"


@pytest_asyncio.fixture
async def world(site: Site) -> LocalWorld:
    return await with_passwords(site)


@pytest_asyncio.fixture
async def ada(world: LocalWorld) -> UUID:
    return await world.make_user("ada")


async def post(site: Site, client: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    return await client.post(path, data=form, headers=from_page(site))


async def follow(client: httpx.AsyncClient, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return (await client.get(answer.headers["location"], headers=PAGE)).text


@pytest.mark.asyncio
async def test_the_account_page_says_what_there_is_where_passwords_are_on(
    site: Site, world: LocalWorld, ada: UUID
) -> None:
    client = await signed_in(site)
    assert f'href="{CREDENTIALS}"' in (await client.get("/account", headers=PAGE)).text
    other = site.client()
    assert (await site.sign_in(other, "alice", "/auth/oidc/sso/login")).status_code == 303
    shown = (await other.get("/account", headers=PAGE)).text
    assert ("Password and second factor" in shown, CREDENTIALS in shown) == (True, False)
    assert "can make a link" in (await other.get(CREDENTIALS, headers=PAGE)).text
    await world.set_policy(local_sign_in=False)
    assert "Password and second factor" not in (await other.get("/account", headers=PAGE)).text
    assert (await other.get(CREDENTIALS, headers=PAGE)).status_code == 403


@pytest.mark.asyncio
async def test_somebody_changes_their_password_and_stays_signed_in_here_alone(site: Site, ada: UUID) -> None:
    client, other = await signed_in(site), await signed_in(site)
    form = {"current": PASSWORD, "password": OTHER_PASSWORD, "repeated": OTHER_PASSWORD}
    for change, said in (
        ({"current": "not this one"}, "current password is wrong"),
        ({"repeated": PASSWORD}, "The two passwords differ"),
        ({"password": "short", "repeated": "short"}, "at least 12 characters"),
    ):
        refused = await post(site, client, "/account/password", **(form | change))
        assert (refused.status_code, said in refused.text) == (400, True)
    assert "has been changed" in await follow(client, await post(site, client, "/account/password", **form))
    assert ((await client.get("/v1/me")).status_code, (await other.get("/v1/me")).status_code) == (200, 401)
    assert (await submit(site, site.client(), password=OTHER_PASSWORD)).status_code == 303
    assert (await submit(site, site.client())).status_code == 400


class Shown(HTMLParser):
    """What a page tells and where: the form in whose section the alert stands, and the fields that it is about."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.alerts: list[str] = []
        self.told = ""
        self.wrong: dict[str, str | None] = {}
        self.focused: list[str | None] = []
        self._section = ""
        self._is_alert = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._is_alert = found.get("role") == "alert"
        if tag == "section":
            self._section = found.get("aria-labelledby") or ""
        if self._is_alert:
            assert found["id"] == "problem"
            self.alerts.append(self._section)
        if found.get("aria-invalid") == "true":
            self.wrong[found["id"] or ""] = found["aria-describedby"]
        if "autofocus" in found:
            self.focused.append(found["id"])

    def handle_data(self, data: str) -> None:
        if self._is_alert:
            self.told += data.strip()


PASSWORD_FORM = {"current": PASSWORD, "password": OTHER_PASSWORD, "repeated": OTHER_PASSWORD}
WRONG = "Your current password is wrong, or there were too many tries. Check it, or wait for some minutes."


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "form", "section", "field", "described", "told"),
    [
        ("password", PASSWORD_FORM | {"current": "x"}, "password-heading", "current", "problem", WRONG),
        ("password", PASSWORD_FORM | {"repeated": "x"}, "password-heading", "repeated", "problem", "The two passwords"),
        ("password", PASSWORD_FORM | {"password": "short", "repeated": "short"}, "password-heading", "password",
         "rule problem", ""),
        ("second-factor", {"current": "x"}, "factor-heading", "factor-password", "problem", WRONG),
        ("second-factor/remove", {"current": "x"}, "factor-heading", "factor-password", "problem", WRONG),
    ],
    ids=["current", "repeated", "new", "second factor", "without it"],
)  # fmt: skip
async def test_what_was_wrong_is_told_at_its_form_and_its_field(
    site: Site, ada: UUID, path: str, form: dict[str, str], section: str, field: str, described: str, told: str
) -> None:
    """There are two forms; and nobody who is signed in typed a username that might not fit."""
    client = await signed_in(site)
    clean = Shown((await client.get(CREDENTIALS, headers=PAGE)).text)
    assert (clean.alerts, clean.wrong, clean.focused) == ([], {}, [])
    refused = await post(site, client, f"/account/{path}", **form)
    shown = Shown(refused.text)
    assert (refused.status_code, shown.alerts) == (400, [section])
    assert (shown.wrong, shown.focused) == ({field: described}, [field])
    assert shown.told.startswith(told)
    assert shown.told
    assert "<script" not in refused.text


@pytest.mark.asyncio
async def test_a_code_without_a_key_is_told_at_the_second_factor(site: Site, ada: UUID) -> None:
    """No field is wrong, so none is pointed at."""
    client = await signed_in(site)
    refused = await post(site, client, "/account/second-factor/confirm", code="123456")
    shown = Shown(refused.text)
    assert (shown.alerts, shown.wrong, shown.told) == (["factor-heading"], {}, "Set up a second factor first.")


@pytest.mark.asyncio
async def test_a_second_factor_is_set_up_and_removed(site: Site, ada: UUID) -> None:
    client = await signed_in(site)
    assert (await post(site, client, "/account/second-factor", current="x")).status_code == 400
    begun = await post(site, client, "/account/second-factor", current=PASSWORD)
    assert begun.status_code == 200
    key = re.search(r'<code class="key strong">([A-Z2-7]+)</code>', begun.text)
    assert key, begun.text
    assert "otpauth://totp/" in begun.text
    uri = unescape(begun.text.split('<a href="otpauth:')[1].split('"')[0])
    assert qr_code(f"otpauth:{uri}") in begun.text, "to be scanned, made here and in the page itself"
    secret = base64.b32decode(key[1] + "=" * (-len(key[1]) % 8))
    code = totp.code_at(secret, int(datetime.now(UTC).timestamp()) // totp.STEP_SECONDS).decode()
    wrong = await post(site, client, "/account/second-factor/confirm", code="000000" if code != "000000" else "1" * 6)
    assert (wrong.status_code, 'name="code"' in wrong.text, key[1] in wrong.text) == (400, True, False)
    shown = Shown(wrong.text)
    assert (shown.wrong, shown.focused, shown.told[:8]) == ({"code": "problem"}, ["code"], "The code")
    known = [cookie for cookie in client.cookies.jar if "known-" in cookie.name]
    done = await post(site, client, "/account/second-factor/confirm", code=f"{code[:3]} {code[3:]}")
    assert [cookie.value for cookie in client.cookies.jar if "known-" in cookie.name] != [one.value for one in known]
    assert "asks for a code" in await follow(client, done)
    assert "asked for a code" in (await client.get("/account", headers=PAGE)).text
    assert "Enter your code" in (await submit(site, site.client())).text
    assert (await post(site, client, "/account/second-factor/remove", current="x")).status_code == 400
    refused = await post(site, client, "/account/second-factor/remove", current=PASSWORD)
    told = Shown(refused.text)
    assert (refused.status_code, list(told.wrong)) == (400, ["factor-code"])
    later = totp.code_at(secret, int(datetime.now(UTC).timestamp()) // totp.STEP_SECONDS + 1).decode()
    removed = await post(site, client, "/account/second-factor/remove", current=PASSWORD, code=later)
    assert "asks for no code any more" in await follow(client, removed)
    assert (await submit(site, site.client())).status_code == 303


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "path", ["/account/password", *[f"/account/second-factor{end}" for end in ("", "/confirm", "/remove")]]
)
async def test_nobody_changes_anything_without_a_session_or_from_another_page(site: Site, ada: UUID, path: str) -> None:
    assert (await post(site, site.client(), path, current=PASSWORD)).status_code == 401
    client = await signed_in(site)
    foreign = await client.post(path, data={"current": PASSWORD}, headers={"origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "ORIGIN_REFUSED")
    assert (await site.client().get(CREDENTIALS)).headers["location"] == "/login"
