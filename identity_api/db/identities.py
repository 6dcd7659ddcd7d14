"""Identities, and the narrow row beside each with the state of its sync."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from identity_api.db import outbox
from identity_api.db.database import Connection
from identity_api.db.user_filters import fold


class StoredIdentity(msgspec.Struct, frozen=True):
    """The stored fields of an identity and its user that a verified answer may change."""

    id: UUID
    user_id: UUID
    generation: int
    state: str
    state_reason: str | None
    claims: Mapping[str, Any]
    display_label: str
    email: str | None
    email_verified: bool | None
    leads: bool
    """No other living identity of the user signed in later: this one's profile is the user's."""
    has_lapsed: bool
    """Its login has lapsed, so that a verified answer puts everything that depends on it in force again."""
    groups_have_lapsed: bool
    """The same for what its groups give, which needs an answer with groups."""


async def standings(
    connection: Connection, tenant_id: UUID, identity_ids: Collection[UUID]
) -> dict[UUID, StoredIdentity]:
    """What is stored of these identities, by id. Read it after locking the users.

    Locks their sync rows, so that the generation read is still the current one when the caller writes.
    """
    rows = await connection.fetch(
        """
        select i.id, i.user_id, s.generation, i.state, i.state_reason, i.claims, u.display_label, u.email, u.email_verified,
            not exists (
                select from identity o
                where o.tenant_id = $1 and o.user_id = i.user_id and o.id <> i.id
                    and o.signed_in_at > i.signed_in_at and o.state not in ('REVOKED', 'QUARANTINED')) as leads,
            coalesce(s.signed_in_until <= now(), false) as has_lapsed,
            coalesce(s.groups_valid_until <= now(), false) as groups_have_lapsed
        from identity i
        join identity_sync s on s.tenant_id = $1 and s.id = i.id
        join app_user u on u.tenant_id = $1 and u.id = i.user_id
        where i.tenant_id = $1 and i.id = any($2::uuid[])
        order by s.id for no key update of s
        """,
        tenant_id,
        list(identity_ids),
    )
    return {row["id"]: StoredIdentity(**{**row, "claims": msgspec.json.decode(row["claims"])}) for row in rows}


class Renewal(msgspec.Struct, frozen=True):
    """An identity's new claims and state."""

    id: UUID
    claims: Mapping[str, Any]
    state: str
    state_reason: str | None


class ProfileChange(msgspec.Struct, frozen=True):
    """A user's new display label and e-mail, as the provider has them."""

    user_id: UUID
    display_label: str
    email: str | None
    email_verified: bool | None


async def write_profiles(connection: Connection, tenant_id: UUID, changes: Sequence[ProfileChange]) -> None:
    """Write the provider's claims about these users; the username does not change."""
    if not changes:
        return
    await connection.execute(
        """
        update app_user u set display_label = n.label, display_label_folded = n.label_folded,
            email = n.email, email_folded = n.email_folded, email_verified = n.verified
        from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[])
            as n (id, label, label_folded, email, email_folded, verified)
        where u.tenant_id = $1 and u.id = n.id
        """,
        tenant_id,
        [one.user_id for one in changes],
        [one.display_label for one in changes],
        [fold(one.display_label) for one in changes],
        [one.email for one in changes],
        [fold(one.email) if one.email else None for one in changes],
        [one.email_verified for one in changes],
    )
    await outbox.record(connection, tenant_id, "user.updated", {one.user_id for one in changes})


class LeaseRenewal(msgspec.Struct, frozen=True):
    """What an identity's sync row becomes after a verified answer."""

    id: UUID
    groups_are_verified: bool
    """Only then is `groups_valid_until` extended (I7)."""
    forget_groups_lease: bool
    """For a login after revocation whose groups cannot be read: grants of the old login must not be in force again."""
    groups_completeness: str
    outcome: str
    seconds_until_due: float | None
    """None: it cannot be synced, so it is never due."""
    was_due_at: datetime | None = None
    """When the sync was due, as it was claimed. If it is due later by now, somebody asked for another one meanwhile."""


