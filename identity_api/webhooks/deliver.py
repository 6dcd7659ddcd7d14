"""Delivers to webhooks with waiting messages: claimed with a lease, sent in order, recorded after each message.

A message that the receiver answers with an error is set aside for a retry of its own, and with it every later one about the
same users, so that each user's messages stay in order and nobody else's wait. If no answer comes, or one that says that the
receiver is not there, the webhook as a whole is put off.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from identity_api.clock import elapsed_seconds, jitter
from identity_api.db import audit, outbox, webhook_retries, webhooks
from identity_api.db.database import Connection
from identity_api.db.outbox import Change
from identity_api.db.webhook_retries import Retry
from identity_api.db.webhooks import Attempt, Webhook
from identity_api.telemetry import METRICS, get_logger
from identity_api.webhooks.messages import message_of
from identity_api.webhooks.send import DEADLINE_SECONDS, GONE, Sending

LEASE_SECONDS: Final = 30
"""Longer than an attempt may take, so that two workers do not send the same message."""
AT_ONCE: Final = 100
"""Changes that one claim reads."""
SECONDS_AT_ONCE: Final = 25.0
"""A job that has taken this long starts no further message; the queue would cancel it after 50 s."""
FIRST_RETRY_SECONDS: Final = 5.0
LONGEST_RETRY_SECONDS: Final = 3_600.0
GIVE_UP_AFTER: Final = timedelta(days=3)
"""After failing for this long a message is dropped, or, if nothing else arrives either, the webhook is disabled. The tenant's
audit records it."""
NOT_THERE: Final = frozenset({429, 502, 503, 504})
"""Statuses that speak of the receiver, and not of the message."""
PATIENCE: Final = 3
"""How often the receiver may not be there before the message is taken for the cause, and set aside."""

_log = get_logger(__name__)


def seconds_until_retry(failures: int) -> float:
    """5 s, 10 s, 20 s, and so on up to an hour, with jitter, so that many receivers are not retried at once."""
    wait: float = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(failures, 16))
    return wait * jitter(0.8, 1.2)


class HeldBack:
    """Whose messages wait behind one that was not accepted."""

    def __init__(self, retries: list[Retry]) -> None:
        self._users: set[UUID] = set()
        self._is_everybody = False
        for one in retries:
            self.add(one.change)

    def add(self, change: Change) -> None:
        """Later messages about the change's users wait; of all users, if it names none."""
        self._is_everybody |= change.user_ids is None
        self._users.update(change.user_ids or ())

    def holds(self, change: Change) -> bool:
        """Whether this one has to wait."""
        if change.user_ids is None:
            return self._is_everybody or bool(self._users)
        return self._is_everybody or not self._users.isdisjoint(change.user_ids)


async def deliver(sending: Sending, tenant_id: UUID, webhook_id: UUID) -> int:
    """Deliver what waits for one webhook; how many messages arrived. Skips one that a worker holds."""
    async with sending.database.transaction() as connection:
        webhook = await webhooks.claim(connection, tenant_id, webhook_id, lease_seconds=LEASE_SECONDS)
        if webhook is None:
            return 0
        keys = await sending.keys(connection, webhook)
        retries = await webhook_retries.waiting(connection, tenant_id, webhook_id)
        changes = await outbox.after(connection, tenant_id, webhook.position, limit=AT_ONCE)
    run = _Run(sending, webhook, keys)
    if await run.deliver_new(changes, retries) and await run.deliver_again(retries):
        await run.release(changes)
    return run.delivered


