"""The example of a backend, started by its own command: it lets in whoever may, and follows a sign-out."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.flows.browser import Browser
from tests.flows.product import Product
from tests.flows.program import Program, bearer
from tests.flows.test_deliveries import login_of_frontend

EXAMPLE = Path(__file__).parents[2] / "examples" / "backend" / "serve.py"

pytestmark = pytest.mark.xdist_group("flows")


def test_the_example_backend_lets_in_whoever_may_and_follows_a_sign_out(
    product: Product, acme: str, browser: Browser
) -> None:
    secret = product.command("service-client", "create", "example-backend", "--tenant", "acme").strip()
    address = login_of_frontend(browser, acme, delivery="fragment", state="example")
    token = parse_qs(urlsplit(address).fragment)["access_token"][0]
    environment = {
        **os.environ,
        "SECRET": secret,
        "CLIENT": "example-backend",
        "PORT": "0",
        "IDENTITY_URL": product.url,
    }
    with subprocess.Popen([sys.executable, EXAMPLE], env=environment, stdout=subprocess.PIPE, text=True) as backend:
        try:
            assert backend.stdout is not None
            documents = backend.stdout.readline().strip()
            nobody = httpx.get(documents, trust_env=False)
            assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
            assert httpx.get(documents, headers=bearer(token), trust_env=False).json()["documents"] == ["The plan."]
            assert Program(acme)("POST", "/v1/auth/revoke", data={"token": token}).status_code == 200
            after = httpx.get(documents, headers=bearer(token), trust_env=False)
            assert (after.status_code, after.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
        finally:
            backend.kill()
