"""Sessions, API tokens and service clients: made, looked up by hash, listed. `login_ends` ends them.

Every request begins with `authenticate_session` or `authenticate_api_token`: one statement, which reads the token's
row, the epochs of its tenant and user, the identity it depends on, and the user with everything that decides what they
may do (I1) in one snapshot.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db.database import Connection
from identity_api.db.user_columns import CIRCUMSTANCES, USER_COLUMNS, USER_COLUMNS_DURING_EDIT, Part, with_wanted
from identity_api.db.user_read_model import (
    BriefUser,
    Reading,
    UserRecord,
    WantedUser,
    tenant_circumstances,
    user_record,
    wanted_users,
)
from identity_api.permissions.grant_snapshot import TenantCircumstances

_LIVE_OF = """
    s.tenant_id = {tenant} and s.user_id = {user} and s.ended_at is null
    and s.absolute_until > now() and s.seen_at > now() - make_interval(secs => {idle})
"""


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session to begin. Only the hash of its token is kept."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    identity_id: UUID | None
    frontend_id: UUID | None
    kind: Literal["COOKIE", "BEARER"]
    token_hash: bytes
    epoch: int
    authenticated_at: datetime
    provider_session: str | None
    id_token_sealed: bytes | None
    device: str | None = None
    address: str | None = None


async def insert(
    connection: Connection, session: NewSession, *, absolute_seconds: int, idle_seconds: int, at_most: int
) -> list[UUID]:
    """Insert the session; it ends after `absolute_seconds` at the latest.

    Returns:
        The user's oldest live sessions, by which there are now more than `at_most`.
    """
    rows = await connection.fetch(
        f"""
        with begun as (
            insert into session
                (id, tenant_id, user_id, identity_id, frontend_id, kind, token_hash, epoch, authenticated_at,
                 provider_session, id_token_sealed, device, address, created_at, seen_at, absolute_until)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now(), now(),
                now() + make_interval(secs => $14))
        )
        select s.id from session s where {_LIVE_OF.format(tenant="$2", user="$3", idle="$15")} and s.id <> $1
        order by s.created_at desc, s.id desc offset $16 - 1
        """,
        *[getattr(session, name) for name in NewSession.__struct_fields__],
        float(absolute_seconds),
        float(idle_seconds),
        at_most,
    )
    return [row["id"] for row in reversed(rows)]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A live session or API token with its user, as of one moment."""

    id: UUID
    kind: Literal["COOKIE", "BEARER", "API_TOKEN"]
    tenant_id: UUID
    tenant_slug: str
    identity_id: UUID | None
    authenticated_at: datetime
    device: str | None
    address: str | None
    seen_at: datetime | None
    expires_at: datetime
    idle_until: datetime | None
    issued_at: datetime
    user: UserRecord
    circumstances: TenantCircumstances
    at: datetime
    limited_to: frozenset[str] = frozenset()
    """For an API token: the permissions that it can use at most; empty means no limit."""
    may_change: bool = False
    """For an API token: it may change who may do what."""
    read_ahead: Mapping[WantedUser, Reading[BriefUser]] = {}
    """What was read beside it, as of the same moment."""


_PERSON = """
    join tenant t on t.id = o.tenant_id
    join app_user u on u.tenant_id = o.tenant_id and u.id = o.user_id and u.disabled_at is null
    join user_read r on r.tenant_id = o.tenant_id and r.id = o.user_id
"""

