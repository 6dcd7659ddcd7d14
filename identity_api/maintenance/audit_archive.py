"""Move the oldest part of an audit chain into a file, and verify the chain over files and the rest.

    {"tenant": ..., "after": SEQUENCE, "mac": ...}      the head of the file: where it begins
    {"sequence": ..., "mac": ..., "key_id": ..., "event": {...}}      a line for each event, in the chain's order

A file is verified, link by link, before its rows are deleted. The place where the rest begins is kept with a MAC of its own, so
that nobody without the key can cut a chain off at its beginning.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

from identity_api.db import audit
from identity_api.db.audit import Archived, Head, Unsealed
from identity_api.db.database import Connection, Database
from identity_api.errors import BadInput, Conflict, Refused
from identity_api.maintenance.audit_chain import ChainBroken, Walk, is_genuine, seal_of_archived
from identity_api.vault import Vault

PAGE: Final = 1_000
DELETED: Final = 5_000
"""Rows in one statement."""


Place = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})*$")]


class Line(msgspec.Struct, frozen=True):
    """A sealed event."""

    sequence: Place
    mac: Hex
    key_id: str
    event: Unsealed


class Begin(msgspec.Struct, frozen=True):
    """Where a file begins: after this link of its tenant's chain."""

    tenant: UUID
    after: Place
    mac: Hex


class Segment(msgspec.Struct, frozen=True):
    """What a file holds: the links after `begin` up to and with `last`."""

    begin: Begin
    last: int
    mac: str

    @property
    def events(self) -> int:
        """How many."""
        return self.last - self.begin.after


Keep = Callable[[Connection, Segment], Awaitable[None]]
"""What a file holds, called as soon as its rows may go, and before they do. What it raises keeps them."""


async def is_due(database: Database, tenant_id: UUID, before: datetime) -> bool:
    """Whether the oldest sealed event was made before that moment."""
    async with database.reading() as connection:
        begin = await audit.archived(connection, tenant_id)
        oldest = await audit.sealed(connection, tenant_id, begin.sequence, 1)
    return bool(oldest) and oldest[0][3].at < before


async def lines(database: Database, tenant_id: UUID, before: datetime, most: int | None = None) -> AsyncIterator[bytes]:
    """The file, line by line: the sealed events made before that moment, as far as the chain goes on without a gap.

    Nothing is written and nothing deleted.

    Args:
        most: how many of them; None for all.
    """
    async with database.reading() as connection:
        begin = await audit.archived(connection, tenant_id)
    yield msgspec.json.encode(Begin(tenant_id, begin.sequence, begin.mac.hex()))
    last = begin.sequence
    while True:
        async with database.reading() as connection:
            page = await audit.sealed(connection, tenant_id, last, PAGE)
        for sequence, mac, key_id, event in page:
            if event.at >= before or last - begin.sequence == most:
                return
            yield msgspec.json.encode(Line(sequence, mac.hex(), key_id, event))
            last = sequence
        if len(page) < PAGE:
            return


def verify_file(
    vault: Vault, content: Iterable[bytes], walk: Walk | None = None, *, known_head: Head | None = None
) -> tuple[Segment, Walk] | ChainBroken:
    """Walk through a file.

    Args:
        walk: over the files before it; None begins with this one, wherever it begins.
        known_head: that a new walk has to pass through, in this file or later.

    Raises:
        BadInput: it is no such file, or does not go on where the one before ends, naming the line; the known head is before it.
        VaultError: KEY_MISSING.
    """
    rows = iter(content)
    begin = _decoded(next(rows, b""), Begin, 1)
    if walk is None:
        walk = Walk(vault, begin.tenant, begin.after, bytes.fromhex(begin.mac), known_head=known_head)
        if (broken := walk.begin()) is not None:
            return broken
    elif (walk.tenant_id, walk.last, walk.mac) != (begin.tenant, begin.after, bytes.fromhex(begin.mac)):
        raise BadInput(f"The file begins after event {begin.after}, and the one before it does not end there.")
    for one in _lines(rows):
        broken = walk.step(one.sequence, bytes.fromhex(one.mac), one.key_id, one.event)
        if broken is not None:
            return broken
    return Segment(begin, walk.last, walk.mac.hex()), walk


