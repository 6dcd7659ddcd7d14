"""Webhooks: their rows, the messages that are due, and the log of deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db.database import Connection
from identity_api.ids import uuid7

DisabledReason = Literal["ADMIN", "FAILING", "GONE"]
LOG_DAYS: Final = 7


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook and its position."""

    id: UUID
    tenant_id: UUID
    url: str
    description: str
    types: list[str]
    position: int
    failures: int
    failing_since: datetime | None
    due_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    created_at: datetime
    head: int
    """The newest change of the tenant; `head - position` at most are waiting."""
    retrying: int
    """Messages up to `position` that were not accepted yet, or wait for one that was not; see `webhook_retries`."""

    def __repr__(self) -> str:
        return f"Webhook(id={self.id})"


_OWN = tuple(name for name in Webhook.__struct_fields__ if name not in ("head", "retrying"))
_COLUMNS = f"""{", ".join([f"w.{name}" for name in _OWN])},
    coalesce((select h.position from outbox_head h where h.tenant_id = $1), 0) as head,
    (select count(*) from webhook_retry r where r.tenant_id = $1 and r.webhook_id = w.id) as retrying
"""
_SELECT = f"select {_COLUMNS} from webhook w where w.tenant_id = $1"


def _webhook(row: Record | None) -> Webhook | None:
    return Webhook(**row) if row is not None else None


