"""The retention of the audit: what is over it leaves for files, whose chain holds with the rest, whatever fails meanwhile."""

import asyncio
import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from identity_api.cli.audit import verify_chains
from identity_api.config import KeyRing
from identity_api.db import audit
from identity_api.db.database import Connection, Database
from identity_api.errors import Conflict
from identity_api.ids import uuid7
from identity_api.maintenance import audit_archive, audit_files
from identity_api.maintenance.audit_archive import Segment
from identity_api.maintenance.audit_chain import ChainBroken, ChainIntact, Walk, seal_all, verify
from identity_api.maintenance.audit_files import (
    NotArchived,
    NotWritten,
    Retention,
    archive_old,
    archive_tenant,
    lines_of,
)
from identity_api.vault import Vault
from tests import factories as make

pytestmark = pytest.mark.asyncio
RING = KeyRing([("k1", os.urandom(32))])
VAULT = Vault(RING)
TODAY = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)


class Audited:
    """A tenant whose sealed events are so many months old."""

    def __init__(self, database: Database, slug: str, tenant_id: UUID, folder: Path) -> None:
        self.database, self.tenant_id = database, tenant_id
        self.folder = folder / slug

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.is_dir() else []

    async def events(self) -> list[int | None]:
        """The sequences of the rows that are there."""
        async with self.database.reading() as connection:
            found = await connection.fetch(
                "select sequence from audit_event where tenant_id = $1 order by id", self.tenant_id
            )
        return [one["sequence"] for one in found]

    async def archive(self, months: int = 12) -> int:
        before = Retention(months, self.folder).before(TODAY)
        return await archive_tenant(self.database, VAULT, self.folder, self.tenant_id, before)

    async def holds(self, *, with_files: bool = True) -> ChainIntact | ChainBroken:
        await seal_all(self.database, VAULT)
        walk: Walk | None = None
        for path in self.files if with_files else []:
            found = audit_archive.verify_file(VAULT, lines_of(path), walk)
            assert not isinstance(found, ChainBroken)
            walk = found[1]
        async with self.database.reading() as connection:
            return await verify(connection, VAULT, self.tenant_id, walk=walk)


async def audited(database: Database, folder: Path, *ages: timedelta) -> Audited:
    """A tenant with a sealed event of each age."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        for age in ages:
            event = audit.Event("user.changed", "user", uuid7(), new={"age": str(age)})
            await audit.record(connection, tenant.id, "system", [event])
            await connection.execute(
                "update audit_event set at = $2 where tenant_id = $1 and at > now() - interval '1 minute'",
                tenant.id,
                TODAY - age,
            )
    await seal_all(database, VAULT)
    return Audited(database, tenant.slug, tenant.id, folder)


@pytest.mark.parametrize(
    ("now", "months", "begins"),
    [
        ("2026-11-30T23:59:59", 12, "2025-11-01"),
        ("2026-01-01T00:00:00", 1, "2025-12-01"),
        ("2026-03-31T12:00:00", 1, "2026-02-01"),
        ("2026-12-15T12:00:00", 12, "2025-12-01"),
        ("2026-12-15T12:00:00", 1_200, "1926-12-01"),
    ],
)
async def test_whole_calendar_months_stay(now: str, months: int, begins: str) -> None:
    found = Retention(months, Path()).before(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(begins).replace(tzinfo=UTC)


async def test_what_is_over_the_retention_is_in_a_file_of_its_tenant_and_the_rest_stays(
    database: Database, tmp_path: Path
) -> None:
    old, young = timedelta(days=500), timedelta(days=10)
    one = await audited(database, tmp_path, old, old, young)
    other = await audited(database, tmp_path, young)
    assert await one.archive() == 2
    [file] = one.files
    assert file.name.startswith("000000000001-000000000002-")
    assert (file.stat().st_mode & 0o777, one.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (await one.events())[0] == 3
    assert await other.archive() == 0
    assert (other.files, await other.events()) == ([], [1])
    assert isinstance(await one.holds(), ChainIntact)
    assert isinstance(await one.holds(with_files=False), ChainIntact)
    assert await one.archive() == 0
    assert one.files == [file]


async def test_another_month_is_another_file_and_the_chain_goes_through_both(
    database: Database, tmp_path: Path
) -> None:
    one = await audited(database, tmp_path, timedelta(days=500), timedelta(days=400), timedelta(days=1))
    await one.archive(15)
    await one.archive(12)
    assert [path.name[:25] for path in one.files] == ["000000000001-000000000001", "000000000002-000000000002"]
    assert isinstance(await one.holds(), ChainIntact)


async def test_a_file_has_at_most_so_many_events(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_files, "MOST_IN_FILE", 2)
    one = await audited(database, tmp_path, *[timedelta(days=500)] * 5)
    assert await one.archive() == 5
    assert [path.name[:25] for path in one.files] == [
        "000000000001-000000000002", "000000000003-000000000004", "000000000005-000000000005",
    ]  # fmt: skip
    assert isinstance(await one.holds(), ChainIntact)


async def test_a_chain_that_does_not_hold_keeps_its_rows_and_holds_up_no_other_tenant(
    database: Database, tmp_path: Path
) -> None:
    broken = await audited(database, tmp_path, timedelta(days=500))
    whole = await audited(database, tmp_path, timedelta(days=500))
    async with database.transaction() as connection:
        await connection.execute(
            "update audit_event set actor = 'operator:else' where tenant_id = $1", broken.tenant_id
        )
    with pytest.raises(NotArchived):
        await archive_old(database, VAULT, Retention(12, tmp_path), TODAY)
    assert (broken.files, await broken.events()) == ([], [1])
    assert len(whole.files) == 1


async def test_a_folder_that_cannot_be_written_keeps_the_rows(database: Database, tmp_path: Path) -> None:
    one = await audited(database, tmp_path / "away", timedelta(days=500))
    with pytest.raises(NotWritten, match="No such file or directory"):
        await one.archive()
    assert await one.events() == [1]


def _no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_file_that_gets_no_name_keeps_the_rows_and_is_written_anew(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the folder is full, or away, in the last moment."""
    one = await audited(database, tmp_path, timedelta(days=500))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", _no_space)
        with pytest.raises(NotWritten, match="No space left"):
            await one.archive()
    assert (one.files, await one.events()) == ([], [1])
    assert isinstance(await one.holds(), ChainIntact)
    assert await one.archive() == 1
    assert len(one.files) == 1


