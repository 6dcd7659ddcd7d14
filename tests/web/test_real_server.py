"""The application under the server it ships with, spoken to byte by byte and by a real browser.

An in-process transport cannot show what the server makes of a path, of two lengths or of a method, nor what a browser
does with our cookies, forms and policy.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from identity_api.db import tenants
from identity_api.db.database import Database
from identity_api.vault import Vault
from tests import factories as make
from tests.browser.chromium import CHROMIUM
from tests.openid_provider import RunningProvider
from tests.ports import free_port
from tests.web.site import add_provider


@dataclass
class Server:
    """Granian with our application."""

    port: int

    def say(self, text: str) -> tuple[int, str]:
        """Send exactly these bytes; status and the rest of the answer, read until the server closes or pauses."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(text.encode("latin-1"))
            connection.settimeout(1)
            answer = b""
            try:
                while chunk := connection.recv(65_536):
                    answer += chunk
            except (TimeoutError, ConnectionResetError):
                pass
        head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
        return int(head.split(" ")[1]) if head else 0, body

    def ask(self, request_line: str, *headers: str, host: str = "127.0.0.1") -> tuple[int, str]:
        lines = [f"{request_line} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
        return self.say("\r\n".join(lines) + "\r\n\r\n")


@pytest.fixture(scope="module")
def server(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    settings = {**environ, "IDENTITY_PUBLIC_URL": f"http://127.0.0.1:{port}", "IDENTITY_PORT": str(port)}
    arguments = ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--factory"]
    output = tmp_path_factory.mktemp("granian") / "output"
    with (
        output.open("wb") as written,
        subprocess.Popen(
            [sys.executable, "-m", "granian", *arguments, "identity_api.app:create_app"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **settings},
            stdout=written,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_until_ready(Server(port), output)
            yield Server(port)
        finally:
            process.terminate()


def _wait_until_ready(server: Server, output: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if server.ask("GET /health/ready")[0] == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, output.read_text()[-4_000:]
        time.sleep(0.05)


# Byte by byte


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /health/live", 200),
        ("GET /health//live", 404),
        ("GET /health/%2e%2e/health/live", 404),
        ("GET /health/../health/live", 404),
        ("GET /health/live;a=b", 404),
        ("GET /health/live%00", 404),
        ("GET /health/%6cive", 404),
        ("GET /health/live/", 200),
        ("TRACE /health/live", 405),
        ("PUT /graphql", 405),
        ("BREW /health/live", 405),
        ("GET /health/live?" + "a" * 9_000, 414),
    ],
)
def test_the_server_hands_the_path_on_as_it_came(server: Server, line: str, status: int) -> None:
    got, body = server.ask(line)
    assert got == status, body
    if status >= 400:
        assert json.loads(body)["request_id"]


@pytest.mark.parametrize(("length", "code"), [(16_000, "STATE_UNKNOWN"), (25_000, "URL_TOO_LONG")])
def test_a_callback_may_be_as_long_as_a_code_needs(server: Server, length: int, code: str) -> None:
    _, body = server.ask(f"GET /auth/oidc/sso/callback?state=s&code={'c' * length}")
    assert code in body


def test_two_hosts_and_no_host_are_refused(server: Server) -> None:
    assert server.ask("GET /health/live", "Host: evil.example")[0] == 400
    assert server.say("GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n")[0] == 400


def test_too_many_headers_are_refused(server: Server) -> None:
    assert server.ask("GET /health/live", "X-Large: " + "a" * 20_480)[0] == 431
    assert server.ask("GET /health/live", *[f"X-{number}: 1" for number in range(200)])[0] == 431


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "Transfer-Encoding: chunked\r\n\r\nZZ\r\nnonsense\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "Content-Length: -1\r\n\r\n",
    ],
)
def test_a_body_with_two_lengths_or_none_that_fits_is_refused(server: Server, framing: str) -> None:
    """Bad input 6: whoever could choose which length counts could smuggle a request past a proxy."""
    head = "POST /v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    status, body = server.say(head + framing)
    assert status == 400, body
    assert "Traceback" not in body


def test_line_breaks_in_a_header_are_no_header(server: Server) -> None:
    assert server.ask("GET /health/live", "X-Odd: a\x00b")[0] in {0, 400}


# By browser


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield await browser.new_page(viewport={"width": 320, "height": 640}, java_script_enabled=False)
        await browser.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="the distribution's Chromium is not installed")
@pytest.mark.asyncio
async def test_somebody_signs_in_ends_a_session_and_signs_out_without_javascript(
    server: Server, page: Page, database: Database, vault: Vault, idp: RunningProvider
) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        await tenants.replace_hosts(connection, tenant.id, [f"{tenant.slug}.localhost"])
    host = f"{tenant.slug}.localhost:{server.port}"
    for slug in ("sso", "second"):
        url = f"http://{host}/auth/oidc/{slug}/callback"
        returns = (f"http://{host}/auth/logout/return",)
        await add_provider(
            database, vault, idp, tenant.id, host, slug, redirect_url=url, post_logout_redirect_uris=returns
        )
    reported: list[str] = []
    page.on("console", lambda message: reported.append(message.text))

    await page.goto(f"http://{host}/")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await page.click("text=Acme SSO")
    await page.click("button:has-text('Alice')")
    await page.wait_for_url(f"http://{host}/account")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    assert "engineering" in await page.inner_text("main")

    await page.click("button:has-text('Sign out')")
    await page.wait_for_load_state()
    if page.url.startswith(idp.issuer):  # the provider asks whether to sign out there as well
        await page.click("button")
    await page.wait_for_url(f"http://{host}/login?signed_out=1")
    assert "You have signed out." in await page.inner_text("main")
    await page.goto(f"http://{host}/account")
    assert page.url == f"http://{host}/login"
    assert [text for text in reported if "Security Policy" in text] == []
