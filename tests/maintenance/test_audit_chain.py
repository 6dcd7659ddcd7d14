"""The audit chain finds every change made behind its back (promise 48)."""

import asyncio
import os
import random
from uuid import UUID

import pytest

from identity_api.config import KeyRing
from identity_api.db import audit
from identity_api.db.audit import Event
from identity_api.db.database import Connection, Database
from identity_api.ids import uuid7
from identity_api.maintenance.audit_chain import ChainBroken, ChainIntact, seal, seal_all, verify
from identity_api.vault import Vault, VaultError
from tests import factories as make

KEY = ("k1", os.urandom(32))
VAULT = Vault(KeyRing([KEY]))


async def make_chain(connection: Connection, events: int) -> UUID:
    """A tenant with so many sealed events; whoever calls is in a transaction that is thrown away."""
    tenant = await make.make_tenant(connection)
    for number in range(events):
        subject = uuid7() if number % 2 else None
        payload = {"number": number, "ä": None, "list": [1, 2.5]}
        event = Event("user.changed", "user", subject, payload, old={"number": number}, new={"number": 99})
        await audit.record(connection, tenant.id, "system", [event])
    assert len(await seal(connection, VAULT, tenant.id)) == events
    return tenant.id


@pytest.mark.asyncio
async def test_a_sealed_chain_is_intact(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 3)
        assert await verify(connection, VAULT, tenant_id) == ChainIntact(3)


@pytest.mark.asyncio
async def test_a_chain_goes_on_where_it_ended(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 2)
        await audit.record(connection, tenant_id, "sync", [Event("user.changed", "user")])
        assert len(await seal(connection, VAULT, tenant_id)) == 1
        assert len(await seal(connection, VAULT, tenant_id)) == 0
        assert await verify(connection, VAULT, tenant_id) == ChainIntact(3)


@pytest.mark.asyncio
async def test_a_transaction_seals_no_more_than_its_limit(database: Database) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        await audit.record(connection, tenant.id, "system", [Event("user.changed", "user")] * 5)
        assert [len(await seal(connection, VAULT, tenant.id, limit=2)) for _ in range(4)] == [2, 2, 1, 0]
        assert await verify(connection, VAULT, tenant.id) == ChainIntact(5)


@pytest.mark.asyncio
async def test_a_tenant_without_events_has_an_intact_chain_of_none(database: Database) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        assert await verify(connection, VAULT, tenant.id) == ChainIntact(0)


EDITS = {
    "at": "at = at + interval '1 microsecond'",
    "actor": "actor = 'user:somebody'",
    "action": "action = 'user.created'",
    "subject_kind": "subject_kind = 'identity'",
    "subject_id": "subject_id = '00000000-0000-7000-8000-000000000000'",
    "user_id": "user_id = '00000000-0000-7000-8000-000000000000'",
    "names": 'names = \'{"permission": "docs:read"}\'',
    "old": "old = null",
    "new": "new = '{\"number\": 98}'",
    "request_id": "request_id = ''",
    "address": "address = '192.0.2.1'",
    "reason": "reason = 'because'",
    "payload": "payload = payload || '{\"number\": 99}'",
    "payload with the same length": "payload = replace(payload::text, '1', '3')::jsonb",
    "mac": "mac = set_byte(mac, 0, get_byte(mac, 0) # 1)",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_event_is_found_where_it_is(database: Database, edit: str) -> None:
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 3)
        changed = await connection.execute(
            f"update audit_event set {EDITS[edit]} where tenant_id = $1 and sequence = 2", tenant_id
        )
        assert changed == "UPDATE 1"
        assert await verify(connection, VAULT, tenant_id) == ChainBroken(2, "CHANGED")


@pytest.mark.asyncio
async def test_a_removed_event_is_found(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 3)
        await connection.execute("delete from audit_event where tenant_id = $1 and sequence = 2", tenant_id)
        assert await verify(connection, VAULT, tenant_id) == ChainBroken(2, "MISSING")


@pytest.mark.asyncio
async def test_a_removed_event_whose_gap_was_closed_is_found(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 3)
        await connection.execute("delete from audit_event where tenant_id = $1 and sequence = 2", tenant_id)
        await connection.execute("update audit_event set sequence = 2 where tenant_id = $1 and sequence = 3", tenant_id)
        assert await verify(connection, VAULT, tenant_id) == ChainBroken(2, "CHANGED")


@pytest.mark.asyncio
async def test_two_events_that_changed_places_are_found(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 3)
        for old, new in ((1, 100), (2, 1), (100, 2)):
            await connection.execute(
                "update audit_event set sequence = $3 where tenant_id = $1 and sequence = $2", tenant_id, old, new
            )
        assert await verify(connection, VAULT, tenant_id) == ChainBroken(1, "CHANGED")


@pytest.mark.asyncio
async def test_a_chain_that_was_cut_off_is_found(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 3)
        await connection.execute("delete from audit_event where tenant_id = $1 and sequence = 3", tenant_id)
        assert await verify(connection, VAULT, tenant_id) == ChainBroken(3, "CUT_OFF")


@pytest.mark.asyncio
async def test_a_chain_cut_off_with_its_head_is_found_by_a_head_noted_before(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 3)
        noted = await audit.head(connection, tenant_id)
        assert await verify(connection, VAULT, tenant_id, known_head=noted) == ChainIntact(3)
        await connection.execute("delete from audit_event where tenant_id = $1 and sequence = 3", tenant_id)
        await connection.execute(
            """
            update audit_head set sequence = 2,
                mac = (select mac from audit_event where tenant_id = $1 and sequence = 2) where tenant_id = $1
            """,
            tenant_id,
        )
        assert await verify(connection, VAULT, tenant_id) == ChainIntact(2)
        assert await verify(connection, VAULT, tenant_id, known_head=noted) == ChainBroken(3, "CUT_OFF")


