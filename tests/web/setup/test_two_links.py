"""Two set-up links in one browser."""

import re

import pytest

from tests.web.setup.customer import customer_at
from tests.web.site import Site

pytestmark = pytest.mark.asyncio


async def test_a_form_of_another_links_page_changes_neither_provider(site: Site) -> None:
    """Two set-ups side by side, as of a test system and a real one, in two tabs of one browser."""
    first, second = await customer_at(site), await customer_at(site, slug="second")
    page = await first.open()
    [action] = set(re.findall(r'action="(/setup/vendor[^"]*)"', page.text))
    assert action == f"/setup/vendor?link={first.link_id}"
    second.client = first.client
    await second.open()
    refused = await first.post(action.removeprefix("/setup/"), vendor="other")
    assert (refused.status_code, "LINK_REPLACED" in refused.text) == (409, True)
    assert str(first.link_id) not in refused.text
    assert 'action="/setup/vendor' in (await second.get()).text  # still at the first step
    await first.open()
    assert (await first.post(action.removeprefix("/setup/"), vendor="other")).status_code == 303
