"""Settle a claim whose answer is not a verified reading. Each in one transaction, only under the claimed generation, and
safe to repeat, as after a commit whose answer was lost.

A login, a logout token or another worker that came first has raised the generation: then nothing is written of what
this answer means for the login.

A failure that this service may have caused is never recorded as the provider's decision. If an earlier presentation of
the login's token is unresolved (a worker was killed or stopped, an answer was lost or came too late), a dead token is
`rotation_lost`: the identity is not synced any more, the person keeps session and permissions until the lease ends, and
is asked to sign in again.
"""

from typing import Literal

from identity_api.db import audit, breakers, identities, locks, refresh_tokens, sync, user_read_model
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.db.sync import Claimed, Release
from identity_api.lifecycle.end_login import end_logins
from identity_api.sync import breaker
from identity_api.sync.alarms import SHARE
from identity_api.sync.call import LEASE_OVER
from identity_api.sync.deps import SyncDeps
from identity_api.sync.outcome import Ended, Stale, seconds_until_retry

Settled = Literal[
    "stale",
    "invalid_grant",
    "login_refused",
    "access_token_refused",
    "rotation_lost",
    "reauth_required",
    "subject_changed",
    "issuer_changed",
    "older_token",
    "raced",
    "lease_over",
    "superseded",
]
"""What was written. `older_token`, `raced` and `lease_over` are due again at once; `superseded` wrote nothing of the login."""

NO_TOKEN = Stale(reason="no_refresh_token", is_final=True)
"""A provider that is synced by refresh token and issued none for this login: a finding for its administrators."""
ROTATION_LOST = Stale(reason="rotation_lost", is_final=True)
"""The token is dead, probably because this service lost its successor."""

CONFIRMING_FAILURES = 2
"""Refusals in a row before the one that ends a login."""
CONFIRMING_SECONDS = 120.0
"""For how long a provider must have been refusing a login, and not others, before the login ends."""
UNCOMPARED_SECONDS = 600.0
"""The same for a refused access token if there are no other logins to compare: 401 is about the token itself (RFC 6750
section 3.1)."""


async def settle_stale(deps: SyncDeps, claimed: Claimed, provider: Provider | None, stale: Stale) -> Settled:
    """Give the claim back with a reason and a time to try again. No lease is extended or shortened.

    A refusal that has gone on long enough with this person alone ends the login instead.
    """
    has_persisted = (
        stale.refusal is not None
        and (claimed.state, claimed.state_reason) == ("STALE", stale.reason)
        and claimed.failures >= CONFIRMING_FAILURES
    )
    async with deps.database.transaction() as connection:
        if has_persisted or (claimed.state, claimed.state_reason) != ("STALE", stale.reason):
            await locks.users(connection, claimed.tenant_id, [claimed.user_id])
        if has_persisted and await _is_refused_alone(connection, claimed, stale):
            return await _end_refused(connection, claimed, stale)
        release = _release_of(claimed, provider, stale)
        if not await _give_back(connection, claimed, release, stale.reason, said=stale.said):
            return "superseded"
        if stale.uncertain and stale.refusal is not None and claimed.token_id is not None:
            await refresh_tokens.mark_uncertain(connection, claimed.tenant_id, claimed.token_id)
        # Last, because the row is shared by everybody who syncs with the provider.
        if stale.refused_us is not None:
            whose = None if stale.refused_us == "client" else claimed.identity_id
            await breaker.refused(
                connection, claimed.tenant_id, claimed.provider_id, stale.reason, identity_id=whose, said=stale.said
            )
        elif stale.retry_after_seconds:
            await breakers.pause(
                connection,
                claimed.tenant_id,
                claimed.provider_id,
                stale.retry_after_seconds,
                stale.reason,
                learned_rate=deps.pace.rate(claimed.provider_id),
            )
    return "stale"


async def settle_withdrawn(deps: SyncDeps, claimed: Claimed) -> Settled:
    """Nothing was sent, because the lease had ended: if nobody has claimed the identity since, it is due at once."""
    release = Release(outcome=LEASE_OVER.reason, seconds_until_due=0, is_failure=False)
    async with deps.database.transaction() as connection:
        return "lease_over" if await _release(connection, claimed, release) else "superseded"


async def settle_end(deps: SyncDeps, claimed: Claimed, ended: Ended) -> Settled:
    """End the login if the provider's answer is valid: the claim is still held, and for a dead token also all of R4.

    A dead token counts if it is still the stored one; older logins' tokens are tried before the identity is revoked.
    """
    async with deps.database.transaction() as connection:
        await locks.users(connection, claimed.tenant_id, [claimed.user_id])
        if not await _is_ours(connection, claimed):
            return await _overtaken(connection, claimed, ended)
        if ended.reason == "invalid_grant":
            return await _end_dead(
                connection, claimed, ended.reason, in_doubt=claimed.uncertain, detail=dict(ended.detail)
            )
        await end_logins(
            connection,
            claimed.tenant_id,
            [claimed.identity_id],
            reason=ended.reason,
            actor="sync",
            detail=ended.detail,
        )
    return ended.reason


async def settle_not_landed(deps: SyncDeps, claimed: Claimed) -> Settled:
    """The answer's token was dropped, because another one is stored now: two presentations were answered."""
    assert claimed.token_id is not None
    async with deps.database.transaction() as connection:
        await refresh_tokens.mark_uncertain(connection, claimed.tenant_id, claimed.token_id)
    return "superseded"


