"""Due identities, their claims, and the results of attempts: the statements on `identity_sync`.

A claim is a lease by the database's clock plus a raised generation. Only the holder of the current generation may write
the result; a login, an end of login or another claim raises it, and the older holder's writes then change nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

LEASE_SECONDS = 15
_CLAIMING = 0x73796E63  # "sync": the advisory lock of whoever is choosing rows

BREAKER_THRESHOLD = 3
PROBE_SECONDS = 30


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """An identity claimed for one sync, with what the sync needs of it."""

    tenant_id: UUID
    identity_id: UUID
    user_id: UUID
    provider_id: UUID
    provider_version: int
    """Of the provider's settings, as they were when it was claimed."""
    issuer: str
    subject: str | None
    anchor: str
    state: str
    state_reason: str | None
    generation: int
    uncertain: bool
    """An earlier attempt was sent, or may have been, and its answer has not landed."""
    failures: int
    groups_completeness: str
    due_at: datetime
    """When it was due. A later one means that somebody has asked for another sync since the claim."""
    overdue_seconds: float
    token_id: UUID | None
    """The newest live refresh token; None if no login of the identity has one."""
    token_hash: bytes | None
    token_sealed: bytes | None
    token_uncertain: bool | None
    """The same of the token, also of an attempt before another login."""

    def __repr__(self) -> str:
        return f"Claimed({self.identity_id}, generation={self.generation})"


class Batch(msgspec.Struct, frozen=True):
    """What one claiming statement took."""

    claims: tuple[Claimed, ...]
    postponed: int
    """Due rows that are not synced now: a disabled or long inactive person, a dead identity."""


HEAD = 400
"""The most overdue identities, which say at which providers to look. If more are due, others may have some due as well."""
LEAST_SHARE = 4
"""The least share of a claim for each provider."""

_CLAIM = """
with leased as (
    select tenant_id, provider_id, count(*) as taken from identity_sync
    where lease_owner is not null and lease_until > now() group by tenant_id, provider_id
), asked as materialized ({asked}
), place as (
    -- How many more syncs each provider may have in flight, over all workers; one probe while its breaker is half open.
    select p.tenant_id, p.id, p.version, a.share, p.sync_interval_seconds, coalesce(b.failures, 0) >= {threshold} as is_probe,
        case when b.failures >= {threshold} then 1 else least(p.max_concurrent, r.places) end - coalesce(l.taken, 0) as free
    from asked a
    cross join lateral (
        select v.tenant_id, v.id, v.version, v.sync_interval_seconds, v.max_concurrent from provider v
        where v.tenant_id = a.tenant_id and v.id = a.provider_id and v.enabled and v.sync <> 'OFF' limit 1) p
    left join leased l on l.tenant_id = p.tenant_id and l.provider_id = p.id
    left join provider_breaker b on b.tenant_id = p.tenant_id and b.id = p.id
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
        where d.tenant_id = k.tenant_id and d.id = k.id and d.due_at <= now()
            and (d.lease_until is null or d.lease_until <= now()) limit 1
        for no key update of d skip locked) d
), picked as materialized (
    select k.*, i.issuer, i.subject, i.anchor, i.state, i.state_reason,
        case when i.state in ('REVOKED', 'QUARANTINED') then 'DEAD'
            when u.disabled_at is not null then 'DISABLED'
            when u.active_at <= now() - make_interval(days => $4) then 'INACTIVE' else 'CLAIM' end as verdict,
        t.id as token_id, t.hash as token_hash, t.sealed as token_sealed, t.uncertain as token_uncertain
    from held k
    -- How many rows a provider's places yield cannot be estimated, and a join would read every identity and user there is.
    cross join lateral (
        select j.issuer, j.subject, j.anchor, j.state, j.state_reason from identity j
        where j.tenant_id = k.tenant_id and j.id = k.id limit 1) i
    cross join lateral (
        select v.disabled_at, v.active_at from app_user v where v.tenant_id = k.tenant_id and v.id = k.user_id limit 1) u
    left join lateral (
        select r.id, r.hash, r.sealed, r.uncertain from refresh_token r
        where r.tenant_id = k.tenant_id and r.identity_id = k.id and r.dead_at is null
        order by r.created_at desc, r.id desc limit 1
        -- Locked in order to read what is stored now: its successor may have landed since this statement began.
        for no key update) t on true
), probing as (
    update provider_breaker b set open_until = now() + make_interval(secs => {probe_seconds})
    where (b.tenant_id, b.id) in (select tenant_id, provider_id from picked where is_probe and verdict = 'CLAIM')
), claimed as (
    update identity_sync s set lease_until = now() + make_interval(secs => $3), lease_owner = $2,
        generation = s.generation + 1, uncertain = s.uncertain or s.attempt_hash is not null,
        attempt_token_id = k.token_id, attempt_hash = k.token_hash, attempt_at = now()
    from picked k where s.tenant_id = k.tenant_id and s.id = k.id and k.verdict = 'CLAIM'
    returning s.tenant_id, s.id, s.generation, s.uncertain, s.failures, s.groups_completeness
), postponed as (
    -- Looked at again later, so that rows that never sync are not chosen every second. A login makes them due by itself.
    update identity_sync s set due_at = case k.verdict when 'DEAD' then null
        when 'DISABLED' then now() + make_interval(secs => k.sync_interval_seconds) else now() + interval '1 day' end
    from picked k where s.tenant_id = k.tenant_id and s.id = k.id and k.verdict <> 'CLAIM'
)
select k.tenant_id, k.id as identity_id, k.user_id, k.provider_id, k.version as provider_version,
    k.issuer, k.subject, k.anchor, k.state, k.state_reason, k.token_id, k.token_hash, k.token_sealed, k.token_uncertain,
    c.generation, c.uncertain, c.failures, c.groups_completeness, k.due_at,
    extract(epoch from now() - k.due_at)::float8 as overdue_seconds
from picked k left join claimed c on c.tenant_id = k.tenant_id and c.id = k.id
"""

