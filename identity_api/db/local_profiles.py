"""The profiles of users that are kept by hand: made and changed by admins, if no provider manages them."""

from uuid import UUID

import asyncpg
import msgspec

from identity_api.db import outbox
from identity_api.db.database import Connection
from identity_api.db.user_filters import fold


class LocalProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a user is called."""

    username: str
    display_label: str
    email: str | None
    email_verified: bool | None

    def __repr__(self) -> str:
        return "LocalProfile()"


async def get(connection: Connection, tenant_id: UUID, user_id: UUID) -> LocalProfile | None:
    """The user's profile."""
    row = await connection.fetchrow(
        "select username, display_label, email, email_verified from app_user where tenant_id = $1 and id = $2",
        tenant_id,
        user_id,
    )
    return LocalProfile(**row) if row else None


async def write(connection: Connection, tenant_id: UUID, user_id: UUID, profile: LocalProfile) -> bool:
    """Overwrite the profile; False if the username is another user's. The transaction goes on in both cases."""
    try:
        async with connection.transaction():  # a savepoint
            await connection.execute(
                """
                update app_user set username = $3, username_folded = $4, display_label = $5, display_label_folded = $6,
                    email = $7, email_folded = $8, email_verified = $9
                where tenant_id = $1 and id = $2
                """,
                tenant_id,
                user_id,
                profile.username,
                fold(profile.username),
                profile.display_label,
                fold(profile.display_label),
                profile.email,
                fold(profile.email) if profile.email else None,
                profile.email_verified,
            )
    except asyncpg.UniqueViolationError:
        return False
    await outbox.record(connection, tenant_id, "user.updated", [user_id])
    return True


async def provider_with_the_say(connection: Connection, tenant_id: UUID, user_id: UUID) -> str | None:
    """The slug of an enabled provider at which the user has an identity: what it says of them is written at each login."""
    value: str | None = await connection.fetchval(
        """
        select p.slug from identity i
        join provider p on p.tenant_id = $1 and p.id = i.provider_id and p.enabled
        where i.tenant_id = $1 and i.user_id = $2 and i.unlinked_at is null order by p.slug limit 1
        """,
        tenant_id,
        user_id,
    )
    return value
