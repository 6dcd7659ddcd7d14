"""What clients/python/README.md tells people to paste, run as it is written there, against the running product."""

import importlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.docs.pages import blocks
from tests.flows.browser import Browser
from tests.flows.product import Product
from tests.flows.program import bearer

CLIENT = Path(__file__).parents[2] / "clients" / "python"
PAGE = "clients/python/README.md"
ADDRESS = "https://login.acme.example"

pytestmark = pytest.mark.xdist_group("flows")


@pytest.fixture
def documented(product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Makes the backend that the page's blocks are together, with a secret of the service client."""
    written = "\n".join(blocks(PAGE, "python"))
    assert written.count(ADDRESS) == 1
    monkeypatch.syspath_prepend(str(CLIENT))
    (tmp_path / "documented_backend.py").write_text(written.replace(ADDRESS, product.url), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    def made(secret: str) -> Any:
        monkeypatch.setenv("IDENTITY_SECRET", secret)
        monkeypatch.delitem(sys.modules, "documented_backend", raising=False)
        return importlib.import_module("documented_backend").app

    return made


def test_the_documented_backend_lets_in_whoever_may_and_refuses_the_rest(
    product: Product, browser: Browser, other_browser: Browser, documented: Callable[[str], Any]
) -> None:
    secret = product.command("service-client", "create", "backend", "--tenant", "demo").strip()

    def token(who: Browser, name: str) -> str:
        product.signed_in(who, name)
        return product.command("token", "create", "demo", name.split()[0].lower(), "documented", "--days", "1").strip()

    bob, erin = token(browser, "Bob Baker"), token(other_browser, "Erin Evans")
    with TestClient(documented(secret)) as backend:
        [answered] = backend.get("/documents", headers=bearer(bob)).json()
        assert answered.endswith(" of demo")
        lacking = backend.get("/documents", headers=bearer(erin))
        assert (lacking.status_code, lacking.headers["www-authenticate"]) == (
            403, 'Bearer error="insufficient_scope", scope="docs:read"',
        )  # fmt: skip
        nobody = backend.get("/documents")
        assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
        unknown = backend.get("/documents", headers=bearer(f"{bob}x"))
        assert (unknown.status_code, unknown.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_the_documented_backend_with_a_wrong_secret_lets_nobody_in_and_says_why(
    documented: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(logging, "error", lambda text, *values: told.append(text % values))
    with TestClient(documented("isc_wrong")) as backend:
        answered = backend.get("/documents", headers=bearer("anything"))
    assert (answered.status_code, answered.headers["retry-after"]) == (503, "1")
    assert ["401 Unauthorized" in line for line in told] == [True]