_OVERDUE = """
            select d.tenant_id, d.id, d.user_id, d.provider_id, d.due_at, d.uncertain from identity_sync d
            where d.tenant_id = p.tenant_id and d.provider_id = p.id and d.due_at <= now() and {of}
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
_ASKED_OF_USER = "select tenant_id, id as provider_id, $1::bigint as share from provider where tenant_id = $9"


def _claiming(asked: str, of_user: str) -> str:
    def overdue(of: str) -> str:
        return _OVERDUE.format(of=of, of_user=of_user)

    return _CLAIM.format(
        threshold=BREAKER_THRESHOLD,
        probe_seconds=PROBE_SECONDS,
        asked=asked,
        in_doubt=overdue("d.uncertain"),
        others=overdue("not d.uncertain"),
    )


_CLAIM_DUE = _claiming(_ASKED_DUE.format(head=HEAD, least_share=LEAST_SHARE), "")
_CLAIM_OF_USER = _claiming(_ASKED_OF_USER, "and d.user_id = $10")


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
    """
    # One at a time: each must see what the other has leased, or together they would exceed a provider's limit. A lock
    # within the statement itself would come too late, after its snapshot.
    await connection.execute("select pg_advisory_xact_lock($1)", _CLAIMING)
    arguments = [owner, float(LEASE_SECONDS), max_inactive_days, list(places), list(places.values())]
    arguments += [list(under_way), leaves_attempts]
    if user is None:
        where = [tenant_id for tenant_id, _ in also_at], [provider_id for _, provider_id in also_at]
        rows = await connection.fetch(_CLAIM_DUE, limit, *arguments, *where, looks_everywhere)
    else:
        rows = await connection.fetch(_CLAIM_OF_USER, limit, *arguments, *user)
    claims = [Claimed(**row) for row in rows if row["generation"] is not None]
    return Batch(tuple(claims), len(rows) - len(claims))


async def transaction_age(connection: Connection) -> float:
    """Seconds since the transaction began, which is what `now()` says in it, by the database's clock."""
    value: float = await connection.fetchval("select extract(epoch from clock_timestamp() - now())::float8")
    return value


async def renew_leases(connection: Connection, owner: UUID, held: Sequence[Claimed]) -> dict[UUID, int]:
    """Heartbeat: extend what `owner` still holds; their generations by id. A row that is being written to is left out."""
    rows = await connection.fetch(
        """
        update identity_sync set lease_until = now() + make_interval(secs => $3)
        where (tenant_id, id) in (
            select s.tenant_id, s.id
            from unnest($2::uuid[], $4::uuid[]) h (tenant_id, id)
            join identity_sync s on s.tenant_id = h.tenant_id and s.id = h.id
            where s.lease_owner = $1 for no key update of s skip locked)
        returning id, generation
        """,
        owner,
        [claimed.tenant_id for claimed in held],
        float(LEASE_SECONDS),
        [claimed.identity_id for claimed in held],
    )
    return {row["id"]: row["generation"] for row in rows}


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """How a claim is released without a verified answer."""

    outcome: str
    seconds_until_due: float | None
    """None: not due again before a login."""
    uncertain: bool = False
    """The attempt was sent and its answer did not land."""
    resolves: bool = False
    """Any uncertainty was about a token that is dead now."""
    is_failure: bool = True


