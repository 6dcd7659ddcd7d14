"""Users as provisioning finds and makes them. `user_read_model` reads them for display."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db import outbox
from identity_api.db.database import Connection
from identity_api.db.user_filters import fold


class KnownUser(msgspec.Struct, frozen=True):
    """A user found by name, and what decides whether a provider's login may take over their account."""

    id: UUID
    disabled_at: datetime | None
    was_linked: bool
    """Has an identity at any provider, in whatever state, or ever had a permission by one."""
    holds_identity_rights: bool
    """Holds an open grant of `identity:*`, whether in force or not."""


async def by_username(connection: Connection, tenant_id: UUID, username: str) -> KnownUser | None:
    """The user with exactly this name (NFC, no case folding), locked until the transaction ends."""
    # Two statements: one that waits for a lock reads the other tables as they were before it waited.
    user_id = await connection.fetchval(
        "select id from app_user where tenant_id = $1 and username = $2 for no key update", tenant_id, username
    )
    row = user_id and await connection.fetchrow(
        """
        select u.id, u.disabled_at,
            exists (select from identity i where i.tenant_id = $1 and i.user_id = u.id) or exists (
                select from permission_grant g
                where g.tenant_id = $1 and g.user_id = u.id and g.identity_id is not null) as was_linked,
            exists (
                select from permission_grant g
                join permission p on p.tenant_id = $1 and p.id = g.permission_id and p.name like 'identity:%'
                where g.tenant_id = $1 and g.user_id = u.id and g.revoked_at is null) as holds_identity_rights
        from app_user u where u.tenant_id = $1 and u.id = $2
        """,
        tenant_id,
        user_id,
    )
    return KnownUser(**row) if row else None


async def names(connection: Connection, tenant_id: UUID, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """The usernames of these users."""
    rows = await connection.fetch(
        "select id, username from app_user where tenant_id = $1 and id = any($2::uuid[])", tenant_id, list(user_ids)
    )
    return {row["id"]: row["username"] for row in rows}


async def is_name_but_for_capitals(connection: Connection, tenant_id: UUID, username: str) -> bool:
    """Whether a user has this name, ignoring upper and lower case."""
    return bool(
        await connection.fetchval(
            "select exists (select from app_user where tenant_id = $1 and username_folded = $2)",
            tenant_id,
            fold(username),
        )
    )


class NewUser(msgspec.Struct, frozen=True):
    """A user to insert."""

    id: UUID
    display_label: str
    email: str | None
    email_verified: bool | None


async def insert(connection: Connection, tenant_id: UUID, user: NewUser, username: str) -> bool:
    """Insert the user with this name; False if the name is taken in the tenant."""
    status = await connection.execute(
        """
        insert into app_user
            (id, tenant_id, username, username_folded, display_label, display_label_folded, email, email_folded,
             email_verified, epoch, created_at, active_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, now(), now())
        on conflict (tenant_id, username) do nothing
        """,
        user.id,
        tenant_id,
        username,
        fold(username),
        user.display_label,
        fold(user.display_label),
        user.email,
        fold(user.email) if user.email else None,
        user.email_verified,
    )
    is_new = bool(status == "INSERT 0 1")
    await outbox.record(connection, tenant_id, "user.created", [user.id] if is_new else [])
    return is_new


class SignInStanding(msgspec.Struct, frozen=True):
    """Whether a user may have a session now."""

    refusal: str | None
    """Why not: `ACCOUNT_DISABLED`, `PROVIDER_DISABLED`, `ACCOUNT_QUARANTINED` or `LOGIN_ENDED`."""
    epoch: int
    """The user's and the tenant's together."""


async def standing(connection: Connection, tenant_id: UUID, user_id: UUID, identity_id: UUID | None) -> SignInStanding:
    """Whether a session may begin: by this identity; for None by a password or break-glass.

    The caller has locked the user before: the identity may have died during the wait.
    """
    row = await connection.fetchrow(
        """
        select u.epoch + t.epoch as epoch, case
            when u.disabled_at is not null then 'ACCOUNT_DISABLED'
            when $3::uuid is null then case
                when u.admitted_until > now() then null
                when u.password_hash is null or l.local_sign_in is not true then 'LOGIN_ENDED' end
            when i.id is null then 'LOGIN_ENDED'
            when not p.enabled then 'PROVIDER_DISABLED'
            when i.state = 'QUARANTINED' then 'ACCOUNT_QUARANTINED'
            when i.state = 'REVOKED' then 'LOGIN_ENDED' end as refusal
        from app_user u
        join tenant t on t.id = u.tenant_id
        left join local_policy l on l.tenant_id = $1
        left join identity i on i.tenant_id = $1 and i.user_id = u.id and i.id = $3
        left join provider p on p.tenant_id = $1 and p.id = i.provider_id
        where u.tenant_id = $1 and u.id = $2
        """,
        tenant_id,
        user_id,
        identity_id,
    )
    return SignInStanding(row["refusal"], row["epoch"]) if row else SignInStanding("LOGIN_ENDED", 0)
