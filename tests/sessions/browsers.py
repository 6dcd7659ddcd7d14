"""What a person's browser does at our side of a login, and the two sides of the world it does it in.

A `World` is one tenant with a provider over real HTTP, in a real database. A `Browser` keeps cookies per host, as real
ones do (ports do not matter to cookies), and walks from call to call as redirects would lead it.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from identity_api.db import providers
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.sessions.authenticate import Authenticated, authenticate
from identity_api.sessions.login.complete import complete
from identity_api.sessions.login.deps import (
    AuthorizationRedirect,
    BrowserRequest,
    CallbackRequest,
    Cookie,
    LoginDeps,
    LoginRequest,
    LoginResult,
    Prepared,
)
from identity_api.sessions.login.finish import finish
from identity_api.sessions.login.launch import launch
from identity_api.sessions.login.prepare import prepare
from tests import factories as make
from tests.builder import build_tenant
from tests.openid_provider import RunningProvider
from tests.openid_provider.browser import CallbackRequest as ProviderArrival

ORIGIN = "https://id.acme.example"
CALLBACK = f"{ORIGIN}/auth/oidc/sso/callback"
OTHER_CALLBACK = "https://login.service.example/callback"
FRONTEND_URL = "https://app.acme.example/signed-in"
REDIRECT_URIS = (CALLBACK, OTHER_CALLBACK, f"{ORIGIN}/auth/oidc/second/callback", f"{ORIGIN}/", ORIGIN)
CLIENT_STATE = "frontend-state"


@dataclass
class World:
    """One tenant and its provider."""

    deps: LoginDeps
    tenant: Tenant
    provider: Provider
    idp: RunningProvider

    @property
    def database(self) -> Database:
        return self.deps.database

    async def begin(self, **wishes: Any) -> Prepared:
        """Prepare a login on the tenant's own host."""
        return await prepare(self.deps, self.tenant, LoginRequest(**{"session_origin": ORIGIN, **wishes}))

    async def sign_in(
        self, person: str | None = "alice", browser: "Browser | None" = None, **wishes: Any
    ) -> LoginResult:
        """A whole login, to whatever its delivery leads to."""
        browser = browser or Browser(self.deps)
        return await browser.follow_through(await self.begin(**wishes), self.idp, person)

    async def change_provider(self, **settings: Any) -> None:
        """Write the provider anew with these settings."""
        values = {name: getattr(self.provider, name) for name in Provider.__struct_fields__}
        self.provider = Provider(**{**values, **settings})
        async with self.database.transaction() as connection:
            await providers.write(connection, self.provider)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        async with self.database.reading() as connection:
            return await connection.fetchval(statement, *arguments)

    async def execute(self, statement: str, *arguments: Any) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(statement, *arguments)

    async def events(self, action: str) -> list[dict[str, Any]]:
        """The payloads of the tenant's audit events of this action, the oldest first."""
        import msgspec

        async with self.database.reading() as connection:
            rows = await connection.fetch(
                "select payload from audit_event where tenant_id = $1 and action = $2 order by id",
                self.tenant.id,
                action,
            )
        return [msgspec.json.decode(row["payload"]) for row in rows]

    async def who(self, token: str) -> Authenticated | None:
        """Whose token this is now."""
        async with self.database.reading() as connection:
            return await authenticate(connection, token, idle_seconds=self.deps.limits.session_idle_seconds)

    async def count(self, table: str) -> int:
        """Rows of this tenant."""
        return int(await self.fetchval(f"select count(*) from {table} where tenant_id = $1", self.tenant.id))


async def make_world(deps: LoginDeps, idp: RunningProvider, **settings: Any) -> World:
    """A tenant with the provider `sso` and a frontend that may use every delivery."""
    built = await build_tenant(
        deps.database,
        frontend=("https://app.acme.example", (FRONTEND_URL, f"{FRONTEND_URL}?from=sso")),
        provider={"slug": "sso", "redirect_url": CALLBACK, **settings},
        at=(idp, deps.vault),
    )
    return World(deps, built.tenant, built.its_provider, idp)


