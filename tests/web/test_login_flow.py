"""Whole logins through the application: from the login page to the account page and out again."""

import pytest

from tests.web.site import Site


@pytest.mark.asyncio
async def test_somebody_signs_in_and_sees_their_account(site: Site) -> None:
    client = await site.signed_in("alice")
    page = await client.get("/account")
    assert page.status_code == 200
    assert site.idp.people["alice"].name in page.text
    assert "Acme SSO" in page.text
