"""Identities as admins enter, release and take them away."""

from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.grants import Closing


class Link(msgspec.Struct, frozen=True):
    """An identity that nobody has taken away."""

    id: UUID
    user_id: UUID
    provider_id: UUID
    anchor: str
    state: str

    def __repr__(self) -> str:
        return f"Link(id={self.id}, state={self.state})"


async def find(connection: Connection, tenant_id: UUID, identity_id: UUID) -> Link | None:
    """The identity, if it is this tenant's."""
    row = await connection.fetchrow(
        """
        select id, user_id, provider_id, anchor, state from identity
        where tenant_id = $1 and id = $2 and unlinked_at is null
        """,
        tenant_id,
        identity_id,
    )
    return row and Link(**row)


async def open_grants(connection: Connection, tenant_id: UUID, identity_id: UUID) -> list[Closing]:
    """What its groups give, in force or not, to be closed."""
    rows = await connection.fetch(
        """
        select id as grant_id, user_id, permission_id from permission_grant
        where tenant_id = $1 and identity_id = $2 and revoked_at is null order by id
        """,
        tenant_id,
        identity_id,
    )
    return [Closing(**row, reason="ADMIN") for row in rows]


async def release(connection: Connection, tenant_id: UUID, identity_id: UUID) -> None:
    """From now on a login brings it back to life."""
    await connection.execute(
        """
        update identity set state = 'REVOKED', state_reason = 'admin', state_since = now()
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        identity_id,
    )


async def unlink(connection: Connection, tenant_id: UUID, identity_id: UUID) -> None:
    """Take it away. Its row stays for the grants that name it, with nothing in it that says whose it was at the provider;
    anchor and subject are free for another identity.
    """
    await connection.execute(
        "delete from identity_group where tenant_id = $1 and identity_id = $2", tenant_id, identity_id
    )
    await connection.execute(
        """
        update identity set unlinked_at = now(), anchor = 'unlinked:' || id, subject = null, claims = '{}',
            state = 'REVOKED', state_reason = 'unlinked', state_since = now()
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        identity_id,
    )
    await connection.execute(
        """
        update identity_sync set generation = generation + 1, due_at = null, lease_until = null, lease_owner = null,
            signed_in_until = null, groups_valid_until = null, groups_completeness = 'UNKNOWN', outcome = 'unlinked'
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        identity_id,
    )
