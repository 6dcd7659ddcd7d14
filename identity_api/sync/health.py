"""The state of each provider's sync, by the promise that a change at a provider takes effect within 600 seconds."""

from collections.abc import Mapping
from typing import Final, Literal, get_args
from uuid import UUID

import msgspec

from identity_api.db import audit, providers
from identity_api.db import sync_health as rows
from identity_api.db.database import Database, transaction_time
from identity_api.db.sync_health import Lag, ProviderSync
from identity_api.errors import NotFound
from identity_api.permissions.delegation import Actor

PROMISE_SECONDS: Final = 600

Standing = Literal["OK", "LATE", "REFUSED", "PAUSED", "OFF", "DISABLED"]
STANDINGS: Final[tuple[Standing, ...]] = get_args(Standing)


class SyncHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One provider: its figures, and what follows from them."""

    figures: ProviderSync
    reasons: Mapping[str, int]
    """Why identities are not fresh, and how many each; the commonest first."""
    lag: Lag

    @property
    def standing(self) -> Standing:
        """The state in one word. LATE: the most overdue identity will miss the promise, or has missed it."""
        of = self.figures
        if not of.enabled:
            return "DISABLED"
        if of.sync == "OFF":
            return "OFF"
        if of.paused_at is not None:
            return "PAUSED"
        if of.next_probe_at is not None:
            return "REFUSED"
        return "LATE" if of.sync_interval_seconds + of.oldest_due_seconds > PROMISE_SECONDS else "OK"

    @property
    def needed_rate(self) -> float:
        """Calls a second that keep the promise: every synced identity once in 600 s."""
        return self.figures.synced / PROMISE_SECONDS

    @property
    def seconds_per_call(self) -> float | None:
        """How long a call may take, so that the calls in flight that are allowed suffice; None if nobody is synced."""
        return self.figures.max_concurrent / self.needed_rate if self.figures.synced else None

    @property
    def allowed_rate(self) -> float | None:
        """Calls a second of each worker: `max_rate`, or the learned rate, if that is less; None for no limit."""
        limits = [one for one in (self.figures.max_rate, self.figures.learned_rate) if one is not None]
        return min(limits, default=None)

    @property
    def workers_needed(self) -> int:
        """How many workers it takes to reach the needed rate under `max_rate`; 1 where there is no limit."""
        allowed = self.figures.max_rate
        return max(1, -int(-self.needed_rate // allowed)) if allowed else 1

    @property
    def seconds_for_everybody(self) -> float | None:
        """How long reading everybody once takes at the provider's own limit; None if within the promise, or unknown.

        More workers do not help there: only a higher limit at the provider does.
        """
        learned = self.figures.learned_rate
        return self.figures.synced / learned if learned is not None and learned < self.needed_rate else None


async def sync_health(database: Database, tenant_id: UUID | None = None) -> list[SyncHealth]:
    """Every provider of the tenant, or of all tenants, by slug.

    Raises:
        Unavailable: the database does not answer.
    """
    async with database.reading() as connection:
        found = await rows.providers(connection, tenant_id)
        reasons = await rows.reasons(connection, tenant_id)
        lags = await rows.lags(connection, tenant_id)
    return [
        SyncHealth(figures=one, reasons=reasons.get(of, {}), lag=lags.get(of, Lag()))
        for one in found
        for of in [(one.tenant_id, one.provider_id)]
    ]


async def set_paused(database: Database, actor: Actor, provider_id: UUID, *, paused: bool) -> bool:
    """Pause or resume the provider's syncs; whether that changed anything.

    A pause moves no lease: permissions from groups end when they would end if the provider did not answer.

    Raises:
        NotFound: the tenant has no such provider.
        Unavailable: the database does not answer.
    """
    async with database.transaction() as connection:
        if await providers.hold(connection, actor.tenant_id, provider_id) is None:
            raise NotFound("There is no such provider.")
        changed = await rows.set_paused(connection, actor.tenant_id, provider_id, paused=paused)
        if changed:
            action = "provider.sync_paused" if paused else "provider.sync_resumed"
            event = audit.Event(action, "provider", provider_id)
            await audit.record(connection, actor.tenant_id, actor.name, [event])
    return changed


async def sync_all_now(database: Database, actor: Actor, provider_id: UUID) -> int:
    """Make every synced identity of the provider due now; how many that changed. Workers keep to the provider's limits.

    Raises:
        Unavailable: the database does not answer; what was made due until then stays so.
    """
    async with database.transaction() as connection:
        now = await transaction_time(connection)
        await audit.record(
            connection, actor.tenant_id, actor.name, [audit.Event("provider.sync_requested", "provider", provider_id)]
        )
    total = 0
    while True:
        async with database.transaction() as connection:
            made = await rows.make_provider_due(connection, actor.tenant_id, provider_id, now)
        total += made
        if not made:
            return total