def whole_file(vault: Vault, content: Iterable[bytes]) -> Segment:
    """What a file holds whose events may be deleted.

    Raises:
        Refused: `AUDIT_BROKEN`.
        BadInput, VaultError: as `verify_file`.
    """
    found = verify_file(vault, content)
    if isinstance(found, ChainBroken):
        raise Refused(
            f"The chain does not hold at event {found.sequence}. Nothing was deleted. `identity-api audit verify` says what "
            "is wrong there.",
            code="AUDIT_BROKEN",
        )
    return found[0]


def _lines(rows: Iterator[bytes]) -> Iterator[Line]:
    for number, row in enumerate(rows, 2):
        line: Line = _decoded(row, Line, number)
        # As the table's rows are: either covered as they are, or erased.
        if line.event.at.tzinfo is None or (line.event.salt is None) == (line.event.digest is None):
            raise _not_a_line(number)
        yield line


def _decoded(row: bytes, type_: type[Any], number: int) -> Any:
    try:
        return msgspec.json.decode(row, type=type_)
    except (msgspec.DecodeError, ValueError):
        raise _not_a_line(number) from None


def _not_a_line(number: int) -> BadInput:
    return BadInput(f"Line {number} is not one of an audit archive.")


async def erasures(database: Database, tenant_id: UUID) -> int:
    """How many there have been; to be asked before a file is written."""
    async with database.transaction() as connection:
        return await audit.hold_head(connection, tenant_id)


async def remove(
    database: Database,
    vault: Vault,
    segment: Segment,
    *,
    erasures: int,
    actor: str,
    keep: Keep | None = None,
) -> int:
    """Delete the rows of a verified file, in small transactions, and keep where the rest begins; returns how many.

    Args:
        erasures: how many there had been before the file was written. It may still have what a later one erased.
        keep: see `Keep`.

    Raises:
        Conflict: the chain does not begin where the file does, or does not have its last link; somebody was erased.
        VaultError: KEY_MISSING.
    """
    tenant_id, mac = segment.begin.tenant, bytes.fromhex(segment.mac)
    async with database.transaction() as connection:
        erasures_now = await audit.hold_head(connection, tenant_id)
        begin = await audit.archived(connection, tenant_id)
        is_here = (begin.sequence, begin.mac.hex()) == (segment.begin.after, segment.begin.mac)
        if (
            not is_here
            or not is_genuine(vault, tenant_id, begin)
            or await audit.link(connection, tenant_id, segment.last) != mac
        ):
            raise Conflict("The chain is not the one that the file was written from. Write another one.")
        if erasures_now != erasures:
            raise Conflict(
                "Somebody was erased while the file was written, and it may speak of them. Delete it, and write another one."
            )
        seal = seal_of_archived(vault, tenant_id, segment.last, mac)
        await audit.set_archived(connection, tenant_id, Archived(segment.last, mac, seal.key_id, seal.digest))
        new = {"through": segment.last, "mac": segment.mac}
        event = audit.Event("audit.archived", "tenant", tenant_id, {"events": segment.events}, new=new)
        await audit.record(connection, tenant_id, actor, [event])
        if keep is not None:
            await keep(connection, segment)
    return await delete_archived(database, tenant_id)


async def delete_archived(database: Database, tenant_id: UUID) -> int:
    """Delete what is archived; also what an earlier run was interrupted at."""
    total, deleted = 0, DELETED
    while deleted == DELETED:
        async with database.transaction() as connection:
            deleted = await audit.delete_archived(connection, tenant_id, DELETED)
        total += deleted
    return total
