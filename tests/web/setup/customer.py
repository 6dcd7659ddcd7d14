"""A customer's IT with a set-up link, and what their browser sends and sees."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from identity_api.permissions.delegation import Actor
from identity_api.setup.links import Wish, create_link
from tests import factories as make
from tests.openid_provider import Client
from tests.web.console.visitor import words
from tests.web.local_site import PAGE, from_page
from tests.web.site import Site, come_back

SECRET = "a secret that nobody reads again"
READ = "reports:read"
SLUG = "customer"


@dataclass
class Customer:
    """One browser at the set-up pages."""

    site: Site
    link_id: UUID
    url: str
    client: httpx.AsyncClient
    client_id: str = field(default="")

    async def open(self) -> httpx.Response:
        """Open the link, up to the page that it leads to."""
        begun = await self.client.get(self.url, headers=PAGE)
        assert begun.status_code == 303, begun.text
        return await self.get(begun.headers["location"])

    async def get(self, path: str = "/setup", **headers: str) -> httpx.Response:
        return await self.client.get(path, headers={**PAGE, **{k.replace("_", "-"): v for k, v in headers.items()}})

    async def post(self, form: str, **fields: Any) -> httpx.Response:
        return await self.client.post(f"/setup/{form}", data=fields, headers=from_page(self.site))

    async def go(self, form: str, **fields: Any) -> httpx.Response:
        """Send a form, and follow to where it leads."""
        answer = await self.post(form, **fields)
        assert answer.status_code == 303, words(answer)
        return await self.get(answer.headers["location"])

    def registers(self, **more: Any) -> None:
        """Register us at the provider, with the redirect URL that the page shows."""
        self.client_id = f"client-{self.link_id}"
        redirect = f"{self.site.origin}/auth/oidc/{SLUG}/callback"
        self.site.idp.register(
            Client(client_id=self.client_id, redirect_uris=(redirect,), client_secret=SECRET, **more)
        )

    async def connected(self, *, issuer: str | None = None, secret: str = SECRET) -> httpx.Response:
        """The steps up to the connection."""
        await self.open()
        await self.go("vendor", vendor="other")
        await self.go("registered")
        self.registers()
        return await self.go(
            "connect", issuer=issuer or self.site.idp.issuer, client_id=self.client_id, client_secret=secret
        )

    async def begin_test(self) -> str:
        """Check the connection; the address of the test login."""
        checked = await self.post("test")
        assert checked.status_code == 200, checked.text
        return checked.text.split('<a class="button" href="')[1].split('"')[0]

    async def test(self, person: str = "alice") -> httpx.Response:
        """Check, sign in once, and come back to the page."""
        begun = await self.get(await self.begin_test())
        arrival = await self.site.at_provider(begun.headers["location"], person)
        ended = await come_back(self.client, arrival)
        assert ended.status_code == 303, ended.text
        return await self.get(ended.headers["location"])


async def customer_at(site: Site, *permissions: str, maker: Actor | None = None, **wish: Any) -> Customer:
    """Somebody who was sent a link, which the operator made unless there is another maker."""
    async with site.database.transaction() as connection:
        for name in permissions:
            if (
                await connection.fetchval(
                    "select true from permission where tenant_id = $1 and name = $2", site.tenant.id, name
                )
                is None
            ):
                await make.make_permission(connection, site.tenant.id, name)
    actor = maker or Actor(site.tenant.id, None, "operator:root", frozenset())
    made = await create_link(
        site.database,
        actor,
        Wish(**{"slug": SLUG, "label": "Customer SSO", "permissions": permissions, **wish}),
        public_url="https://id.example",
    )
    return Customer(site, made.link.id, made.url, site.client())
