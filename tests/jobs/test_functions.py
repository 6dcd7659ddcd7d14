"""The jobs that a wake-up names, through a real Redis. No ticker runs here, so whatever happens, a wake-up did it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from identity_api import queue as queue_module
from identity_api.db import audit
from identity_api.jobs import detached as detached_module
from identity_api.jobs import functions
from identity_api.jobs.detached import Detached
from identity_api.jobs.functions import job_functions
from identity_api.jobs.webhooks import WebhookDispatcher
from identity_api.maintenance.audit_files import Retention
from identity_api.queue import Queue, run_worker
from identity_api.sync import on_demand
from identity_api.telemetry import METRICS
from identity_api.webhooks.send import Sending
from tests.sync.world import World


class Waking:
    """The queue's two ends: one to enqueue at, and a worker that runs our jobs."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.sweep = asyncio.Event()

    async def run(self, job: str, **ids: Any) -> None:
        """Enqueue a job and wait until a body of that name has ended well."""
        async with self.ending(job):
            assert await self.queue.enqueue(job, **ids)

    @asynccontextmanager
    async def ending(self, job: str) -> AsyncIterator[None]:
        """Wait until a body of that name, which the block asks for, has ended well."""
        before = _ended_well(job)
        yield
        async with asyncio.timeout(60):
            while _ended_well(job) == before:  # noqa: ASYNC110  # a counter tells nobody
                await asyncio.sleep(0.01)


def _ended_well(job: str) -> float:
    return METRICS.registry.get_sample_value("identity_jobs_total", {"job": job, "outcome": "OK"}) or 0.0


def webhooks_of(world: World) -> WebhookDispatcher:
    deps = world.deps
    return WebhookDispatcher(Sending(deps.database, deps.vault, deps.upstream, deps.clock), None)


@pytest_asyncio.fixture
async def waking(world: World, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Waking]:
    monkeypatch.setattr(queue_module, "_ENQUEUE_DEADLINE_SECONDS", 10.0)  # a busy machine is not what is tested
    queue, stop = Queue(redis_url), asyncio.Event()
    waking = Waking(queue)
    functions = job_functions(world.deps, webhooks_of(world), wake_sweep=waking.sweep.set, detached=Detached())
    running = asyncio.create_task(run_worker(redis_url, functions, stop=stop))
    yield waking
    stop.set()
    await asyncio.wait_for(running, 60)
    await queue.aclose()


@pytest.mark.asyncio
async def test_a_request_for_a_user_wakes_a_worker(world: World, waking: Waking) -> None:
    alice = await world.sign_in("alice", is_due=False)
    world.issuer.set_groups("alice", ["support"])
    async with waking.ending("sync_user"):
        assert await on_demand.request(world.database, waking.queue, world.tenant_id, alice.user_id)
    assert await world.state(alice) == ("FRESH", None)
    assert await world.permissions(alice) == {"tickets:answer"}


@pytest.mark.asyncio
async def test_a_sync_of_a_user_may_be_delivered_three_times(world: World, waking: Waking) -> None:
    """F8: the same end state, and no more than one request for each time it was due."""
    alice = await world.sign_in("alice")
    for _ in range(3):
        await waking.run("sync_user", tenant_id=world.tenant_id, user_id=alice.user_id)
    assert await world.state(alice) == ("FRESH", None)
    assert world.token_requests(alice) <= 3


@pytest.mark.asyncio
async def test_a_sync_of_a_user_goes_on_when_its_job_is_cut_off(world: World) -> None:
    """By its time or with Redis: the token was sent, and has to land."""
    alice = await world.sign_in("alice")
    detached = Detached()
    functions = job_functions(world.deps, webhooks_of(world), wake_sweep=lambda: None, detached=detached)
    with world.issuer.hold("/token", grant_type="refresh_token", when="after") as gate:
        body = functions["sync_user"](tenant_id=str(world.tenant_id), user_id=str(alice.user_id))
        job = asyncio.ensure_future(body)
        await gate.arrival()
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        gate.release()
        await detached.finish()
    assert await world.state(alice) == ("FRESH", None)
    assert not (await world.sync_row(alice))["uncertain"]


@pytest.mark.asyncio
async def test_users_syncs_beyond_the_bound_are_left_to_the_own_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await world.sign_in("alice")
    monkeypatch.setattr(detached_module, "MAX_RUNNING", 0)
    woken = asyncio.Event()
    functions = job_functions(world.deps, webhooks_of(world), wake_sweep=woken.set, detached=Detached())
    await functions["sync_user"](tenant_id=str(world.tenant_id), user_id=str(alice.user_id))
    assert woken.is_set()
    assert world.token_requests(alice) == 0


@pytest.mark.asyncio
async def test_a_wake_up_to_sweep_wakes_the_process_own_sweep(waking: Waking) -> None:
    await waking.run("sync_sweep")
    assert waking.sweep.is_set()


@pytest.mark.asyncio
async def test_a_wake_up_to_seal_seals(world: World, waking: Waking) -> None:
    await world.sign_in("alice", is_due=False)
    await waking.run("seal_audit")
    async with world.database.reading() as connection:
        head = await audit.head(connection, world.tenant_id)
    assert head is not None
    assert head.sequence == await world.events()


@pytest.mark.asyncio
async def test_a_wake_up_after_a_mapping_edit_writes_its_grants(world: World, waking: Waking) -> None:
    """The edit's row is all there is; the worker finds whom it concerns."""
    alice = await world.sign_in("alice", is_due=False)
    await world.narrow_mapping_of("engineering")
    await waking.run("apply_mapping_changes")
    row = await world.row(
        "select revoked_reason from permission_grant where user_id = $1 order by granted_at", alice.user_id
    )
    assert row["revoked_reason"] == "MAPPING_CHANGED"
    open_changes = "select count(*) from mapping_change where tenant_id = $1"
    assert (await world.row(open_changes, world.tenant_id))[0] == 0


@pytest.mark.asyncio
async def test_a_wake_up_to_clean_up_does(waking: Waking) -> None:
    await waking.run("clean_up")
    await waking.run("archive_audit")


@pytest.mark.asyncio
async def test_what_is_over_the_retention_is_told_by_the_databases_clock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dates the events; a worker's clock that is years ahead would take all of them away."""
    asked = list[datetime]()

    async def archive_old(_database: object, _vault: object, _retention: object, now: datetime) -> int:
        asked.append(now)
        return 0

    monkeypatch.setattr(functions, "archive_old", archive_old)
    deps = replace(world.deps, clock=lambda: datetime(2999, 1, 1, tzinfo=UTC))
    await functions.archive_by(deps, Retention(1, Path()))
    assert asked[0].year < 2999