_RENEW = """
    with renewed as (
        update identity i set claims = n.claims::jsonb, state = n.state, state_reason = n.reason,
            state_since = case when i.state = n.state and i.state_reason is not distinct from n.reason
                then i.state_since else moment.at end,
            signed_in_at = case when $9 then moment.at else i.signed_in_at end
        from unnest($10::uuid[], $11::text[], $12::text[], $13::text[]) as n (id, claims, state, reason),
            (select now() as at) moment
        where i.tenant_id = $1 and i.id = n.id
    ), asked as (
        -- None unless a login begins. A condition that is false would be no way to say so: Citus drops the whole statement then.
        select s.id, s.attempt_token_id from identity_sync s
        where s.tenant_id = $1 and s.id = any($15::uuid[]) and (s.uncertain or s.attempt_hash is not null)
    ), attempted as (
        update refresh_token r set uncertain = true from asked
        where r.tenant_id = $1 and r.identity_id = asked.id and r.dead_at is null
            and (asked.attempt_token_id is null or r.id = asked.attempt_token_id)
    )
    update identity_sync s set
        signed_in_until = n.until,
        groups_valid_until = case when n.verified then n.until when n.forget then null else s.groups_valid_until end,
        verified_at = now(), outcome = n.outcome, groups_completeness = n.completeness,
        due_at = case when n.due_at is not null and s.due_at > n.was_due then s.due_at else n.due_at end,
        lease_until = null, lease_owner = null, failures = 0, uncertain = false,
        attempt_token_id = null, attempt_hash = null, attempt_at = null,
        generation = s.generation + case when $9 then 1 else 0 end
    from (
        select *, now() + make_interval(secs => due) as due_at, now() + make_interval(secs => $7) as until
        from unnest($2::uuid[], $3::boolean[], $4::boolean[], $5::text[], $6::text[], $8::float8[], $14::timestamptz[])
            as c (id, verified, forget, completeness, outcome, due, was_due) offset 0) n
    where s.tenant_id = $1 and s.id = n.id
"""


async def renew(
    connection: Connection,
    tenant_id: UUID,
    renewals: Sequence[Renewal],
    leases: Sequence[LeaseRenewal],
    *,
    lease_seconds: int,
    begins_login: bool,
) -> None:
    """Write claims and states, extend the leases by the database's clock and set the next due times.

    `begins_login` raises the generation, so that a sync in flight for the login before loses: the tokens of such syncs, and
    of unresolved ones, are uncertain from now on. `standings` has locked the sync rows.
    """
    await connection.execute(
        _RENEW,
        tenant_id,
        [one.id for one in leases],
        [one.groups_are_verified for one in leases],
        [one.forget_groups_lease for one in leases],
        [one.groups_completeness for one in leases],
        [one.outcome for one in leases],
        float(lease_seconds),
        [one.seconds_until_due for one in leases],
        begins_login,
        [one.id for one in renewals],
        [msgspec.json.encode(one.claims).decode() for one in renewals],
        [one.state for one in renewals],
        [one.state_reason for one in renewals],
        [one.was_due_at for one in leases],
        [one.id for one in leases] if begins_login else [],
    )


async def insert(
    connection: Connection,
    tenant_id: UUID,
    *,
    identity_id: UUID,
    user_id: UUID,
    provider_id: UUID,
    issuer: str,
    subject: str | None,
    anchor: str,
) -> None:
    """A new identity with its sync row: no lease and never due until a verified answer renews it."""
    await connection.execute(
        """
        with linked as (
            update app_user set is_linked = true where tenant_id = $1 and id = $3 and not is_linked
        ), made as (
            insert into identity (id, tenant_id, user_id, provider_id, issuer, subject, anchor, claims, state, state_since,
                created_at, signed_in_at)
            values ($2, $1, $3, $4, $5, $6, $7, '{}', 'UNSYNCED', now(), now(), now())
        )
        insert into identity_sync (id, tenant_id, user_id, provider_id, generation, uncertain, failures, groups_completeness)
        values ($2, $1, $3, $4, 0, false, 0, 'UNKNOWN')
        """,
        tenant_id,
        identity_id,
        user_id,
        provider_id,
        issuer,
        subject,
        anchor,
    )


class Found(msgspec.Struct, frozen=True):
    """An identity found by its anchor."""

    id: UUID
    user_id: UUID
    issuer: str
    subject: str | None
    state: str
    user_disabled_at: datetime | None


_FOUND = """
    select i.id, i.user_id, i.issuer, i.subject, i.state, u.disabled_at as user_disabled_at, true as is_anchored
    from identity i join app_user u on u.tenant_id = $1 and u.id = i.user_id
    where i.tenant_id = $1 and i.provider_id = $2
"""


class Key(msgspec.Struct, frozen=True):
    """What a provider says of a person, by which their identity is found."""

    anchor: str
    issuer: str
    subject: str


async def lock_owners(connection: Connection, tenant_id: UUID, provider_id: UUID, key: Key) -> None:
    """Lock the users of the identities that have this anchor value or this subject at the provider, in id order."""
    await connection.execute(
        """
        -- An array, since these are looked up once then, whatever is known of the tables.
        select from app_user where tenant_id = $1 and id = any(array(
            select user_id from identity where tenant_id = $1 and provider_id = $2 and anchor = $3 and unlinked_at is null
            union all
            select user_id from identity where tenant_id = $1 and provider_id = $2 and issuer = $4 and subject = $5))
        order by id for no key update
        """,
        tenant_id,
        provider_id,
        key.anchor,
        key.issuer,
        key.subject,
    )


