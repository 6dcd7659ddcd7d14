"""What becomes of a claim whose answer is not a verified reading. Each in one transaction, only under the claimed generation.

A login, a logout token or another worker that came first has raised the generation: then nothing is written.
"""

from typing import Literal

from identity_api.db import audit, breakers, identities, locks, read_model, refresh_tokens, sync
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.db.sync import Claimed, Release
from identity_api.lifecycle.end_login import Reason, end_logins
from identity_api.sync import breaker
from identity_api.sync.outcome import Ended, Stale, seconds_until_retry
from identity_api.sync.parts import SyncParts

Settled = Literal[
    "stale",
    "invalid_grant",
    "rotation_lost",
    "reauth_required",
    "claims_mismatch",
    "older_token",
    "raced",
    "superseded",
]
"""What was written. `older_token` and `raced` are due again at once; `superseded` wrote nothing."""

NO_TOKEN = Stale(reason="no_refresh_token", is_final=True)
"""A provider that is synced by refresh token and gave this login none: a diagnosis for whoever runs it."""


async def settle_stale(parts: SyncParts, claimed: Claimed, provider: Provider | None, stale: Stale) -> Settled:
    """Give the claim back with a reason and a time to try again. No lease is extended, and none is cut."""
    seconds = seconds_until_retry(
        stale,
        failures=claimed.failures,
        was_uncertain=claimed.uncertain,
        interval_seconds=provider.sync_interval_seconds if provider else 300,
    )
    release = Release(outcome=stale.reason, seconds_until_due=seconds, uncertain=stale.uncertain)
    async with parts.database.transaction() as connection:
        if (claimed.state, claimed.state_reason) != ("STALE", stale.reason):
            await locks.users(connection, claimed.tenant_id, [claimed.user_id])
        if not await _release(connection, claimed, release):
            return "superseded"
        if await sync.mark_stale(connection, claimed.tenant_id, claimed.identity_id, stale.reason):
            payload = {"from": claimed.state, "to": "STALE", "reason": stale.reason}
            event = audit.Event("identity.state_changed", "identity", claimed.identity_id, payload)
            await audit.record(connection, claimed.tenant_id, "sync", [event])
            await read_model.refresh(connection, claimed.tenant_id, [claimed.user_id])
        # Last, because the row is shared by everybody who syncs with the provider.
        if stale.refused_us:
            await breaker.refused(connection, claimed.tenant_id, claimed.provider_id, stale.reason)
        elif stale.retry_after_seconds:
            await breakers.pause(
                connection, claimed.tenant_id, claimed.provider_id, stale.retry_after_seconds, stale.reason
            )
    return "stale"


async def settle_end(parts: SyncParts, claimed: Claimed, ended: Ended) -> Settled:
    """End the login if the provider's word stands: the claim is still ours, and for a dead token also all of R4.

    A dead token counts if it is still the stored one; older logins' tokens are tried before the identity is revoked. If
    an attempt before this one was uncertain, the token was probably lost in a rotation, and the reason says so.
    """
    async with parts.database.transaction() as connection:
        await locks.users(connection, claimed.tenant_id, [claimed.user_id])
        stored = (await identities.standings(connection, claimed.tenant_id, [claimed.identity_id])).get(
            claimed.identity_id
        )
        if stored is None or stored.generation != claimed.generation or stored.state in ("REVOKED", "QUARANTINED"):
            return "superseded"
        reason: Reason = ended.reason
        if ended.reason == "invalid_grant":
            if claimed.uncertain:
                reason = "rotation_lost"
            again = await _bury(connection, claimed, reason)
            if again is not None:
                await _release(connection, claimed, Release(outcome=again, seconds_until_due=0, is_failure=False))
                return again
        await end_logins(connection, claimed.tenant_id, [claimed.identity_id], reason=reason, actor="sync")
    return "rotation_lost" if reason == "rotation_lost" else ended.reason


async def _bury(connection: Connection, claimed: Claimed, reason: str) -> Literal["older_token", "raced"] | None:
    """Let the token die; what there is to try again with, if anything."""
    assert claimed.token_id is not None
    assert claimed.token_hash is not None
    is_stored = await refresh_tokens.bury(
        connection, claimed.tenant_id, claimed.token_id, presented_hash=claimed.token_hash, reason=reason
    )
    if not is_stored:
        return "raced"  # a late landing replaced it: the word was about a token that is not ours any more
    older = await refresh_tokens.newest_live(connection, claimed.tenant_id, claimed.identity_id)
    return None if older is None else "older_token"


async def _release(connection: Connection, claimed: Claimed, release: Release) -> bool:
    return await sync.release(connection, claimed.tenant_id, claimed.identity_id, claimed.generation, release)
