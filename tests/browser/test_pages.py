"""Every page that a person meets, on a telephone, with the keyboard alone and without JavaScript (WCAG 2.2, A and AA).

Each story is lived through by keyboard from one end to the other; every page on the way is looked at (see `looks`).
"""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from identity_api.sessions.login.dry_run import ENDED_PATH
from identity_api.web.pages.qr_code import qr_code
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD
from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.conftest import watch
from tests.browser.house import EVE, LONG_WORD, House, build, code_at, this_step
from tests.browser.keyboard import Keyboard
from tests.browser.looks import NARROW, shortcomings
from tests.browser.systems import Systems
from tests.flows.five_systems import PUBLIC_HOST

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio,
]

Look = Callable[[str], Awaitable[None]]


@pytest_asyncio.fixture
async def house(systems: Systems) -> House:
    return await build(systems)


@pytest_asyncio.fixture
async def telephone(systems: Systems) -> AsyncIterator[Page]:
    """A narrow window without JavaScript. Nothing may break our own policy, or be loaded from elsewhere."""
    context = await systems.context(viewport=NARROW, java_script_enabled=False)
    broken, asked = watch(context), list[str]()
    context.on("request", lambda request: asked.append(request.url))
    yield await context.new_page()
    await context.close()
    assert broken() == []
    ours = ("https://", "data:", *[idp.issuer for idp in systems.deployment.idps.values()])
    assert [url for url in asked if not url.startswith(ours) or (url[:8] == ours[0] and ".example/" not in url)] == []


@pytest.fixture
def keys(telephone: Page) -> Keyboard:
    return Keyboard(telephone)


@pytest.fixture
def look(telephone: Page) -> Look:
    """Look at the page with this heading, closely."""

    async def closely(heading: str) -> None:
        await expect(telephone.get_by_role("heading", level=1)).to_have_text(heading)
        assert await shortcomings(telephone) == [], (heading, telephone.url)

    return closely


async def test_through_a_provider_to_the_account_and_out_again(
    telephone: Page, keys: Keyboard, look: Look, house: House
) -> None:
    await house.use_groups()
    await telephone.goto(f"{house.origin}/login")
    await look("Sign in")
    await keys.follow("Microsoft Entra ID")
    await telephone.wait_for_url(f"{house.issuer}/authorize?**")
    await keys.reach(telephone.get_by_role("button", name="Eve"))
    await telephone.keyboard.press("Enter")
    await telephone.wait_for_url(f"{house.origin}/account")
    await look(EVE.name)
    await telephone.goto(f"{house.origin}/account/onboarding")
    await look("You cannot go on here")
    await keys.follow("Go to your account")
    await telephone.wait_for_url(f"{house.origin}/account")
    await telephone.goto(f"{house.origin}/account/credentials")
    await look("Password and second factor")
    await keys.follow("Back to your account")
    user_id = await telephone.locator("dd", has=telephone.locator("code")).first.inner_text()
    await house.let_set_up(UUID(user_id))
    await telephone.reload()
    await keys.follow("Set up single sign-on")
    await look("Set up single sign-on")
    await telephone.goto(f"{house.origin}/auth/reauthenticate?return_to=/account")
    await look("Confirm that it is you")
    await expect(telephone.locator(".choice img")).to_have_count(1)
    await keys.follow("Confirm at Microsoft Entra ID")
    await keys.reach(telephone.get_by_role("button", name="Eve"))
    await telephone.keyboard.press("Enter")
    await telephone.wait_for_url(f"{house.origin}/account")
    await keys.press("Sign out")
    await telephone.wait_for_url(f"{house.origin}/login?signed_out=1")
    await expect(telephone.get_by_role("status")).to_have_text("You have signed out.")
    await look("Sign in")