class _Run:
    """What is delivered under one claim. Its steps answer False once the claim is given up."""

    def __init__(self, sending: Sending, webhook: Webhook, keys: list[str]) -> None:
        self._sending, self._webhook, self._keys = sending, webhook, keys
        self._began = self._held_since = elapsed_seconds()
        self._is_full = False
        self.delivered = 0

    async def deliver_new(self, changes: list[Change], retries: list[Retry]) -> bool:
        """Send what comes after the webhook's position; what has to wait is set aside, as long as there is room."""
        held, room = HeldBack(retries), webhook_retries.MOST - len(retries)
        for change in [one for one in changes if one.type in self._webhook.types]:
            if not self._has_time():
                break
            if held.holds(change):
                if room <= 0:
                    self._is_full = True
                    break
                if not await self._set_aside(change):
                    return False
            else:
                attempt = await self._attempt(change, self._webhook.failures + 1)
                if not await self._note_new(change, attempt, has_room=room > 0):
                    return False
                if attempt.error is None:
                    continue
            held.add(change)
            room -= 1
        return True

    async def deliver_again(self, retries: list[Retry]) -> bool:
        """Send what is due of what was set aside before, but for what waits behind another one of the same users."""
        held = HeldBack([])
        for one in retries:
            is_wanted = one.change.type in self._webhook.types
            if is_wanted and (not one.is_due or held.holds(one.change)):
                held.add(one.change)
                continue
            if not self._has_time():
                break
            attempt = await self._attempt(one.change, one.failures + 1) if is_wanted else None
            if not await self._note_again(one, attempt):
                return False
            if attempt is not None and attempt.error is not None:
                held.add(one.change)
                if not _is_there(attempt):
                    break
        return True

    async def release(self, changes: list[Change]) -> None:
        """Give the claim up; changes of types that the webhook does not want are skipped."""
        last = _looked_at(self._webhook, changes)
        async with self._sending.database.transaction() as connection:
            if await webhooks.advance(connection, self._webhook, last, lease_seconds=None) and self._is_full:
                at = msgspec.structs.replace(self._webhook, position=last)
                await webhooks.pause(connection, at, seconds=FIRST_RETRY_SECONDS)

    def _has_time(self) -> bool:
        """If not, it is another webhook's turn; or this process was stopped, and another may hold the lease now."""
        now = elapsed_seconds()
        return now - self._held_since <= LEASE_SECONDS - DEADLINE_SECONDS and now - self._began <= SECONDS_AT_ONCE

    async def _attempt(self, change: Change, number: int) -> Attempt:
        message = message_of(change, self._webhook.tenant_id)
        attempt = await self._sending.attempt(self._webhook, self._keys, message, number=number)
        METRICS.count_webhook("OK" if attempt.error is None else attempt.error)
        if attempt.error is not None:
            webhook = str(self._webhook.id)
            _log.warning("webhook.failed", webhook=webhook, error_code=attempt.error, attempt=attempt.attempt)
        return attempt

    @asynccontextmanager
    async def _holding(self, attempt: Attempt | None = None) -> AsyncIterator[tuple[Connection, Webhook | None]]:
        """The webhook, locked, with the attempt in its log; None if it was moved or disabled meanwhile."""
        async with self._sending.database.transaction() as connection:
            held = await webhooks.hold(connection, self._webhook.tenant_id, self._webhook.id)
            if held is not None and attempt is not None:
                await webhooks.log(connection, held.tenant_id, held.id, attempt)
            is_ours = held is not None and held.position == self._webhook.position and held.disabled_at is None
            yield connection, held if is_ours else None

    async def _go_on(self, connection: Connection, held: Webhook, position: int) -> bool:
        """Everything up to this position was delivered or set aside, and the receiver is there."""
        await webhooks.advance(connection, held, position, lease_seconds=LEASE_SECONDS)
        self._webhook = msgspec.structs.replace(held, position=position, failures=0, failing_since=None)
        self._held_since = elapsed_seconds()
        return True

    async def _set_aside(self, change: Change) -> bool:
        async with self._holding() as (connection, held):
            if held is None:
                return False
            await webhook_retries.put_aside(connection, held, change, failures=0, seconds=None)
            await webhooks.step_over(connection, held, change.position)
            self._webhook = msgspec.structs.replace(held, position=change.position)
        return True

    async def _note_new(self, change: Change, attempt: Attempt, *, has_room: bool) -> bool:
        async with self._holding(attempt) as (connection, held):
            if held is None:
                return False
            if attempt.error is None:
                self.delivered += 1
                return await self._go_on(connection, held, change.position)
            if attempt.status == GONE:
                return await _disable(connection, held, "GONE", attempt)
            if _is_there(attempt) and has_room:
                wait = seconds_until_retry(0)
                await webhook_retries.put_aside(connection, held, change, failures=1, seconds=wait)
                return await self._go_on(connection, held, change.position)
            if _is_over(self._sending, held.failing_since):
                return await _disable(connection, held, "FAILING", attempt)
            if has_room and held.failures >= PATIENCE:
                wait = seconds_until_retry(held.failures)
                await webhook_retries.put_aside(connection, held, change, failures=held.failures + 1, seconds=wait)
                await webhooks.step_over(connection, held, change.position)
                held = msgspec.structs.replace(held, position=change.position)
            await webhooks.put_off(connection, held, seconds=seconds_until_retry(held.failures))
            return False

    async def _note_again(self, one: Retry, attempt: Attempt | None) -> bool:
        """Without an attempt the webhook does not want the message any more."""
        async with self._holding(attempt) as (connection, held):
            if held is None:
                return False
            if attempt is None or attempt.error is None:
                self.delivered += attempt is not None
                await webhook_retries.remove(connection, held, one.change)
                return await self._go_on(connection, held, held.position)
            if attempt.status == GONE:
                return await _disable(connection, held, "GONE", attempt)
            if not _is_over(self._sending, one.failing_since):
                wait = seconds_until_retry(one.failures)
                await webhook_retries.put_off(connection, held, one.change, seconds=wait)
            elif await webhook_retries.is_accepting(connection, held, since=one.failing_since or self._sending.clock()):
                await _drop(connection, held, one, attempt)
            else:
                return await _disable(connection, held, "FAILING", attempt)
            await webhooks.renew(connection, held, lease_seconds=LEASE_SECONDS)
            self._held_since = elapsed_seconds()
        return True


