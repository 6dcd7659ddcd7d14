"""Keys rotate while the service runs (I3)."""

import asyncio
import base64
import os
import time
from typing import Any
from uuid import UUID

import pytest

from identity_api.config import KeyRing, parse_key_ring
from identity_api.db import sealed
from identity_api.db.database import Connection, Database
from identity_api.db.sealed import SEALED_COLUMNS, Resealed, SealedColumn
from identity_api.db.tables import TABLES
from identity_api.ids import uuid7
from identity_api.maintenance import key_rotation
from identity_api.maintenance.key_rotation import Progress, rotate
from identity_api.vault import Vault, VaultError
from tests.factories import make_identity, make_provider, make_tenant, make_user

SECRET = SealedColumn("provider_secret", "sealed")
TOKEN = SealedColumn("refresh_token", "sealed")

pytestmark = pytest.mark.xdist_group("rotation")


def ring(*ids: str) -> KeyRing:
    """A ring of fresh keys under these ids."""
    return parse_key_ring(",".join(f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ids))


def with_current(before: KeyRing, name: str) -> KeyRing:
    """The ring with a new key in front: the first step of every rotation."""
    key = os.urandom(32)
    return KeyRing([(name, key), *[(old, before.get(old) or b"") for old in before.ids]])


async def make_secret(connection: Connection, vault: Vault, text: bytes) -> tuple[UUID, UUID]:
    """A provider with a sealed client secret; returns tenant and row id."""
    tenant = await make_tenant(connection)
    provider = await make_provider(connection, tenant.id)
    row_id = uuid7()
    value = vault.seal(text, tenant_id=tenant.id, table="provider_secret", column="sealed", row_id=row_id)
    await connection.execute(
        "insert into provider_secret (id, tenant_id, provider_id, sealed, created_at) values ($1, $2, $3, $4, now())",
        row_id,
        tenant.id,
        provider.id,
        value,
    )
    return tenant.id, row_id


async def stored(connection: Connection, row_id: UUID) -> bytes:
    return await connection.fetchval("select sealed from provider_secret where id = $1", row_id)


async def forget_everything(database: Database) -> None:
    """Other tests of this process seal under keys that are not ours; rotation goes through all of the database."""
    async with database.transaction() as connection:
        for table in ("provider_secret", "client_key", "webhook_secret"):  # rows that are nothing else
            await connection.execute(f"delete from {table}")
        for table, column in SEALED_COLUMNS:
            await connection.execute(f"update {table} set {column} = null")


def test_every_sealed_column_of_the_schema_is_in_the_list() -> None:
    """A column that is not would keep its old key for ever, and lose its values with it."""
    named = {
        SealedColumn(table._meta.tablename, column._meta.name)
        for table in TABLES
        for column in table._meta.columns
        if "sealed" in column._meta.name and column.__class__.__name__ == "Bytea"
    }
    assert named == set(SEALED_COLUMNS)


@pytest.mark.asyncio
async def test_values_open_under_the_new_key_alone_afterwards(database: Database) -> None:
    await forget_everything(database)
    old = ring("old")
    async with database.transaction() as connection:
        tenant_id, row_id = await make_secret(connection, Vault(old), b"client secret")
    both = with_current(old, "new")
    done = await rotate(database, Vault(both))
    assert (done.resealed, done.superseded, done.unopened) == (1, 0, ())
    only_new = Vault(KeyRing([("new", both.get("new") or b"")]))
    async with database.reading() as connection:
        value = await stored(connection, row_id)
    context: dict[str, Any] = {"tenant_id": tenant_id, "table": "provider_secret", "column": "sealed", "row_id": row_id}
    assert only_new.open(value, **context) == b"client secret"
    with pytest.raises(VaultError) as caught:
        Vault(old).open(value, **context)
    assert caught.value.code == "KEY_MISSING"


@pytest.mark.asyncio
async def test_a_second_rotation_has_nothing_to_do(database: Database) -> None:
    await forget_everything(database)
    old = ring("old")
    async with database.transaction() as connection:
        _, row_id = await make_secret(connection, Vault(old), b"client secret")
    vault = Vault(with_current(old, "new"))
    await rotate(database, vault)
    async with database.reading() as connection:
        before = await stored(connection, row_id)
    assert (await rotate(database, vault)).resealed == 0
    async with database.reading() as connection:
        assert await stored(connection, row_id) == before


