"""The example applications in a real browser: sign-in, a change of groups, step-up, cancellation, sign-out."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.frontend import serving
from tests.flows.product import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio,
]

SPA = Path(__file__).parents[2] / "examples" / "spa" / "serve.py"
_TENANT = """
[[tenants]]
slug = "{slug}"
name = "Examples"
hosts = ["{host}"]

[[tenants.frontends]]
slug = "app"
origins = ["{origin}"]
return_urls = ["{origin}/"]
deliveries = ["{delivery}"]

[[tenants.permissions]]
name = "docs:read"

[[tenants.providers]]
slug = "demo"
issuer = "{product.demo_url}"
client_id = "identity-api"
client_secret_file = "demo-client-secret"
redirect_url = "{product.url}/auth/oidc/demo/callback"
reauthentication = true
sign_out_at_provider = false
absent_groups = "EMPTY"
groups_claim = "groups"

[[tenants.group_mappings]]
group = "engineering"
permissions = ["docs:read"]
"""


@pytest.fixture(params=["code", "cookie"])
def application(request: pytest.FixtureRequest, product: Product) -> Iterator[str]:
    """The origin of the example, served as its own command serves it, and declared for a tenant of its own."""
    delivery = request.param
    spec = importlib.util.spec_from_file_location("spa_example", SPA)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    # Ports do not make a site: `d.localhost` and `app.d.localhost` are one.
    host = f"{delivery}.localhost"
    files: dict[str, str] = {}
    with serving(files) as port:
        origin = f"http://app.{host}:{port}"
        made = example.files_of(product.at(host), "app", delivery)
        files.update({path: text for path, (_, text) in made.items()})
        product.apply(
            _TENANT.format(slug=f"examples-{delivery}", host=host, origin=origin, delivery=delivery, product=product)
        )
        yield origin


async def sign_in(page: Page, origin: str, name: str = "Bob Baker") -> None:
    await page.goto(f"{origin}/")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name=name).click()
    await expect(page.get_by_role("status")).to_have_text(f"Signed in: {name}")


async def test_sign_in_step_up_and_sign_out(page: Page, application: str) -> None:
    await sign_in(page, application)
    assert page.url == f"{application}/", "neither code nor state stays in the address"
    await page.get_by_role("button", name="Confirm that it is me").click()
    if "cookie" in application:
        await page.get_by_role("link", name="Confirm at").click()
    await page.get_by_role("button", name="Bob Baker").click()
    await expect(page.get_by_role("status")).to_have_text("Signed in: Bob Baker")
    assert page.url == f"{application}/"
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("status")).to_have_text("Nobody is signed in.")
    assert page.url == f"{application}/"


async def test_a_change_of_groups_is_seen_with_the_next_sign_in(page: Page, application: str, product: Product) -> None:
    """A running session follows with the next sync, which is minutes away here; `tests/flows` watches that."""
    await sign_in(page, application)
    await expect(page.get_by_role("listitem")).to_have_text(["docs:read"])
    product.edit_person("bob", groups=[])
    try:
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("status")).to_have_text("Nobody is signed in.")
        await sign_in(page, application)
        await page.get_by_role("button", name="Ask again").click()
        await expect(page.get_by_role("listitem")).to_have_count(0)
    finally:
        product.edit_person("bob", groups=["engineering"])


async def test_a_cancelled_sign_in_comes_back_and_says_so(page: Page, application: str) -> None:
    await page.goto(f"{application}/")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("alert")).to_have_text("access_denied: PROVIDER_REFUSED")
    await expect(page.get_by_role("status")).to_have_text("Nobody is signed in.")


async def test_a_cancelled_step_up_leaves_the_session_as_it_was(page: Page, application: str) -> None:
    await sign_in(page, application)
    await page.get_by_role("button", name="Confirm that it is me").click()
    if "cookie" in application:
        await page.get_by_role("link", name="Cancel").click()
        told = "access_denied: STEP_UP_CANCELLED"
    else:
        await page.get_by_role("button", name="Cancel").click()
        told = "access_denied: PROVIDER_REFUSED"
    await expect(page.get_by_role("alert")).to_have_text(told)
    await expect(page.get_by_role("status")).to_have_text("Signed in: Bob Baker")


async def test_a_page_follows_what_is_given_and_taken_by_itself(page: Page, application: str, product: Product) -> None:
    tenant = "examples-cookie" if "cookie" in application else "examples-code"
    await sign_in(page, application)
    await expect(page.get_by_role("listitem")).to_have_text(["docs:read"])
    product.command("grant", tenant, "bob", "identity:users:read")
    await expect(page.get_by_role("listitem")).to_have_text(["docs:read", "identity:users:read"])
    product.command("revoke", tenant, "bob", "identity:users:read")
    await expect(page.get_by_role("listitem")).to_have_text(["docs:read"])


async def test_a_page_follows_the_provider_until_the_person_is_removed_there(
    page: Page, application: str, product: Product
) -> None:
    tenant = "examples-cookie" if "cookie" in application else "examples-code"
    product.edit_person("erin", groups=["engineering"])
    try:
        await sign_in(page, application, "Erin Evans")
        await expect(page.get_by_role("listitem")).to_have_text(["docs:read"])
        product.edit_person("erin", groups=[])
        product.command("sync", "now", tenant, "demo")
        await expect(page.get_by_role("listitem")).to_have_count(0)
        product.edit_person("erin", removed=True)
        product.command("sync", "now", tenant, "demo")
        await expect(page.get_by_role("status")).to_have_text("Nobody is signed in.")
    finally:
        product.edit_person("erin", removed=False, groups=[])
