"""Local passwords: whose they are, what protects them, and whether the tenant allows them.

Wrong tries are counted before the password is checked, by one statement that also refuses while an account is locked: a
hundred tries sent at once count as a hundred. A right password takes its own count back.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db import outbox
from identity_api.db.database import Connection

FREE_TRIES = 10
"""Wrong tries before the first lock."""
FIRST_LOCK_SECONDS = 30
LONGEST_LOCK_SECONDS = 900
"""No lock is permanent: otherwise anybody could lock out anybody."""


class LocalPolicy(msgspec.Struct, frozen=True):
    """How a tenant keeps its users (S0-05, S0-06)."""

    local_sign_in: bool = False
    """Users may have a password here and sign in with it."""
    sso_managed: bool = False
    """Only providers make users and set their names."""


async def policy(connection: Connection, tenant_id: UUID, *, hold: bool = False) -> LocalPolicy:
    """The tenant's policy; without a row, neither.

    Args:
        hold: lock it until the transaction ends, so that no session begins while all of them are being ended.
    """
    statement = "select local_sign_in, sso_managed from local_policy where tenant_id = $1"
    row = await connection.fetchrow(f"{statement} for share" if hold else statement, tenant_id)
    return LocalPolicy(**row) if row else LocalPolicy()


async def write_policy(connection: Connection, tenant_id: UUID, wanted: LocalPolicy) -> None:
    """Make this the tenant's policy."""
    await connection.execute(
        """
        insert into local_policy (tenant_id, local_sign_in, sso_managed) values ($1, $2, $3)
        on conflict (tenant_id) do update set local_sign_in = excluded.local_sign_in, sso_managed = excluded.sso_managed
        """,
        tenant_id,
        wanted.local_sign_in,
        wanted.sso_managed,
    )


class LocalAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A user as their password and second factor see them."""

    user_id: UUID
    username: str
    display_label: str
    email: str | None
    disabled_at: datetime | None
    epoch: int
    """The user's and the tenant's together."""
    password_hash: str | None
    totp_sealed: bytes | None
    totp_confirmed_at: datetime | None
    totp_step: int | None

    def __repr__(self) -> str:
        return f"LocalAccount(user_id={self.user_id})"

    @property
    def has_totp(self) -> bool:
        """Whether signing in asks for a one-time code."""
        return self.totp_confirmed_at is not None


_ACCOUNT = """
    select u.id as user_id, u.username, u.display_label, u.email, u.disabled_at, u.epoch + t.epoch as epoch,
        u.password_hash, a.totp_sealed, a.totp_confirmed_at, a.totp_step
    from app_user u
    join tenant t on t.id = u.tenant_id
    left join lateral (select * from local_account where tenant_id = $1 and id = u.id limit 1) a on true
    where u.tenant_id = $1
"""


def _account(row: Record | None) -> LocalAccount | None:
    return LocalAccount(**row) if row else None


async def by_username(connection: Connection, tenant_id: UUID, username: str) -> LocalAccount | None:
    """The user with exactly this name (NFC)."""
    return _account(await connection.fetchrow(f"{_ACCOUNT} and u.username = $2", tenant_id, username))


async def get(connection: Connection, tenant_id: UUID, user_id: UUID) -> LocalAccount | None:
    """The user of that id."""
    return _account(await connection.fetchrow(f"{_ACCOUNT} and u.id = $2", tenant_id, user_id))


class Taken(msgspec.Struct, frozen=True):
    """A try that was counted, and the lock that it brought, if any: giving the try back lifts that lock and no other."""

    locked_until: datetime | None


async def take_try(connection: Connection, tenant_id: UUID, user_id: UUID) -> Taken | None:
    """Count a try as wrong before it is checked; None while the account is locked, and then nothing is counted.

    The caller has locked the account's row, which is there.
    """
    row = await connection.fetchrow(
        """
        update local_account a set failures = t.failures, locked_until = t.locked_until
        from (
            select b.failures + 1 as failures, case when b.failures + 1 >= $3
                then now() + make_interval(secs => least($4 * 2 ^ least(b.failures + 1 - $3, 20), $5)) end as locked_until
            from local_account b
            where b.tenant_id = $1 and b.id = $2 and (b.locked_until is null or b.locked_until <= now()) offset 0) t
        where a.tenant_id = $1 and a.id = $2 returning t.locked_until
        """,
        tenant_id,
        user_id,
        FREE_TRIES,
        float(FIRST_LOCK_SECONDS),
        float(LONGEST_LOCK_SECONDS),
    )
    return Taken(row["locked_until"]) if row is not None else None


async def give_back_try(connection: Connection, tenant_id: UUID, user_id: UUID, taken: Taken) -> None:
    """Take back the count of one try that was right so far. Earlier wrong tries stay counted."""
    await connection.execute(
        """
        update local_account set failures = greatest(failures - 1, 0), locked_until = nullif(locked_until, $3)
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        user_id,
        taken.locked_until,
    )


async def forget_tries(connection: Connection, tenant_id: UUID, user_id: UUID) -> bool:
    """Reset the counts of all sources, and unlock; False if there was nothing to reset."""
    had_strangers = await forget_strangers(connection, tenant_id, user_id)
    status = await connection.execute(
        "delete from password_try where tenant_id = $1 and user_id = $2", tenant_id, user_id
    )
    return had_strangers or bool(status != "DELETE 0")


