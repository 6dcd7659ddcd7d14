"""The worker finds its work in the database; Redis makes it sooner, and nothing more (I5)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from identity_api.db import audit
from identity_api.db.database import Database
from identity_api.jobs.worker import run_worker
from identity_api.maintenance.audit_chain import ChainIntact, seal_all, verify
from identity_api.maintenance.audit_files import Retention
from identity_api.telemetry import METRICS
from identity_api.upstream.exchange import Upstream
from tests.sync.conftest import MakeWorld
from tests.sync.world import World


@asynccontextmanager
async def running_worker(
    world: World,
    redis_url: str | None = None,
    *,
    webhooks_through: Upstream | None = None,
    keeps: Retention | None = None,
) -> AsyncIterator[asyncio.Event]:
    """A worker inside the block; it is told to stop at the end, and must end."""
    stop = asyncio.Event()
    working = run_worker(world.deps, stop, redis_url=redis_url, webhooks_through=webhooks_through, retention=keeps)
    running = asyncio.create_task(working)
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(running, 90)


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something in the database has become so."""
    async with asyncio.timeout(60):
        while not await reached():  # noqa: ASYNC110  # the database tells nobody
            await asyncio.sleep(0.02)


@pytest.mark.asyncio
async def test_what_is_due_is_synced_without_redis(world: World) -> None:
    alice = await world.sign_in("alice")
    world.issuer.set_groups("alice", ["support"])

    async def is_synced() -> bool:
        return await world.permissions(alice) == {"tickets:answer"}

    async with running_worker(world):
        await until(is_synced)
    assert METRICS.seconds_without_sweep < 60


@pytest.mark.asyncio
async def test_a_redis_that_is_down_changes_nothing(world: World) -> None:
    alice = await world.sign_in("alice")
    world.issuer.remove("alice")

    async def is_gone() -> bool:
        return (await world.state(alice))[0] == "REVOKED"

    async with running_worker(world, "redis://127.0.0.1:1/0"):
        await until(is_gone)


@pytest.mark.asyncio
async def test_the_audit_is_sealed_soon(world: World) -> None:
    """I6: at least every two seconds."""

    async def is_sealed() -> bool:
        async with world.database.reading() as connection:
            head = await audit.head(connection, world.tenant_id)
            return head is not None and head.sequence == await world.events()

    await world.sign_in("alice", is_due=False)
    async with running_worker(world):
        await until(is_sealed)
    async with world.database.reading() as connection:
        assert await verify(connection, world.vault, world.tenant_id) == ChainIntact(await world.events())


@pytest.mark.asyncio
async def test_what_is_over_the_retention_of_the_audit_leaves_for_a_file(new_world: MakeWorld, tmp_path: Path) -> None:
    world = await new_world()
    await world.sign_in("alice", is_due=False)
    async with world.database.transaction() as connection:
        age = "update audit_event set at = at - interval '90 days' where tenant_id = $1"
        await connection.execute(age, world.tenant_id)
    await seal_all(world.database, world.vault)

    async def has_file() -> bool:
        return await asyncio.to_thread(lambda: any(tmp_path.glob("*/*.ndjson")))

    async with running_worker(world, keeps=Retention(1, tmp_path)):
        await until(has_file)


@pytest.mark.asyncio
async def test_a_stopped_worker_finishes_the_call_under_way(new_world: MakeWorld) -> None:
    """F5: what the provider rotated has landed when the process ends."""
    world = await new_world()
    alice = await world.sign_in("alice")
    before = (await world.token(alice))["hash"]
    with world.issuer.hold("/token", grant_type="refresh_token", person="alice", when="after") as gate:
        async with running_worker(world) as stop:
            await gate.arrival()
            stop.set()
            gate.release()
    row = await world.sync_row(alice)
    assert (await world.token(alice))["hash"] != before
    assert row["attempt_hash"] is None
    assert not row["uncertain"]
    assert await world.state(alice) == ("FRESH", None)


@pytest.mark.asyncio
async def test_a_worker_outlives_a_database_that_is_away(database_url: str, world: World) -> None:
    """Its tickers keep trying, and go on when it is back."""
    alice = await world.sign_in("alice")
    own = Database(database_url, pool_size=5)  # not open yet: every use is Unavailable

    async def is_synced() -> bool:
        return (await world.sync_row(alice))["outcome"] == "ok" and (await world.sync_row(alice))["due_in"] > 60

    async with running_worker(world.with_database(own)):
        await asyncio.sleep(0)
        assert not await is_synced()
        await own.open()
        await until(is_synced)
    await own.close()
