"""Files of archived events: one that the operator names, and those that workers write by the retention of the settings.

    FOLDER/TENANT/FIRST-LAST-MAC.ndjson      the events FIRST to LAST of a tenant's chain; MAC is the beginning of the last link

The names of a tenant's files sort in the order of its chain. A file is complete and on the disk before its rows go: whatever
fails before that deletes nothing, and the next run writes the file anew. A file whose rows are still there was left by a run
that ended between the file and its commit; the next file takes its place.
"""

import asyncio
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db import audit, tenants
from identity_api.db.database import Connection, Database
from identity_api.errors import BadInput, Conflict, Refused
from identity_api.ids import uuid7
from identity_api.maintenance import audit_archive
from identity_api.maintenance.audit_archive import Keep, Segment
from identity_api.telemetry import get_logger
from identity_api.vault import Vault, VaultError

MOST_IN_FILE: Final = 100_000
"""Events."""
_FORGOTTEN_SECONDS: Final = 86_400
"""So old, an unfinished file has no writer any more."""
_NAME: Final = re.compile(r"([0-9]{12,})-([0-9]{12,})-([0-9a-f]{8})\.ndjson", re.ASCII)

_log = get_logger(__name__)


class Retention(msgspec.Struct, frozen=True):
    """How long events stay in the database, and where they go then."""

    months: int
    """Whole calendar months (UTC), at least 1."""
    folder: Path

    def before(self, now: datetime) -> datetime:
        """Events of this moment and later stay: so one file holds whole months, however often this is asked."""
        index = now.year * 12 + now.month - 1 - self.months
        return now.replace(year=index // 12, month=index % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)


class NotWritten(Exception):
    """A file cannot be written; nothing was deleted. The text says which, and why."""


class NotArchived(Exception):
    """Events of some tenants could not be moved; each is in the log."""


async def archive_old(database: Database, vault: Vault, retention: Retention, now: datetime) -> int:
    """Move every tenant's events that are over the retention into files; returns how many.

    Raises:
        NotArchived: it failed for a tenant, after the others.
    """
    async with database.reading() as connection:
        found = await tenants.list_all(connection)
    moved, failed, before = 0, 0, retention.before(now)
    for tenant in found:
        try:
            moved += await archive_tenant(database, vault, retention.folder / tenant.slug, tenant.id, before)
        except (NotWritten, Refused, Conflict, BadInput, VaultError) as error:
            failed += 1
            _log.error("audit.not_archived", tenant=str(tenant.id), problem=str(error))
    if failed:
        raise NotArchived(f"The audit of {failed} of {len(found)} tenants")
    return moved


async def archive_tenant(database: Database, vault: Vault, folder: Path, tenant_id: UUID, before: datetime) -> int:
    """Move a tenant's events of before that moment into files in this folder, which is made; returns how many.

    Raises:
        NotWritten, Refused, Conflict, VaultError: as `archive`.
    """
    try:
        return await _archive_tenant(database, vault, folder, tenant_id, before)
    except Conflict:  # another worker was faster, or somebody was erased meanwhile: neither is a failure
        return await _archive_tenant(database, vault, folder, tenant_id, before)


async def _archive_tenant(database: Database, vault: Vault, folder: Path, tenant_id: UUID, before: datetime) -> int:
    if not await audit_archive.is_due(database, tenant_id, before):
        return await audit_archive.delete_archived(database, tenant_id)
    with _writing(folder):
        await asyncio.to_thread(_prepare, folder)
    total, moved = 0, MOST_IN_FILE
    while moved >= MOST_IN_FILE:
        path = folder / f".{uuid7()}.partial"
        try:
            moved = await archive(
                database, vault, tenant_id, path, before=before, most=MOST_IN_FILE, actor="system", keep=_named(path)
            )
        finally:
            with suppress(OSError):  # the folder is away, or read-only by now: told already, and `_prepare` comes by
                await asyncio.to_thread(path.unlink, missing_ok=True)
        _log.info("audit.archived", tenant=str(tenant_id), events=moved)
        total += moved
    return total


def _named(partial: Path) -> Keep:
    """Gives the file its name."""
    folder = partial.parent

    async def keep(connection: Connection, segment: Segment) -> None:
        named = folder / f"{segment.begin.after + 1:012}-{segment.last:012}-{segment.mac[:8]}.ndjson"
        left = await asyncio.to_thread(_later_files, folder, segment.begin.after)
        await asyncio.to_thread(_place, partial, named)
        for path, last, mac in left:
            link = await audit.link(connection, segment.begin.tenant, last)
            if path != named and link is not None and link.hex().startswith(mac):
                with _writing(path):
                    await asyncio.to_thread(path.unlink, missing_ok=True)

    return keep


def _place(partial: Path, named: Path) -> None:
    with _writing(named.parent):
        partial.replace(named)
        _flush_folder(named.parent)


def _later_files(folder: Path, after: int) -> list[tuple[Path, int, str]]:
    """The files that begin behind this link: path, last link, and the beginning of its MAC."""
    with _writing(folder):
        found = [(path, match) for path in folder.glob("*.ndjson") if (match := _NAME.fullmatch(path.name)) is not None]
    return [(path, int(match[2]), match[3]) for path, match in found if int(match[1]) > after]


def _prepare(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in folder.glob(".*.partial"):
        if path.stat().st_mtime < time.time() - _FORGOTTEN_SECONDS:
            path.unlink(missing_ok=True)


async def archive(
    database: Database,
    vault: Vault,
    tenant_id: UUID,
    path: Path,
    *,
    before: datetime,
    most: int | None = None,
    actor: str,
    keep: Keep | None = None,
) -> int:
    """Write the oldest sealed events into a new file, verify it, and delete their rows; returns how many.

    Args:
        most: events of one file; None for all.
        keep: called with what the file holds once nothing but the commit is left to do, before its rows go.

    Raises:
        NotWritten: the file exists, or cannot be written.
        Refused: `AUDIT_BROKEN`: the chain does not hold there, so that nothing was deleted.
        Conflict: something else archives the same chain, or somebody was erased meanwhile.
        VaultError: KEY_MISSING.
    """
    erasures = await audit_archive.erasures(database, tenant_id)
    with _writing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            async for line in audit_archive.lines(database, tenant_id, before, most):
                opened.write(line + b"\n")
            opened.flush()
            await asyncio.to_thread(os.fsync, descriptor)
        segment = await asyncio.to_thread(lambda: audit_archive.whole_file(vault, lines_of(path)))
        if segment.events == 0:
            await asyncio.to_thread(path.unlink)
    if segment.events == 0:
        return await audit_archive.delete_archived(database, tenant_id)
    return await audit_archive.remove(database, vault, segment, erasures=erasures, actor=actor, keep=keep)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    # Told apart here: in a transaction, an OSError is that of a database that is away.
    try:
        yield
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {error.strerror}. Nothing was deleted.") from error


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as opened:
        yield from opened


def _flush_folder(folder: Path) -> None:
    """A file's name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
