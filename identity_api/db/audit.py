"""Audit events: written in the transaction that changes something (I6), chained later by the sealer.

An event records the values before and after, with the names that the tenant's objects had at that moment: a permission
that is deleted later is still named. People are recorded by id, and shown with the name they have when the event is
read; only a profile that is changed by hand has its values here. No event holds a secret.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from identity_api.db.audit_origin import current_origin
from identity_api.db.database import Connection
from identity_api.ids import uuid7


class Event(msgspec.Struct, frozen=True):
    """One change: `action` as `noun.verb_in_the_past`, of the subject named, with what a reader needs to retrace it."""

    action: str
    subject_kind: str
    subject_id: UUID | None = None
    payload: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What else a reader needs: ids under the kind of thing (`user`, `permission`, ...), codes, hashes, numbers."""
    old: Mapping[str, Any] | None = None
    """The values before, by setting; None for a new object, and if nothing was changed."""
    new: Mapping[str, Any] | None = None
    """The values after, by setting; None for a deleted object."""
    actor: str | None = None
    """Who did it, if not whoever did the others that are recorded with it."""

    def refers_to(self, kind: str) -> UUID | None:
        """The id of the object of this kind that the event is about or names."""
        if self.subject_kind == kind:
            return self.subject_id
        try:
            return UUID(self.payload[kind])
        except (KeyError, ValueError, AttributeError, TypeError):
            return None


_KINDS: Final = ("user", "identity", "session", "permission", "mapping", "group", "provider")
UNTOLD: Final = frozenset((*_KINDS, "digest"))
"""Members of a payload that say nothing to people: ids of what the event's names name, and digests."""


class Part(msgspec.Struct):
    """What is recorded of a change set while its changes are made."""

    change_set: UUID
    events: int = 0


_part: ContextVar[Part | None] = ContextVar("audit_part", default=None)


@contextmanager
def part_of(change_set: UUID) -> Iterator[Part]:
    """Events recorded within name this change set in their payload, and are counted."""
    part = Part(change_set)
    token = _part.set(part)
    try:
        yield part
    finally:
        _part.reset(token)


async def record(
    connection: Connection, tenant_id: UUID, actor: str, events: Sequence[Event], *, ids: Sequence[UUID] = ()
) -> None:
    """Insert events into the caller's transaction, in one statement, with the names that objects have in it.

    Args:
        actor: `user:<id>`, `operator:<os user>`, `provider:<id>`, `sync` or `system`.
        ids: of the events, if the caller has referred to them already.
    """
    if not events:
        return
    origin, part = current_origin(), _part.get()
    of_set = {} if part is None else {"change_set": str(part.change_set)}
    if part is not None:
        part.events += len(events)
    await connection.execute(
        _INSERT,
        tenant_id,
        [event.actor or actor for event in events],
        origin.request_id,
        origin.address,
        origin.reason,
        list(ids) or [uuid7() for _ in events],
        [event.action for event in events],
        [event.subject_kind for event in events],
        [event.subject_id for event in events],
        [msgspec.json.encode({**event.payload, **of_set}).decode() for event in events],
        [_json(event.old) for event in events],
        [_json(event.new) for event in events],
        *[[event.refers_to(kind) for event in events] for kind in _KINDS],
    )


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


# Names are read one by one, by key: a join might be planned as a walk through a whole table.
_INSERT = """
    insert into audit_event (id, tenant_id, at, actor, action, subject_kind, subject_id, user_id, payload, names, old, new,
        request_id, address, reason, salt)
    select e.id, $1, clock_timestamp(), e.actor, e.action, e.kind, e.subject,
        coalesce(e.user_id,
            (select i.user_id from identity i where i.tenant_id = $1 and i.id = e.identity),
            (select s.user_id from session s where s.tenant_id = $1 and s.id = e.session)),
        e.payload::jsonb,
        jsonb_strip_nulls(jsonb_build_object(
            'permission', (select p.name from permission p where p.tenant_id = $1 and p.id = e.permission),
            'mapping', (select m.pattern from group_mapping m where m.tenant_id = $1 and m.id = e.mapping),
            'group', (select g.name from provider_group g where g.tenant_id = $1 and g.id = e.group_id),
            'provider', (select v.slug from provider v where v.tenant_id = $1 and v.id = coalesce(e.provider,
                (select i.provider_id from identity i where i.tenant_id = $1 and i.id = e.identity))))),
        e.old::jsonb, e.new::jsonb, $3, $4, $5, gen_random_uuid()
    from unnest($2::text[], $6::uuid[], $7::text[], $8::text[], $9::uuid[], $10::text[], $11::text[], $12::text[], $13::uuid[],
        $14::uuid[], $15::uuid[], $16::uuid[], $17::uuid[], $18::uuid[], $19::uuid[])
        as e (actor, id, action, kind, subject, payload, old, new, user_id, identity, session, permission, mapping, group_id,
            provider)
"""


