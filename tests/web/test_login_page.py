"""The buttons of the login page, as providers are configured."""

import base64
import re

import pytest

from identity_api.providers.presets import PRESETS
from identity_api.web.pages.icons import ICONS, icon_address
from tests.web.site import Site

PAGE = {"accept": "text/html"}


async def pictures(site: Site) -> list[str]:
    page = await site.client().get("/login?choose=1", headers=PAGE)
    assert page.status_code == 200
    assert "img-src 'self' data:" in page.headers["content-security-policy"]
    return re.findall(r'<img src="([^"]+)"', page.text)


@pytest.mark.asyncio
async def test_a_button_has_the_label_and_the_icon_of_its_provider(site: Site) -> None:
    """S2-12, S2-13, S2-20, S3-10: the icon comes with the page."""
    assert await pictures(site) == []
    await site.add_provider("entra", label="Microsoft Entra ID", icon="mdi:microsoft")
    await site.add_provider("plain", protocol="oauth2", label="Our own SSO & more", icon="mdi:key")
    assert await pictures(site) == [ICONS["mdi:microsoft"], ICONS["mdi:key"]]
    page = (await site.client().get("/login?choose=1", headers=PAGE)).text
    assert "Microsoft Entra ID" in page
    assert "Our own SSO &amp; more" in page


@pytest.mark.asyncio
@pytest.mark.parametrize("icon", ["mdi:no-such-icon", "https://evil.example/x.svg", "../key", "mdi:../key", "<b>"])
async def test_what_is_no_icon_of_ours_is_never_fetched(site: Site, icon: str) -> None:
    await site.add_provider("other", icon=icon)
    assert await pictures(site) == []


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_an_icon_that_can_be_shown(name: str) -> None:
    assert icon_address(PRESETS[name].icon) is not None


@pytest.mark.parametrize("name", ICONS)
def test_an_icon_is_a_picture_and_nothing_else(name: str) -> None:
    svg = base64.b64decode(ICONS[name].partition(",")[2]).decode()
    assert re.fullmatch(
        r'<svg fill="#[0-9a-f]{6}" xmlns="[^"]+" id="[a-z-]+" viewBox="0 0 24 24"><path d="[^"<>]+" /></svg>', svg
    )
