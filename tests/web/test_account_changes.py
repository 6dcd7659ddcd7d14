"""The account page follows changes, leads on, and says to nobody but its person why a session was ended."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest

from identity_api.db import grants, user_read_model
from identity_api.db.database import Database
from identity_api.lifecycle.end_login import end_logins
from identity_api.permissions.service import SCHEMA_READ
from identity_api.sessions import end_reasons
from tests import factories as make
from tests.web.site import Site

pytestmark = pytest.mark.asyncio

PAGE = {"accept": "text/html"}
STATE = "select state from identity where tenant_id = $1"


async def version_of(client: httpx.AsyncClient) -> str | None:
    answer = await client.get("/account/version")
    assert answer.status_code == 200
    found: str | None = answer.json()["version"]
    return found


async def test_the_version_changes_with_what_the_page_says_and_with_nothing_else(site: Site) -> None:
    client = await site.signed_in()
    before = await version_of(client)
    assert f'data-version="{before}"' in (await client.get("/account")).text
    await site.execute(
        "update session set seen_at = now() - interval '30 seconds' where tenant_id = $1", site.tenant.id
    )
    assert await version_of(client) == before
    await site.signed_in()  # another session of hers
    assert await version_of(client) not in (before, None)


async def test_looking_for_changes_keeps_no_session_alive_and_a_visit_does(site: Site) -> None:
    client = await site.signed_in()
    old = "update session set seen_at = now() - interval '5 minutes' where tenant_id = $1"
    used = "select seen_at > now() - interval '1 minute' from session where tenant_id = $1"
    await site.execute(old, site.tenant.id)
    await version_of(client)
    await client.get("/account?followed=1")
    assert not await site.fetchval(used, site.tenant.id)
    await client.get("/account")
    assert await site.fetchval(used, site.tenant.id)


async def test_the_page_runs_our_script_alone_and_asks_anew_without_one(site: Site) -> None:
    page = await (await site.signed_in()).get("/account")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert page.text.count("<script") == 1
    assert '<noscript><meta http-equiv="refresh" content="20; url=/account?followed=1"></noscript>' in page.text
    address = page.text.partition('<script src="')[2].partition('"')[0]
    script = await site.client().get(address)
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]
    assert b"/account?" not in script.content


async def test_it_leads_to_graphiql_and_to_no_demo_provider_where_there_is_no_demo(site: Site) -> None:
    client = await site.signed_in()
    page = await client.get("/account")
    assert '<a href="/graphql">' in page.text
    assert "demo provider" not in page.text
    assert (await client.get("/graphql", headers=PAGE)).status_code == 200


async def test_documentation_is_promised_to_who_may_read_the_schema(site: Site) -> None:
    client = await site.signed_in()
    user_id = UUID((await client.get("/v1/me")).json()["user_id"])
    promise = "documentation panel describes every field"
    assert promise not in (await client.get("/account")).text
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, SCHEMA_READ)
        await grants.open_manual_grant(connection, site.tenant.id, user_id, permission, "operator:root")
        await user_read_model.refresh(connection, site.tenant.id, [user_id])
    assert promise in (await client.get("/account")).text


async def test_who_lands_on_the_login_page_is_told_why_and_a_stranger_is_not(site: Site, database: Database) -> None:
    client = await site.signed_in()
    identity_id = await site.fetchval("select id from identity where tenant_id = $1", site.tenant.id)
    async with database.transaction() as connection:
        await end_logins(connection, site.tenant.id, [identity_id], reason="invalid_grant", actor="system:test")
    assert await version_of(client) is None
    sent = await client.get("/account", headers=PAGE)
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?ended=provider")
    page = await client.get(sent.headers["location"], headers=PAGE)
    assert page.status_code == 200, "a page, and not the way to the provider and back in"
    assert end_reasons.SENTENCES["provider"].replace("'", "&#39;") in page.text
    for stranger in (site.client(), site.client(cookies={"__Host-session": "ias_" + "a" * 43})):
        assert (await stranger.get("/account")).headers["location"] == "/login"
        assert (await stranger.get("/")).headers["location"] == "/login"
    assert (await client.get("/account")).headers["location"] == "/login", "told once: the cookie is gone"


@pytest.mark.parametrize(
    ("change", "end"),
    [
        ("update session set ended_at = now(), ended_reason = 'signed_out' where tenant_id = $1", "elsewhere"),
        (
            "update session set ended_at = now(), ended_reason = 'second_factor_enrolled' where tenant_id = $1",
            "elsewhere",
        ),
        ("update session set ended_at = now(), ended_reason = 'matched_by_name' where tenant_id = $1", "replaced"),
        ("update session set ended_at = now(), ended_reason = 'adopted_by_name' where tenant_id = $1", "replaced"),
        ("update session set ended_at = now(), ended_reason = 'identity_bound' where tenant_id = $1", "replaced"),
        ("update session set ended_at = now(), ended_reason = 'rebound' where tenant_id = $1", "again"),
        ("update session set ended_at = now(), ended_reason = 'something new' where tenant_id = $1", "other"),
        ("update session set seen_at = now() - interval '400 days' where tenant_id = $1", "unused"),
        ("update session set absolute_until = now() where tenant_id = $1", "over"),
        ("update session set epoch = epoch + 1 where tenant_id = $1", "other"),
        ("update app_user set disabled_at = now() where tenant_id = $1", "administrator"),
        ("update provider set enabled = false where tenant_id = $1", "administrator"),
    ],
)
async def test_every_end_has_its_sentence(site: Site, change: str, end: end_reasons.End) -> None:
    client = await site.signed_in()
    await site.execute(change, site.tenant.id)
    sent = await client.get("/account")
    assert sent.headers["location"] == f"/login?ended={end}"
    page = await client.get(sent.headers["location"], headers=PAGE)
    assert end_reasons.SENTENCES[end].replace("'", "&#39;") in page.text


async def test_a_session_of_another_tenant_is_a_strangers_here(site: Site, database: Database) -> None:
    client = await site.signed_in()
    async with database.reading() as connection:
        token = client.cookies["__Host-session"]
        other: Mapping[str, Any] = {"tenant_id": site.provider.id, "token": token}
        assert await end_reasons.why_ended(connection, **other, idle_seconds=60) is None
        assert await end_reasons.why_ended(connection, site.tenant.id, token, idle_seconds=60) is None, "it lives"
    await site.execute("update session set absolute_until = now() where tenant_id = $1", site.tenant.id)
    async with database.reading() as connection:
        assert await end_reasons.why_ended(connection, site.tenant.id, token, idle_seconds=60) == "over"


async def test_an_end_that_nobody_knows_is_no_notice(site: Site) -> None:
    page = await site.client().get("/login?ended=<b>&choose=1", headers=PAGE)
    assert 'class="notice"' not in page.text