async def test_from_an_invitation_or_a_password_link_to_a_second_factor(
    telephone: Page, keys: Keyboard, look: Look, house: House
) -> None:
    await telephone.goto(await house.invitation_link("guest", "entra"))
    await look("You are invited")
    await telephone.goto(await house.invitation_link(f"{LONG_WORD}@acme.example"))
    await look("You are invited")
    await keys.type({"New password": PASSWORD, "The same again": OTHER_PASSWORD})
    await keys.press("Set the password")
    await expect(telephone.get_by_role("alert")).to_contain_text("differ")
    await look("You are invited")
    await telephone.goto(await house.password_link("ada"))
    await look("Choose a password")
    await keys.type({"New password": PASSWORD, "The same again": OTHER_PASSWORD})
    await keys.press("Set the password")
    await expect(telephone.get_by_role("alert")).to_contain_text("differ")
    await look("Choose a password")
    await keys.type({"New password": PASSWORD, "The same again": PASSWORD})
    await keys.press("Set the password")
    await expect(telephone.get_by_role("status")).to_contain_text("has been set")
    await look("Sign in")
    await keys.type({"Username": "ada", "Password": "not this one"})
    await keys.press("Sign in")
    await expect(telephone.get_by_role("alert")).to_be_visible()
    await look("Sign in")
    await keys.type({"Password": PASSWORD})
    await keys.press("Sign in")
    await telephone.wait_for_url(f"{house.origin}/account")
    await look("ada")
    await keys.follow("Change password or second factor")
    await look("Change your password")
    await keys.type({"New password": OTHER_PASSWORD, "The same again": OTHER_PASSWORD})
    await keys.reach(telephone.locator("#current"))
    await telephone.keyboard.type("not this one")
    await keys.press("Change the password")
    await expect(telephone.get_by_role("alert")).to_be_visible()
    await look("Change your password")
    await keys.reach(telephone.locator("#factor-password"))
    await telephone.keyboard.type(PASSWORD)
    await keys.press("Set up a second factor")
    await look("Set up a second factor")
    uri = str(await telephone.locator("a[href^='otpauth://totp/']").get_attribute("href"))
    assert f'd="{await telephone.locator(".qr path").last.get_attribute("d")}"' in qr_code(uri), "what is scanned"
    [key] = parse_qs(urlsplit(uri).query)["secret"]
    assert key == await telephone.locator("code.key").inner_text()
    secret = base64.b32decode(key + "=" * (-len(key) % 8))
    await keys.type({"Code that it shows now": "12345"})
    await keys.press("Confirm")
    await expect(telephone.get_by_role("alert")).to_be_visible()
    await look("Set up a second factor")
    await keys.type({"Code that it shows now": code_at(secret, this_step())})
    await keys.press("Confirm")
    await expect(telephone.get_by_role("status")).to_contain_text("asks for a code")
    await look("Change your password")


async def test_with_a_second_factor_and_confirming_it_anew(
    telephone: Page, keys: Keyboard, look: Look, house: House
) -> None:
    secret = await house.user_with_second_factor("grace")
    await telephone.goto(f"{house.origin}/login?choose=1")
    await keys.type({"Username": "grace", "Password": PASSWORD})
    await keys.press("Sign in")
    await look("Enter your code")
    await keys.type({"One-time code": "12345"})
    await keys.press("Sign in")
    await expect(telephone.get_by_role("alert")).to_be_visible()
    await look("Enter your code")
    step = this_step()
    await keys.type({"One-time code": code_at(secret, step)})
    await keys.press("Sign in")
    await telephone.wait_for_url(f"{house.origin}/account")
    await telephone.goto(f"{house.origin}/auth/reauthenticate?return_to=/account")
    await look("Confirm that it is you")
    await keys.type({"Password": PASSWORD})
    await keys.press("Confirm")
    await expect(telephone.get_by_role("alert")).to_contain_text("Enter the code")
    await look("Confirm that it is you")
    # One code is used up. The next is accepted from now on, and for a minute at least.
    await keys.type({"Password": PASSWORD, "One-time code": code_at(secret, step + 1)})
    await keys.press("Confirm")
    await telephone.wait_for_url(f"{house.origin}/account")


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/nothing/here", "There is nothing here"),
        ("/auth/oidc/entra/callback?state=x&code=y", "The sign-in did not succeed"),
        ("/auth/password/ipw_aaaaaaaaaaaaaaaaaaaaaaaa", "There is nothing here"),
        ("/auth/oidc/entra/login?return_to=https://evil.example", "That does not work here"),
        (ENDED_PATH, "The test login has ended"),
    ],
)
async def test_a_page_that_only_says_something(
    telephone: Page, look: Look, house: House, path: str, heading: str
) -> None:
    await telephone.goto(f"{house.origin}{path}")
    await look(heading)


async def test_a_door_that_belongs_to_nobody(telephone: Page, look: Look) -> None:
    for address in (f"https://{PUBLIC_HOST}/login", "https://nobody.example/login"):
        await telephone.goto(address)
        assert await shortcomings(telephone) == [], address


async def test_nobody_is_known_here_and_no_way_in(
    telephone: Page, keys: Keyboard, look: Look, house: House, systems: Systems
) -> None:
    await house.world.execute("update provider set provisioning = 'LINKED_ONLY' where tenant_id = $1", house.tenant.id)
    await telephone.goto(f"{house.origin}/login")
    await keys.follow("Google")
    await keys.reach(telephone.get_by_role("button", name="Eve"))
    await telephone.keyboard.press("Enter")
    await look("You cannot sign in here")
    await house.world.execute("update provider set enabled = false where tenant_id = $1", house.tenant.id)
    await house.world.set_policy(local_sign_in=False)
    await keys.follow("Sign in again")
    await look("Sign in")
    await house.world.set_policy()
    await telephone.reload()
    await look("Sign in")