async def get(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> Webhook | None:
    """The tenant's webhook of this id."""
    return _webhook(await connection.fetchrow(f"{_SELECT} and w.id = $2", tenant_id, webhook_id))


async def hold(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> Webhook | None:
    """The tenant's webhook with this id, locked until the transaction ends."""
    return _webhook(await connection.fetchrow(f"{_SELECT} and w.id = $2 for update", tenant_id, webhook_id))


async def of_tenant(connection: Connection, tenant_id: UUID) -> list[Webhook]:
    """All of the tenant's, the oldest first; `max_webhooks` bounds how many there are."""
    rows = await connection.fetch(f"{_SELECT} order by w.id", tenant_id)
    return [Webhook(**row) for row in rows]


class NewWebhook(msgspec.Struct, frozen=True):
    """A webhook to make."""

    id: UUID
    url: str
    description: str
    types: Sequence[str]


async def insert(connection: Connection, tenant_id: UUID, new: NewWebhook) -> None:
    """Insert it; it is sent changes from now on."""
    await connection.execute(
        """
        insert into webhook (id, tenant_id, url, description, types, position, failures, created_at)
        select $2, $1, $3, $4, $5, coalesce(max(position), 0), 0, now() from outbox_head where tenant_id = $1
        """,
        tenant_id,
        new.id,
        new.url,
        new.description,
        list(new.types),
    )


async def update(connection: Connection, tenant_id: UUID, wanted: NewWebhook) -> None:
    """Write address, description and types. A message that waited for a retry is tried at once."""
    await connection.execute(
        """
        update webhook set url = $3, description = $4, types = $5, due_at = null where tenant_id = $1 and id = $2
        """,
        tenant_id,
        wanted.id,
        wanted.url,
        wanted.description,
        list(wanted.types),
    )


async def set_disabled(
    connection: Connection, tenant_id: UUID, webhook_id: UUID, reason: DisabledReason | None
) -> None:
    """Disable it for this reason; None enables it, and it continues where it stopped."""
    await connection.execute(
        """
        update webhook set disabled_at = moment.at, disabled_reason = $3,
            failures = 0, failing_since = null, due_at = null, lease_until = null
        from (select case when $3::text is not null then now() end as at) moment
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        webhook_id,
        reason,
    )


async def delete(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> None:
    """Remove it, with its secrets and its log."""
    await connection.execute("delete from webhook where tenant_id = $1 and id = $2", tenant_id, webhook_id)


async def rewind(connection: Connection, tenant_id: UUID, webhook_id: UUID, position: int) -> None:
    """Set its position, so that everything after it is sent, at once."""
    await connection.execute(
        """
        update webhook set position = $3, failures = 0, failing_since = null, due_at = null
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        webhook_id,
        position,
    )


# Secrets ----------------------------------------------------------------------------------------------------------------


class SealedWebhookSecret(msgspec.Struct, frozen=True):
    """A secret as it is stored."""

    id: UUID
    sealed: bytes


async def secrets(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> list[SealedWebhookSecret]:
    """The valid secrets, the newest first."""
    rows = await connection.fetch(
        """
        select id, sealed from webhook_secret
        where tenant_id = $1 and webhook_id = $2 and (expires_at is null or expires_at > now())
        order by created_at desc, id desc
        """,
        tenant_id,
        webhook_id,
    )
    return [SealedWebhookSecret(**row) for row in rows]


async def replace_secret(
    connection: Connection, tenant_id: UUID, webhook_id: UUID, new: SealedWebhookSecret, *, keep_seconds: int
) -> None:
    """Add a secret; the previous one stays valid for so long, and older ones end at once."""
    await connection.execute(
        "delete from webhook_secret where tenant_id = $1 and webhook_id = $2 and expires_at is not null",
        tenant_id,
        webhook_id,
    )
    await connection.execute(
        """
        update webhook_secret set expires_at = now() + make_interval(secs => $3) where tenant_id = $1 and webhook_id = $2
        """,
        tenant_id,
        webhook_id,
        float(keep_seconds),
    )
    await connection.execute(
        "insert into webhook_secret (id, tenant_id, webhook_id, sealed, created_at) values ($3, $1, $2, $4, clock_timestamp())",
        tenant_id,
        webhook_id,
        new.id,
        new.sealed,
    )


# Deliveries -------------------------------------------------------------------------------------------------------------


async def due(connection: Connection, limit: int) -> list[tuple[UUID, UUID]]:
    """Webhooks with a message due now that no worker holds: tenant and id, in random order, so that no webhook is
    always left out if there are more than `limit`."""
    rows = await connection.fetch(
        """
        select w.tenant_id, w.id from webhook w join outbox_head h on h.tenant_id = w.tenant_id
        where w.disabled_at is null and (w.due_at is null or w.due_at <= now())
            and (w.lease_until is null or w.lease_until < now())
            and (h.position > w.position or exists (
                select from webhook_retry r
                where r.tenant_id = w.tenant_id and r.webhook_id = w.id and r.due_at <= now()))
        order by random() limit $1
        """,
        limit,
    )
    return [(row["tenant_id"], row["id"]) for row in rows]


async def claim(connection: Connection, tenant_id: UUID, webhook_id: UUID, *, lease_seconds: int) -> Webhook | None:
    """Claim the webhook for so long; None if another worker has it, or it is not due any more."""
    return _webhook(
        await connection.fetchrow(
            f"""
            update webhook w set lease_until = now() + make_interval(secs => $3)
            where w.tenant_id = $1 and w.id = $2 and w.disabled_at is null and (w.due_at is null or w.due_at <= now())
                and (w.lease_until is null or w.lease_until < now())
            returning {_COLUMNS}
            """,
            tenant_id,
            webhook_id,
            float(lease_seconds),
        )
    )


async def advance(connection: Connection, webhook: Webhook, position: int, *, lease_seconds: int | None) -> bool:
    """Record that everything up to this position is delivered or skipped; False if the webhook was rewound meanwhile.

    Args:
        lease_seconds: how much longer the webhook is held; None releases it.
    """
    row = await connection.fetchval(
        """
        update webhook set position = $4, failures = 0, failing_since = null, due_at = null,
            lease_until = now() + make_interval(secs => $5)
        where tenant_id = $1 and id = $2 and position = $3 and disabled_at is null returning id
        """,
        webhook.tenant_id,
        webhook.id,
        webhook.position,
        position,
        None if lease_seconds is None else float(lease_seconds),
    )
    return row is not None


async def put_off(connection: Connection, webhook: Webhook, *, seconds: float) -> None:
    """Record a failure: nothing is sent for so long."""
    await connection.execute(
        """
        update webhook set failures = failures + 1, failing_since = coalesce(failing_since, moment.at), lease_until = null,
            due_at = now() + make_interval(secs => $4)
        from (select now() as at) moment
        where tenant_id = $1 and id = $2 and position = $3
        """,
        webhook.tenant_id,
        webhook.id,
        webhook.position,
        seconds,
    )


async def pause(connection: Connection, webhook: Webhook, *, seconds: float) -> None:
    """Look at it again after so long; no failure is counted."""
    await connection.execute(
        """
        update webhook set lease_until = null, due_at = now() + make_interval(secs => $4)
        where tenant_id = $1 and id = $2 and position = $3
        """,
        webhook.tenant_id,
        webhook.id,
        webhook.position,
        seconds,
    )


async def renew(connection: Connection, webhook: Webhook, *, lease_seconds: int) -> None:
    """Hold it for so much longer."""
    await connection.execute(
        "update webhook set lease_until = now() + make_interval(secs => $3) where tenant_id = $1 and id = $2",
        webhook.tenant_id,
        webhook.id,
        float(lease_seconds),
    )


async def step_over(connection: Connection, webhook: Webhook, position: int) -> None:
    """Move to this position without a delivery: everything up to it waits for a retry of its own."""
    await connection.execute(
        "update webhook set position = $4 where tenant_id = $1 and id = $2 and position = $3",
        webhook.tenant_id,
        webhook.id,
        webhook.position,
        position,
    )


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an attempt."""

    message_id: str
    position: int | None
    type: str
    attempt: int
    status: int | None
    error: str | None
    milliseconds: int


class Delivery(Attempt, frozen=True, kw_only=True):
    """A line of the log."""

    id: UUID
    at: datetime


async def log(connection: Connection, tenant_id: UUID, webhook_id: UUID, attempt: Attempt) -> Delivery:
    """Write it down."""
    names = Attempt.__struct_fields__
    row = await connection.fetchrow(
        f"""
        insert into webhook_delivery (id, tenant_id, webhook_id, at, {", ".join(names)})
        values ($3, $1, $2, clock_timestamp(), $4, $5, $6, $7, $8, $9, $10)
        returning id, at, {", ".join(names)}
        """,
        tenant_id,
        webhook_id,
        uuid7(),
        *[getattr(attempt, name) for name in names],
    )
    assert row is not None
    return Delivery(**row)


async def deliveries(connection: Connection, tenant_id: UUID, webhook_id: UUID, limit: int) -> list[Delivery]:
    """The newest lines of the webhook's log, the newest first."""
    rows = await connection.fetch(
        f"""
        select {", ".join(Delivery.__struct_fields__)} from webhook_delivery
        where tenant_id = $1 and webhook_id = $2 order by id desc limit $3
        """,
        tenant_id,
        webhook_id,
        limit,
    )
    return [Delivery(**row) for row in rows]


async def forget_deliveries(connection: Connection, limit: int) -> int:
    """Remove up to `limit` lines that are a week old; returns how many."""
    status = await connection.execute(
        """
        delete from webhook_delivery where (tenant_id, id) in (
            select tenant_id, id from webhook_delivery where at < now() - make_interval(days => $2) limit $1)
        """,
        limit,
        LOG_DAYS,
    )
    return int(status.rpartition(" ")[2])


class Failing(msgspec.Struct, frozen=True):
    """Figures about all webhooks, for the metrics."""

    failing: int
    given_up: int
    oldest_failing_seconds: float


async def failing(connection: Connection) -> Failing:
    """How many enabled ones fail now, how many were disabled for failing, and for how long the longest has failed."""
    row = await connection.fetchrow(
        """
        with own as (
            select w.disabled_at, w.disabled_reason, least(w.failing_since, min(r.failing_since)) as since
            from webhook w left join webhook_retry r on r.tenant_id = w.tenant_id and r.webhook_id = w.id
            group by w.tenant_id, w.id)
        select count(*) filter (where disabled_at is null and since is not null) as failing,
            count(*) filter (where disabled_reason in ('FAILING', 'GONE')) as given_up,
            coalesce(extract(epoch from now() - min(since) filter (where disabled_at is null)), 0)::float8
                as oldest_failing_seconds
        from own
        """
    )
    assert row is not None
    return Failing(**row)
