"""The audit as a chain: each event's HMAC covers the event, its place and the HMAC before it, per tenant (I6).

Sealed after the business transaction, because a head locked inside it cut throughput fifteen-fold. So an event can be
removed unseen for the second or two until it is sealed, and no longer.

What may speak of a person is covered by a salted digest, so that it can be erased (`accounts.erasure`): the event keeps its
place, and the erasure's own event says which digests it left.

`verify` finds an event that was changed, removed, inserted or moved, and a chain that was cut off at its end. By itself it
cannot find a chain that was cut off with its head reset to an earlier genuine link: for that the sealer writes the head
to log and metrics, and a head from there can be passed to `verify`.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from identity_api.accounts.erasure import ACTION
from identity_api.accounts.erasure import digest_of as digest
from identity_api.db import audit
from identity_api.db.audit import Head, Unsealed
from identity_api.db.database import Connection, Database
from identity_api.db.erasure import Redacted
from identity_api.telemetry import get_logger
from identity_api.vault import Mac, Vault

PURPOSE = "audit"
EVENTS_PER_TRANSACTION = 1_000
_PAGE = 1_000
_FORMAT = b"identity-api audit 2"
_ABSENT = b"\xff"
"""Marks a missing value: no UTF-8 text is this byte, and an empty text has no bytes."""
_NO_TEXT = b"\xff\xff\xff\xff"
"""The same in a digest, in place of a length."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_log = get_logger(__name__)


class ChainIntact(msgspec.Struct, frozen=True):
    """Every one of the `events` events is unchanged and in its place."""

    events: int


class ChainBroken(msgspec.Struct, frozen=True):
    """The first broken place of the chain, counted from 1, and the kind of fault."""

    sequence: int
    problem: str
    """`CHANGED`, `ERASED`, `MISSING`, `CUT_OFF`, `HEAD_CHANGED`, `HEAD_MISSING` or `KNOWN_HEAD_DIFFERS`."""


async def seal_all(database: Database, vault: Vault, *, limit: int = EVENTS_PER_TRANSACTION) -> int:
    """Seal the events that no chain covers yet; returns their number. Any number of workers may do so.

    Tenants take turns, `limit` events each, so that many events of one do not delay another.
    """
    async with database.reading() as connection:
        waiting: dict[UUID, UUID | None] = dict.fromkeys(await audit.tenants_with_unsealed(connection))
    total = 0
    while waiting:
        for tenant_id, after in list(waiting.items()):
            async with database.transaction() as connection:
                sealed = await seal(connection, vault, tenant_id, limit=limit, after=after)
            total += len(sealed)
            if len(sealed) == limit:
                waiting[tenant_id] = sealed[-1]
            else:
                del waiting[tenant_id]
    return total


async def seal(
    connection: Connection,
    vault: Vault,
    tenant_id: UUID,
    *,
    limit: int = EVENTS_PER_TRANSACTION,
    after: UUID | None = None,
) -> list[UUID]:
    """Append up to `limit` events to the tenant's chain, in the caller's transaction; none if another sealer is sealing
    it.

    Args:
        after: the last event that the caller has just sealed.
    """
    head = await audit.lock_head(connection, tenant_id)
    events = await audit.unsealed(connection, tenant_id, limit, after=after) if head is not None else []
    if head is None or not events:
        return []
    links: list[tuple[UUID, int, bytes]] = []
    mac = head.mac
    key_id = ""
    for sequence, event in enumerate(events, head.sequence + 1):
        key_id, mac = vault.mac(PURPOSE, encode(tenant_id, sequence, mac, event))
        links.append((event.id, sequence, mac))
    await audit.seal(connection, tenant_id, links, key_id)
    # Kept outside the database, this shows that a chain was cut off together with its head.
    _log.info("audit.head", tenant=str(tenant_id), sequence=links[-1][1], mac=mac.hex(), key_id=key_id)
    return [event.id for event in events]


