"""Archives beside erasures, and files that no archive ever wrote."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from identity_api.accounts import erasure
from identity_api.config import KeyRing
from identity_api.db import audit
from identity_api.db.audit import Archived
from identity_api.db.database import Database
from identity_api.errors import BadInput, Conflict
from identity_api.ids import uuid7
from identity_api.maintenance import audit_archive
from identity_api.maintenance.audit_chain import ChainBroken, ChainIntact, seal_all, seal_of_archived, verify
from identity_api.permissions.delegation import Actor
from identity_api.vault import Vault
from tests import factories as make
from tests.blocking import blocked_or_done

pytestmark = pytest.mark.asyncio
VAULT = Vault(KeyRing([("k1", os.urandom(32))]))


async def tenant_with(database: Database, people: int) -> tuple[UUID, list[UUID]]:
    """A tenant, and people of whom the sealed audit tells something."""
    async with database.transaction() as connection:
        tenant_id = (await make.make_tenant(connection)).id
        users = [await make.make_user(connection, tenant_id) for _ in range(people)]
        events = [audit.Event("user.changed", "user", one, new={"username": f"name-{one}"}) for one in users]
        await audit.record(connection, tenant_id, "system", events)
    await seal_all(database, VAULT)
    return tenant_id, users


async def file_of(database: Database, tenant_id: UUID) -> list[bytes]:
    return [one async for one in audit_archive.lines(database, tenant_id, datetime.now(UTC) + timedelta(days=1))]


async def erase(database: Database, tenant_id: UUID, user_id: UUID) -> None:
    await erasure.erase_user(database, Actor(tenant_id, None, "operator:root", frozenset()), user_id)
    await seal_all(database, VAULT)


async def holds(database: Database, tenant_id: UUID, *files: list[bytes]) -> ChainIntact | ChainBroken:
    walk = None
    for one in files:
        found = audit_archive.verify_file(VAULT, one, walk)
        assert not isinstance(found, ChainBroken)
        walk = found[1]
    async with database.reading() as connection:
        return await verify(connection, VAULT, tenant_id, walk=walk)


async def move(database: Database, lines: list[bytes], erasures: int) -> int:
    segment = audit_archive.whole_file(VAULT, lines)
    return await audit_archive.remove(database, VAULT, segment, erasures=erasures, actor="operator:root")


async def test_a_file_that_may_speak_of_somebody_erased_meanwhile_takes_no_rows(database: Database) -> None:
    """Otherwise the chain over the files would not hold any more: the erasure says that it erased what they still have."""
    tenant_id, (gone, _) = await tenant_with(database, 2)
    before = await audit_archive.erasures(database, tenant_id)
    early = await file_of(database, tenant_id)
    await erase(database, tenant_id, gone)
    with pytest.raises(Conflict, match="erased while the file was written"):
        await move(database, early, before)
    between = await audit_archive.erasures(database, tenant_id)
    late = await file_of(database, tenant_id)
    assert f"name-{gone}" not in b"".join(late).decode()
    assert await move(database, late, between) > 0
    await seal_all(database, VAULT)
    assert isinstance(await holds(database, tenant_id, late), ChainIntact)


async def test_an_erasure_takes_rows_that_an_interrupted_archiving_has_left(database: Database) -> None:
    """They are in the file as they were, so the erasure does not count them among what it erased."""
    tenant_id, (gone, _) = await tenant_with(database, 2)
    lines = await file_of(database, tenant_id)
    segment = audit_archive.whole_file(VAULT, lines)
    mac = bytes.fromhex(segment.mac)
    seal = seal_of_archived(VAULT, tenant_id, segment.last, mac)
    async with database.transaction() as connection:
        await audit.set_archived(connection, tenant_id, Archived(segment.last, mac, seal.key_id, seal.digest))
    await erase(database, tenant_id, gone)
    async with database.reading() as connection:
        left = await connection.fetchval(
            "select count(*) from audit_event e where tenant_id = $1 and e::text like '%name-' || $2 || '%'",
            tenant_id,
            str(gone),
        )
    assert left == 0
    assert isinstance(await holds(database, tenant_id, lines), ChainIntact)


async def test_an_erasure_waits_for_the_rows_to_be_moved(database: Database) -> None:
    tenant_id, (gone, _) = await tenant_with(database, 2)
    async with database.transaction() as connection:
        await audit.hold_head(connection, tenant_id)
        task = asyncio.create_task(erase(database, tenant_id, gone))
        await blocked_or_done(database, task, connection)
        assert not task.done()
    await task
    assert isinstance(await holds(database, tenant_id), ChainIntact)


@pytest.mark.parametrize(
    "changed",
    [
        {"mac": "no hex"},
        {"mac": "abc"},
        {"sequence": -1},
        {"sequence": 2**64},
        {"event": {"at": "2026-01-01T00:00:00"}},
        {"event": {"salt": None}},
        {"event": {"digest": "AAAA"}},
        {"event": {"id": "x"}},
        {"event": None},
    ],
    ids=str,
)
async def test_a_line_that_no_archive_has_is_named(database: Database, changed: dict[str, object]) -> None:
    tenant_id, _ = await tenant_with(database, 1)
    begin, line = await file_of(database, tenant_id)
    assert audit_archive.whole_file(VAULT, [begin, line]).events == 1
    whole = json.loads(line)
    event = {**whole["event"], **changed.pop("event")} if isinstance(changed.get("event"), dict) else whole["event"]
    bad = json.dumps({**whole, "event": event, **changed}).encode()
    with pytest.raises(BadInput, match="Line 2 is not one"):
        audit_archive.whole_file(VAULT, [begin, bad])


@pytest.mark.parametrize("changed", [{"after": -1}, {"after": 2**64}, {"mac": "x"}, {"tenant": 7}], ids=str)
async def test_a_head_that_no_archive_has_is_named(changed: dict[str, object]) -> None:
    head = {"tenant": str(uuid7()), "after": 0, "mac": ""}
    assert audit_archive.whole_file(VAULT, [json.dumps(head).encode()]).events == 0
    with pytest.raises(BadInput, match="Line 1 is not one"):
        audit_archive.whole_file(VAULT, [json.dumps({**head, **changed}).encode()])
