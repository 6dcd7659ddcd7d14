"""The module of docs/frontends.md in a real browser, on a page of another origin: code, PKCE, CORS, GraphQL, signing out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.frontend import documented_module, serving
from tests.docs.pages import blocks
from tests.flows.product import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio,
]

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


async def test_the_five_minutes_say_hello_and_what_one_may_do(page: Page, product: Product) -> None:
    [written] = [block for block in blocks("docs/frontends.md", "js") if "createIdentity" in block]
    files = {"/identity.js": CLIENT.read_text("utf-8")}
    with serving(files) as port:
        origin = f"http://app.localhost:{port}"
        product.apply(_TENANT.format(origin=origin, product=product))
        script = written.replace("https://login.acme.example", product.at("c.localhost"))
        script = script.replace("https://app.acme.example/signed-in", f"{origin}/")
        files |= {"/page.js": script, "/": '<!doctype html><body><script type="module" src="/page.js"></script></body>'}
        await page.goto(f"{origin}/")
        await page.get_by_role("button", name="Bob Baker").click()
        await expect(page.locator("body")).to_contain_text("Hello Bob Baker. You may not read the documents.")


async def test_a_login_that_another_page_began_is_not_taken(page: Page, frontend: str) -> None:
    await page.goto(f"{frontend}/?code=oc_of_somebody_else&state=theirs")
    await expect(page.locator("p")).to_have_text("This sign-in was not begun here.")


async def test_the_snippets_for_a_cookie_ask_who_it_is_and_sign_out(page: Page, product: Product) -> None:
    [me] = [block for block in blocks("docs/frontends.md", "js") if "const me = await" in block]
    [out] = [block for block in blocks("docs/frontends.md", "js") if "/auth/logout" in block]
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
