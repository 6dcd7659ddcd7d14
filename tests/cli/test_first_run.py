"""The first run of an installation without a tenant: one link, one tenant, and one way in, without a file."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from identity_api.app import build_api
from identity_api.config import load_settings
from identity_api.db.database import Database
from identity_api.db.tenants import Tenant, write
from identity_api.ids import uuid7
from identity_api.permissions.service import SERVICE_PERMISSIONS
from identity_api.setup.first_run import offer
from tests.cli.conftest import Command, ask, new_key
from tests.cli.test_serve import ready, running
from tests.ports import free_port
from tests.web.console.visitor import words
from tests.web.local_site import PAGE
from tests.web.site import fresh_address
from tests.web.site import running as started

PUBLIC = "https://id.example.com"
PASSWORD = "nine green bottles 4711"


class Operator:
    """A browser with the link."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path, headers=PAGE)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self.client.post(
            path, data=fields, headers={**PAGE, "origin": PUBLIC, "sec-fetch-site": "same-origin"}
        )

    async def open(self, url: str) -> httpx.Response:
        begun = await self.get(url)
        return await self.get(begun.headers["location"])


@asynccontextmanager
async def installation(url: str, redis_url: str, browsers: int = 1) -> AsyncIterator[tuple[Database, list[Operator]]]:
    """The API on this database, and browsers at its public address."""
    environ = {
        "IDENTITY_DATABASE_URL": url,
        "IDENTITY_REDIS_URL": redis_url,
        "IDENTITY_SECRET_KEYS": new_key("k1"),
        "IDENTITY_PUBLIC_URL": PUBLIC,
    }
    app = build_api(load_settings(environ))
    database = Database(url, pool_size=4)
    await database.open()
    clients = [
        httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(fresh_address(), 40_000)), base_url=PUBLIC)
        for _ in range(browsers)
    ]
    async with started(app):
        yield database, [Operator(client) for client in clients]
    await database.close()


async def link(database: Database, *, anew: bool = False) -> str:
    made = await offer(database, PUBLIC, anew=anew)
    assert made is not None
    return made.url


@pytest.mark.asyncio
async def test_the_link_makes_a_tenant_and_an_admin_who_signs_in_with_every_permission(
    url: str, redis_url: str
) -> None:
    async with installation(url, redis_url) as (database, [operator]):
        assert "The first tenant" in words(await operator.open(await link(database)))
        unusable = await operator.post("/setup/first/tenant", name="Acme", slug="Not A Slug")
        assert (unusable.status_code, 'value="Acme"' in unusable.text) == (400, True)
        assert (await operator.post("/setup/first/tenant", name="Acme", slug="acme")).status_code == 303
        assert "Acme is made" in words(await operator.get("/setup/first"))
        made = await operator.post("/setup/first/admin", username="ada")
        choosing = await operator.open(made.headers["location"])
        assert "password" in words(choosing)
        weak = await operator.post("/t/acme/auth/password", password="password", repeated="password")
        assert weak.status_code == 400, "the rules of every password"
        chosen = await operator.post("/t/acme/auth/password", password=PASSWORD, repeated=PASSWORD)
        assert chosen.status_code == 303
        signed_in = await operator.post("/t/acme/auth/local/login", username="ada", password=PASSWORD)
        assert signed_in.status_code == 303, signed_in.text
        page = await operator.get("/t/acme/console/providers")
        assert page.status_code == 200
        overview = await operator.get("/t/acme/console/overview")
        assert "There is no provider yet" in words(overview)
        assert 'href="/t/acme/console/providers/new"' in overview.text
        me = (await operator.get("/t/acme/v1/me")).json()
        assert set(me["permissions"]) == set(SERVICE_PERMISSIONS)
        assert (await operator.get("/setup/first")).status_code == 404, "it was used"


@pytest.mark.asyncio
async def test_every_public_page_says_where_the_link_is_until_there_is_a_tenant(url: str, redis_url: str) -> None:
    async with installation(url, redis_url) as (database, [operator]):
        address = await link(database)

        async def met(path: str) -> httpx.Response:
            """Where a browser ends."""
            page = await operator.get(path)
            return await operator.get(page.headers["location"]) if page.status_code == 303 else page

        paths = (
            "/",
            "/login",
            "/account",
            "/console",
            "/console/users",
            "/account/onboarding",
            "/auth/password",
            "/setup",
        )
        for path in paths:
            page = await met(path)
            assert page.status_code == 404, path
            assert "in the log of identity-api serve" in words(page), path
            assert "FIRST_RUN_AHEAD" in page.text, path
            assert "the log of <code>identity-api serve</code>;" in page.text, path
            assert address.rpartition("/")[2] not in page.text, path
        await operator.open(address)
        assert (await operator.post("/setup/first/tenant", name="Acme", slug="acme")).status_code == 303
        for path in paths:
            assert "FIRST_RUN_AHEAD" not in (await met(path)).text, path
        assert "TENANT_REQUIRED" in (await met("/")).text


