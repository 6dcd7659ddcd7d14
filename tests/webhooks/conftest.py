"""A tenant with a webhook at a receiver."""

import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.config import KeyRing
from identity_api.db import outbox, webhooks
from identity_api.db.database import Database
from identity_api.db.outbox import ChangeType
from identity_api.db.webhooks import Delivery, Webhook, deliveries
from identity_api.permissions.delegation import Actor
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.vault import Vault
from identity_api.webhooks import administration
from identity_api.webhooks.administration import Settings
from identity_api.webhooks.deliver import deliver
from identity_api.webhooks.send import Sending
from tests import factories as make
from tests.webhooks.receiver import Receiver, running_receiver


class Desk:
    """One tenant, one webhook, one receiver; time goes on as a test says."""

    def __init__(self, database: Database, tenant_id: UUID, allow: AllowList, upstream: Upstream) -> None:
        self.database, self.allow = database, allow
        self.now = datetime.now(UTC)
        vault = Vault(KeyRing([("tests", os.urandom(32))]))
        self.sending = Sending(database, vault, upstream, lambda: self.now)
        self.actor = Actor(tenant_id, None, "operator:root", frozenset())
        self.webhook: Webhook
        self.secret: str
        self.receiver: Receiver

    async def change(self, user_id: UUID, type: ChangeType = "user.permissions_changed") -> None:
        """Something of the user changes, and readers can see it."""
        await self.change_of([user_id], type)

    async def change_of(self, user_ids: list[UUID] | None, type: ChangeType = "user.permissions_changed") -> None:
        """The same of several users; None for everybody."""
        async with self.database.transaction() as connection:
            await outbox.record(connection, self.actor.tenant_id, type, user_ids)
        async with self.database.transaction() as connection:
            await outbox.number(connection, self.actor.tenant_id)

    async def deliver(self) -> int:
        return await deliver(self.sending, self.actor.tenant_id, self.webhook.id)

    async def state(self) -> Webhook:
        async with self.database.reading() as connection:
            return await administration.load(connection, self.actor.tenant_id, self.webhook.id)

    async def log(self) -> list[Delivery]:
        async with self.database.reading() as connection:
            return await deliveries(connection, self.actor.tenant_id, self.webhook.id, 50)

    async def let_retry(self, *, of_messages: bool = True) -> None:
        """The pause after a failure is over, and those of messages that were set aside."""
        async with self.database.transaction() as connection:
            await connection.execute("update webhook set due_at = now() where tenant_id = $1", self.actor.tenant_id)
            if of_messages:
                await connection.execute(
                    "update webhook_retry set due_at = now() where tenant_id = $1 and due_at is not null",
                    self.actor.tenant_id,
                )

    async def is_due(self) -> bool:
        """Whether a worker would look at the webhook now."""
        async with self.database.reading() as connection:
            return (self.actor.tenant_id, self.webhook.id) in await webhooks.due(connection, 10_000)

    def positions(self) -> list[int]:
        """Of the messages that arrived, in their order."""
        return [one.content["data"]["position"] for one in self.receiver.received]

    def users(self) -> list[str]:
        """Whom the messages that arrived are about, in their order."""
        return [user for one in self.receiver.received for user in one.content["data"]["user_ids"] or []]


@pytest.fixture(scope="module")
def running() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def receiver(running: Receiver) -> Receiver:
    running.received.clear()
    running.statuses.clear()
    running.answered_with.clear()
    running.arrived.clear()
    return running


@pytest_asyncio.fixture
async def desk(database: Database, receiver: Receiver) -> AsyncIterator[Desk]:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
    allow = AllowList.parse(f"127.0.0.1:{receiver.port}")
    upstream = Upstream(allow=allow)
    desk = Desk(database, tenant.id, allow, upstream)
    desk.receiver = receiver
    made = await administration.create(desk.sending, allow, desk.actor, Settings(receiver.url))
    desk.webhook, desk.secret = made.webhook, made.secret
    yield desk
    await upstream.aclose()
