"""The circuit breaker of each provider: closed, paused or open, one row per provider that ever failed.

Open means that the provider does not accept this client (a wrong client secret, say). The claim of the sync skips such
a provider until `open_until`, then takes one identity as a probe (`db.sync`).
"""

from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.sync import BREAKER_THRESHOLD, PROBE_SECONDS


async def record_refusal(
    connection: Connection, tenant_id: UUID, provider_id: UUID, reason: str, *, identity_id: UUID | None
) -> bool:
    """Count a refusal of this client; True if this opens the breaker (and not if it was open already).

    Args:
        identity_id: whose request was refused: one person counts once, since an ended login may be refused with the
            same error. None if the provider refuses this client, for every person.
    """
    value: bool = await connection.fetchval(
        """
        with before as (
            select failures, people from provider_breaker where tenant_id = $1 and id = $2 for update
        ), counted as (
            select failures, after, case when after >= $4 then now() + make_interval(secs => $5) end as open_until
            from (
                select coalesce(b.failures, 0) as failures,
                    coalesce(b.failures, 0) + case when $6 = any(b.people) then 0 else 1 end as after
                from (select) one left join before b on true) c
        ), written as (
            insert into provider_breaker as b (id, tenant_id, failures, people, open_until, reason, changed_at)
            select $2, $1, after, case when $6::uuid is null then '{}' else array[$6::uuid] end, open_until, $3, now()
            from counted
            on conflict (tenant_id, id) do update set failures = excluded.failures, reason = excluded.reason,
                changed_at = excluded.changed_at, open_until = coalesce(excluded.open_until, b.open_until),
                people = case when $6 = any(b.people) or cardinality(b.people) >= $4 then b.people
                    else b.people || excluded.people end
        )
        select after >= $4 and failures < $4 from counted
        """,
        tenant_id,
        provider_id,
        reason,
        BREAKER_THRESHOLD,
        float(PROBE_SECONDS),
        identity_id,
    )
    return value


async def record_acceptance(connection: Connection, tenant_id: UUID, provider_id: UUID) -> bool:
    """The provider accepted this client: forget its refusals. True if that closes an open breaker."""
    before = await connection.fetchval(
        """
        with before as (
            select failures from provider_breaker where tenant_id = $1 and id = $2 and failures > 0 for update)
        update provider_breaker b set failures = 0, people = '{}', open_until = null, reason = null, changed_at = now()
        from before where b.tenant_id = $1 and b.id = $2 returning before.failures
        """,
        tenant_id,
        provider_id,
    )
    return bool(before is not None and before >= BREAKER_THRESHOLD)


async def pause(
    connection: Connection,
    tenant_id: UUID,
    provider_id: UUID,
    seconds: float,
    reason: str,
    *,
    learned_rate: float | None = None,
) -> None:
    """Pause the provider for as long as it requested (Retry-After). Not a refusal, and no probe follows.

    Args:
        learned_rate: calls a second that it allows a worker, if it answered 429.
    """
    await connection.execute(
        """
        insert into provider_breaker (id, tenant_id, failures, people, open_until, reason, changed_at, learned_rate)
        values ($2, $1, 0, '{}', now() + make_interval(secs => $3), $4, now(), $5)
        on conflict (tenant_id, id) do update set reason = excluded.reason, changed_at = excluded.changed_at,
            learned_rate = coalesce(excluded.learned_rate, provider_breaker.learned_rate),
            open_until = greatest(provider_breaker.open_until, excluded.open_until)
        """,
        tenant_id,
        provider_id,
        float(seconds),
        reason,
        learned_rate,
    )


class Trouble(msgspec.Struct, frozen=True):
    """A provider that refused the last call."""

    failures: int
    reason: str | None
    changed_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether its people are not synced, but for a probe now and then."""
        return self.failures >= BREAKER_THRESHOLD


async def trouble(connection: Connection, tenant_id: UUID, provider_id: UUID) -> Trouble | None:
    """The provider's refusal or pause; None if it accepts this client."""
    row = await connection.fetchrow(
        "select failures, reason, changed_at from provider_breaker where tenant_id = $1 and id = $2 and failures > 0",
        tenant_id,
        provider_id,
    )
    return Trouble(**row) if row else None
