"""Libraries off the shelf sign in, knowing the issuer's address alone, and follow permissions as they change."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.browser import Browser
from tests.flows.product import Product

INTEROP = Path(__file__).parents[1] / "interop"
NODE = shutil.which("node")
HAS_MODULES = (INTEROP / "node_modules" / "@auth").is_dir()
JAVA = shutil.which("java")
JARS = INTEROP / "spring" / "target" / "jars"

SPA = "http://localhost:8005/"
"""Of the demo tenant's frontend `spa`; nobody listens there, and the browser stops before it opens it."""

AUTHJS = "http://localhost:8009/auth/callback/identity"
"""Where Auth.js has its callback in an application at that origin."""
_FRONTEND = f"""
[[tenants]]
slug = "demo"
name = "Demo"

[[tenants.frontends]]
slug = "authjs"
origins = ["http://localhost:8009"]
return_urls = ["{AUTHJS}"]
deliveries = ["code"]
"""

pytestmark = pytest.mark.xdist_group("flows")
needs_node = pytest.mark.skipif(
    NODE is None or not HAS_MODULES, reason="npm packages are missing; run: npm ci --prefix tests/interop"
)
needs_spring = pytest.mark.skipif(
    JAVA is None or not JARS.is_dir(),
    reason="Spring is missing; run: mvn -f tests/interop/spring dependency:copy-dependencies -DoutputDirectory=target/jars",
)


@contextmanager
def script(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program of ours in Node, which is ended at the end."""
    with subprocess.Popen(
        [str(NODE), *arguments],
        cwd=INTEROP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def sign_in(product: Product, browser: Browser, library: str, name: str) -> dict[str, Any]:
    """What the library learned of somebody who signed in through it."""
    with script("off_the_shelf.mjs", library, product.url, "spa", SPA) as client:
        assert client.stdout is not None
        address = client.stdout.readline().strip()
        assert address, client.communicate(timeout=10)[1]
        browser.leave_for_provider(address)
        ended = browser.press(name, stop_at="/")
        told, problems = client.communicate(f"{ended.url}\n", timeout=60)
    assert client.returncode == 0, problems
    learned: dict[str, Any] = json.loads(told)
    return learned


@needs_node
@pytest.mark.parametrize(("library", "after"), [("oidc-client-ts", 401), ("oauth4webapi", 200), ("appauth", 200)])
def test_a_library_off_the_shelf_signs_in_as_it_is(
    product: Product, browser: Browser, library: str, after: int
) -> None:
    """`after`: a question with the token at the end; one of the three has signed out by then."""
    learned = sign_in(product, browser, library, "Bob Baker")
    assert (learned["me"]["name"], learned["after"]) == ("Bob Baker", after)


@needs_node
def test_graphql_http_finds_nothing_to_mend(product: Product, browser: Browser) -> None:
    """All that it audits of GraphQL over HTTP, what the specification asks for and what it recommends.

    Some of the audits ask for the schema, which only some may: Dora is one of them.
    """
    token = sign_in(product, browser, "oauth4webapi", "Dora Dyer")["token"]
    with script("graphql_http.mjs", f"{product.url}/graphql", token) as client:
        told, problems = client.communicate(timeout=60)
    assert client.returncode == 0, problems
    found = json.loads(told)
    assert [one for one in found if one["status"] != "ok"] == []
    levels = Counter(one["name"].partition(" ")[0] for one in found)
    assert (levels["MUST"], levels["SHOULD"]) >= (13, 20)


@needs_node
def test_graphql_sse_follows_permissions_until_the_session_ends(product: Product, browser: Browser) -> None:
    token = sign_in(product, browser, "oauth4webapi", "Alice Archer")["token"]
    with script("follow.mjs", product.url, token) as client:
        assert client.stdout is not None
        held = json.loads(client.stdout.readline())["data"]["viewer"]["permissions"]
        try:
            product.edit_person("alice", groups=[])
            after = json.loads(client.stdout.readline())["data"]["viewer"]["permissions"]
        finally:
            product.edit_person("alice", groups=["engineering", "platform"])
        assert len(after) < len(held)
        again = json.loads(client.stdout.readline())["data"]["viewer"]["permissions"]
        assert again == held
        gone = httpx.post(f"{product.url}/v1/auth/revoke", data={"token": token, "client_id": "spa"}, trust_env=False)
        assert gone.status_code == 200, gone.text
        told = client.stdout.readline(), client.stdout.readline()
    assert "UNAUTHENTICATED" in told[0]
    assert told[1] == "complete\n"


@needs_node
def test_auth_js_signs_in_keeps_a_session_and_signs_out(product: Product, browser: Browser) -> None:
    product.apply(_FRONTEND)
    with script("authjs.mjs", product.url, "authjs", AUTHJS) as application:
        assert application.stdout is not None
        address = application.stdout.readline().strip()
        assert address, application.communicate(timeout=10)[1]
        browser.leave_for_provider(address)
        ended = browser.press("Bob Baker", stop_at="/auth/callback/identity")
        told, problems = application.communicate(f"{ended.url}\n", timeout=60)
    assert application.returncode == 0, problems
    learned = json.loads(told)
    assert learned["session"]["user"]["name"] == "Bob Baker"
    assert "docs:read" in learned["session"]["permissions"]
    assert (learned["revoked"], learned["after"], learned["over"]) == (200, None, 401)


@needs_spring
def test_springs_opaque_token_support_introspects_as_it_is(product: Product, browser: Browser) -> None:
    product.signed_in(browser, "Bob Baker")
    secret = product.command("service-client", "create", "spring", "--tenant", "demo").strip()
    token = product.command("token", "create", "demo", "bob", "spring", "--days", "1").strip()
    done = subprocess.run(
        [str(JAVA), "-cp", f"{JARS}/*", "Introspect.java", f"{product.url}/v1/introspect", "spring", secret],
        input=f"{token}\n{token}x\n",
        cwd=INTEROP / "spring",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    active, over = done.stdout.splitlines()
    assert active.endswith(" bob [SCOPE_docs:read, SCOPE_docs:write]")
    assert over == "refused: Provided token isn't active"
