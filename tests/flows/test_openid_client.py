"""npm openid-client signs in, introspects and revokes, knowing the issuer's address alone (RFC 8414, 9207, 7009, 7662)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.flows.browser import Browser
from tests.flows.product import Product

INTEROP = Path(__file__).parents[1] / "interop"
NODE = shutil.which("node")
HAS_MODULES = (INTEROP / "node_modules" / "openid-client").is_dir()

SPA = "http://localhost:8005/"
"""Of the demo tenant's frontend `spa`; nobody listens there, and the browser stops before it opens it."""

pytestmark = [
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(NODE is None, reason="Node is not installed, which openid-client runs on"),
    pytest.mark.skipif(not HAS_MODULES, reason="npm packages are missing; run: npm ci --prefix tests/interop"),
]


def test_a_client_off_the_shelf_works_as_it_is(product: Product, browser: Browser) -> None:
    secret = product.command("service-client", "create", "openid-client", "--tenant", "demo").strip()
    arguments = [str(NODE), "client.mjs", product.url, "spa", SPA, "openid-client", secret]
    with subprocess.Popen(
        arguments, cwd=INTEROP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        try:
            address = client.stdout.readline().strip()
            assert address, client.communicate(timeout=10)[1]
            browser.leave_for_provider(address)
            ended = browser.press("Bob Baker", stop_at="/")
            told, problems = client.communicate(f"{ended.url}\n", timeout=60)
        finally:
            client.kill()
    assert client.returncode == 0, problems
    learned = json.loads(told)
    assert (learned["me"]["name"], learned["active"]) == ("Bob Baker", [True, True])
    assert (learned["over"], learned["refused"]) == (False, "invalid_grant")