class Unsealed(msgspec.Struct, frozen=True):
    """An event as the chain covers it; JSON is as the database renders it."""

    id: UUID
    at: datetime
    actor: str
    action: str
    subject_kind: str
    subject_id: UUID | None
    user_id: UUID | None
    payload: str
    names: str
    old: str | None
    new: str | None
    request_id: str | None
    address: str | None
    reason: str | None
    salt: UUID | None
    digest: bytes | None
    """Of what was deleted from an event that has no salt any more."""
    erased_by: UUID | None


class Head(msgspec.Struct, frozen=True):
    """The newest link of a chain; sequence 0 with an empty mac before the first."""

    sequence: int
    mac: bytes
    key_id: str


_LOOKED_AT = 1_000
"""Unsealed events at a time, in the order of their tenants."""


async def unsealed_seconds(connection: Connection) -> dict[UUID, float]:
    """Which tenants have events that no chain covers yet, and for how long the oldest of each has waited."""
    found: dict[UUID, float] = {}
    after, looked_at = UUID(int=0), _LOOKED_AT
    while looked_at == _LOOKED_AT:
        # Of a tenant with more of them, the rest is passed over.
        rows = await connection.fetch(
            """
            select tenant_id, count(*) as events, extract(epoch from now() - min(at))::float8 as seconds from (
                select tenant_id, at from audit_event where sequence is null and tenant_id > $1
                order by tenant_id, id limit $2) e
            group by tenant_id order by tenant_id
            """,
            after,
            _LOOKED_AT,
        )
        looked_at = sum(row["events"] for row in rows)
        found |= {row["tenant_id"]: row["seconds"] for row in rows}
        after = rows[-1]["tenant_id"] if rows else after
    return found


async def lock_head(connection: Connection, tenant_id: UUID) -> Head | None:
    """The chain's head, locked for this transaction; None if another sealer holds it."""
    # Checked first: an insert waits for the transaction that has the row locked, even if it then does nothing.
    await connection.execute(
        """
        insert into audit_head (tenant_id, sequence, mac, key_id, sealed_at)
        select $1, 0, '', '', now() where not exists (select from audit_head where tenant_id = $1) on conflict do nothing
        """,
        tenant_id,
    )
    row = await connection.fetchrow(
        "select sequence, mac, key_id from audit_head where tenant_id = $1 for update skip locked", tenant_id
    )
    return Head(row["sequence"], row["mac"], row["key_id"]) if row else None


_EVENT = (
    "id, at, actor, action, subject_kind, subject_id, user_id, payload::text as payload, names::text as names,"
    " old::text as old, new::text as new, request_id, address, reason, salt, digest, erased_by"
)


async def unsealed(connection: Connection, tenant_id: UUID, limit: int, *, after: UUID | None = None) -> list[Unsealed]:
    """The oldest events that the chain does not cover, at most `limit`.

    Args:
        after: look behind this event only. What was just sealed stays in the index until it is cleaned, and would be
            gone through again every time.
    """
    rows = await connection.fetch(
        f"select {_EVENT} from audit_event where tenant_id = $1 and sequence is null and ($3::uuid is null or id > $3)"
        " order by id limit $2",
        tenant_id,
        limit,
        after,
    )
    return [Unsealed(**row) for row in rows]


async def seal(connection: Connection, tenant_id: UUID, links: Sequence[tuple[UUID, int, bytes]], key_id: str) -> None:
    """Write (event id, sequence, mac) for each link, and move the head to the last one."""
    ids, sequences, macs = zip(*links, strict=True)
    await connection.execute(
        """
        update audit_event e set sequence = l.sequence, mac = l.mac, key_id = $2
        from unnest($3::uuid[], $4::bigint[], $5::bytea[]) as l (id, sequence, mac)
        where e.tenant_id = $1 and e.id = l.id
        """,
        tenant_id,
        key_id,
        list(ids),
        list(sequences),
        list(macs),
    )
    await connection.execute(
        "update audit_head set sequence = $2, mac = $3, key_id = $4, sealed_at = now() where tenant_id = $1",
        tenant_id,
        sequences[-1],
        macs[-1],
        key_id,
    )


