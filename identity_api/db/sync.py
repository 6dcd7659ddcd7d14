"""Due identities, their claims, and the results of attempts: the statements on `identity_sync`.

A claim is a lease by the database's clock plus a raised generation. Only the holder of the current generation may write
the result; a login, an end of login or another claim raises it, and the older holder's writes then change nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

LEASE_SECONDS = 15

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


async def transaction_age(connection: Connection) -> float:
    """Seconds since the transaction began, which is what `now()` says in it, by the database's clock."""
    value: float = await connection.fetchval("select extract(epoch from clock_timestamp() - now())::float8")
    return value


_RENEW_LEASES = """
    update identity_sync set lease_until = now() + make_interval(secs => $3)
    where {row} in (
        select {held}
        from unnest($2::uuid[], $4::uuid[]) h (tenant_id, id)
        join identity_sync s on s.tenant_id = {tenant} and s.id = h.id
        where s.lease_owner = $1 for no key update of s skip locked)
    returning id, generation
"""
_RENEW_ALL_LEASES = _RENEW_LEASES.format(row="(tenant_id, id)", held="s.tenant_id, s.id", tenant="h.tenant_id")
_RENEW_LEASES_OF_TENANT = _RENEW_LEASES.format(row="tenant_id = $5 and id", held="s.id", tenant="$5")


async def renew_leases(
    connection: Connection, owner: UUID, held: Sequence[Claimed], *, of: UUID | None = None
) -> dict[UUID, int]:
    """Heartbeat: extend what `owner` still holds; their generations by id. A row that is being written to is left out.

    Args:
        of: the tenant of all of them, where a statement may concern only one (`Database.is_distributed`).
    """
    arguments = [
        owner,
        [claimed.tenant_id for claimed in held],
        float(LEASE_SECONDS),
        [claimed.identity_id for claimed in held],
    ]
    if of is None:
        rows = await connection.fetch(_RENEW_ALL_LEASES, *arguments)
    else:
        rows = await connection.fetch(_RENEW_LEASES_OF_TENANT, *arguments, of)
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
            due_at = case when $7::float8 is not null and due_at > $9 then due_at else next.at end
        from (select now() + make_interval(secs => $7) as at) next
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
