"""Show and control the sync, as the operator."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from identity_api.cli.context import operator, tenant_named
from identity_api.cli.providers import provider_named
from identity_api.db.database import Database
from identity_api.permissions.delegation import Actor
from identity_api.sync.health import SyncHealth, sync_health

T = TypeVar("T")


class SyncLine(msgspec.Struct, frozen=True, kw_only=True):
    """One provider as `sync status` prints it. Times are seconds, rates are calls a second."""

    tenant: str
    provider: str
    standing: str
    identities: int
    states: dict[str, int]
    reasons: dict[str, int]
    synced: int
    due: int
    in_flight: int
    oldest_due_seconds: float
    lag_p50_seconds: float
    lag_p99_seconds: float
    needed_rate: float
    allowed_rate: float | None
    workers_needed: int
    seconds_for_everybody: float | None
    max_concurrent: int
    seconds_per_call: float | None
    refusals: int
    refusal: str | None
    next_probe_at: datetime | None
    paused_at: datetime | None

    def cells(self) -> tuple[str, ...]:
        """The row of the table; `COLUMNS` names them."""
        allowed = "any" if self.allowed_rate is None else f"{self.allowed_rate:.3g}"
        capacity = f"{self.needed_rate:.2g}/s of {allowed}"
        if self.seconds_for_everybody is not None:
            capacity += f", the provider's limit: everybody once in {self.seconds_for_everybody:.0f} s"
        elif self.workers_needed > 1:
            capacity += f" for each of {self.workers_needed} workers"
        return (
            f"{self.tenant}/{self.provider}",
            self.standing,
            f"{self.due} of {self.synced}",
            f"{self.lag_p50_seconds:.0f}, {self.lag_p99_seconds:.0f}, {self.oldest_due_seconds:.0f} s",
            _counted(self.states),
            _counted(self.reasons),
            capacity,
            self._held_back,
        )

    @property
    def _held_back(self) -> str:
        if self.paused_at is not None:
            return f"paused since {self.paused_at:%Y-%m-%d %H:%M} UTC"
        if self.next_probe_at is not None:
            return f"{self.refusal}; next try {self.next_probe_at:%H:%M:%S} UTC"
        return ""


COLUMNS = ("provider", "standing", "due", "late p50, p99, most", "identities", "reasons", "needed calls", "held back")


async def sync_lines(database: Database, tenant: str | None) -> list[SyncLine]:
    """Every provider of the tenant, or of all.

    Raises:
        NotFound: there is no such tenant.
    """
    tenant_id = await tenant_named(database, tenant) if tenant is not None else None
    return [_line(one) for one in await sync_health(database, tenant_id)]


async def for_provider(
    database: Database, tenant: str, slug: str, work: Callable[[Database, Actor, UUID], Awaitable[T]]
) -> T:
    """Run `work` for the provider of these slugs, as the operator.

    Raises:
        NotFound: there is none.
    """
    found, provider = await provider_named(database, tenant, slug)
    return await work(database, operator(found.id), provider.id)


def _line(one: SyncHealth) -> SyncLine:
    of = one.figures
    return SyncLine(
        tenant=of.tenant,
        provider=of.provider,
        standing=one.standing,
        identities=sum(of.states.values()),
        states=dict(of.states),
        reasons=dict(one.reasons),
        synced=of.synced,
        due=of.due,
        in_flight=of.in_flight,
        oldest_due_seconds=round(of.oldest_due_seconds, 1),
        lag_p50_seconds=round(one.lag.p50, 1),
        lag_p99_seconds=round(one.lag.p99, 1),
        needed_rate=round(one.needed_rate, 3),
        allowed_rate=None if one.allowed_rate is None else round(one.allowed_rate, 1),
        workers_needed=one.workers_needed,
        seconds_for_everybody=None if one.seconds_for_everybody is None else round(one.seconds_for_everybody),
        max_concurrent=of.max_concurrent,
        seconds_per_call=None if one.seconds_per_call is None else round(one.seconds_per_call, 2),
        refusals=of.refusals,
        refusal=of.refusal,
        next_probe_at=of.next_probe_at,
        paused_at=of.paused_at,
    )


def _counted(amounts: dict[str, int]) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in sorted(amounts.items(), key=lambda one: -one[1]))