async def sealed(
    connection: Connection, tenant_id: UUID, after: int, limit: int
) -> list[tuple[int, bytes, str, Unsealed]]:
    """Covered events in the chain's order: (sequence, mac, key id, event)."""
    rows = await connection.fetch(
        f"select sequence, mac, key_id, {_EVENT} from audit_event"
        " where tenant_id = $1 and sequence > $2 order by sequence limit $3",
        tenant_id,
        after,
        limit,
    )
    return [
        (
            row["sequence"],
            row["mac"],
            row["key_id"],
            Unsealed(**{name: row[name] for name in Unsealed.__struct_fields__}),
        )
        for row in rows
    ]


async def head(connection: Connection, tenant_id: UUID) -> Head | None:
    """The chain's head, unlocked; None before the first sealing."""
    row = await connection.fetchrow("select sequence, mac, key_id from audit_head where tenant_id = $1", tenant_id)
    return Head(row["sequence"], row["mac"], row["key_id"]) if row else None


class Archived(msgspec.Struct, frozen=True):
    """The last link that was moved into a file; sequence 0 before the first. `seal` is a MAC of this place."""

    sequence: int
    mac: bytes
    key_id: str
    seal: bytes


async def archived(connection: Connection, tenant_id: UUID) -> Archived:
    """Where the rows of the tenant's chain begin: after this link."""
    row = await connection.fetchrow(
        """
        select archived_sequence as sequence, archived_mac as mac, archived_key_id as key_id, archived_seal as seal
        from audit_head where tenant_id = $1 and archived_sequence is not null
        """,
        tenant_id,
    )
    return Archived(**row) if row else Archived(0, b"", "", b"")


async def set_archived(connection: Connection, tenant_id: UUID, place: Archived) -> None:
    """Let the rows begin after this link."""
    await connection.execute(
        """
        update audit_head set archived_sequence = $2, archived_mac = $3, archived_key_id = $4, archived_seal = $5
        where tenant_id = $1
        """,
        tenant_id,
        place.sequence,
        place.mac,
        place.key_id,
        place.seal,
    )


async def hold_head(connection: Connection, tenant_id: UUID) -> int:
    """Wait for the head's lock and keep it until the transaction ends; returns how many erasures there have been."""
    value: int | None = await connection.fetchval(
        "select erasures from audit_head where tenant_id = $1 for update", tenant_id
    )
    return value or 0


async def note_erasure(connection: Connection, tenant_id: UUID) -> None:
    """Count an erasure, and keep others from archiving and sealing the tenant's chain until the transaction ends.

    What is erased from the rows must not be in a file that is being written, or the chain over the files would not hold.
    """
    await connection.execute("update audit_head set erasures = erasures + 1 where tenant_id = $1", tenant_id)


async def link(connection: Connection, tenant_id: UUID, sequence: int) -> bytes | None:
    """The MAC of one link; None if its row is not there."""
    value: bytes | None = await connection.fetchval(
        "select mac from audit_event where tenant_id = $1 and sequence = $2", tenant_id, sequence
    )
    return value


async def delete_archived(connection: Connection, tenant_id: UUID, limit: int) -> int:
    """Delete the rows of up to `limit` links that are archived; returns how many."""
    status = await connection.execute(
        """
        delete from audit_event where tenant_id = $1 and sequence in (
            select e.sequence from audit_event e
            where e.tenant_id = $1 and e.sequence <= (select archived_sequence from audit_head where tenant_id = $1)
            order by e.sequence limit $2)
        """,
        tenant_id,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def delete_archived_of(connection: Connection, tenant_id: UUID, event_ids: Sequence[UUID]) -> list[UUID]:
    """Delete those of these events that are archived, and whose rows an interrupted run has left; returns the others."""
    rows = await connection.fetch(
        """
        delete from audit_event where tenant_id = $1 and id = any($2::uuid[])
            and sequence <= (select archived_sequence from audit_head where tenant_id = $1) returning id
        """,
        tenant_id,
        list(event_ids),
    )
    gone = {row["id"] for row in rows}
    return [one for one in event_ids if one not in gone]
