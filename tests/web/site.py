"""One tenant behind the real application, and the browsers and programs that visit it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.ids import uuid7
from identity_api.vault import Vault
from identity_api.web.http.http_application import HTTPApplication
from tests import factories as make
from tests.builder import build_tenant
from tests.openid_provider import Client, RunningProvider
from tests.openid_provider.browser import CallbackRequest

PUBLIC_URL = "https://id.example"
FRONTEND = "https://app.acme.example"


def fresh_address() -> str:
    """An address no other test uses, so that rate limits of tests do not meet."""
    number = uuid7().int
    return f"203.{number >> 8 & 255}.{number >> 16 & 255}.{number & 255}"


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[None]:
    """The application between its start and its stop, as a server would have it."""
    import asyncio

    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    serving = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, events.get, answers.put))
    await events.put({"type": "lifespan.startup"})
    started = await answers.get()
    assert started["type"] == "lifespan.startup.complete", started
    yield
    await events.put({"type": "lifespan.shutdown"})
    assert (await answers.get())["type"] == "lifespan.shutdown.complete"
    await serving


@dataclass
class Site:
    """One tenant with a host of its own, the provider `sso`, and the frontend `app`."""

    app: HTTPApplication
    database: Database
    vault: Vault
    idp: RunningProvider
    tenant: Tenant
    host: str
    provider: Provider

    @property
    def origin(self) -> str:
        return f"https://{self.host}"

    def client(self, *, base_url: str | None = None, address: str | None = None, **options: Any) -> httpx.AsyncClient:
        """A browser or program at the tenant's host (or another): keeps cookies, follows no redirect by itself."""
        transport = httpx.ASGITransport(self.app, client=(address or fresh_address(), 40_000))
        return httpx.AsyncClient(transport=transport, base_url=base_url or self.origin, **options)

    async def at_provider(self, authorization_url: str, person: str | None = "alice") -> CallbackRequest:
        return await self.idp.sign_in(authorization_url, person)

    async def sign_in(self, client: httpx.AsyncClient, person: str = "alice", path: str = "/login") -> httpx.Response:
        """A whole login by browser; the callback's answer."""
        begun = await client.get(path)
        assert begun.status_code == 303, begun.text
        arrival = await self.at_provider(begun.headers["location"], person)
        return await come_back(client, arrival)

    async def signed_in(self, person: str = "alice", **options: Any) -> httpx.AsyncClient:
        """A browser that has signed in."""
        client = self.client(**options)
        ended = await self.sign_in(client, person)
        assert ended.status_code == 303, ended.text
        return client

    async def bearer(self, person: str = "alice") -> str:
        """The session's token of somebody who signed in; what a cookie holds may also be sent as a bearer token."""
        client = await self.signed_in(person)
        return client.cookies["__Host-session"]

    async def add_provider(self, slug: str, **settings: Any) -> Provider:
        return await add_provider(self.database, self.vault, self.idp, self.tenant.id, self.host, slug, **settings)

    async def execute(self, statement: str, *arguments: Any) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(statement, *arguments)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        async with self.database.reading() as connection:
            return await connection.fetchval(statement, *arguments)

    async def events(self, action: str) -> int:
        return int(
            await self.fetchval(
                "select count(*) from audit_event where tenant_id = $1 and action = $2", self.tenant.id, action
            )
        )


async def come_back(client: httpx.AsyncClient, arrival: CallbackRequest) -> httpx.Response:
    """Bring what the provider sent back to the callback, as the browser would."""
    if arrival.method == "POST":
        return await client.post(arrival.url, data=arrival.parameters)
    return await client.get(arrival.url)


async def make_site(
    app: HTTPApplication, database: Database, vault: Vault, idp: RunningProvider, **settings: Any
) -> Site:
    tenant = (await build_tenant(database, has_host=True, frontend=(FRONTEND, [f"{FRONTEND}/done"]))).tenant
    host = f"{tenant.slug}.example"
    provider = await add_provider(database, vault, idp, tenant.id, host, "sso", **settings)
    return Site(app, database, vault, idp, tenant, host, provider)


async def add_provider(
    database: Database, vault: Vault, idp: RunningProvider, tenant_id: UUID, host: str, slug: str, **settings: Any
) -> Provider:
    """A provider row at the running provider, which knows its redirect URL and sign-out address."""
    redirect_url = settings.pop("redirect_url", f"https://{host}/auth/oidc/{slug}/callback")
    returns = settings.pop("post_logout_redirect_uris", (f"https://{host}/auth/logout/return",))
    client_id = f"client-{uuid7().hex}"
    idp.register(
        Client(
            client_id=client_id,
            redirect_uris=(redirect_url,),
            client_secret=idp.client_secret,
            post_logout_redirect_uris=returns,
        )
    )
    async with database.transaction() as connection:
        values: Mapping[str, Any] = {
            "slug": slug,
            "client_id": client_id,
            "redirect_url": redirect_url,
            "label": f"Acme {slug.upper()}",
            **settings,
        }
        return await make.make_provider_at(connection, tenant_id, idp, vault, **values)


def cookies_set(answer: httpx.Response) -> dict[str, str]:
    """The `Set-Cookie` lines of an answer by cookie name."""
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


def path_of(location: str) -> str:
    return urlsplit(location).path