@pytest.mark.asyncio
async def test_the_link_leads_to_the_set_up_of_the_first_provider(url: str, redis_url: str) -> None:
    async with installation(url, redis_url) as (database, [operator]):
        await operator.open(await link(database))
        early = await operator.post("/setup/first/provider", slug="sso", label="SSO")
        assert (early.status_code, "SETUP_STEP_MISSING" in early.text) == (400, True)
        await operator.post("/setup/first/tenant", name="Acme", slug="acme")
        made = await operator.post("/setup/first/provider", slug="sso", label="Acme SSO")
        page = await operator.open(made.headers["location"])
        assert "connect your sign-in service as Acme SSO" in words(page)
        async with database.reading() as connection:
            named = await connection.fetchval("select permissions from setup_link")
        assert set(named) == set(SERVICE_PERMISSIONS), "a group can be made the admins"


@pytest.mark.asyncio
async def test_several_processes_offer_one_link_and_a_new_one_ends_it(url: str, redis_url: str) -> None:
    async with installation(url, redis_url) as (database, [operator]):
        offered = await asyncio.gather(*[offer(database, PUBLIC) for _ in range(5)])
        [first] = [one for one in offered if one is not None]
        assert (await operator.open(first.url)).status_code == 200
        again = await link(database, anew=True)
        assert (await operator.open(first.url)).status_code == 404
        assert (await operator.open(again)).status_code == 200
        async with database.transaction() as connection:
            await connection.execute("update first_run set expires_at = now()")
        assert (await operator.get("/setup/first")).status_code == 404
        assert await offer(database, PUBLIC) is not None, "an expired one is offered anew at the next start"


@pytest.mark.asyncio
async def test_of_two_browsers_at_once_one_makes_the_tenant_and_one_the_way_in(url: str, redis_url: str) -> None:
    async with installation(url, redis_url, browsers=2) as (database, browsers):
        address = await link(database)
        for one in browsers:
            await one.open(address)
        made = await asyncio.gather(
            *[
                one.post("/setup/first/tenant", name=slug, slug=slug)
                for one, slug in zip(browsers, ("a", "b"), strict=True)
            ]
        )
        assert sorted([one.status_code for one in made]) == [303, 409]
        ways = await asyncio.gather(
            *[one.post("/setup/first/admin", username=f"u{n}") for n, one in enumerate(browsers)]
        )
        assert sorted([one.status_code for one in ways]) == [303, 404]
        async with database.reading() as connection:
            assert await connection.fetchval("select count(*) from tenant") == 1
            assert await connection.fetchval("select count(*) from app_user") == 1


@pytest.mark.asyncio
async def test_no_link_is_offered_and_none_works_once_there_is_a_tenant(url: str, redis_url: str) -> None:
    async with installation(url, redis_url) as (database, [operator]):
        await operator.open(await link(database))
        assert (await operator.get("/setup/first")).status_code == 200
        async with database.transaction() as connection:
            await write(connection, Tenant(uuid7(), "acme", "Acme", None, 0))
        assert (await operator.get("/setup/first")).status_code == 404
        assert await offer(database, PUBLIC) is None
        assert await offer(database, PUBLIC, anew=True) is None
        foreign = await operator.client.post("/setup/first/tenant", data={"slug": "b", "name": "b"}, headers=PAGE)
        assert foreign.status_code == 403, "a form of another page"


@pytest.mark.asyncio
async def test_the_link_is_over_once_a_tenant_is_made_beside_its_own(url: str, redis_url: str) -> None:
    async with installation(url, redis_url) as (database, [operator]):
        await operator.open(await link(database))
        assert (await operator.post("/setup/first/tenant", name="Acme", slug="acme")).status_code == 303
        assert (await operator.get("/setup/first")).status_code == 200
        async with database.transaction() as connection:
            await write(connection, Tenant(uuid7(), "globex", "Globex", None, 0))
        assert (await operator.get("/setup/first")).status_code == 404
        assert (await operator.post("/setup/first/admin", username="ada")).status_code == 404
        async with database.reading() as connection:
            assert await connection.fetchval("select count(*) from app_user") == 0


def test_serve_tells_the_link_once_and_the_command_makes_another(command: Command, url: str) -> None:
    port = free_port()
    command.env |= {"IDENTITY_PORT": str(port), "IDENTITY_LOG_FORMAT": "json"}
    with running(command, "serve") as process:
        ready(port, process)
        told = [json.loads(line) for line in command.said.splitlines() if "first_run" in line]
    assert [one["event"] for one in told] == ["first_run.offered"]
    token = urlsplit(told[0]["url"]).path.rpartition("/")[2]
    assert token not in str([dict(row) for row in ask(url, "select * from first_run")])
    with running(command, "serve") as process:
        ready(port, process)
        assert "first_run" not in command.said, "told once"
    anew = json.loads(command("first-run", "--json").stdout)
    assert anew["url"].startswith(f"{PUBLIC}/setup/first/ifr_")
    assert anew["url"] != told[0]["url"]
