"""Remove a person from every table: what is left of a user is an id, and what they did under it.

Rows that others refer to stay, with a name that says nothing. An event keeps its place in the audit's chain: the chain
covers a digest of what may speak of a person, under a salt that is deleted with it (`maintenance.audit_chain`).
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db import outbox
from identity_api.db.database import Connection
from identity_api.db.grants import Closing
from identity_api.ids import token_hash

ANCHOR_DAYS: Final = 30
"""How long a person who was erased is not made anew by a login."""
PERSONAL: Final = (
    "username",
    "display_label",
    "email",
    "name",
    "said",
    "anchor_hash",
    "known_subject_hash",
    "received_subject_hash",
)
"""Members of an event about a user that speak of the person."""
_EVENTS: Final = 500


class Anchor(msgspec.Struct, frozen=True):
    """What an identity is found by."""

    identity_id: UUID
    provider_id: UUID
    anchor: str
    issuer: str
    subject: str | None
    """None before the first login."""

    def __repr__(self) -> str:
        return f"Anchor(identity_id={self.identity_id})"


def anchor_hashes(provider_id: UUID, anchor: str, issuer: str, subject: str | None) -> list[bytes]:
    """Digests of an anchor and of a subject, by either of which the person is recognised until they are forgotten."""
    found = [f"{provider_id} a {anchor}"]
    if subject is not None:
        found.append(f"{provider_id} s {issuer} {subject}")
    return [token_hash(one) for one in found]


async def anchors(connection: Connection, tenant_id: UUID, user_id: UUID) -> list[Anchor]:
    """The user's identities that are not unlinked."""
    rows = await connection.fetch(
        """
        select id as identity_id, provider_id, anchor, issuer, subject from identity
        where tenant_id = $1 and user_id = $2 and unlinked_at is null order by id
        """,
        tenant_id,
        user_id,
    )
    return [Anchor(**row) for row in rows]


async def remember_anchors(connection: Connection, tenant_id: UUID, found: Sequence[Anchor]) -> None:
    """Keep logins with these anchors, or as these subjects, from making a new user for a while."""
    await connection.execute(
        """
        insert into erased_anchor (tenant_id, anchor_hash, expires_at)
        select $1, a.hash, now() + make_interval(days => $3) from unnest($2::bytea[]) as a (hash)
        on conflict (tenant_id, anchor_hash) do update set expires_at = excluded.expires_at
        """,
        tenant_id,
        [hash for one in found for hash in anchor_hashes(one.provider_id, one.anchor, one.issuer, one.subject)],
        ANCHOR_DAYS,
    )


async def is_remembered(
    connection: Connection, tenant_id: UUID, provider_id: UUID, anchor: str, *, issuer: str, subject: str
) -> bool:
    """Whether somebody with this anchor, or this subject, has been erased a short while ago."""
    value: bool = await connection.fetchval(
        """
        select exists (
            select from erased_anchor where tenant_id = $1 and anchor_hash = any($2::bytea[]) and expires_at > now())
        """,
        tenant_id,
        anchor_hashes(provider_id, anchor, issuer, subject),
    )
    return value