def _is_there(attempt: Attempt) -> bool:
    return attempt.status is not None and attempt.status not in NOT_THERE


def _is_over(sending: Sending, failing_since: datetime | None) -> bool:
    return failing_since is not None and sending.clock() - failing_since > GIVE_UP_AFTER


def _looked_at(webhook: Webhook, changes: list[Change]) -> int:
    """The webhook's new position, counting changes of types that it does not want."""
    position = webhook.position
    for change in changes:
        if change.position > position:
            if change.type in webhook.types:
                break
            position = change.position
    return position


async def _drop(connection: Connection, webhook: Webhook, one: Retry, attempt: Attempt) -> None:
    """Others arrive and this one does not: it is given up, so that later ones of its users are sent."""
    await webhook_retries.remove(connection, webhook, one.change)
    payload = {"message": attempt.message_id, "position": one.change.position, "error": attempt.error}
    event = audit.Event("webhook.message_dropped", "webhook", webhook.id, payload)
    await audit.record(connection, webhook.tenant_id, "system", [event])
    _log.error("webhook.message_dropped", webhook=str(webhook.id), error_code=attempt.error)


async def _disable(
    connection: Connection, webhook: Webhook, reason: Literal["GONE", "FAILING"], attempt: Attempt
) -> Literal[False]:
    await webhooks.set_disabled(connection, webhook.tenant_id, webhook.id, reason)
    payload = {"reason": reason, "error": attempt.error}
    event = audit.Event(
        "webhook.disabled", "webhook", webhook.id, payload, old={"enabled": True}, new={"enabled": False}
    )
    await audit.record(connection, webhook.tenant_id, "system", [event])
    _log.error("webhook.disabled", webhook=str(webhook.id), reason=reason)
    return False
