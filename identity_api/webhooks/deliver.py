"""Delivers to webhooks with waiting messages: claimed with a lease, sent in order, recorded after each message."""

from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from identity_api.clock import elapsed_seconds, jitter
from identity_api.db import audit, outbox, webhooks
from identity_api.db.database import Connection
from identity_api.db.outbox import Change
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
"""A webhook that has failed for this long is disabled, and the tenant's audit records it."""

_log = get_logger(__name__)


def seconds_until_retry(failures: int) -> float:
    """5 s, 10 s, 20 s, and so on up to an hour, with jitter, so that many receivers are not retried at once."""
    wait: float = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(failures, 16))
    return wait * jitter(0.8, 1.2)


async def deliver(sending: Sending, tenant_id: UUID, webhook_id: UUID) -> int:
    """Deliver waiting messages to one webhook until one fails; how many arrived. Skips one that a worker holds."""
    async with sending.database.transaction() as connection:
        webhook = await webhooks.claim(connection, tenant_id, webhook_id, lease_seconds=LEASE_SECONDS)
        if webhook is None:
            return 0
        keys = await sending.keys(connection, webhook)
        changes = await outbox.after(connection, tenant_id, webhook.position, limit=AT_ONCE)
    began = held_since = elapsed_seconds()
    delivered = 0
    for change in changes:
        if change.type not in webhook.types:
            continue
        now = elapsed_seconds()
        if now - held_since > LEASE_SECONDS - DEADLINE_SECONDS or now - began > SECONDS_AT_ONCE:
            # It is another webhook's turn; or this process was stopped, and another worker may hold the lease now.
            break
        attempt = await sending.attempt(webhook, keys, message_of(change, tenant_id))
        following = await _settle(sending, webhook, change, attempt)
        if following is None:
            return delivered
        webhook, delivered, held_since = following, delivered + 1, elapsed_seconds()
    last = _looked_at(webhook, changes)
    async with sending.database.transaction() as connection:
        await webhooks.advance(connection, webhook, last, lease_seconds=None)
    return delivered


def _looked_at(webhook: Webhook, changes: list[Change]) -> int:
    """The webhook's new position, counting changes of types that it does not want."""
    position = webhook.position
    for change in changes:
        if change.position > position:
            if change.type in webhook.types:
                break
            position = change.position
    return position


async def _settle(sending: Sending, webhook: Webhook, change: Change, attempt: Attempt) -> Webhook | None:
    """Record the result; returns the webhook after a delivery, or None if nothing more should be sent now."""
    METRICS.count_webhook("OK" if attempt.error is None else attempt.error)
    async with sending.database.transaction() as connection:
        held = await webhooks.hold(connection, webhook.tenant_id, webhook.id)
        if held is None:
            return None
        await webhooks.log(connection, webhook.tenant_id, webhook.id, attempt)
        if held.position != webhook.position or held.disabled_at is not None:
            return None  # rewound, or disabled meanwhile
        if attempt.error is None:
            await webhooks.advance(connection, held, change.position, lease_seconds=LEASE_SECONDS)
            return await webhooks.get(connection, webhook.tenant_id, webhook.id)
        _log.warning("webhook.failed", webhook=str(webhook.id), error_code=attempt.error, attempt=attempt.attempt)
        is_over = held.failing_since is not None and sending.clock() - held.failing_since > GIVE_UP_AFTER
        if attempt.status == GONE or is_over:
            await _give_up(connection, held, "GONE" if attempt.status == GONE else "FAILING", attempt)
        else:
            await webhooks.put_off(connection, held, seconds=seconds_until_retry(held.failures))
    return None


async def _give_up(
    connection: Connection, webhook: Webhook, reason: Literal["GONE", "FAILING"], attempt: Attempt
) -> None:
    await webhooks.set_disabled(connection, webhook.tenant_id, webhook.id, reason)
    payload = {"reason": reason, "error": attempt.error}
    event = audit.Event(
        "webhook.disabled", "webhook", webhook.id, payload, old={"enabled": True}, new={"enabled": False}
    )
    await audit.record(connection, webhook.tenant_id, "system", [event])
    _log.error("webhook.disabled", webhook=str(webhook.id), reason=reason)
