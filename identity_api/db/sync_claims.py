"""The claim of due identities: one statement for all tenants, or for one tenant, or for one user.

Claims are fair: every provider's most overdue identity comes first, then every provider's next.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from asyncpg import Record

from identity_api.db.database import Connection
from identity_api.db.sync import BREAKER_THRESHOLD, LEASE_SECONDS, PROBE_SECONDS, Batch, Claimed

_CLAIMING = 0x73796E63  # "sync": the advisory lock of whoever is choosing rows

HEAD = 400
"""The most overdue identities, which say at which providers to look. If more are due, others may have some due as well."""
LEAST_SHARE = 4
"""The least share of a claim for each provider."""

_CLAIM = """
with leased as (
    select tenant_id, provider_id, count(*) as taken from identity_sync
    where lease_owner is not null and lease_until > now() {of_tenant} group by tenant_id, provider_id
), asked as materialized ({providers}
), place as (
    -- How many more syncs each provider may have in flight, over all workers; one probe while its breaker is half open.
    select p.tenant_id, p.id, p.version, a.share, p.sync_interval_seconds, coalesce(b.failures, 0) >= {threshold} as is_probe,
        case when b.failures >= {threshold} then 1 else least(p.max_concurrent, r.places) end - coalesce(l.taken, 0) as free
    from asked a
    cross join lateral (
        select v.tenant_id, v.id, v.version, v.sync_interval_seconds, v.max_concurrent from provider v
        where v.tenant_id = {asked} and v.id = a.provider_id and v.enabled and v.sync <> 'OFF' limit 1) p
    left join leased l on l.tenant_id = p.tenant_id and l.provider_id = p.id
    left join provider_breaker b on b.tenant_id = {place} and b.id = p.id
    left join unnest($5::uuid[], $6::integer[]) as r (id, places) on r.id = p.id
    where b.paused_at is null and (b.open_until is null or b.open_until <= now())
), candidate as materialized (
    select c.*, row_number() over (partition by c.provider_id order by c.uncertain desc, c.due_at) as turn
    from (
        select s.*, p.version, p.is_probe, p.sync_interval_seconds
        from place p
        cross join lateral (
            -- Those in doubt first: a provider still takes a token that was presented a moment ago, and not for long.
            select * from ({in_doubt}) doubtful
            union all
            select * from ({others}) other
            limit least(greatest(p.free, 0), p.share)) s) c
    -- Every provider's most overdue first, then every provider's next: one provider's backlog delays nobody else.
    order by turn, c.due_at limit $1
), held as materialized (
    -- Nobody else's row is locked for it; and who is being written to now is left for another time.
    select k.* from candidate k
    cross join lateral (
        select d.id from identity_sync d
        where d.tenant_id = {row} and d.id = k.id and d.due_at <= now()
            and (d.lease_until is null or d.lease_until <= now()) limit 1
        for no key update of d skip locked) d
), picked as materialized (
    select k.*, i.issuer, i.subject, i.anchor, i.state, i.state_reason,
        case when i.state in ('REVOKED', 'QUARANTINED') then 'DEAD'
            when u.disabled_at is not null then 'DISABLED'
            when u.active_at <= now() - make_interval(days => $4) then 'INACTIVE' else 'CLAIM' end as verdict,
        case when i.state in ('REVOKED', 'QUARANTINED') then null
            when u.disabled_at is not null then now() + make_interval(secs => k.sync_interval_seconds)
            else now() + interval '1 day' end as postponed_to,
        t.id as token_id, t.hash as token_hash, t.sealed as token_sealed, t.uncertain as token_uncertain
    from held k
    -- How many rows a provider's places yield cannot be estimated, and a join would read every identity and user there is.
    cross join lateral (
        select j.issuer, j.subject, j.anchor, j.state, j.state_reason from identity j
        where j.tenant_id = {row} and j.id = k.id limit 1) i
    cross join lateral (
        select v.disabled_at, v.active_at from app_user v where v.tenant_id = {row} and v.id = k.user_id limit 1) u
    left join lateral (
        select r.id, r.hash, r.sealed, r.uncertain from refresh_token r
        where r.tenant_id = {row} and r.identity_id = k.id and r.dead_at is null
        order by r.created_at desc, r.id desc limit 1
        -- Locked in order to read what is stored now: its successor may have landed since this statement began.
        for no key update) t on true
), probing as (
    update provider_breaker b set open_until = now() + make_interval(secs => {probe_seconds})
    from (select distinct tenant_id, provider_id from picked where is_probe and verdict = 'CLAIM') k
    where b.tenant_id = {row} and b.id = k.provider_id
), claimed as (
    update identity_sync s set lease_until = now() + make_interval(secs => $3), lease_owner = $2,
        generation = s.generation + 1, uncertain = s.uncertain or s.attempt_hash is not null,
        attempt_token_id = k.token_id, attempt_hash = k.token_hash, attempt_at = now()
    from picked k where s.tenant_id = {row} and s.id = k.id and k.verdict = 'CLAIM'
    returning s.tenant_id, s.id, s.generation, s.uncertain, s.failures, s.groups_completeness
), postponed as (
    -- Looked at again later, so that rows that never sync are not chosen every second. A login makes them due by itself.
    update identity_sync s set due_at = k.postponed_to from picked k
    where s.tenant_id = {row} and s.id = k.id and k.verdict <> 'CLAIM'
)
select k.tenant_id, k.id as identity_id, k.user_id, k.provider_id, k.version as provider_version,
    k.issuer, k.subject, k.anchor, k.state, k.state_reason, k.token_id, k.token_hash, k.token_sealed, k.token_uncertain,
    c.generation, c.uncertain, c.failures, c.groups_completeness, k.due_at,
    extract(epoch from now() - k.due_at)::float8 as overdue_seconds