def _release_of(claimed: Claimed, provider: Provider | None, stale: Stale) -> Release:
    seconds = seconds_until_retry(
        stale,
        failures=claimed.failures,
        was_uncertain=claimed.uncertain or (stale.refusal is not None and claimed.failures > 0),
        interval_seconds=provider.sync_interval_seconds if provider else 300,
    )
    # A refusal was an answer: it leaves a doubt about the token, not an attempt of which nothing is known.
    is_uncertain = stale.uncertain and stale.refusal is None
    return Release(outcome=stale.reason, seconds_until_due=seconds, uncertain=is_uncertain)


async def _give_back(
    connection: Connection, claimed: Claimed, release: Release, reason: str, *, said: str | None = None
) -> bool:
    """Release the claim and mark the identity stale; False if the claim is not held any more."""
    if not await _release(connection, claimed, release):
        return False
    if await sync.mark_stale(connection, claimed.tenant_id, claimed.identity_id, reason):
        payload = {"from": claimed.state, "to": "STALE", "reason": reason, **({} if said is None else {"said": said})}
        event = audit.Event("identity.state_changed", "identity", claimed.identity_id, payload)
        await audit.record(connection, claimed.tenant_id, "sync", [event])
        await user_read_model.refresh(connection, claimed.tenant_id, [claimed.user_id])
    return True


async def _is_refused_alone(connection: Connection, claimed: Claimed, stale: Stale) -> bool:
    if not await _is_ours(connection, claimed):
        return False

    async def alone_for(seconds: float, *, needs_others: bool) -> bool:
        return await sync.is_refused_alone(
            connection,
            claimed.tenant_id,
            claimed.identity_id,
            since_seconds=seconds,
            needs_others=needs_others,
            share=SHARE,
        )

    if await alone_for(CONFIRMING_SECONDS, needs_others=True):
        return True
    return stale.refusal == "access_token_refused" and await alone_for(UNCOMPARED_SECONDS, needs_others=False)


async def _end_refused(connection: Connection, claimed: Claimed, stale: Stale) -> Settled:
    assert stale.refusal is not None
    # UserInfo takes an access token as often as it comes: however an attempt ended, it cost nothing.
    may_be_used_up = stale.refusal != "access_token_refused"
    # An answer that itself leaves doubt about the token, each time again, does not mean that this service lost it.
    return await _end_dead(
        connection,
        claimed,
        stale.refusal,
        in_doubt=claimed.uncertain and may_be_used_up,
        trusts_row=not stale.uncertain and may_be_used_up,
        detail={"answer": stale.reason, **({} if stale.said is None else {"said": stale.said})},
    )


async def _end_dead(
    connection: Connection,
    claimed: Claimed,
    reason: Literal["invalid_grant", "login_refused", "access_token_refused"],
    *,
    in_doubt: bool,
    trusts_row: bool = True,
    detail: dict[str, str] | None = None,
) -> Settled:
    """Mark the token dead, and end the login with the last one, unless this service lost the token."""
    assert claimed.token_id is not None
    assert claimed.token_hash is not None
    died_of = await refresh_tokens.bury(
        connection,
        claimed.tenant_id,
        claimed.token_id,
        presented_hash=claimed.token_hash,
        reason=reason,
        in_doubt=in_doubt,
        trusts_row=trusts_row,
    )
    if died_of is None:  # a late landing replaced it: the answer was about a token that is not stored any more
        return await _try_again(connection, claimed, "raced")
    if await refresh_tokens.newest_live(connection, claimed.tenant_id, claimed.identity_id) is not None:
        return await _try_again(connection, claimed, "older_token")
    if died_of == "rotation_lost":
        await _give_back(connection, claimed, _release_of(claimed, None, ROTATION_LOST), ROTATION_LOST.reason)
        return "rotation_lost"
    await end_logins(connection, claimed.tenant_id, [claimed.identity_id], reason=reason, actor="sync", detail=detail)
    return reason


async def _try_again(
    connection: Connection, claimed: Claimed, outcome: Literal["raced", "older_token"]
) -> Literal["raced", "older_token"]:
    release = Release(outcome=outcome, seconds_until_due=0, resolves=outcome == "older_token", is_failure=False)
    await _release(connection, claimed, release)
    return outcome


async def _is_ours(connection: Connection, claimed: Claimed) -> bool:
    """Whether the claim is still held, and the identity alive; its sync row is locked from here on."""
    found = await identities.standings(connection, claimed.tenant_id, [claimed.identity_id])
    stored = found.get(claimed.identity_id)
    return (
        stored is not None
        and stored.generation == claimed.generation
        and stored.state not in ("REVOKED", "QUARANTINED")
    )


async def _overtaken(connection: Connection, claimed: Claimed, ended: Ended) -> Settled:
    """Another worker came first. A dead token may mean that both presented it, and the provider may revoke more."""
    if ended.reason == "invalid_grant" and claimed.token_id is not None and claimed.token_hash is not None:
        await refresh_tokens.mark_uncertain(
            connection, claimed.tenant_id, claimed.token_id, unless_hash=claimed.token_hash
        )
    return "superseded"


async def _release(connection: Connection, claimed: Claimed, release: Release) -> bool:
    return await sync.release(connection, claimed, release)
