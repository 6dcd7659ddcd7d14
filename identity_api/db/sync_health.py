"""The state of each provider's syncs: what is due and how late, identities by state, and what delays them.

For operators, admins and metrics; nothing here decides what is synced next (`db.sync` does).
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

_MAKE_DUE_BATCH = 5_000


class ProviderSync(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's syncs at this moment, by the database's clock."""

    tenant_id: UUID
    tenant: str
    provider_id: UUID
    provider: str
    label: str
    enabled: bool
    sync: str
    sync_interval_seconds: int
    max_rate: int | None
    """Calls a second of each worker; None for no limit."""
    learned_rate: float | None
    """Calls a second that the provider allowed a worker when it last answered 429; None if it never did."""
    max_concurrent: int
    """Calls in flight, over all workers."""
    paused_at: datetime | None
    refusals: int
    """How many people's requests the provider has refused because of this client, since it last accepted one."""
    refusal: str | None
    next_probe_at: datetime | None
    """While the breaker is open: when one identity is tried again."""
    states: Mapping[str, int]
    """Identities by state, without those that were unlinked."""
    synced: int
    """Identities that are synced at all."""
    due: int
    in_flight: int
    oldest_due_seconds: float


_PROVIDERS = """
select p.tenant_id, t.slug as tenant, p.id as provider_id, p.slug as provider, p.label,
    p.enabled, p.sync, p.sync_interval_seconds,
    p.max_rate, b.learned_rate, p.max_concurrent, b.paused_at, coalesce(b.failures, 0) as refusals, b.reason as refusal,
    case when b.open_until > now() then b.open_until end as next_probe_at,
    coalesce(i.states, '{}')::text as states, coalesce(s.synced, 0) as synced, coalesce(s.due, 0) as due,
    coalesce(s.in_flight, 0) as in_flight,
    greatest(0, extract(epoch from now() - s.oldest_due_at))::float8 as oldest_due_seconds
from provider p
join tenant t on t.id = p.tenant_id
left join provider_breaker b on b.tenant_id = p.tenant_id and b.id = p.id
left join (
    select tenant_id, provider_id, json_object_agg(state, identities) as states from (
        select tenant_id, provider_id, state, count(*) as identities from identity
        where unlinked_at is null and ($1::uuid is null or tenant_id = $1) group by tenant_id, provider_id, state
    ) c group by tenant_id, provider_id
) i on i.tenant_id = p.tenant_id and i.provider_id = p.id
left join (
    select tenant_id, provider_id, count(due_at) as synced, count(*) filter (where due_at <= now()) as due,
        count(*) filter (where lease_until > now()) as in_flight, min(due_at) as oldest_due_at
    from identity_sync where $1::uuid is null or tenant_id = $1 group by tenant_id, provider_id
) s on s.tenant_id = p.tenant_id and s.provider_id = p.id
where $1::uuid is null or p.tenant_id = $1
order by t.slug, p.slug
"""


async def providers(connection: Connection, tenant_id: UUID | None = None) -> list[ProviderSync]:
    """Every provider of the tenant, or of all tenants, by slug. It goes through all their identities."""
    rows = await connection.fetch(_PROVIDERS, tenant_id)
    return [
        ProviderSync(**{**row, "states": msgspec.json.decode(row["states"], type=dict[str, int])})  # asyncpg gives text
        for row in rows
    ]


async def reasons(connection: Connection, tenant_id: UUID | None = None) -> dict[tuple[UUID, UUID], dict[str, int]]:
    """Why identities are not fresh, counted, by (tenant, provider); the commonest reason first."""
    rows = await connection.fetch(
        """
        select tenant_id, provider_id, state_reason as reason, count(*) as identities from identity
        where unlinked_at is null and state_reason is not null and ($1::uuid is null or tenant_id = $1)
        group by tenant_id, provider_id, state_reason order by identities desc, reason
        """,
        tenant_id,
    )
    found: dict[tuple[UUID, UUID], dict[str, int]] = {}
    for row in rows:
        found.setdefault((row["tenant_id"], row["provider_id"]), {})[row["reason"]] = row["identities"]
    return found


class Lag(msgspec.Struct, frozen=True):
    """How late a provider's syncs are, in seconds; an identity that is not due is 0 s late."""

    p50: float = 0.0
    p99: float = 0.0


async def lags(connection: Connection, tenant_id: UUID | None = None) -> dict[tuple[UUID, UUID], Lag]:
    """The lag over all synced identities, by (tenant, provider). It sorts them, so `providers`, asked all the time, lacks it."""
    rows = await connection.fetch(
        """
        select tenant_id, provider_id,
            greatest(0, extract(epoch from now() - percentile_disc(0.5) within group (order by due_at desc)))::float8 as p50,
            greatest(0, extract(epoch from now() - percentile_disc(0.99) within group (order by due_at desc)))::float8 as p99
        from identity_sync where due_at is not null and ($1::uuid is null or tenant_id = $1)
        group by tenant_id, provider_id
        """,
        tenant_id,
    )
    return {(row["tenant_id"], row["provider_id"]): Lag(row["p50"], row["p99"]) for row in rows}


async def oldest_due_seconds(connection: Connection) -> float:
    """How long the most overdue sync has been due, of those that may run; 0 if nothing is due."""
    seconds = await connection.fetchval(
        """
        select extract(epoch from now() - min(s.due_at))::float8 from provider p
        left join provider_breaker b on b.tenant_id = p.tenant_id and b.id = p.id
        cross join lateral (
            select due_at from identity_sync d
            where d.tenant_id = p.tenant_id and d.provider_id = p.id and d.due_at is not null
            order by d.due_at limit 1) s
        where p.enabled and p.sync <> 'OFF' and b.paused_at is null
        """
    )
    return max(0.0, seconds or 0.0)


_PAUSE = """
    insert into provider_breaker as b (id, tenant_id, failures, people, changed_at, paused_at)
    values ($2, $1, 0, '{}', now(), now())
    on conflict (tenant_id, id) do update set paused_at = excluded.paused_at, changed_at = excluded.changed_at
        where b.paused_at is null
    returning true
"""
_RESUME = """
    update provider_breaker set paused_at = null, changed_at = now()
    where tenant_id = $1 and id = $2 and paused_at is not null returning true
"""


async def set_paused(connection: Connection, tenant_id: UUID, provider_id: UUID, *, paused: bool) -> bool:
    """Pause or resume the provider's syncs; whether that changed anything."""
    changed = await connection.fetchval(_PAUSE if paused else _RESUME, tenant_id, provider_id)
    return bool(changed)


async def make_provider_due(connection: Connection, tenant_id: UUID, provider_id: UUID, before: datetime) -> int:
    """Make identities of the provider due that are due after `before`, some thousand at a time; returns how many."""
    rows = await connection.fetch(
        """
        with later as (
            select id from identity_sync where tenant_id = $1 and provider_id = $2 and due_at > $3
            order by due_at limit $4 for no key update skip locked)
        update identity_sync s set due_at = $3 from later l where s.tenant_id = $1 and s.id = l.id returning s.id
        """,
        tenant_id,
        provider_id,
        before,
        _MAKE_DUE_BATCH,
    )
    return len(rows)