_SESSION_COLUMNS = (
    *("o.id as token_id", "o.kind", "o.tenant_id", "t.slug as tenant_slug", "o.identity_id", "o.authenticated_at"),
    *("o.device", "o.address", "o.seen_at", "o.absolute_until as expires_at"),
    *("o.seen_at + make_interval(secs => $3) as idle_until", "o.created_at as issued_at"),
)
SESSION = f"""
    select {", ".join(_SESSION_COLUMNS)}, {USER_COLUMNS}, {CIRCUMSTANCES}
    from session o {_PERSON}
    where o.tenant_id = $1 and o.token_hash = $2 and o.ended_at is null
        and o.absolute_until > now() and o.seen_at > now() - make_interval(secs => $3)
        and o.epoch = u.epoch + t.epoch
        -- A session stands on the login it came from; one by a local password has none. Asked as a value, since for `exists`
        -- the planner may read all identities of the tenant first.
        and (o.identity_id is null or (
            select p.enabled from identity i join provider p on p.tenant_id = $1 and p.id = i.provider_id
            where i.tenant_id = $1 and i.id = o.identity_id and i.state not in ('REVOKED', 'QUARANTINED')))
"""
"""The live session of tenant $1 with hash $2, unused for at most $3 seconds, with its user."""

_API_TOKEN_COLUMNS = (
    *("o.id as token_id", "'API_TOKEN' as kind", "o.tenant_id", "t.slug as tenant_slug", "null::uuid as identity_id"),
    *("timestamptz 'epoch' as authenticated_at", "null::text as device", "null::text as address", "o.seen_at"),
    *("o.expires_at", "null::timestamptz as idle_until", "o.created_at as issued_at"),
    *("o.permissions as limited_to", "o.may_change"),
)
API_TOKEN = f"""
    select {", ".join(_API_TOKEN_COLUMNS)}, {USER_COLUMNS}, {CIRCUMSTANCES}
    from api_token o {_PERSON}
    where o.tenant_id = $1 and o.token_hash = $2 and o.ended_at is null and o.expires_at > now()
"""
"""The live API token of tenant $1 with hash $2, with its user, who proves nothing by its use."""


_PARTS: tuple[Part, ...] = get_args(Part)
SESSION_AND_USER = {part: with_wanted(SESSION, len(_SESSION_COLUMNS), part, "$4") for part in _PARTS}
"""The session, and the user $4."""
API_TOKEN_AND_USER = {part: with_wanted(API_TOKEN, len(_API_TOKEN_COLUMNS), part, "$3") for part in _PARTS}
"""The API token, and the user $3."""

SESSION_DURING_EDIT, API_TOKEN_DURING_EDIT = [
    statement.replace(USER_COLUMNS, USER_COLUMNS_DURING_EDIT) for statement in (SESSION, API_TOKEN)
]
"""What to ask instead, where a row says `is_edited`."""


def session_of(row: Record, read_ahead: Sequence[BriefUser] = (), wanted: WantedUser | None = None) -> Token:
    """The row that `SESSION` selected, and the wanted user beside it."""
    return _token(row, read_ahead, wanted)


def api_token_of(row: Record, read_ahead: Sequence[BriefUser] = (), wanted: WantedUser | None = None) -> Token:
    """The row that `API_TOKEN` selected, and the wanted user beside it."""
    return _token(row, read_ahead, wanted, frozenset(row["limited_to"]), may_change=row["may_change"])


def _token(
    row: Record,
    read_ahead: Sequence[BriefUser],
    wanted: WantedUser | None,
    limited_to: frozenset[str] = frozenset(),
    *,
    may_change: bool = False,
) -> Token:
    circumstances, at = tenant_circumstances(row), row["at"]
    return Token(
        id=row["token_id"],
        kind=row["kind"],
        tenant_id=row["tenant_id"],
        tenant_slug=row["tenant_slug"],
        identity_id=row["identity_id"],
        authenticated_at=row["authenticated_at"],
        device=row["device"],
        address=row["address"],
        seen_at=row["seen_at"],
        expires_at=row["expires_at"],
        idle_until=row["idle_until"],
        issued_at=row["issued_at"],
        user=user_record(row),
        circumstances=circumstances,
        at=at,
        limited_to=limited_to,
        may_change=may_change,
        read_ahead={} if wanted is None else {wanted: Reading(tuple(read_ahead), circumstances, at)},
    )