async def forget_anchors(connection: Connection, limit: int) -> int:
    """Delete what is remembered no longer, of all tenants; returns how many."""
    status = await connection.execute(
        """
        delete from erased_anchor where (tenant_id, anchor_hash) in (
            select tenant_id, anchor_hash from erased_anchor where expires_at < now() limit $1)
        """,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def open_grants(connection: Connection, tenant_id: UUID, user_id: UUID) -> list[Closing]:
    """Closings for everything that the user holds."""
    rows = await connection.fetch(
        """
        select id as grant_id, user_id, permission_id, identity_id, mapping_id, group_id from permission_grant
        where tenant_id = $1 and user_id = $2 and revoked_at is null order by id
        """,
        tenant_id,
        user_id,
    )
    return [Closing(**row, reason="ADMIN") for row in rows]


async def names_of(connection: Connection, tenant_id: UUID, user_id: UUID) -> list[str]:
    """What logins of the user may have been called by, now and as far back as the audit goes."""
    rows = await connection.fetch(
        """
        select distinct name from (
            select unnest(array[username, email]) as name from app_user where tenant_id = $1 and id = $2
            union all
            select unnest(array[claims ->> 'username', claims ->> 'email']) from identity
            where tenant_id = $1 and user_id = $2
            union all
            select unnest(array[old ->> 'username', old ->> 'email', new ->> 'username', new ->> 'email'])
            from audit_event where tenant_id = $1 and user_id = $2) as n
        where name is not null
        """,
        tenant_id,
        user_id,
    )
    return [row["name"] for row in rows]


_DELETED: Final = (
    "delete from provider_test where tenant_id = $1 and user_id = $2",
    "delete from password_token where tenant_id = $1 and user_id = $2",
    "delete from invitation where tenant_id = $1 and user_id = $2",
    "delete from password_try where tenant_id = $1 and user_id = $2",
    "delete from local_account where tenant_id = $1 and id = $2",
    "delete from refresh_token t using identity i where t.tenant_id = $1 and i.tenant_id = $1 and i.user_id = $2"
    " and t.identity_id = i.id",
    "update session set device = null, address = null, provider_session = null, id_token_sealed = null"
    " where tenant_id = $1 and user_id = $2",
    "update api_token set name = '' where tenant_id = $1 and user_id = $2",
    "update proposal set reason = '' where tenant_id = $1 and proposed_by = $2",
)
"""What only this user has; and in rows that others refer to, what speaks of the person."""


async def remove(connection: Connection, tenant_id: UUID, user_id: UUID, names: Sequence[str]) -> None:
    """Empty the user's own rows, and disable the user for good."""
    await connection.execute(
        """
        delete from login_attempt where tenant_id = $1 and id = any(array(
            select id from login_attempt where tenant_id = $1 and (login_hint = any($3::text[]) or id in (
                select attempt_id from one_time_code where tenant_id = $1 and user_id = $2))
            order by id for update))
        """,
        tenant_id,
        user_id,
        list(names),
    )
    await _empty(connection, tenant_id, user_id)
    await connection.execute(
        """
        update app_user set username = 'erased:' || id, username_folded = 'erased:' || id, display_label = 'Erased user',
            display_label_folded = 'erased user', email = null, email_folded = null, email_verified = null,
            password_hash = null, admitted_until = null, epoch = epoch + 1,
            disabled_at = coalesce(disabled_at, moment.at), erased_at = moment.at
        from (select now() as at) moment
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        user_id,
    )
    await outbox.record(connection, tenant_id, "user.updated", [user_id])


async def _empty(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    for statement in _DELETED:
        await connection.execute(statement, tenant_id, user_id)


class Redacted(msgspec.Struct, frozen=True):
    """An event whose content is gone, and the digest by which the chain knows it."""

    event_id: UUID
    digest: bytes


async def events_of(connection: Connection, tenant_id: UUID, user_id: UUID, said: Collection[str]) -> list[UUID]:
    """The events that may speak of the person: about the user, by the user, and failed logins of nobody known under one of
    their names.

    Args:
        said: the words of such logins, one for each name.
    """
    rows = await connection.fetch(
        """
        select id from (
            select id from audit_event where tenant_id = $1 and user_id = $2
            union select id from audit_event where tenant_id = $1 and actor = 'user:' || $2::uuid
            union select id from audit_event
                where tenant_id = $1 and action = 'login.failed' and payload ->> 'said' = any($3::text[])) e
        order by id
        """,
        tenant_id,
        user_id,
        list(said),
    )
    return [row["id"] for row in rows]


async def redact(
    connection: Connection, tenant_id: UUID, user_id: UUID, event_ids: Sequence[UUID], erased_by: UUID
) -> list[Redacted]:
    """Delete what speaks of the person from these events, and the salt of their digests; those redacted before are left out.

    The address and the reason belong to whoever acted: they go from the user's own events, and the reason from those about
    the user as well. What the user did to something else stays as it was recorded.
    """
    found: list[Redacted] = []
    for begin in range(0, len(event_ids), _EVENTS):
        rows = await connection.fetch(
            """
            update audit_event e set
                digest = s.digest, salt = null, erased_by = $4,
                payload = e.payload - s.personal, old = e.old - s.personal,
                new = e.new - s.personal - case when e.subject_kind = 'proposal' then array['reason'] else '{}' end,
                address = case when not s.is_own then e.address end,
                reason = case when not s.is_own and not s.is_about then e.reason end
            from (
                select id, w.is_about, w.is_own, case when w.is_about then $5::text[] else '{}' end as personal,
                    audit_digest(o.salt, o.payload, o.old, o.new, o.address, o.reason) as digest
                from audit_event o
                cross join lateral (
                    select o.user_id is not distinct from $2 or o.action = 'login.failed' as is_about,
                        o.actor = 'user:' || $2::uuid as is_own) w
                where o.tenant_id = $1 and o.id = any($3::uuid[]) offset 0) s
            where e.tenant_id = $1 and e.id = s.id and e.salt is not null
            returning e.id, e.digest
            """,
            tenant_id,
            user_id,
            list(event_ids[begin : begin + _EVENTS]),
            erased_by,
            list(PERSONAL),
        )
        found += [Redacted(row["id"], row["digest"]) for row in rows]
    return found