async def release(connection: Connection, claimed: Claimed, release: Release) -> bool:
    """Release a claim; False if it is not held any more. Uncertainty ends only with an answer."""
    status = await connection.execute(
        """
        update identity_sync set lease_until = null, lease_owner = null,
            attempt_token_id = null, attempt_hash = null, attempt_at = null,
            uncertain = (uncertain and not $8) or $4,
            failures = failures + case when $5 then 1 else 0 end, outcome = $6,
            due_at = case when $7::float8 is not null and due_at > $9 then due_at else now() + make_interval(secs => $7) end
        where tenant_id = $1 and id = $2 and generation = $3
        """,
        claimed.tenant_id,
        claimed.identity_id,
        claimed.generation,
        release.uncertain,
        release.is_failure,
        release.outcome,
        release.seconds_until_due,
        release.resolves,
        claimed.due_at,
    )
    return bool(status == "UPDATE 1")


async def mark_stale(connection: Connection, tenant_id: UUID, identity_id: UUID, reason: str) -> bool:
    """Set the state to STALE with the reason; False if it already is, or the identity is dead."""
    status = await connection.execute(
        """
        update identity set state = 'STALE', state_reason = $3, state_since = now()
        where tenant_id = $1 and id = $2 and state not in ('REVOKED', 'QUARANTINED')
            and (state, state_reason) is distinct from ('STALE', $3)
        """,
        tenant_id,
        identity_id,
        reason,
    )
    return bool(status == "UPDATE 1")


async def is_refused_alone(
    connection: Connection,
    tenant_id: UUID,
    identity_id: UUID,
    *,
    since_seconds: float,
    needs_others: bool,
    share: float,
) -> bool:
    """Whether the provider has been refusing this identity for so long, in the same way, and almost no others.

    Args:
        since_seconds: how long its state and reason must have been what they are.
        needs_others: somebody else's refresh must have succeeded meanwhile; a login proves nothing of refreshes.
        share: the share of others, of those confirmed meanwhile, that may be refused too; one may in any case.
    """
    return bool(
        await connection.fetchval(
            """
            select count(*) filter (where s.outcome = me.state_reason and s.failures > 0)
                    <= greatest(1, $5 * count(*) filter (where s.failures = 0 and s.verified_at > me.state_since))
                and (not $4 or exists (
                    select from identity_sync o join identity i on i.tenant_id = $1 and i.id = o.id
                    where o.tenant_id = $1 and o.provider_id = me.provider_id and o.user_id <> me.user_id
                        and o.failures = 0 and o.verified_at > greatest(me.state_since, i.signed_in_at)))
            from (
                select provider_id, user_id, state_since, state_reason from identity
                where tenant_id = $1 and id = $2 and state = 'STALE'
                    and state_since <= now() - make_interval(secs => $3)) me
            left join identity_sync s
                on s.tenant_id = $1 and s.provider_id = me.provider_id and s.user_id <> me.user_id
            group by me.provider_id, me.user_id, me.state_since, me.state_reason
            """,
            tenant_id,
            identity_id,
            since_seconds,
            needs_others,
            share,
        )
    )


async def make_due(connection: Connection, tenant_id: UUID, user_id: UUID) -> list[UUID]:
    """Make the user's syncable identities due now, and return them. A sync that is under way is followed by another."""
    rows = await connection.fetch(
        """
        with held as (
            select s.id from identity_sync s join provider p on p.tenant_id = $1 and p.id = s.provider_id
            where s.tenant_id = $1 and s.user_id = $2 and s.due_at is not null and p.enabled and p.sync <> 'OFF'
            order by s.id for no key update of s
        )
        update identity_sync s set due_at = now() from held where s.tenant_id = $1 and s.id = held.id
        returning s.id
        """,
        tenant_id,
        user_id,
    )
    return [row["id"] for row in rows]
