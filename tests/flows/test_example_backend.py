"""The example of a backend, started by its own command: it lets in whoever may, and follows groups, removal and sign-out."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.flows.browser import Browser
from tests.flows.product import Product, eventually
from tests.flows.program import Program, bearer
from tests.flows.test_deliveries import login_of_frontend

EXAMPLE = Path(__file__).parents[2] / "examples" / "backend" / "serve.py"

pytestmark = pytest.mark.xdist_group("flows")


@pytest.fixture
def documents(product: Product) -> Iterator[str]:
    """The address of the example."""
    with running(product) as address:
        yield address


@contextmanager
def running(product: Product, **settings: str) -> Iterator[str]:
    name = f"example-{secrets.token_hex(4)}"
    environment = {
        **os.environ,
        "SECRET": product.command("service-client", "create", name, "--tenant", "acme").strip(),
        "CLIENT": name,
        "PORT": "0",
        "IDENTITY_URL": product.url,
        **settings,
    }
    with subprocess.Popen([sys.executable, EXAMPLE], env=environment, stdout=subprocess.PIPE, text=True) as backend:
        try:
            assert backend.stdout is not None
            yield backend.stdout.readline().strip()
        finally:
            backend.kill()


def token_of(browser: Browser, origin: str, person: str = "Bob Baker") -> str:
    """What the frontend gets for somebody who has signed in."""
    address = login_of_frontend(browser, origin, person, delivery="fragment", state="example")
    return parse_qs(urlsplit(address).fragment)["access_token"][0]


def ask(documents: str, token: str) -> httpx.Response:
    return httpx.get(documents, headers=bearer(token), trust_env=False)


def test_the_example_backend_lets_in_whoever_may_and_follows_a_sign_out(
    acme: str, browser: Browser, documents: str
) -> None:
    token = token_of(browser, acme)
    nobody = httpx.get(documents, trust_env=False)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    assert ask(documents, token).json()["documents"] == ["The plan."]
    assert Program(acme)("POST", "/v1/auth/revoke", data={"token": token}).status_code == 200
    after = ask(documents, token)
    assert (after.status_code, after.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_the_example_backend_follows_the_groups_at_the_provider_and_a_removal_there(
    product: Product, acme: str, browser: Browser, documents: str
) -> None:
    product.edit_person("erin", groups=["engineering"])
    try:
        token = token_of(browser, acme, "Erin Evans")
        assert ask(documents, token).status_code == 200
        product.edit_person("erin", groups=[])
        product.command("sync", "now", "acme", "demo")
        eventually(lambda: ask(documents, token).status_code == 403)
        product.edit_person("erin", removed=True)
        product.command("sync", "now", "acme", "demo")
        eventually(lambda: ask(documents, token).status_code == 401)
    finally:
        product.edit_person("erin", removed=False, groups=[])


@pytest.mark.parametrize(
    ("max_age", "status", "challenge"),
    [("300", 200, None), ("0", 401, 'Bearer error="insufficient_user_authentication", max_age="0"')],
)
def test_the_example_backend_asks_for_a_new_proof_of_whoever_deletes(
    product: Product, acme: str, browser: Browser, max_age: str, status: int, challenge: str | None
) -> None:
    token = token_of(browser, acme)
    with running(product, MAX_AGE=max_age) as documents:
        deleted = httpx.delete(documents, headers=bearer(token), trust_env=False)
        assert (deleted.status_code, deleted.headers.get("www-authenticate")) == (status, challenge)
        assert ask(documents, token).status_code == 200
