"""The onboarding checklist (S0-27): which steps of the set-up are done or open, and the values to paste."""

from enum import StrEnum
from typing import get_args

import strawberry

from identity_api.graphql.access import object_type
from identity_api.graphql.context import Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import resolved
from identity_api.graphql.summaries import ProviderSummary, ProviderSummaryRow, Row
from identity_api.lazy import lazy
from identity_api.providers.onboarding import checklist
from identity_api.providers.onboarding_steps import Phase, Status, Step


@enum_type(
    "How far a step is.",
    {
        "DONE": "It is done.",
        "OPEN": "It is still to be done.",
        "PROBLEM": "Something is wrong; `detail` says what to do.",
    },
)
class OnboardingStatus(StrEnum):
    """As rows show it."""

    DONE = "DONE"
    OPEN = "OPEN"
    PROBLEM = "PROBLEM"


@enum_type(
    "What a step belongs to.",
    {
        "PREPARE": "Values entered at the provider and in this service.",
        "CONNECT": "The first login by a person who exists at the provider.",
        "TEST": "What later logins and groups show, and whether a mapping admin exists.",
    },
)
class OnboardingPhase(StrEnum):
    """In their order."""

    PREPARE = "PREPARE"
    CONNECT = "CONNECT"
    TEST = "TEST"


assert {str(one) for one in OnboardingStatus} == set(get_args(Status))
assert {str(one) for one in OnboardingPhase} == set(get_args(Phase))


@object_type(description="A text to copy as it is, into the provider's console or into a browser.")
class OnboardingValue:
    """Its label is for people."""

    label: str = strawberry.field(description="What the value is, for people.")
    value: str = strawberry.field(description="The text to copy.")


@object_type(description="One step of the checklist.")
class OnboardingStep:
    """Of one provider, or of the whole tenant."""

    key: str = strawberry.field(description="A stable key, for programs. It occurs once for each provider.")
    phase: OnboardingPhase = strawberry.field(description="What the step belongs to.")
    provider: ProviderSummary | None = strawberry.field(
        description="The provider that it is about; null if it is about the whole tenant."
    )
    title: str = strawberry.field(description="What the step is about, for people.")
    status: OnboardingStatus = strawberry.field(description="How far the step is.")
    detail: str = strawberry.field(description="The state of the step, and what to do if it is open or a problem.")
    values: list[OnboardingValue] = strawberry.field(description="Values to copy for this step.")


@object_type(description="How far single sign-on has been set up.")
class Onboarding:
    """The whole list."""

    complete: bool = strawberry.field(description="Whether every step is done.")
    steps: list[OnboardingStep] = strawberry.field(description="All steps, in order.")


class StepRow(Row, frozen=True):
    """The row behind `OnboardingStep`; the record is a `providers.onboarding_steps.Step`."""

    @lazy
    def provider(self) -> ProviderSummaryRow | None:
        """Its names."""
        found = self.record.provider
        return None if found is None else ProviderSummaryRow(found.id, found.slug, found.label)


class OnboardingRow(Row, frozen=True):
    """The row behind `Onboarding`; the record is the list of steps."""

    @property
    def complete(self) -> bool:
        """Nothing is open and nothing is wrong."""
        return all(step.status == "DONE" for step in self.record)

    @lazy
    def steps(self) -> list[StepRow]:
        """In their order."""
        return [StepRow(step) for step in self.record]


@object_type("Query")
class OnboardingQueries:
    """The root field."""

    @resolved(Onboarding | None, "How far the tenant's single sign-on has been set up.")
    async def onboarding(self, info: Info) -> OnboardingRow:
        """Read from rows; nothing is asked of a provider."""
        context = info.context
        async with context.reading() as connection:
            steps: list[Step] = await checklist(connection, context.tenant_id, public_url=context.deps.public_url)
        return OnboardingRow(steps)
