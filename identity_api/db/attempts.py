"""Logins under way: the attempt, the handles that bind it to a browser, and the codes exchanged for its result.

State, handles and codes are unguessable, name their tenant (I2) and are looked up by their hash. A value that is valid once
is used up by a conditional update, so that of parallel requests one succeeds (I4). Times are the database's.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db import providers
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.ids import uuid7

Stage = Literal["SESSION_HOST", "CALLBACK_HOST"]
CodeKind = Literal["COMPLETE", "TOKEN"]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `login_attempt`, with its tenant's slug."""

    id: UUID
    tenant_id: UUID
    tenant_slug: str
    provider_id: UUID | None
    """None for a local sign-in that is to be handed to a frontend."""
    frontend_id: UUID | None
    frontend_slug: str | None
    delivery: Literal["cookie", "code", "fragment"]
    return_to: str
    session_origin: str
    path_prefix: str
    client_state: str | None
    client_challenge: str | None
    login_hint: str | None
    reauthentication: bool
    redirect_url: str
    issuer: str
    nonce_hash: bytes | None
    code_verifier_sealed: bytes | None
    session_binding_hash: bytes | None
    callback_binding_hash: bytes | None
    launched_at: datetime | None
    consumed_at: datetime | None
    is_expired: bool
    test_id: UUID | None
    """The test of the provider, if it is a test login: then it signs nobody in."""
    invitation_id: UUID | None

    def __repr__(self) -> str:
        return f"Attempt(id={self.id}, tenant_id={self.tenant_id})"


_ELSEWHERE = {
    "tenant_slug": "t.slug as tenant_slug",
    "frontend_slug": "(select slug from frontend f where f.tenant_id = $1 and f.id = a.frontend_id) as frontend_slug",
    "is_expired": "a.expires_at <= now() as is_expired",
}
_ATTEMPT = ", ".join([_ELSEWHERE.get(name, f"a.{name}") for name in Attempt.__struct_fields__])
_FROM = "from login_attempt a join tenant t on t.id = a.tenant_id"
_ITS = "its_"
_PROVIDER = ", ".join([f"p.{name} as {_ITS}{name}" for name in Provider.__struct_fields__])
_FROM_PROVIDER = f"{_FROM} join provider p on p.tenant_id = a.tenant_id and p.id = a.provider_id"


def _attempt(row: Record) -> Attempt:
    return msgspec.convert({name: row[name] for name in Attempt.__struct_fields__}, Attempt)


class NewAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """A login to begin."""

    id: UUID
    tenant_id: UUID
    provider_id: UUID | None
    frontend_id: UUID | None
    delivery: str
    return_to: str
    session_origin: str
    path_prefix: str
    client_state: str | None
    client_challenge: str | None
    login_hint: str | None
    redirect_url: str
    issuer: str
    test_id: UUID | None = None
    invitation_id: UUID | None = None
    reauthentication: bool = False

    def __repr__(self) -> str:
        return f"NewAttempt(id={self.id}, tenant_id={self.tenant_id})"


_NEW = NewAttempt.__struct_fields__
_INSERT = f"""
    insert into login_attempt ({", ".join(_NEW)}, created_at, expires_at, consumed_at, outcome)
    select {", ".join([f"${place}" for place in range(1, len(_NEW) + 1)])}, now(), now() + make_interval(secs => ${len(_NEW) + 1})
"""
"""An attempt that is valid for so many seconds; the last two columns follow."""


def _values(attempt: NewAttempt, seconds: int) -> list[object]:
    return [*[getattr(attempt, name) for name in _NEW], float(seconds)]


async def insert(
    connection: Connection, attempt: NewAttempt, handle_hash: bytes, *, seconds: int, handle_seconds: int
) -> None:
    """Insert the attempt, which is valid for `seconds` from now, and the one-time handle for its browser."""
    last = len(_NEW) + 1
    await connection.execute(
        f"""
        with attempt as ({_INSERT}, null, null returning tenant_id, id)
        insert into login_handle (id, tenant_id, attempt_id, token_hash, stage, expires_at)
        select ${last + 1}, tenant_id, id, ${last + 2}, 'SESSION_HOST', now() + make_interval(secs => ${last + 3}) from attempt
        """,
        *_values(attempt, seconds),
        uuid7(),
        handle_hash,
        float(handle_seconds),
    )


async def insert_over(connection: Connection, attempt: NewAttempt, *, seconds: int) -> None:
    """Insert the attempt of a local sign-in, which has succeeded before its row is written."""
    await connection.execute(f"{_INSERT}, now(), 'OK'", *_values(attempt, seconds))


class Handle(msgspec.Struct, frozen=True):
    """A handle, its attempt, and the attempt's provider as it is now."""

    id: UUID
    stage: Stage
    is_used: bool
    is_expired: bool
    attempt: Attempt
    provider: Provider


