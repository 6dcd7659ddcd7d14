"""API tokens of users, for programs: made, rotated and revoked, by admins and by the operator.

A token is a way into its user's account, so making and rotating one ask the rule about that (`accounts.ways_in`). A token
that an admin makes also names its permissions, and only those that the admin holds: it never allows more than its maker
may do. The operator's tokens are bound by neither.
"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

import msgspec

from identity_api.accounts.local_rules import lock_user
from identity_api.accounts.ways_in import check_may_open, check_may_take
from identity_api.claims.text import is_storable
from identity_api.db import audit, clients, local_accounts, locks
from identity_api.db import permissions as catalogue
from identity_api.db.clients import ApiTokenLine
from identity_api.db.database import Connection, Database
from identity_api.db.tenant_limits import ensure_within
from identity_api.errors import BadInput, NotFound, Problems, Refused
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.ways_in import Opening

MAX_API_TOKEN_DAYS: Final = 366
MAX_NAME: Final = 128


class TokenWish(msgspec.Struct, frozen=True, kw_only=True):
    """The requested properties of an API token."""

    name: str
    days: int
    permissions: tuple[str, ...] = ()
    """The names of the permissions that it is limited to. Empty means no limit, which only the operator may ask for."""
    may_change: bool = False
    """It may change mappings, permissions and grants given by hand, within its user's permissions, without a step-up."""


class MadeToken(msgspec.Struct, frozen=True):
    """A new token. Only its hash is stored."""

    line: ApiTokenLine
    token: str

    def __repr__(self) -> str:
        return f"MadeToken({self.line!r})"


async def create_api_token(database: Database, actor: Actor, user_id: UUID, wish: TokenWish) -> MadeToken:
    """Make a token for programs of this user. It may do what the user may, and ends with their logins.

    Raises:
        BadInput: the name, the number of days or the permissions cannot be used.
        NotFound: there is no such user, or no such permission.
        Refused: `ACCOUNT_DISABLED`; `FORBIDDEN`, `SELF_BENEFIT`: see `permissions.ways_in`; `FORBIDDEN` for a permission
            that the actor lacks.
        Conflict: `LIMIT_REACHED`.
    """
    check_wish(wish)
    async with database.transaction() as connection:
        await _hold_user(connection, actor, user_id)
        await _check_permissions(connection, actor, wish.permissions)
        await check_may_open(connection, actor, Opening.CREATE_FOR_PROGRAM, user_id)
        return await _insert(connection, database, actor, user_id, wish)


async def rotate_api_token(database: Database, actor: Actor, token_id: UUID, *, days: int) -> MadeToken:
    """Make another token with the name and the limits of this one; the old one ends at once.

    Raises:
        BadInput: the number of days cannot be used.
        NotFound: there is no such token, or it is over.
        Refused: as for `create_api_token`.
    """
    async with database.transaction() as connection:
        found = await _live(connection, actor, token_id)
        await _hold_user(connection, actor, found.user_id)
        before = await _live(connection, actor, token_id)
        wish = TokenWish(name=before.name, days=days, permissions=before.permissions, may_change=before.may_change)
        check_wish(wish)
        _check_held(actor, wish.permissions)
        await check_may_open(connection, actor, Opening.ROTATE_FOR_PROGRAM, before.user_id)
        await _end(connection, actor, before, "rotated")
        return await _insert(connection, database, actor, before.user_id, wish)


async def revoke_api_token(database: Database, actor: Actor, token_id: UUID) -> ApiTokenLine:
    """End a token. Everybody may end their own.

    Raises:
        NotFound: there is no such token, or it is over.
        Refused: `FORBIDDEN`: see `permissions.ways_in.check_may_take`.
    """
    async with database.transaction() as connection:
        before = await _live(connection, actor, token_id)
        await check_may_take(connection, actor, before.user_id)
        await _end(connection, actor, before, "revoked")
        after = await clients.api_token(connection, actor.tenant_id, token_id)
        assert after is not None  # a token that has ended stays
        return after


def check_wish(wish: TokenWish) -> None:
    """Check what a token is to be called and how long it lasts.

    Raises:
        BadInput, SeveralProblems: values cannot be used.
    """
    wrong = list[BadInput]()
    if not wish.name.isprintable() or not is_storable(wish.name) or not 0 < len(wish.name) <= MAX_NAME:
        wrong.append(BadInput("A token's name is short and printable.", field="name"))
    if not 0 < wish.days <= MAX_API_TOKEN_DAYS:
        wrong.append(BadInput(f"A token lasts 1 to {MAX_API_TOKEN_DAYS} days.", field="days"))
    Problems(wrong).tell()


async def _hold_user(connection: Connection, actor: Actor, user_id: UUID) -> None:
    """Lock the user, and what decides their permissions, until the commit."""
    await locks.share_mappings(connection, actor.tenant_id)
    await lock_user(connection, actor.tenant_id, user_id)
    account = await local_accounts.get(connection, actor.tenant_id, user_id)
    if account is None or account.disabled_at is not None:
        raise Refused("This account has been disabled. Enable it first.", code="ACCOUNT_DISABLED")


async def _check_permissions(connection: Connection, actor: Actor, names: Collection[str]) -> None:
    known = await catalogue.by_names(connection, actor.tenant_id, names)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NotFound(f"There is no permission {unknown[0]}.")
    _check_held(actor, names)


def _check_held(actor: Actor, names: Collection[str]) -> None:
    if actor.is_operator:
        return
    if not names:
        raise Refused("Only the operator makes a token that is not limited to permissions.")
    missing = sorted(set(names) - actor.permissions)
    if missing:
        raise Refused(f"You do not hold {missing[0]}, so you cannot make a token that allows it.")


async def _insert(
    connection: Connection, database: Database, actor: Actor, user_id: UUID, wish: TokenWish
) -> MadeToken:
    token, token_id = new_tenant_token("iat", actor.tenant_id), uuid7()
    await clients.insert_api_token(
        connection,
        actor.tenant_id,
        token_id,
        user_id,
        wish.name,
        token_hash(token),
        days=wish.days,
        permissions=sorted(set(wish.permissions)),
        may_change=wish.may_change,
    )
    await ensure_within(connection, database.limits, "max_user_api_tokens", actor.tenant_id, user_id)
    settings = {"name": wish.name, "permissions": list(wish.permissions), "may_change": wish.may_change}
    payload = {"user": str(user_id), "days": wish.days}
    event = audit.Event("api_token.created", "api_token", token_id, payload, new=settings)
    await audit.record(connection, actor.tenant_id, actor.name, [event])
    line = await clients.api_token(connection, actor.tenant_id, token_id)
    assert line is not None  # just made
    return MadeToken(line, token)


async def _live(connection: Connection, actor: Actor, token_id: UUID) -> ApiTokenLine:
    found = await clients.api_token(connection, actor.tenant_id, token_id)
    if found is None or not found.is_live:
        raise NotFound("There is no such API token.")
    return found


async def _end(connection: Connection, actor: Actor, token: ApiTokenLine, reason: str) -> None:
    await clients.end_api_token(connection, actor.tenant_id, token.id, reason)
    payload = {"user": str(token.user_id), "reason": reason}
    event = audit.Event("api_token.ended", "api_token", token.id, payload, old={"name": token.name})
    await audit.record(connection, actor.tenant_id, actor.name, [event])
