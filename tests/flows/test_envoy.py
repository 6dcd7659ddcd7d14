"""Envoy guards an application, configured as docs/envoy.md says: it signs people in, and asks about every request."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.docs.pages import blocks
from tests.flows.browser import Browser
from tests.flows.page import Page
from tests.flows.product import Product, eventually
from tests.flows.program import Program, bearer
from tests.ports import free_ports
from tests.programs import program

PAGE = "docs/envoy.md"
ORIGIN = "https://documents.acme.example"
WHERE = "/documents?path=" + "a" * 1_000
"""Envoy keeps the whole address in `state`."""

pytestmark = pytest.mark.xdist_group("flows")


class Application(BaseHTTPRequestHandler):
    """What is guarded: says what reached it. As CGI and WSGI do, it takes `_` in names of headers for `-`, and joins values."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        named = [(name.replace("_", "-").lower(), value) for name, value in self.headers.items()]
        told = [
            ",".join([value for name, value in named if name == one]) for one in ("identity-user", "identity-tenant")
        ]
        self.send_response(200)
        self.send_header("token", self.headers["authorization"].removeprefix("Bearer "))
        self.end_headers()
        self.wfile.write(" ".join([self.command, *told]).encode())

    do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def running_envoy(acme: str, folder: Path, *, service_port: int) -> Iterator[str]:
    """The origin at which Envoy answers; it asks the service at that port."""
    [configuration] = blocks(PAGE, "yaml")
    [port] = free_ports(1)
    origin = f"http://documents.localhost:{port}"
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as application:
        threading.Thread(target=application.serve_forever, daemon=True).start()
        for written, here in (
            ("https://login.acme.example", acme),
            (ORIGIN, origin),
            ("address: 0.0.0.0, port_value: 8443", f"address: 127.0.0.1, port_value: {port}"),
            ("address: identity-api.internal, port_value: 8000", f"address: 127.0.0.1, port_value: {service_port}"),
            (
                "address: documents.internal, port_value: 8080",
                f"address: 127.0.0.1, port_value: {application.server_port}",
            ),
        ):
            assert written in configuration
            configuration = configuration.replace(written, here)
        (folder / "envoy.yaml").write_text(configuration, "utf-8")
        with (folder / "output.txt").open("wb") as output:
            envoy = subprocess.Popen(
                [program("envoy"), "-c", folder / "envoy.yaml", "--use-dynamic-base-id", "--concurrency", "1"],
                env={**os.environ, "ENVOY_COOKIES_SECRET": os.urandom(32).hex()},
                stdout=output,
                stderr=output,
            )
        try:
            eventually(lambda: _answers(port, envoy, folder / "output.txt"))
            yield origin
        finally:
            envoy.kill()
            envoy.wait()
            application.shutdown()


@pytest.fixture(scope="module")
def guarded(product: Product, acme: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """As documented."""
    [declaration] = blocks(PAGE, "toml")
    with running_envoy(acme, tmp_path_factory.mktemp("envoy"), service_port=product.port) as origin:
        product.apply(declaration.replace(ORIGIN, origin))
        yield origin


def _answers(port: int, envoy: subprocess.Popen[bytes], output: Path) -> bool:
    assert envoy.poll() is None, output.read_text()[-2_000:]
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 302
    except httpx.TransportError:
        return False


def sign_in(browser: Browser, guarded: str, name: str) -> Page:
    browser.leave_for_provider(guarded + WHERE)
    page = browser.press(name)
    assert page.url == guarded + WHERE
    return page


def test_who_may_gets_in_and_the_application_is_told_who_it_is(acme: str, browser: Browser, guarded: str) -> None:
    page = sign_in(browser, guarded, "Bob Baker")
    assert page.status == 200
    user = Program(acme)("GET", "/v1/me", headers=bearer(page.headers["token"])).json()["user_id"]
    for method in ("GET", "POST", "DELETE"):
        asked = browser.ask(method, f"{guarded}/documents", body={}, identity_user="somebody-else")
        assert (asked.status_code, asked.text) == (200, f"{method} {user} acme")


@pytest.mark.parametrize(("name", "status"), [("identity_user", 400), ("Identity_Tenant", 400), ("identity-user", 200)])
def test_nobody_writes_a_header_that_the_application_takes_for_envoys(
    acme: str, browser: Browser, guarded: str, name: str, status: int
) -> None:
    token = sign_in(browser, guarded, "Bob Baker").headers["token"]
    user = Program(acme)("GET", "/v1/me", headers=bearer(token)).json()["user_id"]
    asked = Program(guarded)("GET", "/documents", headers={**bearer(token), name: "somebody-else"})
    assert (asked.status_code, asked.text) == (status, f"GET {user} acme" if status == 200 else "Bad Request")


def test_the_cookies_are_not_sent_with_what_another_site_posts(browser: Browser, guarded: str) -> None:
    browser.leave_for_provider(guarded + WHERE)
    arrival = urlsplit(browser.press("Bob Baker", stop_at="/signed-in").url)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies(guarded).items())
    back = Program(guarded)("GET", f"{arrival.path}?{arrival.query}", headers={"cookie": cookies})
    made = [line for line in back.headers.get_list("set-cookie") if "deleted" not in line]
    assert len(made) == 3
    assert [line for line in made if "httponly" not in line.lower() or "samesite=lax" not in line.lower()] == []


def test_who_lacks_the_permission_is_refused_until_it_is_given(
    product: Product, browser: Browser, guarded: str
) -> None:
    page = sign_in(browser, guarded, "Erin Evans")
    assert page.status == 403
    assert 'error="insufficient_scope"' in page.headers["www-authenticate"]
    product.edit_person("erin", groups=["engineering"])
    try:
        product.command("sync", "now", "acme", "demo")
        eventually(lambda: browser.open(f"{guarded}/documents").status == 200)
    finally:
        product.edit_person("erin", groups=[])


def test_a_session_that_ended_elsewhere_lets_nobody_in_and_signing_out_leads_to_a_new_one(
    acme: str, browser: Browser, guarded: str
) -> None:
    token = sign_in(browser, guarded, "Bob Baker").headers["token"]
    assert Program(acme)("POST", "/v1/auth/revoke", data={"token": token}).status_code == 200
    assert browser.open(f"{guarded}/documents").status == 401
    browser.leave_for_provider(f"{guarded}/sign-out")
    assert sign_in(browser, guarded, "Bob Baker").status == 200


def test_a_program_brings_its_own_token_which_must_be_the_tenants(
    product: Product, browser: Browser, other_browser: Browser, guarded: str
) -> None:
    sign_in(browser, guarded, "Bob Baker")
    product.signed_in(other_browser, "Bob Baker")

    def asked(tenant: str) -> int:
        token = product.command("token", "create", tenant, "bob", "behind-envoy", "--days", "1").strip()
        return Program(guarded)("GET", "/documents", headers=bearer(token)).status_code

    assert (asked("acme"), asked("demo")) == (200, 401)
    assert Program(guarded)("GET", "/documents", headers=bearer("unknown")).status_code == 401
    assert Program(guarded)("GET", "/documents").status_code == 302


def test_nobody_is_let_in_while_the_service_does_not_answer(acme: str, tmp_path: Path) -> None:
    [nobody] = free_ports(1)
    with running_envoy(acme, tmp_path, service_port=nobody) as origin:
        assert Program(origin)("GET", "/documents", headers=bearer("anything")).status_code == 503
