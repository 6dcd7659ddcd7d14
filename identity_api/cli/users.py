"""Users for the operator: enter one, show, enable and disable."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from identity_api.accounts.local_passwords import create_password_token
from identity_api.cli.context import operator, read_settings, run_on_database, tenant_named
from identity_api.config import Settings
from identity_api.db import enrolment, local_accounts, tenants, told_ends, users
from identity_api.db.database import Database
from identity_api.db.enrolment import HeldPermission, IdentityLine
from identity_api.db.told_ends import ToldEnd
from identity_api.errors import BadInput, NotFound, Refused
from identity_api.oidc.login_end_cause import LoginEndCause, login_end_cause
from identity_api.permissions.delegation import Actor
from identity_api.providers.urls import doors

T = TypeVar("T")
PAGE = 500


class PasswordLink(msgspec.Struct, frozen=True):
    """A link with which a user chooses a password, once. Anybody who has it can take over the account."""

    url: str
    expires_at: str


class EndedLogin(msgspec.Struct, frozen=True):
    """How an identity's provider ended its login: the time, the provider's text, and the cause that it gives."""

    cause: LoginEndCause
    at: datetime
    said: str | None


class IdentitySheet(msgspec.Struct, frozen=True):
    """An identity of a user."""

    id: UUID
    provider: str
    anchor: str
    subject: str | None
    state: str
    state_reason: str | None
    login_end: EndedLogin | None
    """None if the provider did not end it, or if its audit has been deleted."""


class UserSheet(msgspec.Struct, frozen=True):
    """A user with their ways in and what they may do."""

    id: UUID
    username: str
    identities: list[IdentitySheet]
    permissions: list[HeldPermission]


def on_tenant(tenant: str, work: Callable[[Database, Actor], Awaitable[T]]) -> T:
    """Run a use case as the operator in a tenant.

    Raises:
        NotFound: there is no such tenant.
    """

    async def on(database: Database) -> T:
        return await work(database, operator(await tenant_named(database, tenant)))

    return run_on_database(read_settings(keys_required=False), on)


def on_user(tenant: str, username: str, work: Callable[[Database, Actor, UUID], Awaitable[T]]) -> T:
    """Run a use case for the user of exactly this name.

    Raises:
        NotFound: there is no such tenant or user.
    """

    async def on(database: Database, actor: Actor) -> T:
        async with database.reading() as connection:
            found = await users.by_username(connection, actor.tenant_id, username)
        if found is None:
            raise NotFound(f"Tenant {tenant} has no user {username}. The name is compared exactly.")
        return await work(database, actor, found.id)

    return on_tenant(tenant, on)


async def all_users(database: Database, actor: Actor) -> list[enrolment.UserLine]:
    """Every user by name."""
    found: list[enrolment.UserLine] = []
    while True:
        async with database.reading() as connection:
            after = found[-1].username if found else None
            page = await enrolment.page(connection, actor.tenant_id, after=after, first=PAGE)
        found += page
        if len(page) < PAGE:
            return found


def show_user(tenant: str, username: str) -> UserSheet:
    """The user's ways in and permissions. Raises as `on_user`."""

    async def work(database: Database, actor: Actor, user_id: UUID) -> UserSheet:
        async with database.reading() as connection:
            lines = await enrolment.identities_of(connection, actor.tenant_id, user_id)
            ended = [one.id for one in lines if one.state == "REVOKED" and one.state_reason in told_ends.BY_PROVIDER]
            told = await told_ends.of_identities(connection, actor.tenant_id, ended)
            return UserSheet(
                user_id,
                username,
                [_identity_sheet(line, told.get(line.id)) for line in lines],
                await enrolment.held_by(connection, actor.tenant_id, user_id),
            )

    return on_user(tenant, username, work)


def _identity_sheet(line: IdentityLine, told: ToldEnd | None) -> IdentitySheet:
    end = None if told is None else EndedLogin(login_end_cause(told.said), told.at, told.said)
    return IdentitySheet(line.id, line.provider, line.anchor, line.subject, line.state, line.state_reason, end)


async def identity_of(
    database: Database, actor: Actor, user_id: UUID, provider: str, anchor: str | None
) -> IdentityLine:
    """The user's identity at a provider.

    Raises:
        NotFound: they have none there, or not this one.
        BadInput: they have several, and none was named.
    """
    async with database.reading() as connection:
        found = await enrolment.identities_of(connection, actor.tenant_id, user_id)
    there = [one for one in found if one.provider == provider and anchor in (None, one.anchor)]
    if not there:
        raise NotFound(f"The user has no such identity at provider {provider}. `identity-api user show` lists them.")
    if len(there) > 1:
        raise BadInput(f"The user has several identities at provider {provider}: say the anchor of one.")
    return there[0]


def password_link(tenant: str, username: str) -> PasswordLink:
    """A link by which the user chooses a password. Raises as `on_user`, and as `create_password_token`."""
    settings = read_settings(keys_required=False)

    async def work(database: Database, actor: Actor, user_id: UUID) -> PasswordLink:
        return await make_link(database, settings, actor, user_id)

    return on_user(tenant, username, work)


async def require_passwords(database: Database, actor: Actor) -> None:
    """Check that the tenant allows passwords, before anything is made for one.

    Raises:
        Refused: `LOCAL_SIGN_IN_OFF`, with the remedy for the operator.
    """
    async with database.reading() as connection:
        if (await local_accounts.policy(connection, actor.tenant_id)).local_sign_in:
            return
    raise Refused(
        "This tenant has no passwords, and nothing was made. Declare `local_sign_in = true` for it and run `identity-api"
        " apply`, or leave out the password link.",
        code="LOCAL_SIGN_IN_OFF",
    )


async def make_link(database: Database, settings: Settings, actor: Actor, user_id: UUID) -> PasswordLink:
    """The same for a user whose id is known."""
    await require_passwords(database, actor)
    made = await create_password_token(database, actor, user_id)
    async with database.reading() as connection:
        tenant = await tenants.get(connection, actor.tenant_id)
        hosts = await tenants.hosts(connection, actor.tenant_id)
    assert tenant is not None
    door = doors(tenant, hosts=hosts, public_url=settings.public_url)[0]
    return PasswordLink(f"{door}/auth/password/{made.token}", made.expires_at.isoformat(timespec="seconds"))