async def test_of_two_workers_that_write_one_chain_one_moves_it(database: Database, tmp_path: Path) -> None:
    """The other has written a file meanwhile, which it gives up; the rows go once."""
    one = await audited(database, tmp_path, timedelta(days=500))
    erasures = await audit_archive.erasures(database, one.tenant_id)
    late = [line async for line in audit_archive.lines(database, one.tenant_id, TODAY)]
    assert await one.archive() == 1
    named: list[object] = []

    async def keep(_connection: Connection, segment: Segment) -> None:
        named.append(segment)

    with pytest.raises(Conflict):
        await audit_archive.remove(
            database, VAULT, audit_archive.whole_file(VAULT, late), erasures=erasures, actor="system", keep=keep
        )
    assert named == []
    assert len(one.files) == 1


@pytest.mark.parametrize(("killed", "then"), [(15, 12), (12, 15), (12, 12)], ids=["fewer", "more", "equal"])
async def test_a_file_that_was_named_without_a_commit_is_replaced_by_the_next_one(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: int, then: int
) -> None:
    """As of a worker that was killed between the two, or lost the database: the next one may go further, or less far."""
    one = await audited(database, tmp_path, timedelta(days=500), timedelta(days=400), timedelta(days=1))
    with monkeypatch.context() as patched:
        patched.setattr(audit_files, "_flush_folder", _no_space)
        with pytest.raises(NotWritten):
            await one.archive(killed)
    [left] = one.files
    assert await one.events() == [1, 2, 3]
    assert isinstance(await one.holds(), ChainIntact)
    assert await one.archive(then) == (1 if then == 15 else 2)
    [file] = one.files
    assert (file.name == left.name) is (killed == then)
    assert isinstance(await one.holds(), ChainIntact)


async def test_a_file_of_a_chain_that_is_not_there_any_more_stays(database: Database, tmp_path: Path) -> None:
    """As after a restore: it has events that no row has."""
    one = await audited(database, tmp_path, timedelta(days=500))
    one.folder.mkdir()
    names = ["000000000001-000000000001-00000000.ndjson", "000000000002-000000000009-00000000.ndjson", "1.ndjson"]
    for name in names:
        (one.folder / name).write_text("{}")
    assert await one.archive() == 1
    assert {path.name for path in one.files} > {*names}


async def test_two_workers_that_archive_at_once_move_all_of_it_and_fail_at_nothing(
    database: Database, tmp_path: Path
) -> None:
    one = await audited(database, tmp_path, *[timedelta(days=500)] * 3)
    assert sum(await asyncio.gather(one.archive(), one.archive())) == 3
    assert len(one.files) == 1
    assert isinstance(await one.holds(), ChainIntact)


async def test_a_file_that_vanishes_while_it_is_written_holds_up_no_other_tenant(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = [await audited(database, tmp_path, timedelta(days=500)) for _ in range(2)]
    read = audit_files.lines_of

    def lines_of_second_alone(path: Path) -> Iterator[bytes]:
        if path.parent == first.folder:
            path.unlink()
        return read(path)

    monkeypatch.setattr(audit_files, "lines_of", lines_of_second_alone)
    with pytest.raises(NotArchived):
        await archive_old(database, VAULT, Retention(12, tmp_path), TODAY)
    assert (first.files, await first.events()) == ([], [1])
    assert len(second.files) == 1


async def test_what_a_killed_worker_left_unfinished_goes_after_a_day(database: Database, tmp_path: Path) -> None:
    one = await audited(database, tmp_path, timedelta(days=500))
    one.folder.mkdir()
    dead, writing = one.folder / ".dead.partial", one.folder / ".writing.partial"
    for path in (dead, writing):
        path.write_text("{}")
    os.utime(dead, (0, 0))
    await one.archive()
    assert (dead.exists(), writing.exists()) == (False, True)


async def test_events_that_a_worker_moves_during_the_walk_are_no_broken_chain(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await audited(database, tmp_path, timedelta(days=500), timedelta(days=400), timedelta(days=1))
    await one.archive(15)

    async def verify_late(*given: Any, **named: Any) -> ChainIntact | ChainBroken:
        await one.archive(12)
        return await verify(*given, **named)

    monkeypatch.setattr("identity_api.cli.audit.verify", verify_late)
    [verdict] = await verify_chains(database, RING, one.folder.name, archives=[one.folder])
    assert verdict.intact, verdict
