"""The disk of the database is full, and the disk of the logs."""

import asyncio
import contextlib
import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from identity_api.db.migrate import migrate
from identity_api.embedded.postgres import Postgres
from identity_api.errors import CannotWrite
from identity_api.graphql.ids import global_id
from tests.faults.conftest import Install, Seen
from tests.faults.installation import GROUP, PERMISSION, Installation
from tests.faults.waiting import Stopwatch, count, until

pytestmark = pytest.mark.asyncio

TOGETHER = 20
HELD_SECONDS = 40.0
"""For how long the disk stays full: longer than a sync's lease lasts."""
FULL = Path("/dev/full")
"""A file that says of every write that the disk is full."""


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Path]:
    """A file system of 128 MiB."""
    disk = open_folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128m,mode=0755", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("A file system for the database can be mounted by root only.")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture
def postgres(small_disk: Path) -> Iterator[Postgres]:
    """A PostgreSQL on the small disk, migrated."""
    server = Postgres(small_disk / "data", fast=True)
    server.start()
    try:
        asyncio.run(migrate(server.url))
        yield server
    finally:
        server.stop()


def fill(disk: Path) -> Path:
    """Leave no space on it; the file that takes it."""
    ballast = disk / "ballast"
    for size in (65_536, 1):
        with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * size):
                pass
    return ballast


@pytest.mark.faults(18)
async def test_a_full_disk_refuses_changes_keeps_reads_and_loses_no_token(
    install: Install, small_disk: Path, postgres: Postgres, seen: Seen
) -> None:
    installation = await install(direct_url=postgres.url, url=postgres.url)
    api = await installation.api()
    worker = installation.worker()
    people = await installation.sign_in(TOGETHER)
    token = await installation.open_session(people[0])
    admin = await installation.admin("identity:mappings:write", "identity:mappings:read")
    await installation.synced()
    # A fresh segment of the write-ahead log: where not even that can be written, PostgreSQL stops by itself.
    await installation.world.write("select pg_switch_wal()")
    await installation.world.write("checkpoint")
    ballast = fill(small_disk)
    refused = await until(lambda: _refused(installation, admin))
    assert refused["code"] == "DATABASE_CANNOT_WRITE", refused
    assert (await api.ready(status=503))["database"] == "full"
    status, body = await installation.me(token)
    assert (status, body["permissions"]) == (200, [PERMISSION])
    before = len(installation.presented())
    watch = Stopwatch()
    while watch.seconds < HELD_SECONDS:
        with contextlib.suppress(CannotWrite):
            await installation.make_due()
        await asyncio.sleep(1)
        assert (await installation.me(token))[0] == 200
    asked = len(installation.presented()) - before
    ballast.unlink()
    assert (await api.ready())["database"] == "ok"
    await installation.make_due()
    await installation.synced()
    presented = installation.presented()
    assert len(presented) == len(set(presented)), "a token was sent twice: the one after it had not landed"
    await installation.require_fresh()
    assert await installation.ended_sessions() == 0
    assert worker.is_running
    assert await _refused(installation, admin) is None
    seen(
        f"Full for {watch.seconds:.0f} s: changes refused (DATABASE_CANNOT_WRITE), permission checks 200; {asked} tokens "
        "rotated meanwhile, 0 lost."
    )


_number = itertools.count()


async def _refused(installation: Installation, admin: str) -> dict[str, Any] | None:
    """Make a mapping; the answer if it is a refusal. A row that still fits into a page is taken."""
    asked = """
        mutation ($input: CreateGroupMappingInput!) {
            createGroupMapping(input: $input) { __typename ... on Problem { code } }
        }
    """
    (permission,) = await installation.rows("select id from permission where name = $1", PERMISSION)
    given = {
        "pattern": f"group-{next(_number)}-{'x' * 150}",
        "permissions": [global_id("Permission", permission["id"])],
    }
    status, body = await installation.graphql(admin, asked, input=given)
    if "errors" in body or status == 503:
        return body["errors"][0]["extensions"] if "errors" in body else body
    assert body["data"]["createGroupMapping"]["__typename"] == "GroupMappingSaved", body
    return None


@pytest.mark.faults(19)
async def test_a_full_disk_of_the_logs_fails_no_request_and_no_sync(install: Install, seen: Seen) -> None:
    installation = await install()
    await installation.api(output=FULL)
    worker = installation.worker(output=FULL)
    people = await installation.sign_in(TOGETHER, is_due=False)
    tokens = [await installation.open_session(person) for person in people]
    rounds, statuses = count(3, 50), set()
    for one in range(rounds):
        for person in people:
            installation.issuer.set_groups(person.username, [GROUP, f"group-{one}"])
        await installation.make_due()
        await installation.synced()
        statuses |= {status for status, _ in await asyncio.gather(*[installation.me(token) for token in tokens])}
    assert statuses == {200}
    assert await installation.events("identity.groups_changed") == (rounds + 1) * TOGETHER
    assert await worker.terminate() == 0
    seen(
        f"{rounds * TOGETHER} syncs and {rounds * TOGETHER} requests with every line of the logs refused: none failed, and "
        "the audit has every change."
    )