from picked k left join claimed c on c.tenant_id = k.tenant_id and c.id = k.id
"""

_OVERDUE = """
            select d.tenant_id, d.id, d.user_id, d.provider_id, d.due_at, d.uncertain from identity_sync d
            where d.tenant_id = {place} and d.provider_id = p.id and d.due_at <= now() and {of}
                and (d.lease_until is null or d.lease_until <= now()) {of_user}
                and not d.id = any($7) and not ($8 and d.attempt_hash is not null)
            order by d.due_at limit least(greatest(p.free, 0), p.share)"""
# Reads an index that serves only this query: it has no provider column, so other queries must not be planned with it.
_ASKED_DUE = """
    with head as materialized (
        select tenant_id, provider_id from identity_sync
        where (due_at at time zone 'UTC') <= (now() at time zone 'UTC') and (lease_until is null or lease_until <= now())
        order by due_at at time zone 'UTC' limit {head}
    ), near as materialized (
        select tenant_id, provider_id from head union select * from unnest($9::uuid[], $10::uuid[]))
    -- `share`: how many rows of each are looked at, so that together they are not many more than are asked for.
    select tenant_id, provider_id, {least_share} + 2 * $1 / (select count(*) from near) as share from near
    union all
    select p.tenant_id, p.id, {least_share} from provider p
    where $11 and (select count(*) from head) = {head}
        and not exists (select from near n where n.tenant_id = p.tenant_id and n.provider_id = p.id)"""
_ASKED_OF_TENANT = "select tenant_id, id as provider_id, $1::bigint as share from provider where tenant_id = $9"


def _claiming(providers: str, of_user: str, tenant: str | None) -> str:
    """The statement; where all is one tenant's, the parameter that says which."""
    tenants = {name: tenant or f"{name[0]}.tenant_id" for name in ("asked", "place")} | {"row": tenant or "k.tenant_id"}

    def overdue(of: str) -> str:
        return _OVERDUE.format(of=of, of_user=of_user, **tenants)

    return _CLAIM.format(
        threshold=BREAKER_THRESHOLD,
        probe_seconds=PROBE_SECONDS,
        providers=providers,
        in_doubt=overdue("d.uncertain"),
        others=overdue("not d.uncertain"),
        of_tenant=f"and tenant_id = {tenant}" if tenant else "",
        **tenants,
    )


