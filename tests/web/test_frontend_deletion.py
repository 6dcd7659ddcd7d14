"""A frontend is deleted while people sign in for it: a login that comes too late is refused, and nobody waits for the other."""

import asyncio
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from identity_api.db import attempts
from identity_api.permissions.delegation import Actor
from identity_api.sessions.login.provider_answer import exchange_code
from identity_api.tenants.frontends import delete_frontend
from tests.blocking import blocked_or_done
from tests.web.local_site import PAGE
from tests.web.site import Site, come_back
from tests.web.test_frontend_errors import BY_DELIVERY

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def frontend(site: Site) -> UUID:
    """Of every delivery, and an admin's own."""
    found: UUID = await site.fetchval(
        "update frontend set deliveries = '{cookie,code,fragment}', managed_by = 'API' where tenant_id = $1 returning id",
        site.tenant.id,
    )
    return found


async def delete(site: Site, frontend: UUID) -> None:
    await delete_frontend(site.database, Actor(site.tenant.id, None, "operator:root", frozenset()), frontend)


async def signed_in_while(site: Site, monkeypatch: pytest.MonkeyPatch, delivery: str, happens: Any) -> httpx.Response:
    """The callback of a login, when something happens while the provider is asked."""
    asked = {**BY_DELIVERY[delivery], "login_hint": "bob"}
    client = site.client(headers=PAGE)
    begun = await client.get(f"/auth/oidc/sso/login?{urlencode(asked)}")

    async def exchanged(*arguments: Any) -> Any:
        await happens()
        return await exchange_code(*arguments)

    monkeypatch.setattr("identity_api.sessions.login.finish.exchange_code", exchanged)
    return await come_back(client, await site.at_provider(begun.headers["location"]))


@pytest.mark.parametrize("delivery", sorted(BY_DELIVERY))
async def test_a_login_for_a_frontend_that_was_deleted_meanwhile_is_refused(
    site: Site, frontend: UUID, delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its callback is a moment later, and nothing is told to the frontend's address."""
    answer = await signed_in_while(site, monkeypatch, delivery, lambda: delete(site, frontend))
    assert (answer.status_code, "STATE_UNKNOWN" in answer.text) == (400, True)
    assert await site.events("login.failed") == 1
    assert await site.fetchval("select count(*) from session where tenant_id = $1", site.tenant.id) == 0


async def test_a_login_that_begins_while_its_frontend_is_deleted_is_refused(
    site: Site, frontend: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = attempts.insert

    async def inserted(*arguments: Any, **named: Any) -> None:
        await delete(site, frontend)
        monkeypatch.undo()
        await insert(*arguments, **named)

    monkeypatch.setattr(attempts, "insert", inserted)
    answer = await site.client().get(f"/auth/oidc/sso/login?{urlencode(BY_DELIVERY['code'])}")
    assert (answer.status_code, answer.json()["code"]) == (400, "FRONTEND_UNKNOWN")


async def test_a_login_whose_attempt_was_removed_with_an_erased_namesake_is_refused(
    site: Site, frontend: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def erased() -> None:
        await site.execute("delete from login_attempt where tenant_id = $1 and login_hint = 'bob'", site.tenant.id)

    answer = await signed_in_while(site, monkeypatch, "code", erased)
    assert (answer.status_code, "error_code=LOGIN_EXPIRED" in answer.headers["location"]) == (303, True)


@pytest.mark.parametrize("table", ["frontend", "login_attempt"])
async def test_a_deletion_that_waits_for_a_login_holds_no_session(site: Site, frontend: UUID, table: str) -> None:
    """A login holds the frontend and then ends sessions; whoever switches a provider off ends logins and then sessions."""
    await site.signed_in()
    await site.execute("update session set frontend_id = $2 where tenant_id = $1", site.tenant.id, frontend)
    await site.client().get(f"/auth/oidc/sso/login?{urlencode(BY_DELIVERY['code'])}")
    column = "id" if table == "frontend" else "frontend_id"
    async with site.database.transaction() as connection:
        assert await connection.fetch(f"select from {table} where {column} = $1 for key share", frontend)
        deletion = asyncio.create_task(delete(site, frontend))
        await blocked_or_done(site.database, deletion, connection)
        assert await connection.fetch("select from session where frontend_id = $1 for update nowait", frontend)
    await deletion
    assert (
        await site.fetchval("select count(*) from session where tenant_id = $1 and ended_at is null", site.tenant.id)
        == 0
    )
