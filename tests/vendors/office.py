"""The office that follows a guide: one tenant declared as the guide shows it, and its people's browsers."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from identity_api.cli.declaration import apply_declaration, read_document, read_over_stored
from identity_api.clock import system_clock
from identity_api.config import Settings
from identity_api.db import identities, providers, tenants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import Finding
from identity_api.ids import uuid7
from identity_api.providers.presets import apply_preset
from identity_api.providers.self_test.run import SelfTestDeps, self_test
from identity_api.sync.run import SweepReport, sweep
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.vault import Vault
from identity_api.web.http.http_application import HTTPApplication
from tests import factories as make
from tests.docs.pages import blocks
from tests.openid_provider.imitation import Imitation
from tests.sync.world import make_deps
from tests.web.site import come_back, fresh_address

HOST = "login.acme.example"
_ADDRESSES = ("issuer", "discovery_url", "endpoints")


@dataclass
class Office:
    """The tenant at `host`, and its provider."""

    app: HTTPApplication
    database: Database
    vault: Vault
    upstream: Upstream
    vendor: Imitation
    slug: str
    host: str
    provider: Provider

    @property
    def origin(self) -> str:
        return f"https://{self.host}"

    async def self_test(self) -> list[Finding]:
        """What the self-test says that is not in order, the verdict first; empty if all is."""
        deps = SelfTestDeps(
            database=self.database, vault=self.vault, upstream=self.upstream, clock=system_clock, leeway_seconds=60
        )
        tested = await self_test(deps, self.provider, self.slug)
        return [one for one in tested.findings if one.status in ("fail", "warn")]

    def browser(self) -> httpx.AsyncClient:
        """A person's browser: keeps cookies, follows no redirect by itself."""
        transport = httpx.ASGITransport(self.app, client=(fresh_address(), 40_000))
        return httpx.AsyncClient(transport=transport, base_url=self.origin)

    async def sign_in(self, browser: httpx.AsyncClient, person: str = "alice") -> httpx.Response:
        """Open the host, sign in at the vendor, and come back; the callback's answer."""
        begun = await browser.get(f"/auth/{self.provider.protocol}/{self.provider.slug}/login")
        assert begun.status_code == 303, begun.text
        arrival = await self.vendor.sign_in(begun.headers["location"], person)
        return await come_back(browser, arrival)

    async def signed_in(self, person: str = "alice") -> httpx.AsyncClient:
        """The browser of somebody who has signed in."""
        browser = self.browser()
        ended = await self.sign_in(browser, person)
        assert ended.status_code == 303, ended.text
        return browser

    async def make_user(self, username: str) -> None:
        """What an admin does for somebody who is to come."""
        async with self.database.transaction() as connection:
            await make.make_user(connection, self.provider.tenant_id, username=username)

    async def enter_identity(self, anchor: str) -> None:
        """What an admin does: a user, and which value of the anchor is theirs."""
        tenant_id = self.provider.tenant_id
        async with self.database.transaction() as connection:
            user_id = await make.make_user(connection, tenant_id, username=f"user of {anchor}")
            await identities.insert(
                connection,
                tenant_id,
                identity_id=uuid7(),
                user_id=user_id,
                provider_id=self.provider.id,
                issuer=self.provider.issuer,
                subject=None,
                anchor=anchor,
            )

    async def me(self, browser: httpx.AsyncClient) -> dict[str, Any]:
        """What `/v1/me` says of the person."""
        answer = await browser.get("/v1/me")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def username(self, browser: httpx.AsyncClient) -> str:
        """What the user is called."""
        user_id = (await self.me(browser))["user_id"]
        async with self.database.reading() as connection:
            return str(await connection.fetchval("select username from app_user where id = $1", user_id))

    async def sync(self, browser: httpx.AsyncClient) -> SweepReport:
        """The background sync of the person in that browser, as if it were due."""
        user_id = (await self.me(browser))["user_id"]
        async with self.database.transaction() as connection:
            await connection.execute("update provider_breaker set open_until = now() where id = $1", self.provider.id)
            await connection.execute(
                "update identity_sync set due_at = now() where id in (select id from identity where user_id = $1)",
                user_id,
            )
        return await sweep(make_deps(self.database, self.vault, self.upstream), user=(self.provider.tenant_id, user_id))

    async def let_time_pass(self, *, minutes: float) -> None:
        """As if what the identities are in had begun earlier."""
        statement = "update identity set state_since = state_since - make_interval(mins => $2) where provider_id = $1"
        async with self.database.transaction() as connection:
            await connection.execute(statement, self.provider.id, minutes)

    async def sign_out(self, browser: httpx.AsyncClient) -> list[str]:
        """Press "Sign out" and follow every redirect, ours and the vendor's; the addresses, the last one a page."""
        headers = {"accept": "text/html", "origin": self.origin}
        answer = await browser.post("/auth/logout", headers=headers)
        visited: list[str] = []
        async with httpx.AsyncClient(trust_env=False, verify=False) as elsewhere:
            while answer.status_code in (302, 303):
                place = str(httpx.URL(self.origin).join(answer.headers["location"]))
                visited.append(place)
                is_ours = urlsplit(place).hostname == self.host
                answer = await (browser if is_ours else elsewhere).get(place, headers={"accept": "text/html"})
        assert answer.status_code == 200, (visited, answer.text)
        return visited


