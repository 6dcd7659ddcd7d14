"""nginx, Caddy and Traefik guard an application, configured as docs/proxies.md says: each asks about every request."""

import contextlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.deploy.servers import running
from tests.docs.pages import blocks
from tests.flows.browser import Browser
from tests.flows.product import Product, eventually
from tests.flows.program import Program, bearer
from tests.ports import free_ports
from tests.programs import program

PAGE = "docs/proxies.md"
HTML = {"accept": "text/html"}

pytestmark = pytest.mark.xdist_group("flows")


class Application(BaseHTTPRequestHandler):
    """What is guarded: says what reached it. As CGI and WSGI do, it takes `_` in names of headers for `-`, and joins values."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        named = [(name.replace("_", "-").lower(), value) for name, value in self.headers.items()]
        told = [
            ",".join([value for name, value in named if name == one])
            for one in ("identity-user", "identity-tenant", "cookie")
        ]
        body = "|".join([self.command, *told]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def nginx(folder: Path, port: int, written: str) -> list[str]:
    """The program of this distribution, with the documented server."""
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; user root; worker_processes 1;"
        f"events {{}} http {{ access_log off; {paths}\n{written.replace('listen 443', f'listen 127.0.0.1:{port}')}}}"
    )
    return [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, written: str) -> list[str]:
    """The same."""
    here = written.replace("login.acme.example {", f"http://127.0.0.1:{port} {{")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + here)
    return [program("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def traefik(folder: Path, port: int, written: str) -> list[str]:
    """From its package of PyPI."""
    (folder / "dynamic.yaml").write_text(written)
    asks_nobody = ["--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"]
    file = f"--providers.file.filename={folder / 'dynamic.yaml'}"
    return [program("traefik"), f"--entryPoints.web.address=127.0.0.1:{port}", file, *asks_nobody]


PROXIES = {"nginx": (nginx, "nginx"), "caddy": (caddy, "caddyfile"), "traefik": (traefik, "yaml")}


@contextlib.contextmanager
def guarding(name: str, folder: Path, *, service_port: int) -> Iterator[str]:
    """The origin at which the proxy answers; it asks the service at that port."""
    configure, language = PROXIES[name]
    [written] = blocks(PAGE, language)
    [port] = free_ports(1)
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as application:
        threading.Thread(target=application.serve_forever, daemon=True).start()
        for place, here in (
            ("identity-api.internal:8000", service_port),
            ("documents.internal:8080", application.server_port),
        ):
            assert place in written
            written = written.replace(place, f"127.0.0.1:{here}")
        try:
            with running(configure(folder, port, written), port, folder, **{**os.environ, "HOME": str(folder)}):
                origin = f"http://127.0.0.1:{port}"
                eventually(lambda: ask(origin).status_code != 404)  # Traefik listens before it has read its routes
                yield origin
        finally:
            application.shutdown()


@pytest.fixture(scope="module", params=list(PROXIES))
def guarded(
    request: pytest.FixtureRequest, product: Product, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with guarding(request.param, tmp_path_factory.mktemp(request.param), service_port=product.port) as origin:
        yield origin


@pytest.fixture
def cookie(product: Product, browser: Browser) -> str:
    """Of somebody who may `docs:read`; a browser sends it to every port of the host."""
    product.signed_in(browser, "Bob Baker")
    return "; ".join(f"{name}={value}" for name, value in browser.cookies(product.url).items())


def ask(guarded: str, path: str = "/documents/7", method: str = "GET", **headers: str) -> httpx.Response:
    return Program(guarded)(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_person_passes_by_cookie_and_the_application_is_told_who_it_is_without_it(
    product: Product, guarded: str, cookie: str
) -> None:
    user = Program(product.url)("GET", "/v1/me", headers={"cookie": cookie}).json()["user_id"]
    forged = {"identity-user": "somebody-else", "identity_user": "somebody-else", "Identity_Tenant": "other"}
    passed = Program(guarded)("GET", "/documents/7", headers={"cookie": cookie, **forged})
    assert (passed.status_code, passed.text) == (200, f"GET|{user}|demo|")


def test_a_browser_that_is_not_signed_in_is_led_to_the_login_page_and_a_script_is_told(guarded: str) -> None:
    led = ask(guarded, "/documents/7?a=1&b=2", accept="text/html")
    assert led.status_code == 303
    assert led.headers["location"] == f"{guarded}/login?return_to=%2Fdocuments%2F7%3Fa%3D1%26b%3D2"
    assert ask(guarded, led.headers["location"].removeprefix(guarded), accept="text/html").status_code in (200, 303)
    assert ask(guarded, accept="application/json").status_code == 401
    assert ask(guarded, authorization="Bearer unknown").status_code == 401


def test_who_lacks_the_permission_is_refused(product: Product, other_browser: Browser, guarded: str) -> None:
    product.signed_in(other_browser, "Erin Evans")
    cookies = "; ".join(f"{name}={value}" for name, value in other_browser.cookies(product.url).items())
    assert ask(guarded, cookie=cookies, accept="text/html").status_code == 403


def test_what_changes_something_comes_from_a_page_of_the_host(guarded: str, cookie: str, product: Product) -> None:
    assert ask(guarded, method="POST", cookie=cookie, origin=guarded).status_code == 200
    assert ask(guarded, method="POST", cookie=cookie, origin="https://evil.example").status_code == 403
    assert ask(guarded, method="POST", cookie=cookie).status_code == 403


def test_a_program_passes_by_its_token(product: Product, guarded: str, cookie: str) -> None:
    token = product.command("token", "create", "demo", "bob", f"guarded-{guarded[-5:]}", "--days", "1").strip()
    assert ask(guarded, **bearer(token)).status_code == 200


def test_a_session_that_ended_elsewhere_lets_nobody_in(product: Product, guarded: str, cookie: str) -> None:
    assert ask(guarded, cookie=cookie, accept="text/html").status_code == 200
    ended = Program(product.url)("POST", "/auth/logout", headers={"cookie": cookie, "origin": product.url})
    assert ended.status_code < 400
    assert ask(guarded, cookie=cookie, accept="text/html").status_code == 303
    assert ask(guarded, cookie=cookie, accept="application/json").status_code == 401


@pytest.mark.parametrize("name", list(PROXIES))
def test_nobody_is_let_in_while_the_service_does_not_answer(name: str, tmp_path: Path) -> None:
    [nobody] = free_ports(1)
    with guarding(name, tmp_path, service_port=nobody) as origin:
        assert ask(origin, **bearer("anything")).status_code >= 500
