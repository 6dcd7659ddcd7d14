"""A provider outside whose metadata names something inside: nothing arrives there. Promise 50, bad input 61.

The document is what an attacker who runs a provider controls; that its own address is checked is in `test_attacks`.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from identity_api.db.providers import ClaimSettings
from tests.openid_provider.wrapper import Canned
from tests.web.conformance import BeginRun, Run
from tests.web.site import come_back, cookies_set

pytestmark = pytest.mark.asyncio
ASKS_USERINFO = ClaimSettings(display=("userinfo / name",))
FORMS = (
    *("http://127.0.0.1:{port}/x", "http://localhost:{port}/x", "http://[::1]:{port}/x", "http://2130706433:{port}/x"),
    *("http://[::ffff:127.0.0.1]:{port}/x", "http://127.1:{port}/x", "https://127.0.0.1:{port}/x"),
    *("http://169.254.169.254/latest/meta-data", "http://10.0.0.1/x"),
)
MEMBERS = ("token_endpoint", "jwks_uri", "userinfo_endpoint", "pushed_authorization_request_endpoint")


@pytest_asyncio.fixture
async def inside() -> AsyncIterator[tuple[int, list[str]]]:
    """A port of this machine that nobody allowed, and who connected to it."""
    seen: list[str] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append("connected")
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], seen
    server.close()
    await server.wait_closed()


async def as_far_as_it_goes(run: Run) -> httpx.Response:
    """A login; the answer that ends it."""
    browser = run.browser()
    begun = await browser.get("/login")
    if begun.status_code != 303:
        return begun
    return await come_back(browser, await run.site.at_provider(begun.headers["location"]))


def refused(answer: httpx.Response) -> None:
    """One code for every address, and nothing of it on the page."""
    assert answer.status_code in (502, 503), answer.text
    assert "PROVIDER_MISCONFIGURED" in answer.text
    assert "127.0.0.1" not in answer.text
    assert not any("session" in name for name in cookies_set(answer))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("form", FORMS)
async def test_what_the_metadata_names_inside_is_not_connected_to(
    begin: BeginRun, inside: tuple[int, list[str]], member: str, form: str
) -> None:
    port, seen = inside
    run = await begin(claims=ASKS_USERINFO)
    run.announce(**{member: form.format(port=port)})
    refused(await as_far_as_it_goes(run))
    assert seen == []
    assert await run.sessions() == 0
    assert str(await run.reason()).startswith("TARGET_NOT_ALLOWED")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("path", ["discovery", "/token", "/userinfo", "/jwks"])
async def test_a_redirect_inside_is_not_followed(
    begin: BeginRun, inside: tuple[int, list[str]], path: str, status: int
) -> None:
    """As `doyensec/oidc-ssrf` does it, at each address that a login asks."""
    port, seen = inside
    run = await begin(claims=ASKS_USERINFO)
    location = (b"location", f"http://127.0.0.1:{port}/x".encode())
    run.idp.answers[run.path if path == "discovery" else path] = Canned(status, "text/plain", b"", (location,))
    answer = await as_far_as_it_goes(run)
    assert answer.status_code == 502
    assert "PROVIDER_MISCONFIGURED" in answer.text
    assert seen == []
    assert await run.sessions() == 0


async def test_the_same_login_succeeds_where_nothing_leads_inside(begin: BeginRun) -> None:
    await (await begin(claims=ASKS_USERINFO)).accepts()
