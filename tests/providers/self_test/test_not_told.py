"""What a provider does not tell is not told as in order; and what only the background sync can find out is told here too."""

from typing import Any

import pytest

from identity_api.db import breakers
from identity_api.db.providers import ClaimSettings
from identity_api.diagnostics.findings import Finding
from identity_api.providers.self_test.refreshes import examine_refreshes
from tests.openid_provider.wrapper import Canned
from tests.providers.self_test.conftest import REDIRECT_URL, Bench

pytestmark = pytest.mark.asyncio


async def redirect_finding(bench: Bench) -> Finding:
    [found] = [one for one in (await bench.run()).findings if one.step == "redirect URL"]
    return found


async def test_a_sign_in_page_for_any_redirect_url_is_no_proof_that_ours_is_registered(bench: Bench) -> None:
    """Found in use: Dex, django-oauth-toolkit and Canaille look at it once somebody has signed in."""
    assert (await redirect_finding(bench)).status == "ok"
    bench.idp.answers["/authorize"] = Canned(200, "text/html", b"<h1>Sign in</h1>")
    found = await redirect_finding(bench)
    assert (found.status, found.code, found.expected) == ("skipped", "REDIRECT_URI_NOT_TOLD", REDIRECT_URL)
    assert "was not tested" in found.message


async def test_refreshes_that_are_refused_are_told(bench: Bench) -> None:
    """Found in use: the sync was paused, and neither `doctor` nor `provider test` mentioned it."""
    provider = await bench.provider()
    for refusals, status in ((1, "warn"), (2, "warn"), (3, "fail")):
        async with bench.database.transaction() as connection:
            await record(connection, bench.tenant.id, provider.id)
            found = await examine_refreshes(connection, provider)
        assert (found.status, found.code) == (status, "REFRESHES_REFUSED")
        assert found.found == f"{refusals} refused: provider_misconfigured"
    async with bench.database.transaction() as connection:
        await breakers.record_acceptance(connection, bench.tenant.id, provider.id)
        assert (await examine_refreshes(connection, provider)).status == "ok"


async def record(connection: Any, tenant_id: Any, provider_id: Any) -> None:
    await breakers.record_refusal(connection, tenant_id, provider_id, "provider_misconfigured", identity_id=None)


@pytest.mark.parametrize("asked", [["openid", "groups"], ["openid", "urn:x:groups"]])
async def test_a_scope_for_groups_that_is_asked_for_is_no_finding(bench: Bench, asked: list[str]) -> None:
    bench.idp.announce(scopes_supported=["openid", "groups", "urn:x:groups"])
    assert "GROUPS_SCOPE_NOT_ASKED_FOR" not in [one.code for one in (await bench.run(scopes=asked)).findings]
    assert "GROUPS_SCOPE_NOT_ASKED_FOR" in [one.code for one in (await bench.run(scopes=["openid"])).findings]
    off = await bench.run(scopes=["openid"], sync_mode="NONE")
    assert "GROUPS_SCOPE_NOT_ASKED_FOR" not in [one.code for one in off.findings]


async def test_a_name_with_dots_that_is_announced_is_a_name(bench: Bench) -> None:
    bench.idp.announce(claims_supported=["sub", "name", "preferred_username", "email", "realm_access.roles"])
    tested = await bench.run(claims=ClaimSettings(groups=("realm_access.roles",)))
    assert tested.verdict.status == "ok"