async def by_handle(connection: Connection, tenant_id: UUID, token_hash: bytes) -> Handle | None:
    """The tenant's handle with this hash. Only `hop` and `leave` use it up."""
    row = await connection.fetchrow(
        f"""
        select {_ATTEMPT}, {_PROVIDER}, h.id as handle_id, h.stage, h.used_at is not null as is_used,
            h.expires_at <= now() as handle_is_expired
        {_FROM_PROVIDER} join login_handle h on h.tenant_id = a.tenant_id and h.attempt_id = a.id
        where h.tenant_id = $1 and h.token_hash = $2
        """,
        tenant_id,
        token_hash,
    )
    if row is None:
        return None
    provider = providers.from_row(row, prefix=_ITS)
    return Handle(row["handle_id"], row["stage"], row["is_used"], row["handle_is_expired"], _attempt(row), provider)


_USED = """
    used as (
        update login_handle set used_at = now()
        where tenant_id = $1 and id = $2 and used_at is null and expires_at > now() returning attempt_id)
"""
"""The handle, used up; no row if it was used already, or has expired."""


async def hop(
    connection: Connection, found: Handle, *, binding_hash: bytes, handle_hash: bytes, handle_seconds: int
) -> bool:
    """Use the handle up, bind the attempt to the browser on the session's host, and make a handle for the callback's.

    Returns:
        False if the handle was used already, or has expired.
    """
    return await _is_first(
        connection,
        f"""
        with {_USED}, bound as (
            update login_attempt a set session_binding_hash = $3 from used where a.tenant_id = $1 and a.id = used.attempt_id)
        insert into login_handle (id, tenant_id, attempt_id, token_hash, stage, expires_at)
        select $4, $1, attempt_id, $5, 'CALLBACK_HOST', now() + make_interval(secs => $6) from used
        """,
        found.attempt.tenant_id,
        found.id,
        binding_hash,
        uuid7(),
        handle_hash,
        float(handle_seconds),
    )


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the request with which a browser is sent to its provider."""

    state_hash: bytes
    nonce_hash: bytes | None
    code_verifier_sealed: bytes


async def leave(
    connection: Connection, found: Handle, departure: Departure, *, binding_hash: bytes, stages: Collection[Stage]
) -> bool:
    """Use the handle up, bind the attempt to the browser on these hosts, and record that it leaves for the provider now.

    Returns:
        False if the handle was used already, or has expired.
    """
    return await _is_first(
        connection,
        f"""
        with {_USED}
        update login_attempt a set state_hash = $3, nonce_hash = $4, code_verifier_sealed = $5, launched_at = now(),
            session_binding_hash = case when 'SESSION_HOST' = any($7::text[]) then $6 else a.session_binding_hash end,
            callback_binding_hash = case when 'CALLBACK_HOST' = any($7) then $6 else a.callback_binding_hash end
        from used where a.tenant_id = $1 and a.id = used.attempt_id
        """,
        found.attempt.tenant_id,
        found.id,
        departure.state_hash,
        departure.nonce_hash,
        departure.code_verifier_sealed,
        binding_hash,
        list(stages),
    )


async def leave_again(connection: Connection, attempt: Attempt, departure: Departure) -> bool:
    """Make a used attempt without a result valid once more, and leave; False if done before, or if it ended or expired."""
    return await _is_first(
        connection,
        """
        update login_attempt set consumed_at = null, outcome = 'REQUEST_EXPIRED', state_hash = $3, nonce_hash = $4,
            code_verifier_sealed = $5, launched_at = now()
        where tenant_id = $1 and id = $2 and consumed_at is not null and outcome is null and expires_at > now()
        """,
        attempt.tenant_id,
        attempt.id,
        departure.state_hash,
        departure.nonce_hash,
        departure.code_verifier_sealed,
    )


async def by_state(connection: Connection, tenant_id: UUID, state_hash: bytes) -> tuple[Attempt, Provider] | None:
    """The tenant's attempt with this `state`, and its provider as it is now."""
    row = await connection.fetchrow(
        f"select {_ATTEMPT}, {_PROVIDER} {_FROM_PROVIDER} where a.tenant_id = $1 and a.state_hash = $2",
        tenant_id,
        state_hash,
    )
    return (_attempt(row), providers.from_row(row, prefix=_ITS)) if row else None


async def consume(connection: Connection, tenant_id: UUID, attempt_id: UUID) -> bool:
    """Use the attempt up; False if it was used already, or has expired. The sealed verifier is wiped."""
    return await _is_first(
        connection,
        """
        update login_attempt set consumed_at = now(), code_verifier_sealed = null
        where tenant_id = $1 and id = $2 and consumed_at is null and expires_at > now()
        """,
        tenant_id,
        attempt_id,
    )