@pytest.mark.asyncio
async def test_a_value_replaced_meanwhile_is_left_alone(database: Database) -> None:
    """The compare-and-set: a sync that stored a new token between our read and our write wins."""
    await forget_everything(database)
    old = ring("old")
    async with database.transaction() as connection:
        tenant_id, row_id = await make_secret(connection, Vault(old), b"first")
        read = await stored(connection, row_id)
    async with database.transaction() as connection:
        await connection.execute("update provider_secret set sealed = $2 where id = $1", row_id, b"newer")
        assert await sealed.replace(connection, SECRET, [Resealed(row_id, tenant_id, read, b"ours")]) == 0
        assert await stored(connection, row_id) == b"newer"
        assert await sealed.replace(connection, SECRET, [Resealed(row_id, tenant_id, b"newer", b"ours")]) == 1
        assert await stored(connection, row_id) == b"ours"


@pytest.mark.asyncio
async def test_a_value_of_a_lost_key_is_reported_and_the_others_are_done(database: Database) -> None:
    await forget_everything(database)
    known, lost = ring("known"), ring("lost")
    async with database.transaction() as connection:
        await make_secret(connection, Vault(known), b"opens")
        _, lost_id = await make_secret(connection, Vault(lost), b"does not")
    done = await rotate(database, Vault(with_current(known, "new")))
    assert done.resealed == 1
    assert [(one.row_id, one.key_id) for one in done.unopened] == [(lost_id, "lost")]


@pytest.mark.asyncio
async def test_references_name_every_key_and_what_is_no_sealed_value(database: Database) -> None:
    await forget_everything(database)
    one, two = ring("k1"), ring("k10")
    async with database.transaction() as connection:
        await make_secret(connection, Vault(one), b"a")
        await make_secret(connection, Vault(two), b"b")
        _, broken = await make_secret(connection, Vault(two), b"c")
        await connection.execute("update provider_secret set sealed = '\\x07' where id = $1", broken)
    async with database.reading() as connection:
        found = await key_rotation.references(connection, Vault(one))
    assert {key_id: dict(places) for key_id, places in found.items()} == {
        "k1": {SECRET: 1},
        "k10": {SECRET: 1},
        None: {SECRET: 1},
    }


@pytest.mark.asyncio
async def test_interrupted_it_goes_on_where_it_was(database: Database) -> None:
    """Row 76: no half state. The batches that were committed stay done, the rest is done by the next run."""
    await forget_everything(database)
    old = ring("old")
    async with database.transaction() as connection:
        for number in range(5):
            await make_secret(connection, Vault(old), b"%d" % number)
    vault = Vault(with_current(old, "new"))

    def interrupt(progress: Progress) -> None:
        if progress.done >= 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await rotate(database, vault, batch=1, report=interrupt)
    async with database.reading() as connection:
        assert await sealed.count_other(connection, SECRET, vault.current_prefix) == 3
    assert (await rotate(database, vault)).resealed == 3


@pytest.mark.asyncio
async def test_ten_thousand_tokens_take_less_than_a_minute(database: Database) -> None:
    await forget_everything(database)
    before = ring("old")
    old = Vault(before)
    ids = [uuid7() for _ in range(10_000)]
    async with database.transaction() as connection:
        tenant = await make_tenant(connection)
        provider = await make_provider(connection, tenant.id)
        identity_id = await make_identity(connection, provider, await make_user(connection, tenant.id))
        values = [
            old.seal(b"token", tenant_id=tenant.id, table="refresh_token", column="sealed", row_id=row_id)
            for row_id in ids
        ]
        await connection.execute(
            """
            insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, uncertain)
            select n.id, $1, $2, n.sealed, uuid_send(n.id), now(), false from unnest($3::uuid[], $4::bytea[]) as n (id, sealed)
            """,
            tenant.id,
            identity_id,
            ids,
            values,
        )
    steps: list[Progress] = []
    began = time.process_time()  # that of others on this machine is not ours
    done = await rotate(database, Vault(with_current(before, "new")), report=steps.append)
    assert time.process_time() - began < 60
    assert done.resealed == 10_000
    assert steps[-1] == Progress(10_000, 10_000)
    await forget_everything(database)
