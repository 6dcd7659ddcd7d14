"""The first run of an installation without a tenant: a link makes the first tenant, and then the first way in.

    offer           a link, by the process that serves or by the operator's command
    make_tenant     the tenant, with this service's own permissions
    begin_provider  a set-up link for the first provider, whose groups may be given every permission of this service
    make_admin      the first local admin, who chooses a password with a link of their own

Whoever has the link is the operator: it is told where only the operator reads. Of two browsers with it, one takes each step.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from identity_api.accounts.enrolment import EnrolledUser, enrol
from identity_api.accounts.local import NewLocalUser, new_values
from identity_api.accounts.local_passwords import create_password_token
from identity_api.accounts.local_policy import apply_policy
from identity_api.db import first_run, local_accounts, tenants
from identity_api.db.database import Connection, Database
from identity_api.db.local_accounts import LocalPolicy
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, Conflict, NotFound
from identity_api.ids import new_token, token_hash
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import SERVICE_PERMISSIONS
from identity_api.providers.urls import doors
from identity_api.setup.links import Wish, create_link
from identity_api.setup.provider import SetupDeps
from identity_api.tenants.apply import Applier, apply_tenant
from identity_api.tenants.checks import problems_of
from identity_api.tenants.declaration import TenantDeclaration

SECONDS: Final = 86_400
ACTOR: Final = "operator:first-run"
KIND: Final = "ifr"


class Offered(msgspec.Struct, frozen=True):
    """The link's address, which is told once, and until when it works."""

    url: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Offered({self.expires_at})"


async def offer(database: Database, public_url: str, *, anew: bool = False) -> Offered | None:
    """Offer the link; None if there is a tenant, or, unless `anew`, a link that works. An earlier one is then over."""
    token = new_token(KIND)
    async with database.transaction() as connection:
        ends = await first_run.offer(connection, token_hash(token), seconds=SECONDS, anew=anew)
    return None if ends is None else Offered(f"{public_url.rstrip('/')}/setup/first/{token}", ends)


async def tenant_of(database: Database, token: str) -> Tenant | None:
    """The tenant that was made with the link; None if there is none yet.

    Raises:
        NotFound: `FIRST_RUN_ENDED`.
    """
    async with database.reading() as connection:
        return await _tenant(connection, await first_run.tenant_slug(connection, token_hash(token)))


async def make_tenant(deps: SetupDeps, token: str, slug: str, name: str) -> None:
    """Make the first tenant.

    Raises:
        NotFound: `FIRST_RUN_ENDED`.
        BadInput: the short name or the name cannot be used.
        Conflict: `FIRST_RUN_TAKEN`: another browser was faster.
    """
    declared = TenantDeclaration(slug=slug, name=name)
    problems = problems_of([declared])
    if problems or not name.strip() or not name.isprintable():
        raise BadInput(problems[0].partition(": ")[2] if problems else "Enter a name.", field="slug")
    async with _holding(deps.database, token) as (connection, tenant):
        if tenant is not None:
            raise Conflict("The tenant was made in another browser meanwhile.", code="FIRST_RUN_TAKEN")
        parts = Applier(deps.login.vault, deps.providers.defaults, {}, Path(), ACTOR)
        await apply_tenant(deps.database, parts, declared)
        await first_run.note_tenant(connection, slug)


async def begin_provider(deps: SetupDeps, token: str, slug: str, label: str) -> str:
    """The address of a set-up link for the tenant's first provider. The link of the first run is over.

    Raises:
        NotFound: `FIRST_RUN_ENDED`.
        BadInput: short name or label cannot be used.
    """
    async with _holding(deps.database, token) as (connection, tenant):
        wish = Wish(slug=slug, label=label, permissions=tuple(SERVICE_PERMISSIONS))
        made = await create_link(deps.database, _operator(tenant), wish, public_url=deps.login.public_url)
        await first_run.use(connection)
    return made.url


async def make_admin(deps: SetupDeps, token: str, username: str) -> str:
    """Make a local admin with every permission of this service; the address where they choose their password.

    The link of the first run is over. Password rules and second factor are those of every local user.

    Raises:
        NotFound: `FIRST_RUN_ENDED`.
        BadInput: the username cannot be used.
    """
    name, _, _ = new_values(NewLocalUser(username=username))
    async with _holding(deps.database, token) as (connection, tenant):
        actor = _operator(tenant)
        async with deps.database.transaction() as writing:
            await apply_policy(writing, actor.tenant_id, LocalPolicy(local_sign_in=True), actor=ACTOR)
        await enrol(deps.database, actor, [EnrolledUser(name, permissions=tuple(SERVICE_PERMISSIONS))])
        made = await create_password_token(deps.database, actor, await _user(deps.database, actor, name))
        await first_run.use(connection)
    assert tenant is not None, "checked by _operator"
    return f"{doors(tenant, hosts=(), public_url=deps.login.public_url)[0]}/auth/password/{made.token}"


def ended() -> NotFound:
    """The error for every link of a first run that does not work."""
    return NotFound("This link of the first run does not work, or not any more.", code="FIRST_RUN_ENDED")


@asynccontextmanager
async def _holding(database: Database, token: str) -> AsyncIterator[tuple[Connection, Tenant | None]]:
    """Keep every other browser with this link waiting. What is done inside commits by itself, before the link's own row."""
    async with database.transaction() as connection:
        yield connection, await _tenant(connection, await first_run.hold(connection, token_hash(token)))


async def _tenant(connection: Connection, found: tuple[str | None] | None) -> Tenant | None:
    if found is None:
        raise ended()
    return None if found[0] is None else await tenants.by_slug(connection, found[0])


async def _user(database: Database, actor: Actor, username: str) -> UUID:
    async with database.reading() as connection:
        found = await local_accounts.by_username(connection, actor.tenant_id, username)
    assert found is not None, "made above"
    return found.user_id


def _operator(tenant: Tenant | None) -> Actor:
    if tenant is None:
        raise BadInput("Make the tenant first.", code="SETUP_STEP_MISSING")
    return Actor(tenant.id, None, ACTOR, frozenset())
