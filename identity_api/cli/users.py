"""Users for the operator: enter one or a table of them, show, enable and disable."""

import csv
import io
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec

from identity_api.accounts.enrolment import EnrolledIdentity, EnrolledUser
from identity_api.accounts.local_passwords import create_password_token
from identity_api.cli.context import operator, read_settings, run_on_database, tenant_named
from identity_api.config import Settings
from identity_api.db import enrolment, local_accounts, tenants, told_ends, users
from identity_api.db.database import Database
from identity_api.db.enrolment import HeldPermission, IdentityLine
from identity_api.db.told_ends import ToldEnd
from identity_api.errors import BadInput, ConfigurationError, NotFound, Refused
from identity_api.oidc.login_end_cause import LoginEndCause, login_end_cause
from identity_api.permissions.delegation import Actor
from identity_api.providers.urls import doors
from identity_api.spreadsheets import text_of

T = TypeVar("T")
COLUMNS = ("username", "display_label", "email", "provider", "anchor", "permissions")
MAX_TABLE_BYTES = 64 * 1_048_576
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


def read_table(path: Path) -> list[EnrolledUser]:
    """Users from CSV with a line of column names; `-` reads standard input.

    A user with several identities has several lines. Permissions are separated by blanks.

    Raises:
        ConfigurationError: with every problem, by line.
    """
    text = read_text(path)
    try:
        lines = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise ConfigurationError([f"{path} is not CSV: {error}."]) from None
    return _users_of(lines)


def read_text(path: Path) -> str:
    """The text of a table; `-` reads standard input.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        content = sys.stdin.buffer.read(MAX_TABLE_BYTES + 1) if path == Path("-") else path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError([f"{path} cannot be read as UTF-8."]) from None
    if len(content) > MAX_TABLE_BYTES:
        raise ConfigurationError([f"{path} is larger than {MAX_TABLE_BYTES} bytes."])
    return text


def _users_of(lines: Sequence[dict[str | None, str | None]]) -> list[EnrolledUser]:
    if not lines:
        raise ConfigurationError([f"The table has no users. Its first line names the columns: {', '.join(COLUMNS)}."])
    unknown = sorted(str(name) for name in lines[0] if name not in COLUMNS)
    problems = [f"There is no column {name}; there are {', '.join(COLUMNS)}." for name in unknown]
    if "username" not in lines[0]:
        problems.append("The column username is missing.")
    found: dict[str, EnrolledUser] = {}
    for number, line in enumerate(lines, 2):
        problems += _add(found, number, {name: text_of(line.get(name) or "").strip() for name in COLUMNS})
    if problems:
        raise ConfigurationError(problems)
    return list(found.values())


def _add(found: dict[str, EnrolledUser], number: int, line: dict[str, str]) -> list[str]:
    """Add a line's user, or add the line's values to an earlier user."""
    if not line["username"]:
        return [f"Line {number}: username is empty."]
    if bool(line["provider"]) != bool(line["anchor"]):
        return [f"Line {number}: provider and anchor belong together."]
    before = found.get(line["username"], EnrolledUser(line["username"]))
    called = {name: line[name] or None for name in ("display_label", "email")}
    if any(value and getattr(before, name) not in (None, value) for name, value in called.items()):
        return [f"Line {number}: {line['username']} is called otherwise in a line before."]
    identities = (EnrolledIdentity(line["provider"], line["anchor"]),) if line["provider"] else ()
    found[line["username"]] = EnrolledUser(
        line["username"],
        called["display_label"] or before.display_label,
        called["email"] or before.email,
        tuple(dict.fromkeys([*before.identities, *identities])),
        tuple(dict.fromkeys([*before.permissions, *line["permissions"].split()])),
    )
    return []
