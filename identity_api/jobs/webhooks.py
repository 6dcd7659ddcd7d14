"""Find webhooks with waiting deliveries, and enqueue a job for each, which any worker may run.

If the queue does not take a job, because Redis is down or has lost jobs, the webhook is delivered here.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from identity_api.db import webhooks
from identity_api.telemetry import get_logger
from identity_api.webhooks.deliver import deliver
from identity_api.webhooks.send import Sending

JOB: Final = "deliver_webhook"
LOOKED_AT: Final = 200
AT_ONCE: Final = 10
"""Webhooks that one process delivers to at a time: half of its jobs, so that slow receivers leave the others room."""
OF_TENANT: Final = 4
"""Of one tenant."""

_log = get_logger(__name__)


class WebhookDispatcher:
    """The hand-over of one worker. `enqueue` is `Queue.enqueue`, or None without a queue."""

    def __init__(self, sending: Sending, enqueue: Callable[..., Awaitable[bool]] | None) -> None:
        self._sending, self._enqueue = sending, enqueue
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._at_work: Counter[UUID] = Counter()
        """Of each tenant, how many webhooks this process delivers to now."""

    async def look(self) -> None:
        """Enqueue or deliver the due messages."""
        async with self._sending.database.reading() as connection:
            due = await webhooks.due(connection, LOOKED_AT)
        for tenant_id, webhook_id in due:
            if self._has_room(tenant_id) and not await self._is_enqueued(tenant_id, webhook_id):
                self._start(tenant_id, webhook_id)

    async def deliver(self, tenant_id: str, webhook_id: str) -> None:
        """The job. Where there is no room for it, a later look finds the webhook again."""
        await self._deliver(UUID(tenant_id), UUID(webhook_id))

    async def close(self) -> None:
        """Cancel deliveries under way; a message that was sent and not recorded is sent again."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _is_enqueued(self, tenant_id: UUID, webhook_id: UUID) -> bool:
        if self._enqueue is None:
            return False
        ids = {"tenant_id": str(tenant_id), "webhook_id": str(webhook_id)}
        return await self._enqueue(JOB, job_id=f"webhook:{webhook_id}", **ids)

    def _has_room(self, tenant_id: UUID) -> bool:
        return self._at_work[tenant_id] < OF_TENANT and self._at_work.total() < AT_ONCE

    async def _deliver(self, tenant_id: UUID, webhook_id: UUID) -> None:
        if not self._has_room(tenant_id):
            return
        self._at_work[tenant_id] += 1
        try:
            await deliver(self._sending, tenant_id, webhook_id)
        finally:
            self._at_work[tenant_id] -= 1
            if not self._at_work[tenant_id]:
                del self._at_work[tenant_id]

    def _start(self, tenant_id: UUID, webhook_id: UUID) -> None:
        if webhook_id in self._running:
            return
        task = asyncio.create_task(self._deliver_here(tenant_id, webhook_id), name=f"webhook:{webhook_id}")
        self._running[webhook_id] = task
        task.add_done_callback(lambda _: self._running.pop(webhook_id, None))

    async def _deliver_here(self, tenant_id: UUID, webhook_id: UUID) -> None:
        try:
            await self._deliver(tenant_id, webhook_id)
        except Exception:
            _log.exception("job.failed", job=JOB)