@pytest.mark.asyncio
async def test_a_head_that_was_removed_or_changed_is_found(database: Database) -> None:
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 3)
        await connection.execute("update audit_head set mac = $2 where tenant_id = $1", tenant_id, os.urandom(32))
        assert await verify(connection, VAULT, tenant_id) == ChainBroken(3, "HEAD_CHANGED")
        await connection.execute("delete from audit_head where tenant_id = $1", tenant_id)
        assert await verify(connection, VAULT, tenant_id) == ChainBroken(1, "HEAD_MISSING")


@pytest.mark.asyncio
async def test_an_event_of_another_tenants_chain_does_not_fit(database: Database) -> None:
    async with database.transaction() as connection:
        ours, theirs = await make_chain(connection, 1), await make_chain(connection, 1)
        await connection.execute("delete from audit_event where tenant_id = $1", ours)
        await connection.execute("update audit_event set tenant_id = $1 where tenant_id = $2", ours, theirs)
        assert await verify(connection, VAULT, ours) == ChainBroken(1, "CHANGED")


@pytest.mark.asyncio
async def test_a_chain_spans_a_change_of_keys(database: Database) -> None:
    later = Vault(KeyRing([("k2", os.urandom(32)), KEY]))
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 2)
        await audit.record(connection, tenant_id, "sync", [Event("user.changed", "user")])
        assert len(await seal(connection, later, tenant_id)) == 1
        assert await verify(connection, later, tenant_id) == ChainIntact(3)
        with pytest.raises(VaultError) as caught:
            await verify(connection, VAULT, tenant_id)
        assert caught.value.code == "KEY_MISSING"


@pytest.mark.asyncio
async def test_a_thousand_random_changes_are_a_thousand_found(database: Database) -> None:
    """Promise 48, over one chain: each change is made, found, and undone."""
    rng = random.Random(48)
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 8)
        for _ in range(1_000):
            sequence = rng.randint(1, 8)
            undo = connection.transaction()
            await undo.start()
            if rng.random() < 0.2:
                await connection.execute(
                    "delete from audit_event where tenant_id = $1 and sequence = $2", tenant_id, sequence
                )
            else:
                edit = rng.choice([edit for name, edit in EDITS.items() if "same length" not in name])
                await connection.execute(
                    f"update audit_event set {edit} where tenant_id = $1 and sequence = $2", tenant_id, sequence
                )
            found = await verify(connection, VAULT, tenant_id)
            assert isinstance(found, ChainBroken)
            assert found.sequence == sequence
            await undo.rollback()
        assert await verify(connection, VAULT, tenant_id) == ChainIntact(8)


@pytest.mark.asyncio
async def test_sealers_that_work_at_the_same_time_make_one_chain(database: Database) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        await audit.record(connection, tenant.id, "system", [Event("user.changed", "user")] * 50)
    await asyncio.gather(*[seal_all(database, VAULT, limit=7) for _ in range(4)])
    await seal_all(database, VAULT)
    async with database.reading() as connection:
        assert await verify(connection, VAULT, tenant.id) == ChainIntact(50)


@pytest.mark.asyncio
async def test_many_events_of_one_tenant_do_not_keep_another_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.transaction() as connection:
        tenants = [(await make.make_tenant(connection)).id for _ in range(2)]
        for tenant_id, number in zip(tenants, (5, 2), strict=True):
            await audit.record(connection, tenant_id, "system", [Event("user.changed", "user")] * number)
    order: list[UUID] = []
    lock_head = audit.lock_head

    async def noted(connection: Connection, tenant_id: UUID) -> audit.Head | None:
        if tenant_id in tenants:
            order.append(tenant_id)
        return await lock_head(connection, tenant_id)

    monkeypatch.setattr(audit, "lock_head", noted)
    await seal_all(database, VAULT, limit=2)
    assert set(order[:2]) == set(tenants)
    async with database.reading() as connection:
        assert await verify(connection, VAULT, tenants[0]) == ChainIntact(5)
        assert await verify(connection, VAULT, tenants[1]) == ChainIntact(2)


@pytest.mark.asyncio
async def test_the_next_events_are_looked_for_behind_those_just_sealed(database: Database) -> None:
    """And one that was committed late, with an earlier id, by the next sealing."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        early = UUID(int=uuid7().int % 2**80)  # of the first millisecond of 1970
        await audit.record(connection, tenant.id, "system", [Event("user.changed", "user")] * 2)
        last = (await seal(connection, VAULT, tenant.id))[-1]
        await connection.execute(
            """
            insert into audit_event (id, tenant_id, at, actor, action, subject_kind, payload, names, salt)
            values ($1, $2, now(), 'system', 'user.changed', 'user', '{}', '{}', gen_random_uuid())
            """,
            early,
            tenant.id,
        )
        assert await seal(connection, VAULT, tenant.id, after=last) == []
        assert await seal(connection, VAULT, tenant.id) == [early]
        assert await verify(connection, VAULT, tenant.id) == ChainIntact(3)


@pytest.mark.asyncio
async def test_while_one_seals_another_seals_nothing(database: Database) -> None:
    """It does not wait either: the first may have a thousand events to go."""
    async with database.transaction() as connection:
        tenant_id = await make_chain(connection, 1)
        await audit.record(connection, tenant_id, "system", [Event("user.changed", "user")])
    async with database.transaction() as connection:
        assert len(await seal(connection, VAULT, tenant_id)) == 1
        async with database.transaction() as other:
            await other.execute("set local lock_timeout = '2s'")
            assert await seal(other, VAULT, tenant_id) == []