async def set_outcome(connection: Connection, tenant_id: UUID, attempt_id: UUID, outcome: str) -> None:
    """Record how the attempt ended: `OK`, or the code of its failure. Only the first outcome counts."""
    await connection.execute(
        """
        update login_attempt set outcome = $3 where tenant_id = $1 and id = $2 and consumed_at is not null
            and (outcome is null or outcome = 'REQUEST_EXPIRED')
        """,
        tenant_id,
        attempt_id,
        outcome,
    )


class NewCode(msgspec.Struct, frozen=True, kw_only=True):
    """A finished login to hand over."""

    id: UUID
    user_id: UUID
    identity_id: UUID | None
    kind: CodeKind
    code_hash: bytes
    provider_session: str | None
    id_token_sealed: bytes | None
    authenticated_at: datetime


async def insert_code(connection: Connection, attempt: Attempt | NewAttempt, code: NewCode, *, seconds: int) -> bool:
    """Make a one-time code for the attempt's result; False if the attempt has been removed."""
    return await _is_first(
        connection,
        """
        insert into one_time_code (id, tenant_id, attempt_id, user_id, identity_id, kind, code_hash, provider_session,
            id_token_sealed, authenticated_at, expires_at)
        select $1, a.tenant_id, a.id, $4, $5, $6, $7, $8, $9, $10, now() + make_interval(secs => $11)
        from login_attempt a where a.tenant_id = $2 and a.id = $3 for key share
        """,
        code.id,
        attempt.tenant_id,
        attempt.id,
        *[getattr(code, name) for name in NewCode.__struct_fields__[1:]],
        float(seconds),
    )


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time code with its attempt and the frontend it is for."""

    id: UUID
    user_id: UUID
    identity_id: UUID | None
    provider_session: str | None
    id_token_sealed: bytes | None
    authenticated_at: datetime
    is_used: bool
    is_expired: bool
    frontend_origins: tuple[str, ...]
    attempt: Attempt

    def __repr__(self) -> str:
        return f"Code(id={self.id})"


async def by_code(connection: Connection, tenant_id: UUID, code_hash: bytes, kind: CodeKind) -> Code | None:
    """The tenant's code with this hash and kind. Only `use_code` uses it up."""
    row = await connection.fetchrow(
        f"""
        select {_ATTEMPT}, c.id as code_id, c.user_id, c.identity_id, c.provider_session, c.id_token_sealed,
            c.authenticated_at, c.used_at is not null as is_used, c.expires_at <= now() as code_is_expired,
            f.origins as frontend_origins
        {_FROM} join one_time_code c on c.tenant_id = a.tenant_id and c.attempt_id = a.id
        left join frontend f on f.tenant_id = a.tenant_id and f.id = a.frontend_id
        where c.tenant_id = $1 and c.code_hash = $2 and c.kind = $3
        """,
        tenant_id,
        code_hash,
        kind,
    )
    if row is None:
        return None
    return Code(
        id=row["code_id"],
        user_id=row["user_id"],
        identity_id=row["identity_id"],
        provider_session=row["provider_session"],
        id_token_sealed=row["id_token_sealed"],
        authenticated_at=row["authenticated_at"],
        is_used=row["is_used"],
        is_expired=row["code_is_expired"],
        frontend_origins=tuple(row["frontend_origins"] or ()),
        attempt=_attempt(row),
    )


async def use_code(connection: Connection, tenant_id: UUID, code_id: UUID) -> bool:
    """Use the code up; False if it was used already, or has expired. Its sealed content is wiped."""
    return await _is_first(
        connection,
        """
        update one_time_code set used_at = now(), id_token_sealed = null
        where tenant_id = $1 and id = $2 and used_at is null and expires_at > now()
        """,
        tenant_id,
        code_id,
    )


async def set_code_session(connection: Connection, tenant_id: UUID, code_id: UUID, session_id: UUID) -> None:
    """Record the session that the code was exchanged for, so that a second use can end it."""
    await connection.execute(
        "update one_time_code set session_id = $3 where tenant_id = $1 and id = $2", tenant_id, code_id, session_id
    )


async def code_session(connection: Connection, tenant_id: UUID, code_id: UUID) -> UUID | None:
    """The session that a used code was exchanged for; waits for a use that is just being committed."""
    value: UUID | None = await connection.fetchval(
        "select session_id from one_time_code where tenant_id = $1 and id = $2 for update", tenant_id, code_id
    )
    return value


async def _is_first(connection: Connection, statement: str, *arguments: object) -> bool:
    """Whether the statement wrote a row: every use of a value that is valid once is one of these."""
    status: str = await connection.execute(statement, *arguments)
    return status.endswith(" 1")