async def follow(
    guide: str,
    vendor: Imitation,
    app: HTTPApplication,
    database: Database,
    settings: Settings,
    upstream: Upstream,
    folder: Path,
    *,
    number: int = 0,
    without: Sequence[str] = (),
    more: str = "",
) -> Office:
    """Do what the guide says, at the vendor and here. Doing it a second time changes nothing.

    Args:
        guide: its name in docs/providers.
        number: which of its declarations. The variable that it names for the secret is set.
        without: settings of the provider that somebody has forgotten.
        more: a setting that somebody has added.
    """
    slug = f"acme-{uuid7().hex[-12:]}"
    text = blocks(f"docs/providers/{guide}.md", "toml")[number]
    text = text.replace(HOST, f"login.{slug}.example").replace('slug = "acme"', f'slug = "{slug}"')
    [tenant] = tomllib.loads(text)["tenants"]
    [declared] = tenant["providers"]
    own = vendor.stands_for({name: one for name, one in apply_preset(declared).items() if name in _ADDRESSES and one})
    text = re.sub(rf"(?m)^(?:{'|'.join([*own, *without])}) = .*\n", "", text)
    lines = [*[f"{name} = {_inline(value)}" for name, value in own.items()], more]
    text = text.replace("[[tenants.providers]]", "\n".join(["[[tenants.providers]]", *lines]))
    path = folder / "tenants.toml"
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    host = tenant["hosts"][0]
    protocol = apply_preset(declared).get("protocol", "oidc")
    vendor.admit(
        declared["client_id"],
        f"https://{host}/auth/{protocol}/{declared['slug']}/callback",
        f"https://{host}/auth/logout/return",
    )
    for is_first in (True, False):
        declared_now = await read_over_stored(database, path, read_document(path))
        applied = await apply_declaration(database, settings, declared_now, folder, prune=False, dry_run=False)
        assert bool(applied.changes) is is_first, applied.changes
    async with database.reading() as connection:
        row = await tenants.by_slug(connection, slug)
        assert row is not None
        provider = await providers.by_slug(connection, row.id, declared["slug"])
        assert provider is not None
    return Office(app, database, Vault(settings.secret_keys), upstream, vendor, slug, host, provider)


def _inline(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_inline(one)}" for name, one in value.items()) + "}"
    return msgspec.json.encode(value).decode()


def outbound(vendor: Imitation) -> Upstream:
    """Our own way out, to the vendor and nowhere else."""
    return Upstream(allow=AllowList.parse([f"127.0.0.1:{vendor.port}"]))
