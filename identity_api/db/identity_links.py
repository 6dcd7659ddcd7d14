"""Identities as admins create, release and remove them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.grants import Closing


class Link(msgspec.Struct, frozen=True):
    """An identity that is not unlinked."""

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
    return Link(**row) if row else None


async def open_grants(connection: Connection, tenant_id: UUID, identity_id: UUID) -> list[Closing]:
    """The open grants from its groups, in force or not, to be closed."""
    rows = await connection.fetch(
        """
        select id as grant_id, user_id, permission_id, identity_id, mapping_id, group_id from permission_grant
        where tenant_id = $1 and identity_id = $2 and source = 'GROUP' and revoked_at is null order by id
        """,
        tenant_id,
        identity_id,
    )
    return [Closing(**row, reason="ADMIN") for row in rows]


async def release(connection: Connection, tenant_id: UUID, identity_id: UUID) -> None:
    """From now on a login makes it fresh again."""
    await connection.execute(
        """
        update identity set state = 'REVOKED', state_reason = 'admin', state_since = now()
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        identity_id,
    )


async def unlink(connection: Connection, tenant_id: UUID, identity_id: UUID) -> None:
    """Unlink it. Its row stays for the grants that name it, but does not identify the person at the provider;
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


class Bound(msgspec.Struct, frozen=True):
    """An identity, and the person it identifies."""

    id: UUID
    user_id: UUID
    issuer: str
    subject: str | None
    anchor: str

    def __repr__(self) -> str:
        return f"Bound(id={self.id})"

    @property
    def is_anchored_by_subject(self) -> bool:
        """Its anchor is the subject, so that nobody with another subject can be taken for it."""
        return self.anchor == self.subject


async def bound(connection: Connection, tenant_id: UUID, identity_id: UUID) -> Bound | None:
    """The identity, if it is this tenant's."""
    row = await connection.fetchrow(
        """
        select id, user_id, issuer, subject, anchor from identity
        where tenant_id = $1 and id = $2 and unlinked_at is null
        """,
        tenant_id,
        identity_id,
    )
    return Bound(**row) if row else None


async def bound_at(
    connection: Connection, tenant_id: UUID, provider_id: UUID, *, issuer: str | None, after: UUID | None, limit: int
) -> list[Bound]:
    """Identities of the provider that have a subject, in the order of their ids; of one issuer if it is named."""
    rows = await connection.fetch(
        """
        select id, user_id, issuer, subject, anchor from identity
        where tenant_id = $1 and provider_id = $2 and unlinked_at is null and subject is not null
            and ($3::text is null or issuer = $3) and ($4::uuid is null or id > $4)
        order by id limit $5
        """,
        tenant_id,
        provider_id,
        issuer,
        after,
        limit,
    )
    return [Bound(**row) for row in rows]


class Anchored(msgspec.Struct, frozen=True):
    """An identity of a provider with its user's name."""

    id: UUID
    user_id: UUID
    username: str
    anchor: str
    subject: str | None

    def __repr__(self) -> str:
        return f"Anchored(id={self.id})"


async def anchored_at(connection: Connection, tenant_id: UUID, provider_id: UUID) -> list[Anchored]:
    """Every identity of the provider, by username and anchor."""
    rows = await connection.fetch(
        """
        select i.id, i.user_id, u.username, i.anchor, i.subject
        from identity i join app_user u on u.tenant_id = $1 and u.id = i.user_id
        where i.tenant_id = $1 and i.provider_id = $2 and i.unlinked_at is null order by u.username, i.anchor
        """,
        tenant_id,
        provider_id,
    )
    return [Anchored(**row) for row in rows]


async def move_anchors(
    connection: Connection, tenant_id: UUID, provider_id: UUID, moves: Mapping[UUID, str], *, with_subject: bool
) -> None:
    """Give identities of the provider other anchors; no two of them, old or new, may be the same.

    Args:
        with_subject: where the subject was the anchor, it follows.
    """
    await connection.execute(
        """
        update identity i set anchor = m.anchor, subject = case when $5 and i.subject = i.anchor then m.anchor else i.subject end
        from unnest($3::uuid[], $4::text[]) as m (id, anchor)
        where i.tenant_id = $1 and i.provider_id = $2 and i.id = m.id
        """,
        tenant_id,
        provider_id,
        list(moves),
        list(moves.values()),
        with_subject,
    )


async def count_bound(
    connection: Connection, tenant_id: UUID, provider_id: UUID, *, issuer: str | None
) -> tuple[int, int, int]:
    """How many can wait for a new subject, wait for one already, and have the subject as anchor."""
    row = await connection.fetchrow(
        """
        select count(*) filter (where anchor <> subject) as bound, count(*) filter (where subject is null) as waiting,
            count(*) filter (where anchor = subject) as anchored
        from identity
        where tenant_id = $1 and provider_id = $2 and unlinked_at is null
            and ($3::text is null or subject is null or issuer = $3)
        """,
        tenant_id,
        provider_id,
        issuer,
    )
    assert row is not None  # an aggregate gives one row
    return row["bound"], row["waiting"], row["anchored"]


async def unbind(connection: Connection, tenant_id: UUID, identity_ids: Sequence[UUID], *, reason: str) -> None:
    """Remove their subjects: the next login with the anchor sets them. Their logins have ended."""
    await connection.execute(
        """
        update identity set subject = null, state = 'REVOKED', state_reason = $3, state_since = now()
        where tenant_id = $1 and id = any($2::uuid[])
        """,
        tenant_id,
        identity_ids,
        reason,
    )
