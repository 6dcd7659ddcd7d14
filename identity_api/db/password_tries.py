"""Wrong tries at a password, by where they come from, so that strangers cannot lock out an account's owner.

    known browser   one that has signed in with this password and second factor: ten tries of its own, then the same
                    growing lock; all of an account together three hundred a day
    stranger        all others together: ten tries, then a growing lock (`local_accounts.take_try`). While that lock holds, an
                    address that has not failed today has three more tries, and all such addresses a hundred a day

So a stranger locks out neither a person who has signed in here before nor one who comes from another address, and all
strangers together have at most about two hundred tries a day at one account, however many addresses they have. A person
who can sign in can make any number of known browsers, hence the limit for all of them together.
"""

from uuid import UUID

import msgspec

from identity_api.db import local_accounts
from identity_api.db.database import Connection
from identity_api.db.local_accounts import FIRST_LOCK_SECONDS, FREE_TRIES, LONGEST_LOCK_SECONDS, Taken

ADDRESS_TRIES = 3
"""Tries a day for each address, in addition to those that all strangers share."""
STRANGERS_TRIES = 100
"""Tries a day of all addresses together, while the strangers' lock holds."""
KNOWN_TRIES = 300
"""Tries a day of all known browsers of an account together."""


class Source(msgspec.Struct, frozen=True):
    """Where a try comes from: a hash, and whether it is a browser that has signed in to this account."""

    hash: bytes
    is_known: bool


class Counted(msgspec.Struct, frozen=True):
    """Where a try was counted: at its source, and, unless the strangers' lock held or the browser is known, as a stranger's."""

    source: Source
    at_source: Taken
    as_stranger: Taken | None = None


async def take(connection: Connection, tenant_id: UUID, user_id: UUID, source: Source) -> Counted | None:
    """Count a try as wrong before it is checked; None if it must not be checked, and then nothing is counted."""
    # One at a time: concurrent tries would not see each other.
    await _lock(connection, tenant_id, user_id)
    if source.is_known:
        known = await _take_known(connection, tenant_id, user_id, source)
        return Counted(source, known) if known else None
    as_stranger = await local_accounts.take_try(connection, tenant_id, user_id)
    if as_stranger is not None:
        await _count_address(connection, tenant_id, user_id, source, ADDRESS_TRIES + FREE_TRIES * 1_000)
        return Counted(source, Taken(None), as_stranger)
    made = await _made_today(connection, tenant_id, user_id, is_known=False)
    is_counted = made < STRANGERS_TRIES and await _count_address(connection, tenant_id, user_id, source, ADDRESS_TRIES)
    return Counted(source, Taken(None)) if is_counted else None


async def _lock(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """Lock the account's row, which exists afterwards."""
    await connection.execute(
        """
        insert into local_account as a (id, tenant_id, failures) values ($2, $1, 0)
        on conflict (tenant_id, id) do update set failures = a.failures
        """,
        tenant_id,
        user_id,
    )


async def _made_today(connection: Connection, tenant_id: UUID, user_id: UUID, *, is_known: bool) -> int:
    """The tries of all known browsers, or of all addresses, that have tried within a day."""
    made: int = await connection.fetchval(
        """
        select coalesce(sum(failures), 0) from password_try
        where tenant_id = $1 and user_id = $2 and is_known = $3 and tried_at > now() - interval '1 day'
        """,
        tenant_id,
        user_id,
        is_known,
    )
    return made


async def _take_known(connection: Connection, tenant_id: UUID, user_id: UUID, source: Source) -> Taken | None:
    if await _made_today(connection, tenant_id, user_id, is_known=True) >= KNOWN_TRIES:
        return None
    found = await connection.fetchrow(
        """
        insert into password_try as t (tenant_id, user_id, source_hash, is_known, failures, tried_at)
        values ($1, $2, $3, true, 1, now())
        on conflict (tenant_id, user_id, source_hash) do update set failures = t.failures + 1, tried_at = excluded.tried_at,
            -- In UTC: what an interval adds to a moment could otherwise depend on the session's time zone.
            locked_until = case when t.failures + 1 >= $4 then (excluded.tried_at at time zone 'UTC'
                + make_interval(secs => least($5 * 2 ^ least(t.failures + 1 - $4, 20), $6))) at time zone 'UTC' end
        where t.locked_until is null or t.locked_until <= excluded.tried_at
        returning t.locked_until
        """,
        tenant_id,
        user_id,
        source.hash,
        FREE_TRIES,
        float(FIRST_LOCK_SECONDS),
        float(LONGEST_LOCK_SECONDS),
    )
    return Taken(found["locked_until"]) if found is not None else None


async def _count_address(connection: Connection, tenant_id: UUID, user_id: UUID, source: Source, at_most: int) -> bool:
    """One more from this address; False if it has had so many within a day."""
    found = await connection.fetchval(
        """
        insert into password_try as t (tenant_id, user_id, source_hash, is_known, failures, tried_at)
        values ($1, $2, $3, false, 1, now())
        on conflict (tenant_id, user_id, source_hash) do update set tried_at = excluded.tried_at,
            failures = case when excluded.tried_at - t.tried_at < interval '1 day' then t.failures + 1 else 1 end
        where t.failures < $4 or excluded.tried_at - t.tried_at >= interval '1 day'
        returning true
        """,
        tenant_id,
        user_id,
        source.hash,
        at_most,
    )
    return found is not None


async def give_back(connection: Connection, tenant_id: UUID, user_id: UUID, counted: Counted) -> None:
    """Take back the count of one try that was right so far. Earlier wrong tries, and their locks, stay."""
    if counted.as_stranger is not None:
        await local_accounts.give_back_try(connection, tenant_id, user_id, counted.as_stranger)
    await connection.execute(
        """
        update password_try set failures = greatest(failures - 1, 0), locked_until = nullif(locked_until, $4)
        where tenant_id = $1 and user_id = $2 and source_hash = $3
        """,
        tenant_id,
        user_id,
        counted.source.hash,
        counted.at_source.locked_until,
    )


async def forget_source(connection: Connection, tenant_id: UUID, user_id: UUID, source: Source) -> None:
    """After a right try, reset this source. Strangers' tries stay counted unless this source is one of them."""
    if not source.is_known:
        await local_accounts.forget_strangers(connection, tenant_id, user_id)
    await connection.execute(
        "delete from password_try where tenant_id = $1 and user_id = $2 and source_hash = $3",
        tenant_id,
        user_id,
        source.hash,
    )


async def forget(connection: Connection, limit: int) -> int:
    """Delete up to so many counts that are a day old and have no lock, of all tenants. Returns how many."""
    status = await connection.execute(
        """
        delete from password_try where (tenant_id, user_id, source_hash) in (
            select tenant_id, user_id, source_hash from password_try where tried_at < now() - interval '1 day' limit $1)
        """,
        limit,
    )
    return int(status.rpartition(" ")[2])