async def authenticate_session(
    connection: Connection, tenant_id: UUID, token_hash: bytes, *, idle_seconds: int, wanted: WantedUser | None = None
) -> Token | None:
    """The live session of this token: not ended, idle, expired, of a past epoch, a dead login or a disabled user.

    A `wanted` user of the tenant is read ahead, if nothing is being edited.
    """
    asked: list[Any] = [tenant_id, token_hash, float(idle_seconds)]
    if wanted is None:
        rows = await connection.fetch(SESSION, *asked)
    else:
        rows = await _with_wanted(connection, SESSION_AND_USER, asked, wanted)
    if rows and rows[0]["is_edited"]:
        rows, wanted = await connection.fetch(SESSION_DURING_EDIT, *asked), None
    return session_of(rows[0], wanted_users(rows, wanted), wanted) if rows else None


async def authenticate_api_token(
    connection: Connection, tenant_id: UUID, token_hash: bytes, *, wanted: WantedUser | None = None
) -> Token | None:
    """The live API token of this hash. It dies with its user's logins (`lifecycle.end_login`). `wanted` as for a session."""
    asked: list[Any] = [tenant_id, token_hash]
    if wanted is None:
        rows = await connection.fetch(API_TOKEN, *asked)
    else:
        rows = await _with_wanted(connection, API_TOKEN_AND_USER, asked, wanted)
    if rows and rows[0]["is_edited"]:
        rows, wanted = await connection.fetch(API_TOKEN_DURING_EDIT, *asked), None
    return api_token_of(rows[0], wanted_users(rows, wanted), wanted) if rows else None


async def _with_wanted(
    connection: Connection, statements: Mapping[Part, str], asked: list[Any], wanted: WantedUser
) -> list[Record]:
    return await connection.fetch(statements[wanted.part], *asked, wanted.id)


def _of_each(statement: str) -> str:
    """The same for each of several hashes, `$2`."""
    each = statement.replace("$2", "k.token_hash")
    return f"select k.token_hash, found.* from unnest($2::bytea[]) as k (token_hash) cross join lateral ({each}) found"


async def authenticate_each(
    connection: Connection, tenant_id: UUID, sessions: list[bytes], api_tokens: list[bytes], *, idle_seconds: int
) -> dict[bytes, Token]:
    """Those of these sessions and API tokens of a tenant that are live, by the hashes that they are asked for with."""
    found: dict[bytes, Token | None] = {}
    if sessions:
        rows = await connection.fetch(_of_each(SESSION), tenant_id, sessions, float(idle_seconds))
        if rows and rows[0]["is_edited"]:
            rows = await connection.fetch(_of_each(SESSION_DURING_EDIT), tenant_id, sessions, float(idle_seconds))
        found |= {row["token_hash"]: session_of(row) for row in rows}
    if api_tokens:
        rows = await connection.fetch(_of_each(API_TOKEN), tenant_id, api_tokens)
        if rows and rows[0]["is_edited"]:
            rows = await connection.fetch(_of_each(API_TOKEN_DURING_EDIT), tenant_id, api_tokens)
        for row in rows:
            found[row["token_hash"]] = api_token_of(row)
    return {key: token for key, token in found.items() if token is not None}


async def touch(connection: Connection, kind: str, tenant_id: UUID, token_id: UUID, user_id: UUID) -> None:
    """Note that the token was used, at most once a minute, and that its user is active, at most once an hour."""
    table = "api_token" if kind == "API_TOKEN" else "session"
    await connection.execute(
        f"""
        with seen as (
            update {table} set seen_at = now()
            where tenant_id = $1 and id = $2 and (seen_at is null or seen_at < now() - interval '1 minute'))
        update app_user set active_at = now()
        where tenant_id = $1 and id = $3 and active_at < now() - interval '1 hour'
        """,
        tenant_id,
        token_id,
        user_id,
    )


