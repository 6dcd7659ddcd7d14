"""Verify audit chains."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from identity_api.cli.context import no_tenant
from identity_api.config import KeyRing
from identity_api.db import audit, tenants
from identity_api.db.audit import Head
from identity_api.db.database import Connection, Database
from identity_api.errors import BadInput, ConfigurationError
from identity_api.maintenance import audit_archive, audit_files
from identity_api.maintenance.audit_chain import ChainBroken, ChainIntact, Walk, verify
from identity_api.permissions.delegation import Actor
from identity_api.vault import Vault, VaultError

_PROBLEMS = {
    "CHANGED": "the event there was changed",
    "ARCHIVE_DIFFERS": "the rows do not begin where the archive ends",
    "ERASED": "what the event there said is gone, and no erasure has removed it",
    "MISSING": "the event there is missing",
    "CUT_OFF": "the chain is cut off there",
    "HEAD_CHANGED": "the chain's head does not belong to its events",
    "HEAD_MISSING": "the chain has no head",
    "KNOWN_HEAD_DIFFERS": "the event there is not the one that was noted",
    "KEY_MISSING": "the key ring lacks the key it was sealed with",
}


_HEAD = re.compile(r"[1-9][0-9]{0,17}:[0-9a-f]{64}", re.ASCII)


class Verdict(msgspec.Struct, frozen=True):
    """One tenant's chain. `first_bad` is the sequence number of the first broken place."""

    tenant: str
    intact: bool
    events: int | None = None
    """All of the chain, those in archives included."""
    verified_from: int | None = None
    """The first event that was looked at; those before it are in archives that were not given."""
    first_bad: int | None = None
    problem: str | None = None
    head: str | None = None
    """The chain's newest link as SEQUENCE:MAC, to be noted elsewhere; `--known-head` takes it."""

    def __str__(self) -> str:
        if self.intact:
            told = f"ok    {self.tenant}: {self.events} event(s)"
            if self.verified_from in (None, 1):
                return told
            return (
                f"{told}, verified from event {self.verified_from} on; those before are in archives that were not given"
            )
        place = f"event {self.first_bad}" if self.first_bad is not None else "the chain"
        return f"fail  {self.tenant}: {place}: {_PROBLEMS.get(self.problem or '', self.problem)}"


def head_of(text: str) -> Head:
    """A noted head: SEQUENCE:MAC.

    Raises:
        BadInput: it has another form.
    """
    if not _HEAD.fullmatch(text):
        raise BadInput("A head is written SEQUENCE:MAC, as `audit verify --json` and the log's audit.head have it.")
    sequence, _, mac = text.partition(":")
    return Head(int(sequence), bytes.fromhex(mac), "")


async def verify_chains(
    database: Database,
    ring: KeyRing,
    slug: str | None,
    *,
    known_head: Head | None = None,
    archives: Sequence[Path] = (),
) -> list[Verdict]:
    """Verify every tenant's chain, or one tenant's.

    Args:
        known_head: the chain of the one tenant must still pass through it.
        archives: files of the one tenant, or folders of them, in their order, to be walked through first.

    Raises:
        NotFound: there is no such tenant.
    """
    vault = Vault(ring)
    async with database.reading() as connection:
        chosen = [one for one in await tenants.list_all(connection) if slug in (None, one.slug)]
        if slug is not None and not chosen:
            raise no_tenant(slug)
        verdicts = []
        for tenant in chosen:
            try:
                found, after = await _verified(connection, vault, tenant.id, archives, known_head)
            except VaultError as error:
                verdicts.append(Verdict(tenant.slug, False, problem=error.code))
                continue
            if isinstance(found, ChainIntact):
                head = await audit.head(connection, tenant.id)
                noted = f"{head.sequence}:{head.mac.hex()}" if head and head.sequence else None
                verdicts.append(Verdict(tenant.slug, True, found.events, after + 1, head=noted))
            else:
                verdicts.append(Verdict(tenant.slug, False, first_bad=found.sequence, problem=found.problem))
    return verdicts


async def _verified(
    connection: Connection, vault: Vault, tenant_id: UUID, archives: Sequence[Path], known_head: Head | None
) -> tuple[ChainIntact | ChainBroken, int]:
    """The verdict, and the link that the walk began behind.

    A worker may move events into a file meanwhile: then all is walked once more.
    """
    while True:
        begin = await audit.archived(connection, tenant_id)
        walk = walked(vault, tenant_id, archives, known_head)
        found: ChainIntact | ChainBroken = (
            walk
            if isinstance(walk, ChainBroken)
            else await verify(connection, vault, tenant_id, known_head=known_head, walk=walk)
        )
        if isinstance(found, ChainIntact) or await audit.archived(connection, tenant_id) == begin:
            return found, begin.sequence if walk is None or isinstance(walk, ChainBroken) else walk.after


def walked(
    vault: Vault, tenant_id: UUID, archives: Sequence[Path], known_head: Head | None = None
) -> Walk | ChainBroken | None:
    """The walk over these files; None without any.

    Raises:
        BadInput: a file is no archive, of another tenant, or does not go on where the one before ends; a folder has none.
        ConfigurationError: a file cannot be read.
        VaultError: KEY_MISSING.
    """
    walk: Walk | None = None
    for path in _files(archives):
        try:
            found = audit_archive.verify_file(vault, _lines(path), walk, known_head=known_head)
        except BadInput as error:
            raise BadInput(f"{path}: {error.message}") from None
        if isinstance(found, ChainBroken):
            return found
        if found[0].begin.tenant != tenant_id:
            raise BadInput(f"{path} is the archive of another tenant.")
        walk = found[1]
    return walk


def _files(archives: Sequence[Path]) -> Iterator[Path]:
    """A folder stands for its files, whose names sort in the chain's order."""
    for path in archives:
        found = sorted(path.glob("*.ndjson")) if path.is_dir() else [path]
        if not found:  # nothing would be verified of it, and all would look well
            raise BadInput(f"{path} has no archives: workers write those of a tenant into a folder of its slug.")
        yield from found


def _lines(path: Path) -> Iterator[bytes]:
    try:
        yield from audit_files.lines_of(path)
    except OSError:
        raise ConfigurationError([f"{path} cannot be read."]) from None


async def archive(database: Database, ring: KeyRing, actor: Actor, path: Path, *, before: datetime) -> int:
    """Write the oldest sealed events into a new file, verify it, and delete their rows; returns how many.

    Raises:
        ConfigurationError: the file exists, or cannot be written.
        Refused, Conflict, VaultError: as `audit_files.archive`.
    """
    try:
        return await audit_files.archive(database, Vault(ring), actor.tenant_id, path, before=before, actor=actor.name)
    except audit_files.NotWritten as error:
        raise ConfigurationError([str(error)]) from None
