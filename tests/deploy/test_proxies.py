"""The examples for nginx and Caddy, with the real programs: what the service sees of a browser that lies about itself."""

import contextlib
import ipaddress
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from identity_api.web.http.forwarded import see
from tests.deploy.servers import DEPLOY, Upstream, running, upstream, wait_for_certificate
from tests.ports import free_port
from tests.programs import program
from tests.upstream.certificates import issue

LIES = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Real-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6;host=evil.example",
}
TRUSTED = [ipaddress.ip_network("127.0.0.0/8")]
Proxy = Callable[[int, Path], AbstractContextManager[int]]


@contextlib.contextmanager
def nginx(port_behind: int, folder: Path) -> Iterator[int]:
    binary = program("nginx")
    port = free_port()
    certificate = folder / "certificate.pem"
    issue("authority", hosts=("localhost",)).save(certificate)
    shipped = (DEPLOY / "proxy" / "nginx.conf").read_text()
    site = shipped.replace("127.0.0.1:8000", f"127.0.0.1:{port_behind}").replace(
        "listen 443", f"listen 127.0.0.1:{port}"
    )
    site = re.sub(r"(ssl_certificate(?:_key)?\s+)[^;]+;", rf"\1{certificate};", site)
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log stderr; user root; worker_processes 1;"
        f"events {{}} http {{ access_log off; {paths}\n{site}}}"
    )
    with running([binary, "-p", str(folder), "-c", str(folder / "nginx.conf")], port, folder):
        yield port


@contextlib.contextmanager
def caddy(port_behind: int, folder: Path) -> Iterator[int]:
    binary = program("caddy")
    port = free_port()
    here = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tlocal_certs\n}\n"
    (folder / "Caddyfile").write_text(here + (DEPLOY / "proxy" / "Caddyfile").read_text())
    told = {"IDENTITY_HOSTNAME": f"https://localhost:{port}", "IDENTITY_UPSTREAM": f"127.0.0.1:{port_behind}"}
    homes = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    command = [binary, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    with running(command, port, folder, **told, **homes):
        wait_for_certificate(port)
        yield port


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[httpx.Client, Upstream]]:
    """A browser in front of the proxy, and what arrives behind it."""
    with upstream() as (port_behind, kept), request.param(port_behind, tmp_path) as port:
        anything = ssl.create_default_context()
        anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
        with httpx.Client(base_url=f"https://localhost:{port}", verify=anything, trust_env=False) as browser:
            yield browser, kept


def test_what_a_browser_says_about_itself_is_replaced(behind: tuple[httpx.Client, Upstream]) -> None:
    browser, kept = behind
    assert browser.get("/login", headers=LIES).status_code == 200
    seen = see(kept.scopes[-1], TRUSTED, always_https=False)
    assert seen.scheme == "https"
    assert seen.authority == f"localhost:{browser.base_url.port}"
    assert "6.6.6.6" not in seen.address
    assert seen.address.startswith("127.0.0.1")
    assert not seen.peer_is_local, "so that /metrics and details of readiness stay inside"
    assert not seen.is_untold
    assert not [value for _, value in kept.scopes[-1]["headers"] if b"evil.example" in value or b"6.6.6.6" in value]


def test_the_numbers_are_not_shown_through_a_proxy(behind: tuple[httpx.Client, Upstream]) -> None:
    browser, kept = behind
    assert browser.get("/metrics").status_code == 404
    assert kept.scopes == []


def test_long_codes_and_tokens_pass(behind: tuple[httpx.Client, Upstream]) -> None:
    """A code of 5,000 characters, and as much again in cookies."""
    browser, kept = behind
    answer = browser.get(f"/auth/oidc/sso/callback?code={'c' * 5_000}", headers={"Cookie": f"a={'b' * 5_000}"})
    assert answer.status_code == 200
    assert len(kept.scopes[-1]["path"]) > 5_000