class SessionRecord(msgspec.Struct, frozen=True):
    """A live session as its user and their admins see it."""

    id: UUID
    kind: Literal["COOKIE", "BEARER"]
    device: str | None
    address: str | None
    identity_id: UUID | None
    frontend_id: UUID | None
    created_at: datetime
    seen_at: datetime
    authenticated_at: datetime


async def of_user(connection: Connection, tenant_id: UUID, user_id: UUID, *, idle_seconds: int) -> list[SessionRecord]:
    """The user's live sessions, the oldest first."""
    names = ", ".join([f"s.{name}" for name in SessionRecord.__struct_fields__])
    rows = await connection.fetch(
        f"""
        select {names} from session s where {_LIVE_OF.format(tenant="$1", user="$2", idle="$3")}
        order by s.created_at, s.id
        """,
        tenant_id,
        user_id,
        float(idle_seconds),
    )
    return [SessionRecord(**row) for row in rows]


async def find_live(connection: Connection, tenant_id: UUID, token_hash: bytes) -> UUID | None:
    """The tenant's session with this token that nobody has ended; it may have expired."""
    value: UUID | None = await connection.fetchval(
        "select id from session where tenant_id = $1 and token_hash = $2 and ended_at is null", tenant_id, token_hash
    )
    return value


async def end_reason(connection: Connection, tenant_id: UUID, token_hash: bytes, *, idle_seconds: int) -> str | None:
    """Why the tenant's session with this token is not live; None if there is no such session, or it is live.

    `idle` and `absolute` for one that expired; otherwise the reason with which it was or would be ended.
    """
    value: str | None = await connection.fetchval(
        """
        select case
            when s.ended_reason is not null then s.ended_reason
            when u.disabled_at is not null then 'user_disabled'
            when i.state = 'REVOKED' then coalesce(i.state_reason, 'revoked')
            when i.state = 'QUARANTINED' then 'subject_changed'
            when not p.enabled then 'provider_disabled'
            when s.absolute_until <= now() then 'absolute'
            when s.seen_at <= now() - make_interval(secs => $3) then 'idle'
            when s.epoch <> u.epoch + t.epoch then 'epoch'
        end
        from session s join tenant t on t.id = s.tenant_id
            join app_user u on u.tenant_id = s.tenant_id and u.id = s.user_id
            left join identity i on i.tenant_id = s.tenant_id and i.id = s.identity_id
            left join provider p on p.tenant_id = i.tenant_id and p.id = i.provider_id
        where s.tenant_id = $1 and s.token_hash = $2
        """,
        tenant_id,
        token_hash,
        float(idle_seconds),
    )
    return value


async def owner(connection: Connection, tenant_id: UUID, session_id: UUID) -> UUID | None:
    """The user of this session, if it is the tenant's and nobody has ended it."""
    value: UUID | None = await connection.fetchval(
        "select user_id from session where tenant_id = $1 and id = $2 and ended_at is null", tenant_id, session_id
    )
    return value


async def frontend_of(connection: Connection, tenant_id: UUID, session_id: UUID) -> UUID | None:
    """The frontend that a session of the tenant was begun for; None for a session of this service's own pages."""
    value: UUID | None = await connection.fetchval(
        "select frontend_id from session where tenant_id = $1 and id = $2", tenant_id, session_id
    )
    return value


class ProviderSession(msgspec.Struct, frozen=True):
    """What ending a session at its provider needs."""

    provider_id: UUID
    id_token_sealed: bytes | None


async def provider_session(connection: Connection, tenant_id: UUID, session_id: UUID) -> ProviderSession | None:
    """The provider that a live session came from; None for a local one."""
    row = await connection.fetchrow(
        """
        select i.provider_id, s.id_token_sealed
        from session s join identity i on i.tenant_id = $1 and i.id = s.identity_id
        where s.tenant_id = $1 and s.id = $2 and s.ended_at is null
        """,
        tenant_id,
        session_id,
    )
    return ProviderSession(**row) if row else None