async def forget_strangers(connection: Connection, tenant_id: UUID, user_id: UUID) -> bool:
    """Reset the count of strangers' tries, and unlock; False if there was nothing to reset."""
    row = await connection.fetchval(
        """
        update local_account set failures = 0, locked_until = null where tenant_id = $1 and id = $2 and failures > 0
        returning id
        """,
        tenant_id,
        user_id,
    )
    return row is not None


class Guard(msgspec.Struct, frozen=True):
    """What protects a user's password, as the user and admins see it."""

    has_second_factor: bool = False
    locked_until: datetime | None = None


async def guards(connection: Connection, tenant_id: UUID, user_ids: Collection[UUID]) -> dict[UUID, Guard]:
    """For these users, by id; users without any are left out."""
    rows = await connection.fetch(
        """
        select id, totp_confirmed_at is not null as has_second_factor,
            case when locked_until > now() then locked_until end as locked_until
        from local_account where tenant_id = $1 and id = any($2::uuid[])
        """,
        tenant_id,
        list(user_ids),
    )
    return {row["id"]: Guard(row["has_second_factor"], row["locked_until"]) for row in rows}


async def set_password_hash(connection: Connection, tenant_id: UUID, user_id: UUID, password_hash: str | None) -> None:
    """Set or remove the password."""
    is_other_way_in = await connection.fetchval(
        """
        update app_user u set password_hash = $3 from app_user before
        where u.tenant_id = $1 and u.id = $2 and before.tenant_id = $1 and before.id = $2
        returning (before.password_hash is null) <> ($3::text is null)
        """,
        tenant_id,
        user_id,
        password_hash,
    )
    await outbox.record(connection, tenant_id, "user.permissions_changed", [user_id] if is_other_way_in else [])


async def enrol_totp(connection: Connection, tenant_id: UUID, user_id: UUID, sealed: bytes) -> None:
    """Store a secret that has no effect until it is confirmed; it replaces an unconfirmed one."""
    await connection.execute(
        """
        insert into local_account (id, tenant_id, failures, totp_sealed) values ($2, $1, 0, $3)
        on conflict (tenant_id, id) do update set totp_sealed = excluded.totp_sealed, totp_confirmed_at = null, totp_step = null
        """,
        tenant_id,
        user_id,
        sealed,
    )


async def confirm_totp(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """From now on signing in asks for a code."""
    await connection.execute(
        "update local_account set totp_confirmed_at = now() where tenant_id = $1 and id = $2", tenant_id, user_id
    )


async def use_totp_step(connection: Connection, tenant_id: UUID, user_id: UUID, step: int) -> bool:
    """Use up a time step, and all before it; False if it was used already (RFC 6238 section 5.2)."""
    row = await connection.fetchval(
        """
        update local_account set totp_step = $3
        where tenant_id = $1 and id = $2 and (totp_step is null or totp_step < $3) returning id
        """,
        tenant_id,
        user_id,
        step,
    )
    return row is not None


async def remove_totp(connection: Connection, tenant_id: UUID, user_id: UUID) -> bool:
    """Forget the secret, confirmed or not; False if there was none."""
    row = await connection.fetchval(
        """
        update local_account set totp_sealed = null, totp_confirmed_at = null, totp_step = null
        where tenant_id = $1 and id = $2 and totp_sealed is not null returning id
        """,
        tenant_id,
        user_id,
    )
    return row is not None


async def remove_credentials(connection: Connection, tenant_id: UUID, user_id: UUID) -> tuple[bool, bool]:
    """Remove password and second factor, and forget the tries at them; returns whether each existed."""
    had_password = await connection.fetchval(
        """
        update app_user set password_hash = null
        where tenant_id = $1 and id = $2 and password_hash is not null returning true
        """,
        tenant_id,
        user_id,
    )
    await outbox.record(connection, tenant_id, "user.permissions_changed", [user_id] if had_password else [])
    had_totp = await remove_totp(connection, tenant_id, user_id)
    await forget_tries(connection, tenant_id, user_id)
    return bool(had_password), had_totp


async def local_sessions(connection: Connection, tenant_id: UUID, user_id: UUID | None = None) -> list[UUID]:
    """The live sessions that came from a password: of the user, or of the whole tenant."""
    rows = await connection.fetch(
        """
        select id from session
        where tenant_id = $1 and ($2::uuid is null or user_id = $2) and identity_id is null and ended_at is null
        """,
        tenant_id,
        user_id,
    )
    return [row["id"] for row in rows]


async def users_signed_in(connection: Connection, tenant_id: UUID) -> list[UUID]:
    """Users with a live session from a password, or with a finished sign-in that no frontend has picked up yet."""
    rows = await connection.fetch(
        """
        select user_id from session where tenant_id = $1 and identity_id is null and ended_at is null
        union
        select user_id from one_time_code where tenant_id = $1 and identity_id is null and used_at is null
        """,
        tenant_id,
    )
    return [row["user_id"] for row in rows]


async def raise_authenticated_at(
    connection: Connection, tenant_id: UUID, session_id: UUID, at: datetime, *, token_hash: bytes | None
) -> bool:
    """Record that the session's user has authenticated again; False if the session has ended.

    Args:
        token_hash: of the session's new token; None leaves it with the one it has.
    """
    row = await connection.fetchval(
        """
        update session set authenticated_at = greatest(authenticated_at, $3), token_hash = coalesce($4, token_hash)
        where tenant_id = $1 and id = $2 and ended_at is null returning id
        """,
        tenant_id,
        session_id,
        at,
        token_hash,
    )
    return row is not None