async def add_provider(deps: LoginDeps, tenant_id: UUID, idp: RunningProvider, **settings: Any) -> Provider:
    """A provider of the tenant at the running one, with its secret."""
    async with deps.database.transaction() as connection:
        return await make.make_provider_at(connection, tenant_id, idp, deps.vault, **settings)


@dataclass
class Browser:
    """One person's browser: cookies by host."""

    deps: LoginDeps
    jar: dict[str, dict[str, str]] = field(default_factory=dict)

    def cookies(self, host: str) -> dict[str, str]:
        return self.jar.setdefault(host, {})

    def obey(self, host: str, answer: AuthorizationRedirect | LoginResult) -> None:
        """Set and clear what the answer says."""
        cookies = self.cookies(host)
        for name in answer.clear_cookies:
            cookies.pop(name, None)
        for cookie in answer.set_cookies:
            assert isinstance(cookie, Cookie)
            cookies[cookie.name] = cookie.value

    async def launch(self, url: str) -> AuthorizationRedirect:
        """Open a launch URL."""
        parts = urlsplit(url)
        host, handle = parts.netloc, parts.path.rsplit("/", 1)[1]
        request = BrowserRequest(host=host, cookies=dict(self.cookies(parts.hostname or "")))
        launched = await launch(self.deps, handle, request)
        self.obey(parts.hostname or "", launched)
        return launched

    async def go_to_provider(self, prepared: Prepared) -> str:
        """Launch, hop where it hops; the authorization URL."""
        launched = await self.launch(prepared.launch_url)
        if "/auth/launch/" in launched.location:
            launched = await self.launch(launched.location)
        return launched.location

    async def arrive(self, arrival: ProviderArrival) -> LoginResult:
        """Bring what the provider sent back to our callback."""
        parts = urlsplit(arrival.url)
        pairs = list(arrival.parameters.items())
        url, posted_from = arrival.url.partition("?")[0], arrival.posted_from
        return await self.callback(url, pairs, host=parts.netloc, posted_from=posted_from)

    async def callback(
        self, url: str, pairs: list[tuple[str, str]], *, host: str | None = None, posted_from: str | None = None
    ) -> LoginResult:
        """Open a callback with these parameters; `posted_from` is what a browser says of the page that posts a form."""
        parts = urlsplit(url)
        name = parts.hostname or ""
        arrival = CallbackRequest(
            host=host or parts.netloc,
            path=parts.path,
            pairs=pairs,
            cookies=dict(self.cookies(name)),
            posted_from=posted_from,
        )
        finished = await finish(self.deps, arrival)
        self.obey(name, finished)
        return finished

    async def complete(self, url: str) -> LoginResult:
        """Open `/auth/complete` where the callback sent us."""
        parts = urlsplit(url)
        name = parts.hostname or ""
        request = BrowserRequest(host=parts.netloc, cookies=dict(self.cookies(name)))
        finished = await complete(self.deps, dict(parse_qsl(parts.query))["code"], request)
        self.obey(name, finished)
        return finished

    async def follow_through(self, prepared: Prepared, idp: RunningProvider, person: str | None) -> LoginResult:
        """From the launch URL to the end."""
        authorization_url = await self.go_to_provider(prepared)
        finished = await self.arrive(await idp.sign_in(authorization_url, person))
        return await self.complete(finished.location) if finished.kind == "COMPLETE" else finished

    @property
    def session(self) -> str | None:
        """The session's token on the tenant's host."""
        return self.cookies(urlsplit(ORIGIN).hostname or "").get("__Host-session")


def parameters_of(location: str) -> dict[str, str]:
    """The parameters of a location, of its query and its fragment."""
    parts = urlsplit(location)
    return dict(parse_qsl(parts.query) + parse_qsl(parts.fragment))