_CLAIM_DUE = _claiming(_ASKED_DUE.format(head=HEAD, least_share=LEAST_SHARE), "", None)
_CLAIM_OF_TENANT = _claiming(_ASKED_OF_TENANT, "", "$9")
_CLAIM_OF_USER = _claiming(_ASKED_OF_TENANT, "and d.user_id = $10", "$9")


async def claim(
    connection: Connection,
    *,
    owner: UUID,
    limit: int,
    max_inactive_days: int,
    places: Mapping[UUID, int],
    under_way: Collection[UUID] = (),
    leaves_attempts: bool = False,
    also_at: Collection[tuple[UUID, UUID]] = (),
    looks_everywhere: bool = True,
    user: tuple[UUID, UUID] | None = None,
    is_distributed: bool = False,
) -> Batch:
    """Take up to `limit` due identities of any tenant, inside a transaction of its own.

    The intent is written with the lease: which token is about to be presented. An attempt that was still written there
    makes the claim `uncertain`.

    Args:
        owner: the sweep that renews the lease.
        places: for some providers, fewer syncs in flight than they allow.
        under_way: identities to be left alone, whatever their leases say.
        leaves_attempts: also leave alone those with an unresolved attempt, as after a worker that was killed.
        also_at: (tenant, provider) to look at besides those of the `HEAD` most overdue.
        looks_everywhere: at every provider, if more than those are due. Takes longer the more providers there are.
        user: only identities of this (tenant, user).
        is_distributed: claim tenant by tenant, see `Database.is_distributed`. The providers of one tenant wait for each other
            as before; between tenants, each has the same share of a claim.
    """
    # One at a time: each must see what the other has leased, or together they would exceed a provider's limit. A lock
    # within the statement itself would come too late, after its snapshot.
    await connection.execute("select pg_advisory_xact_lock($1)", _CLAIMING)
    arguments = [owner, float(LEASE_SECONDS), max_inactive_days, list(places), list(places.values())]
    arguments += [list(under_way), leaves_attempts]
    if user is not None:
        rows = await connection.fetch(_CLAIM_OF_USER, limit, *arguments, *user)
    elif is_distributed:
        rows = await _claim_by_tenant(connection, limit, arguments, also_at, looks_everywhere=looks_everywhere)
    else:
        where = [tenant_id for tenant_id, _ in also_at], [provider_id for _, provider_id in also_at]
        rows = await connection.fetch(_CLAIM_DUE, limit, *arguments, *where, looks_everywhere)
    claims = [Claimed(**row) for row in rows if row["generation"] is not None]
    return Batch(tuple(claims), len(rows) - len(claims))


async def tenants_due(connection: Connection, *, among: int | None) -> list[UUID]:
    """The tenants of so many of the most overdue identities, or of all that are due; the longest overdue first."""
    rows = await connection.fetch(
        """
        select tenant_id from (
            select tenant_id, due_at from identity_sync
            where (due_at at time zone 'UTC') <= (now() at time zone 'UTC') and (lease_until is null or lease_until <= now())
            order by due_at at time zone 'UTC' limit $1) d
        group by tenant_id order by min(due_at)
        """,
        among,
    )
    return [row["tenant_id"] for row in rows]


async def _claim_by_tenant(
    connection: Connection,
    limit: int,
    arguments: Sequence[object],
    also_at: Collection[tuple[UUID, UUID]],
    *,
    looks_everywhere: bool,
) -> list[Record]:
    found = await tenants_due(connection, among=None if looks_everywhere else HEAD)
    waiting = list(dict.fromkeys([*found, *[tenant_id for tenant_id, _ in also_at]]))
    rows: list[Record] = []
    while waiting and len(rows) < limit:
        share = (limit - len(rows)) // len(waiting) or LEAST_SHARE
        for tenant_id in list(waiting):
            at_most = min(share, limit - len(rows))
            took = await connection.fetch(_CLAIM_OF_TENANT, at_most, *arguments, tenant_id) if at_most else []
            rows += took
            if len(took) < share:
                waiting.remove(tenant_id)
    return rows
