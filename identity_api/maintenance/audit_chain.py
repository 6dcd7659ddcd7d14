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
from identity_api.db.audit import Archived, Head, Unsealed
from identity_api.db.database import Connection, Database
from identity_api.db.erasure import Redacted
from identity_api.errors import BadInput
from identity_api.telemetry import get_logger
from identity_api.vault import Mac, Vault

PURPOSE = "audit"
ARCHIVE_PURPOSE = "audit-archive"
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
    """`CHANGED`, `ERASED`, `MISSING`, `CUT_OFF`, `HEAD_CHANGED`, `HEAD_MISSING`, `ARCHIVE_DIFFERS` or `KNOWN_HEAD_DIFFERS`."""


async def seal_all(database: Database, vault: Vault, *, limit: int = EVENTS_PER_TRANSACTION) -> int:
    """Seal the events that no chain covers yet; returns their number. Any number of workers may do so.

    Tenants take turns, `limit` events each, so that many events of one do not delay another.
    """
    async with database.reading() as connection:
        waiting: dict[UUID, UUID | None] = dict.fromkeys(await audit.unsealed_seconds(connection))
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


class Walk:
    """A walk along a tenant's chain, link by link."""

    def __init__(
        self, vault: Vault, tenant_id: UUID, last: int = 0, mac: bytes = b"", *, known_head: Head | None = None
    ) -> None:
        self._vault = vault
        self.tenant_id = tenant_id
        self.after = last
        """Where it begins: behind this link."""
        self.last, self.mac = last, mac
        self.known_head = known_head
        self.erasures = Erasures(is_whole=last == 0)

    def begin(self) -> ChainBroken | None:
        """What is wrong with the place where it begins, if anything is.

        Raises:
            BadInput: the known head is before it, so that this walk could not compare it.
        """
        if self.known_head is not None and self.known_head.sequence < self.last:
            raise BadInput(
                f"The known head is event {self.known_head.sequence}, and what is verified begins after event {self.last}: give"
                " the archives from there on as well."
            )
        return self._compared()

    def _compared(self) -> ChainBroken | None:
        known = self.known_head
        is_other = known is not None and known.sequence == self.last and known.mac != self.mac
        return ChainBroken(self.last, "KNOWN_HEAD_DIFFERS") if is_other else None

    def step(self, sequence: int, stored: bytes, key_id: str, event: Unsealed) -> ChainBroken | None:
        """The next link; what is wrong with it, if anything is.

        Raises:
            VaultError: KEY_MISSING.
        """
        if sequence != self.last + 1:
            return ChainBroken(self.last + 1, "MISSING")
        covered = encode(self.tenant_id, sequence, self.mac, event)
        if not self._vault.verify_mac(PURPOSE, covered, Mac(key_id, stored)):
            return ChainBroken(sequence, "CHANGED")
        self.erasures.note(sequence, event)
        self.last, self.mac = sequence, stored
        return self._compared()


async def verify(
    connection: Connection, vault: Vault, tenant_id: UUID, *, known_head: Head | None = None, walk: Walk | None = None
) -> ChainIntact | ChainBroken:
    """Walk the tenant's chain from its first event, or from where the archives end, to its head.

    Args:
        known_head: a head noted earlier, for instance from the log; the chain must still pass through it.
        walk: over the archives, which has a known head of its own; None begins where the rows begin.

    Raises:
        BadInput: the known head is of an event that was archived, and no walk went over it.
        VaultError: KEY_MISSING: the ring lacks a key that events were sealed under. The chain itself may be intact.
    """
    begin = await audit.archived(connection, tenant_id)
    if not is_genuine(vault, tenant_id, begin) or (walk is not None and walk.last < begin.sequence):
        return ChainBroken(begin.sequence if walk is None else walk.last + 1, "ARCHIVE_DIFFERS")
    if walk is None:
        walk = Walk(vault, tenant_id, begin.sequence, begin.mac, known_head=known_head)
        if (broken := walk.begin()) is not None:
            return broken
    elif walk.last == begin.sequence and walk.mac != begin.mac:
        return ChainBroken(walk.last, "ARCHIVE_DIFFERS")
    while True:
        page = await audit.sealed(connection, tenant_id, walk.last, _PAGE)
        for sequence, stored, key_id, event in page:
            broken = walk.step(sequence, stored, key_id, event)
            if broken is not None:
                return broken
        if page:
            continue
        for event in await audit.unsealed(connection, tenant_id, _PAGE):
            walk.erasures.note(walk.last + 1, event)
        if (place := walk.erasures.first_unexplained) is not None:
            return ChainBroken(place, "ERASED")
        # Read after the events, so that links which a sealer added meanwhile are in both or in the head alone.
        head = await audit.head(connection, tenant_id)
        if head is not None and head.sequence > walk.last and await audit.sealed(connection, tenant_id, walk.last, 1):
            continue
        return _judge_end(walk.last, walk.mac, head, walk.known_head)


def seal_of_archived(vault: Vault, tenant_id: UUID, sequence: int, mac: bytes) -> Mac:
    """What keeps the place where the rows begin from being moved by somebody without the key."""
    return vault.mac(ARCHIVE_PURPOSE, _place(tenant_id, sequence, mac))


def is_genuine(vault: Vault, tenant_id: UUID, begin: Archived) -> bool:
    """Whether the rows may begin there: at the first event, or where this service has archived up to.

    Raises:
        VaultError: KEY_MISSING.
    """
    if begin.sequence == 0:
        return True
    return vault.verify_mac(
        ARCHIVE_PURPOSE, _place(tenant_id, begin.sequence, begin.mac), Mac(begin.key_id, begin.seal)
    )


def _place(tenant_id: UUID, sequence: int, mac: bytes) -> bytes:
    return tenant_id.bytes + sequence.to_bytes(8, "big") + mac


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

    def __init__(self, *, is_whole: bool) -> None:
        self._is_whole = is_whole
        """Whether the walk began with the first event, so that all that an erasure erased is seen."""
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
        wrong = [self._places[one] for one, found in self._found.items() if not self._explains(one, found)]
        return min(wrong, default=None)

    def _explains(self, erasure: UUID, found: list[Redacted]) -> bool:
        said = self._said.get(erasure)
        return said is not None and (not self._is_whole or said == digest(found))
