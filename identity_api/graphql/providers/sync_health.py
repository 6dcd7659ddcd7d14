"""`syncHealth`: the state of each provider's sync, for the tenant's admins."""

from datetime import datetime
from enum import StrEnum

import strawberry

from identity_api.graphql.access import object_type
from identity_api.graphql.context import Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import resolved
from identity_api.graphql.summaries import ProviderSummary, ProviderSummaryRow, Row
from identity_api.sync.health import STANDINGS, sync_health


@enum_type(
    "How the sync of a provider stands.",
    {
        "OK": "Changes at the provider are seen within 600 seconds.",
        "LATE": "A change at the provider may take more than 600 seconds to be seen.",
        "REFUSED": "The provider does not accept our calls; one identity is tried from time to time.",
        "PAUSED": "The operator has paused its syncs.",
        "OFF": "The provider is not asked between logins.",
        "DISABLED": "The provider is disabled.",
    },
)
class SyncStanding(StrEnum):
    """As rows show it."""

    OK = "OK"
    LATE = "LATE"
    REFUSED = "REFUSED"
    PAUSED = "PAUSED"
    OFF = "OFF"
    DISABLED = "DISABLED"


assert {str(one) for one in SyncStanding} == set(STANDINGS)


@object_type(description="A number of identities with the same state or reason.")
class SyncCount:
    """Of a state or a reason."""

    code: str = strawberry.field(description="The state or the reason, as a code.")
    identities: int = strawberry.field(description="How many identities have it.")


@object_type(description="How the sync of one provider stands now.")
class ProviderSyncHealth:
    """The command line's `sync status` shows the same."""

    provider: ProviderSummary = strawberry.field(description="The provider.")
    standing: SyncStanding = strawberry.field(description="How its sync stands, in one word.")
    states: list[SyncCount] = strawberry.field(description="How many identities are in each state.")
    reasons: list[SyncCount] = strawberry.field(
        description="Why identities are not fresh, and how many each, the commonest reason first."
    )
    synced: int = strawberry.field(description="How many identities are synced.")
    due: int = strawberry.field(description="How many of them are due for a sync now.")
    in_flight: int = strawberry.field(description="How many syncs are under way.")
    oldest_due_seconds: float = strawberry.field(
        description="How long the most overdue identity has been due, in seconds."
    )
    lag_p50_seconds: float = strawberry.field(
        description="How late half of the synced identities are at most, in seconds; those that are not due are 0 s late."
    )
    lag_p99_seconds: float = strawberry.field(
        description="How late 99 % of the synced identities are at most, in seconds."
    )
    needed_rate: float = strawberry.field(
        description="How many calls a second are needed to read every synced identity once in 600 seconds."
    )
    allowed_rate: int | None = strawberry.field(
        description="How many calls a second each worker makes at most: `maxRate`, or the rate that the provider allows, if"
        " that is less. Null for no limit."
    )
    refusal: str | None = strawberry.field(
        description="Why the provider last refused our calls, as a code; null if it did not."
    )
    next_probe_at: datetime | None = strawberry.field(
        description="When a call is tried again while the provider refuses us; null otherwise."
    )
    paused_at: datetime | None = strawberry.field(
        description="When the operator paused its syncs; null if they are not paused."
    )


class SyncCountRow(Row, frozen=True):
    """The row behind `SyncCount`; the record is a pair of code and amount."""

    @property
    def code(self) -> str:
        """State or reason."""
        return str(self.record[0])

    @property
    def identities(self) -> int:
        """How many."""
        return int(self.record[1])


class SyncHealthRow(Row, frozen=True):
    """The row behind `ProviderSyncHealth`; the record is a `sync.health.SyncHealth`."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.record.figures, name)

    @property
    def provider(self) -> ProviderSummaryRow:
        """Its names."""
        of = self.record.figures
        return ProviderSummaryRow(of.provider_id, of.provider, of.label)

    @property
    def standing(self) -> str:
        """In one word."""
        return str(self.record.standing)

    @property
    def states(self) -> list[SyncCountRow]:
        """By state."""
        return [SyncCountRow(one) for one in sorted(self.record.figures.states.items())]

    @property
    def reasons(self) -> list[SyncCountRow]:
        """By reason."""
        return [SyncCountRow(one) for one in self.record.reasons.items()]

    @property
    def lag_p50_seconds(self) -> float:
        """Seconds."""
        return float(self.record.lag.p50)

    @property
    def lag_p99_seconds(self) -> float:
        """Seconds."""
        return float(self.record.lag.p99)

    @property
    def needed_rate(self) -> float:
        """Calls a second."""
        return float(self.record.needed_rate)

    @property
    def allowed_rate(self) -> int | None:
        """Calls a second."""
        found: float | None = self.record.allowed_rate
        return None if found is None else int(found)


@object_type("Query")
class SyncHealthQueries:
    """The root field."""

    @resolved(list[ProviderSyncHealth] | None, "How the sync of each provider stands, by slug.")
    async def sync_health(self, info: Info) -> list[SyncHealthRow]:
        """Of this tenant."""
        found = await sync_health(info.context.deps.database, info.context.tenant_id)
        return [SyncHealthRow(one) for one in found]
