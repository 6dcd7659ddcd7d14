"""A change reaches a receiver through the worker: by a job of the queue, and without Redis as well."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.db import outbox
from identity_api.db.database import Database
from identity_api.embedded.valkey import Valkey
from identity_api.ids import uuid7
from identity_api.jobs import webhooks as jobs
from identity_api.permissions.delegation import Actor
from identity_api.telemetry import METRICS
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.webhooks import administration
from identity_api.webhooks.administration import Settings
from identity_api.webhooks.send import Sending
from tests.jobs.test_worker import running_worker, until
from tests.sync.world import World
from tests.webhooks.receiver import Receiver, running_receiver

pytestmark = pytest.mark.asyncio


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture(autouse=True)
async def nobody_elses(database: Database) -> None:
    """Switches off the webhooks of earlier tests: a worker tries them all, and their receivers are gone."""
    async with database.transaction() as connection:
        await connection.execute(
            "update webhook set disabled_at = now(), disabled_reason = 'ADMIN' where disabled_at is null"
        )


class Followed:
    """A tenant whose changes are sent to the receiver by a running worker."""

    def __init__(self, world: World, receiver: Receiver) -> None:
        self.database: Database = world.database
        self.world, self.receiver = world, receiver
        self.through = Upstream(allow=AllowList.parse(f"127.0.0.1:{receiver.port}"))
        self.sending = Sending(world.database, world.deps.vault, self.through, world.deps.clock)
        self.actor = Actor(world.tenant_id, None, "operator:root", frozenset())

    async def begin(self) -> None:
        allow = AllowList.parse(f"127.0.0.1:{self.receiver.port}")
        await administration.create(self.sending, allow, self.actor, Settings(self.receiver.url, ("user.updated",)))

    async def change(self) -> str:
        user_id = uuid7()
        async with self.database.transaction() as connection:
            await outbox.record(connection, self.world.tenant_id, "user.updated", [user_id])
        return str(user_id)

    async def is_told(self, user_id: str) -> bool:
        return any(user_id in one.content["data"]["user_ids"] for one in self.receiver.received)


def jobs_done() -> float:
    return METRICS.registry.get_sample_value("identity_jobs_total", {"job": jobs.JOB, "outcome": "OK"}) or 0.0


async def test_a_change_is_delivered_by_a_job_of_the_queue(world: World, receiver: Receiver, redis_url: str) -> None:
    followed = Followed(world, receiver)
    await followed.begin()
    before = jobs_done()
    async with running_worker(world, redis_url, webhooks_through=followed.through):
        user_id = await followed.change()
        await until(lambda: followed.is_told(user_id))
        await until(lambda: _more_than(before))
    await followed.through.aclose()


async def _more_than(before: float) -> bool:
    return jobs_done() > before


async def test_without_redis_nothing_is_lost(world: World, receiver: Receiver, valkey: Valkey) -> None:
    """It is stopped while the worker runs: what changes then arrives, and so does what changes afterwards."""
    followed = Followed(world, receiver)
    await followed.begin()
    async with running_worker(world, valkey.url, webhooks_through=followed.through):
        first = await followed.change()
        await until(lambda: followed.is_told(first))
        await asyncio.to_thread(valkey.stop)
        second, third = await followed.change(), await followed.change()
        await until(lambda: followed.is_told(second))
        await until(lambda: followed.is_told(third))
    await followed.through.aclose()


async def test_slow_receivers_of_a_tenant_leave_room_for_those_of_others_and_for_other_jobs(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = Followed(world, receiver)
    dispatcher = jobs.WebhookDispatcher(followed.sending, None)
    begun: list[UUID] = []
    answered = asyncio.Event()

    async def slow(_: Sending, tenant_id: UUID, __: UUID) -> int:
        begun.append(tenant_id)
        await answered.wait()
        return 1

    monkeypatch.setattr(jobs, "deliver", slow)

    async def begin(tenant_id: UUID) -> list[asyncio.Task[None]]:
        """A job for each of as many webhooks as fill a worker."""
        made = [asyncio.create_task(dispatcher.deliver(str(tenant_id), str(uuid7()))) for _ in range(20)]
        await asyncio.wait(made, timeout=0)
        await asyncio.sleep(0)
        return made

    tenants = [uuid7() for _ in range(4)]
    tasks = [task for tenant_id in tenants for task in await begin(tenant_id)]
    assert [begun.count(tenant_id) for tenant_id in tenants] == [4, 4, 2, 0]
    answered.set()
    await asyncio.gather(*tasks)
    await dispatcher.deliver(str(tenants[3]), str(uuid7()))
    assert begun.count(tenants[3]) == 1
    await followed.through.aclose()
