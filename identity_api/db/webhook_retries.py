"""Messages of a webhook that wait for a retry of their own, and those that wait behind them because they concern the same users.

There are few of them: everything else that waits is after the webhook's position, and has no row.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.outbox import Change
from identity_api.db.webhooks import Webhook

MOST: Final = 100
"""Of a webhook."""


class Retry(msgspec.Struct, frozen=True):
    """A message that waits."""

    change: Change
    failures: int
    """0: it was not tried, since one before it concerns the same users."""
    failing_since: datetime | None
    is_due: bool


_CHANGE = ", ".join([f"o.{name}" for name in Change.__struct_fields__])


async def waiting(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> list[Retry]:
    """Those of the webhook, in the order of their positions."""
    rows = await connection.fetch(
        f"""
        select {_CHANGE}, r.failures, r.failing_since, (r.due_at is null or r.due_at <= now()) as is_due
        from webhook_retry r join outbox o on o.tenant_id = r.tenant_id and o.id = r.change_id
        where r.tenant_id = $1 and r.webhook_id = $2 order by r.position limit $3
        """,
        tenant_id,
        webhook_id,
        MOST,
    )
    return [
        Retry(
            Change(**{name: row[name] for name in Change.__struct_fields__}),
            row["failures"],
            row["failing_since"],
            row["is_due"],
        )
        for row in rows
    ]


async def put_aside(
    connection: Connection, webhook: Webhook, change: Change, *, failures: int, seconds: float | None
) -> None:
    """Keep a message that was refused for a retry after so long; or, with None, until the one before it is accepted."""
    await connection.execute(
        """
        insert into webhook_retry (tenant_id, change_id, webhook_id, position, failures, failing_since, due_at)
        values ($1, $3, $2, $4, $5, case when $5 > 0 then now() end, now() + make_interval(secs => $6))
        """,
        webhook.tenant_id,
        webhook.id,
        change.id,
        change.position,
        failures,
        seconds,
    )


async def put_off(connection: Connection, webhook: Webhook, change: Change, *, seconds: float) -> None:
    """Record another failure of it: it is tried again after so long."""
    await connection.execute(
        """
        update webhook_retry set failures = failures + 1, failing_since = coalesce(failing_since, moment.at),
            due_at = now() + make_interval(secs => $4)
        from (select now() as at) moment
        where tenant_id = $1 and webhook_id = $2 and change_id = $3
        """,
        webhook.tenant_id,
        webhook.id,
        change.id,
        seconds,
    )


async def remove(connection: Connection, webhook: Webhook, change: Change) -> None:
    """It was accepted, or is not to be sent any more: what waited behind it is looked at."""
    await connection.execute(
        "delete from webhook_retry where tenant_id = $1 and webhook_id = $2 and change_id = $3",
        webhook.tenant_id,
        webhook.id,
        change.id,
    )
    await connection.execute(
        "update webhook_retry set due_at = now() where tenant_id = $1 and webhook_id = $2 and due_at is null",
        webhook.tenant_id,
        webhook.id,
    )


async def remove_after(connection: Connection, tenant_id: UUID, webhook_id: UUID, position: int) -> None:
    """The webhook goes back to this position, and sends everything after it anyway."""
    await connection.execute(
        "delete from webhook_retry where tenant_id = $1 and webhook_id = $2 and position > $3",
        tenant_id,
        webhook_id,
        position,
    )


async def begin_anew(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> None:
    """Try all of the webhook at once, as if nothing had failed: its address or state was changed."""
    await connection.execute(
        """
        update webhook_retry set failures = 0, failing_since = null, due_at = now()
        where tenant_id = $1 and webhook_id = $2
        """,
        tenant_id,
        webhook_id,
    )


async def is_accepting(connection: Connection, webhook: Webhook, since: datetime) -> bool:
    """Whether the receiver has accepted a message since then; tests do not count."""
    found: bool = await connection.fetchval(
        """
        select exists (select from webhook_delivery
            where tenant_id = $1 and webhook_id = $2 and at > $3 and error is null and position is not null)
        """,
        webhook.tenant_id,
        webhook.id,
        since,
    )
    return found