async def of_person(
    connection: Connection, tenant_id: UUID, provider_id: UUID, key: Key
) -> tuple[Found | None, Found | None]:
    """The identity with exactly this anchor value at the provider, and the one with exactly this subject."""
    rows = await connection.fetch(
        f"""
        {_FOUND} and i.anchor = $3 and i.unlinked_at is null
        union all
        {_FOUND.replace("true as is_anchored", "false as is_anchored")} and i.issuer = $4 and i.subject = $5
        """,
        tenant_id,
        provider_id,
        key.anchor,
        key.issuer,
        key.subject,
    )
    found = {row["is_anchored"]: Found(**{name: row[name] for name in Found.__struct_fields__}) for row in rows}
    return found.get(True), found.get(False)


async def by_anchor(connection: Connection, tenant_id: UUID, provider_id: UUID, anchor: str) -> Found | None:
    """The identity with exactly this anchor value at the provider (no case folding)."""
    row = await connection.fetchrow(
        """
        select i.id, i.user_id, i.issuer, i.subject, i.state, u.disabled_at as user_disabled_at
        from identity i join app_user u on u.tenant_id = $1 and u.id = i.user_id
        where i.tenant_id = $1 and i.provider_id = $2 and i.anchor = $3 and i.unlinked_at is null
        """,
        tenant_id,
        provider_id,
        anchor,
    )
    return Found(**row) if row else None


async def by_subject(
    connection: Connection, tenant_id: UUID, provider_id: UUID, issuer: str, subject: str
) -> Found | None:
    """The identity with exactly this subject at the provider, whatever its anchor."""
    row = await connection.fetchrow(
        """
        select i.id, i.user_id, i.issuer, i.subject, i.state, u.disabled_at as user_disabled_at
        from identity i join app_user u on u.tenant_id = $1 and u.id = i.user_id
        where i.tenant_id = $1 and i.provider_id = $2 and i.issuer = $3 and i.subject = $4
        """,
        tenant_id,
        provider_id,
        issuer,
        subject,
    )
    return Found(**row) if row else None


async def bind_subject(connection: Connection, tenant_id: UUID, identity_id: UUID, issuer: str, subject: str) -> None:
    """Set the subject at the first login of an identity that an admin entered."""
    await connection.execute(
        "update identity set issuer = $3, subject = $4 where tenant_id = $1 and id = $2 and subject is null",
        tenant_id,
        identity_id,
        issuer,
        subject,
    )


async def move_anchor(connection: Connection, tenant_id: UUID, identity_id: UUID, anchor: str) -> None:
    """Change the anchor of a subject (for example after an e-mail address changed)."""
    await connection.execute(
        "update identity set anchor = $3 where tenant_id = $1 and id = $2", tenant_id, identity_id, anchor
    )


async def of_issuers(
    connection: Connection, tenant_id: UUID, provider_id: UUID, issuers: Collection[str]
) -> list[UUID]:
    """Every identity at the provider from one of these issuers."""
    rows = await connection.fetch(
        "select id from identity where tenant_id = $1 and provider_id = $2 and issuer = any($3::text[]) order by id",
        tenant_id,
        provider_id,
        list(issuers),
    )
    return [row["id"] for row in rows]


async def of_provider(
    connection: Connection, tenant_id: UUID, provider_id: UUID, *, limit: int | None = None
) -> list[UUID]:
    """The identities at the provider: all, or at most so many."""
    rows = await connection.fetch(
        "select id from identity where tenant_id = $1 and provider_id = $2 order by id limit $3",
        tenant_id,
        provider_id,
        limit,
    )
    return [row["id"] for row in rows]


async def of_the_same_people(
    connection: Connection, tenant_id: UUID, identity_ids: Collection[UUID], user_ids: Collection[UUID]
) -> list[tuple[UUID, UUID]]:
    """User and identity: all identities of these users, and of those to whom these identities belong."""
    rows = await connection.fetch(
        """
        select i.user_id, i.id from (
            select user_id from identity where tenant_id = $1 and id = any($2::uuid[])
            union select unnest($3::uuid[])) u
        cross join lateral (
            select id, user_id from identity where tenant_id = $1 and user_id = u.user_id offset 0) i
        """,
        tenant_id,
        list(identity_ids),
        list(user_ids),
    )
    return [(row["user_id"], row["id"]) for row in rows]
