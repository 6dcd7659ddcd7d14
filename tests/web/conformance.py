"""A relying party under test as the OpenID conformance suite sees it: our real routes at a provider that each run configures.

Every run has a metadata document and a key set address of its own, so that nothing of it is cached from another run.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.ids import uuid7
from identity_api.vault import Vault
from identity_api.web.http.http_application import HTTPApplication
from tests.openid_provider import Fault
from tests.openid_provider.bent import BentProvider
from tests.openid_provider.browser import CallbackRequest
from tests.openid_provider.wrapper import Canned
from tests.web.site import Site, come_back, cookies_set, make_site

PAGE = {"accept": "text/html"}
FORM_POST = {"authorization_parameters": {"response_mode": "form_post"}}
both_modes = pytest.mark.parametrize("mode", [{}, FORM_POST], ids=["query", "form_post"])
CALLED_WITH_A_CODE = ("/token", "/userinfo")


@dataclass
class Run:
    """One run of one module."""

    site: Site
    idp: BentProvider
    path: str
    metadata: dict[str, Any]

    def announce(self, **members: Any) -> None:
        """Publish the metadata with these members; None leaves one out."""
        self.metadata = {name: value for name, value in {**self.metadata, **members}.items() if value is not None}
        self.idp.answers[self.path] = Canned(200, "application/json", json.dumps(self.metadata).encode())

    @property
    def provider(self) -> Provider:
        return self.site.provider

    @property
    def fetches_of_keys(self) -> int:
        return self.idp.log.count("/jwks")

    def browser(self) -> httpx.AsyncClient:
        return self.site.client(headers=PAGE)

    async def leave(self, browser: httpx.AsyncClient, person: str | None = "alice") -> CallbackRequest:
        """To the provider, and a button pressed there."""
        begun = await browser.get("/login")
        assert begun.status_code == 303, begun.text
        return await self.site.at_provider(begun.headers["location"], person)

    async def sign_in(self, browser: httpx.AsyncClient | None = None) -> httpx.Response:
        browser = browser or self.browser()
        return await come_back(browser, await self.leave(browser))

    async def accepts(self) -> httpx.AsyncClient:
        """A login that succeeds; the browser, which is signed in."""
        browser = self.browser()
        ended = await self.sign_in(browser)
        assert ended.status_code == 303, ended.text
        assert (await browser.get("/v1/me")).status_code == 200
        return browser

    async def refuses(self, reason: str, *, code: str = "TOKEN_REFUSED", fault: Fault | None = None) -> None:
        """A login that fails for this reason, leaving nothing behind; without the fault it succeeds."""
        if fault is not None:
            self.idp.faults.on(fault)
        self.refused(await self.sign_in(), code)
        assert await self.reason() == reason
        assert await self.sessions() == 0
        if fault is not None:
            self.idp.faults.off(fault)
            await self.accepts()

    def refused(self, answer: httpx.Response, code: str) -> None:
        """A page with our code, and no session."""
        assert answer.status_code == 400, answer.text
        assert code in answer.text
        assert not any("session" in name for name in cookies_set(answer))

    async def reason(self) -> Any:
        """Of the last login that failed."""
        query = """
            select payload->>'reason' from audit_event where tenant_id = $1 and action = 'login.failed'
            order by id desc limit 1
        """
        return await self.site.fetchval(query, self.site.tenant.id)

    async def sessions(self) -> int:
        return int(await self.site.fetchval("select count(*) from session where tenant_id = $1", self.site.tenant.id))

    def called(self) -> list[str]:
        """The endpoints that a code or an access token was shown to."""
        return [one.path for one in self.idp.log.find() if one.path in CALLED_WITH_A_CODE]


BeginRun = Callable[..., Awaitable[Run]]
"""Begins a run whose provider has these settings."""


async def begin_run(app: HTTPApplication, database: Database, vault: Vault, idp: BentProvider, **settings: Any) -> Run:
    """A tenant whose only provider is the one of this run."""
    idp.straighten()
    run = uuid7().hex
    path = f"/runs/{run}/.well-known/openid-configuration"
    site = await make_site(app, database, vault, idp, discovery_url=f"{idp.issuer}{path}", **settings)
    metadata = {**idp._provider.metadata(), "jwks_uri": f"{idp.issuer}/jwks?run={run}"}
    started = Run(site, idp, path, metadata)
    started.announce()
    return started