async def verify(
    connection: Connection, vault: Vault, tenant_id: UUID, *, known_head: Head | None = None
) -> ChainIntact | ChainBroken:
    """Walk the tenant's chain from its first event to its head.

    Args:
        known_head: a head noted earlier, for instance from the log; the chain must still pass through it.

    Raises:
        VaultError: KEY_MISSING: the ring lacks a key that events were sealed under. The chain itself may be intact.
    """
    last, mac, erasures = 0, b"", Erasures()
    while True:
        page = await audit.sealed(connection, tenant_id, last, _PAGE)
        for sequence, stored, key_id, event in page:
            if sequence != last + 1:
                return ChainBroken(last + 1, "MISSING")
            if not vault.verify_mac(PURPOSE, encode(tenant_id, sequence, mac, event), Mac(key_id, stored)):
                return ChainBroken(sequence, "CHANGED")
            if known_head is not None and known_head.sequence == sequence and known_head.mac != stored:
                return ChainBroken(sequence, "KNOWN_HEAD_DIFFERS")
            erasures.note(sequence, event)
            last, mac = sequence, stored
        if page:
            continue
        for event in await audit.unsealed(connection, tenant_id, _PAGE):
            erasures.note(last + 1, event)
        if (place := erasures.first_unexplained) is not None:
            return ChainBroken(place, "ERASED")
        # Read after the events, so that links which a sealer added meanwhile are in both or in the head alone.
        head = await audit.head(connection, tenant_id)
        if head is not None and head.sequence > last and await audit.sealed(connection, tenant_id, last, 1):
            continue
        return _judge_end(last, mac, head, known_head)


def _judge_end(last: int, mac: bytes, head: Head | None, known_head: Head | None) -> ChainIntact | ChainBroken:
    if head is None:
        return ChainBroken(1, "HEAD_MISSING") if last else _judge_known(last, known_head)
    if head.sequence > last:
        return ChainBroken(last + 1, "CUT_OFF")
    if head.sequence < last or head.mac != mac:
        return ChainBroken(head.sequence + 1 if head.sequence < last else last, "HEAD_CHANGED")
    return _judge_known(last, known_head)


def _judge_known(last: int, known_head: Head | None) -> ChainIntact | ChainBroken:
    if known_head is not None and known_head.sequence > last:
        return ChainBroken(last + 1, "CUT_OFF")
    return ChainIntact(last)


def encode(tenant_id: UUID, sequence: int, previous_mac: bytes, event: Unsealed) -> bytes:
    """The input of an event's HMAC: every field with its length before it, so that no two events have the same input."""
    microseconds = (event.at - _EPOCH) // timedelta(microseconds=1)
    fields = (
        _FORMAT,
        tenant_id.bytes,
        sequence.to_bytes(8, "big"),
        previous_mac,
        event.id.bytes,
        microseconds.to_bytes(8, "big", signed=True),
        event.actor.encode(),
        event.action.encode(),
        event.subject_kind.encode(),
        b"" if event.subject_id is None else event.subject_id.bytes,
        b"" if event.user_id is None else event.user_id.bytes,
        event.names.encode(),
        _ABSENT if event.request_id is None else event.request_id.encode(),
        digest_of(event),
    )
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def digest_of(event: Unsealed) -> bytes:
    """The digest of what may speak of a person, under the event's salt; of an erased event as it was before.

    The SQL function `audit_digest` computes the same when somebody is erased.
    """
    if event.salt is None:
        assert event.digest is not None  # a constraint of the table
        return event.digest
    whole = hashlib.sha256(event.salt.bytes)
    for text in (event.payload, event.old, event.new, event.address, event.reason):
        encoded = None if text is None else text.encode()
        whole.update(_NO_TEXT if encoded is None else len(encoded).to_bytes(4, "big") + encoded)
    return whole.digest()


class Erasures:
    """What was erased from a chain, compared with what its erasures say that they erased.

    Otherwise whoever can write rows could hide an event behind a digest of its own.
    """

    def __init__(self) -> None:
        self._found: dict[UUID, list[Redacted]] = {}
        self._places: dict[UUID, int] = {}
        self._said: dict[UUID, str] = {}

    def note(self, sequence: int, event: Unsealed) -> None:
        """Look at an event of the chain."""
        if event.erased_by is not None:
            self._found.setdefault(event.erased_by, []).append(Redacted(event.id, digest_of(event)))
            self._places.setdefault(event.erased_by, sequence)
        if event.action == ACTION:
            self._said[event.id] = msgspec.json.decode(event.payload).get("erased", "")

    @property
    def first_unexplained(self) -> int | None:
        """The place of the first event that no erasure of the chain has erased."""
        wrong = [
            self._places[erased_by]
            for erased_by, found in self._found.items()
            if self._said.get(erased_by) != digest(found)
        ]
        return min(wrong, default=None)
