"""Admins of a site who sign in with a password, and what their browsers send and see."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import httpx

from identity_api.db import grants, user_read_model
from tests import factories as make
from tests.web.local_site import PAGE, from_page
from tests.web.site import Site

EVERYTHING = (
    "identity:users:read",
    "identity:users:write",
    "identity:grants:write",
    "identity:groups:read",
    "identity:mappings:read",
    "identity:mappings:write",
    "identity:permissions:write",
    "identity:providers:read",
    "identity:providers:write",
    "identity:audit:read",
    "identity:webhooks:read",
    "identity:webhooks:write",
    "identity:clients:read",
    "identity:clients:write",
)


async def give(site: Site, user_id: UUID, permissions: Sequence[str]) -> None:
    """Give somebody these by hand."""
    async with site.database.transaction() as connection:
        for name in permissions:
            found = await connection.fetchval(
                "select id from permission where tenant_id = $1 and name = $2", site.tenant.id, name
            )
            permission = found or await make.make_permission(connection, site.tenant.id, name)
            await grants.open_manual_grant(connection, site.tenant.id, user_id, permission, "operator:root")
        await user_read_model.refresh(connection, site.tenant.id, [user_id])


async def lose(site: Site, user_id: UUID, permission: str) -> None:
    """Somebody takes a permission from them."""
    async with site.database.transaction() as connection:
        await make.take_permission(connection, site.tenant.id, user_id, permission)


@dataclass
class Visitor:
    """Somebody at the console."""

    site: Site
    client: httpx.AsyncClient
    user_id: UUID

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers={**PAGE, **{k.replace("_", "-"): v for k, v in headers.items()}})

    async def post(self, path: str, **fields: str | list[str]) -> httpx.Response:
        return await self.client.post(path, data=fields, headers=from_page(self.site))

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Where a form has led to."""
        assert answer.status_code == 303, answer.text
        return await self.get(answer.headers["location"])


async def admin_at(site: Site, person: str = "alice", permissions: Sequence[str] = EVERYTHING) -> Visitor:
    """Somebody who has just signed in at the provider and holds these permissions."""
    client = await site.signed_in(person)
    user_id = await user_at(site, person)
    await give(site, user_id, permissions)
    return Visitor(site, client, user_id)


async def user_at(site: Site, username: str) -> UUID:
    """The user of that name."""
    found: UUID = await site.fetchval(
        "select id from app_user where tenant_id = $1 and username = $2", site.tenant.id, username
    )
    return found


def words(answer: httpx.Response) -> str:
    """The page without its tags."""
    return words_of(answer.text)


def words_of(page: str) -> str:
    """The same of its text."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())
