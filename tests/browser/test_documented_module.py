"""The module of docs/frontends.md in a real browser, on a page of another origin: code, PKCE, CORS, GraphQL, signing out."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.frontend import documented_module, serving
from tests.cli.conftest import SCRIPT
from tests.docs.pages import blocks
from tests.flows.product import Product
from tests.ports import free_ports

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio,
]

GUIDE = "docs/frontends.md"
CLIENT = Path(__file__).parents[2] / "clients" / "typescript" / "src" / "identity.js"
_HTML = """<!doctype html><title>A frontend</title><button>Sign in</button><p></p>
<script type="module">
import * as login from "/login.js";
document.querySelector("button").onclick = () => login.signIn();
const show = (text) => { document.querySelector("p").textContent = text; };
try {
  const token = await login.finishSignIn();
  if (token !== null) show(JSON.stringify(await login.ask(token, "{ viewer { user { username } } }")));
} catch (error) { show(error.message); }
</script>"""
_TENANT = """
[[tenants]]
slug = "initech"
name = "Initech"
hosts = ["c.localhost"]

[[tenants.frontends]]
slug = "app"
origins = ["{origin}"]
return_urls = ["{origin}/"]
deliveries = ["code"]

[[tenants.providers]]
slug = "demo"
issuer = "{product.demo_url}"
client_id = "identity-api"
client_secret_file = "demo-client-secret"
redirect_url = "{product.url}/auth/oidc/demo/callback"
"""

_COOKIE_TENANT = """
[[tenants]]
slug = "hooli"
name = "Hooli"
hosts = ["k.localhost"]

[[tenants.frontends]]
slug = "app"
origins = ["{origin}"]
return_urls = ["{origin}/"]
deliveries = ["cookie"]

[[tenants.providers]]
slug = "demo"
issuer = "{product.demo_url}"
client_id = "identity-api"
client_secret_file = "demo-client-secret"
redirect_url = "{product.url}/auth/oidc/demo/callback"
sign_out_at_provider = false
"""
_SHOW = """
document.querySelector("p").textContent = String(me.status);
document.querySelector("button").onclick = () => import("/out.js");
"""


@pytest.fixture
def frontend(product: Product) -> Iterator[str]:
    """The origin of a frontend whose page is the documented module; a tenant of its own knows it."""
    files = {"/": _HTML, "/login.js": documented_module(product.at("c.localhost"))}
    with serving(files) as port:
        origin = f"http://app.localhost:{port}"
        product.apply(_TENANT.format(origin=origin, product=product))
        yield origin


async def test_the_documented_module_signs_in_and_asks(page: Page, frontend: str) -> None:
    await page.goto(f"{frontend}/")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Bob Baker").click()
    await expect(page.locator("p")).to_have_text('{"data":{"viewer":{"user":{"username":"bob"}}}}')
    assert page.url == f"{frontend}/", "neither code nor state stays in the address"


@pytest.fixture
def five_minutes(product: Product, tmp_path: Path) -> Iterator[str]:
    """The address of the page of the five minutes, declared and served by the commands that are written there."""
    [declaration], [page], commands = (blocks(GUIDE, language) for language in ("toml", "html", "sh"))
    [commands] = [block for block in commands if "identity-api apply" in block]
    [port] = free_ports(1)

    def here(text: str) -> str:
        assert "5173" in text or "8000" in text
        text = text.replace("5173", str(port)).replace("8000", str(product.port))
        return text.replace(".venv/bin/identity-api", str(SCRIPT)).replace("python3", sys.executable)

    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(CLIENT, folder)
    (folder / "app.toml").write_text(here(declaration))
    (folder / "index.html").write_text(here(page))
    apply, serve = here(commands).splitlines()
    subprocess.run(
        shlex.split(apply), cwd=tmp_path, env=product.environment, check=True, capture_output=True, timeout=60
    )
    unbuffered = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        shlex.split(serve), cwd=tmp_path, env=unbuffered, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith(b"Serving HTTP")
            yield f"http://localhost:{port}/"
        finally:
            server.kill()


async def test_the_five_minutes_sign_in_follow_step_up_and_sign_out(
    page: Page, product: Product, five_minutes: str
) -> None:
    await page.goto(five_minutes)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Alice Archer").click()
    await expect(page.get_by_role("status")).to_have_text("Hello Alice Archer. You may:")
    product.edit_person("alice", groups=["support"])
    try:
        await expect(page.get_by_role("listitem")).to_have_text(["tickets:answer"], timeout=20_000)
    finally:
        product.edit_person("alice", groups=["engineering", "platform"])
    await page.get_by_role("button", name="Confirm that it is me").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("alert")).to_contain_text("The sign-in was cancelled")
    await page.get_by_role("button", name="Confirm that it is me").click()
    await page.get_by_role("button", name="Alice Archer").click()
    await expect(page.get_by_role("listitem")).to_have_text(["docs:read", "docs:write", "reports:read"])
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("status")).to_have_text("Nobody is signed in.")
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()


async def test_a_login_that_another_page_began_is_not_taken(page: Page, frontend: str) -> None:
    await page.goto(f"{frontend}/?code=oc_of_somebody_else&state=theirs")
    await expect(page.locator("p")).to_have_text("This sign-in was not begun here.")


async def test_the_snippets_for_a_cookie_ask_who_it_is_and_sign_out(page: Page, product: Product) -> None:
    [me] = [block for block in blocks(GUIDE, "js") if "const me = await" in block]
    [out] = [block for block in blocks(GUIDE, "js") if "/auth/logout" in block]
    files: dict[str, str] = {}
    with serving(files) as port:
        origin = f"http://app.k.localhost:{port}"
        product.apply(_COOKIE_TENANT.format(origin=origin, product=product))

        def ours(script: str) -> str:
            script = script.replace("https://login.acme.example", product.at("k.localhost"))
            return script.replace("https://app.acme.example/signed-in", f"{origin}/")

        files |= {
            "/": '<!doctype html><button>Sign out</button><p></p><script type="module" src="/page.js"></script>',
            "/page.js": ours(me) + _SHOW,
            "/out.js": ours(out),
        }
        await page.goto(f"{origin}/")
        await page.get_by_role("button", name="Bob Baker").click()
        await expect(page.locator("p")).to_have_text("200")
        async with page.expect_request(lambda request: request.url.startswith(f"{origin}/?")) as returning:
            await page.get_by_role("button", name="Sign out").click()
        assert "state=my-own" in (await returning.value).url
        await expect(page.get_by_role("button", name="Bob Baker")).to_be_visible()
