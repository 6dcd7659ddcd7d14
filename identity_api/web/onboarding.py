"""The onboarding checklist in words: one part for each provider, and one for the tenant."""

from collections.abc import Sequence
from typing import Final

import msgspec

from identity_api.tenants.onboarding_steps import Step, Value

_STATUSES: Final = {"DONE": ("done", "good"), "OPEN": ("to do", "warn"), "PROBLEM": ("problem", "bad")}
_PHASES: Final = {"PREPARE": "Prepare", "CONNECT": "Connect", "TEST": "Test"}


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """One step."""

    title: str
    status: str
    tone: str
    detail: str
    values: tuple[Value, ...]


class PhaseView(msgspec.Struct, frozen=True):
    """Steps that belong together."""

    title: str
    steps: tuple[StepView, ...]


class PartView(msgspec.Struct, frozen=True):
    """A provider, or the tenant as a whole."""

    title: str
    phases: tuple[PhaseView, ...]


class ChecklistView(msgspec.Struct, frozen=True):
    """The page's content."""

    done: int
    total: int
    parts: tuple[PartView, ...]


def view_checklist(steps: Sequence[Step]) -> ChecklistView:
    """The page's content; steps keep their order."""
    titles: dict[str, str] = {}
    for step in steps:
        titles[_part_of(step)] = step.provider.label if step.provider else "Your organisation"
    parts = [PartView(title, _phases([one for one in steps if _part_of(one) == key])) for key, title in titles.items()]
    return ChecklistView(len([one for one in steps if one.status == "DONE"]), len(steps), tuple(parts))


def _part_of(step: Step) -> str:
    """Labels are not unique, slugs are; none is empty."""
    return step.provider.slug if step.provider else ""


def _phases(steps: Sequence[Step]) -> tuple[PhaseView, ...]:
    found = [(title, [_step(one) for one in steps if one.phase == phase]) for phase, title in _PHASES.items()]
    return tuple([PhaseView(title, tuple(views)) for title, views in found if views])


def _step(step: Step) -> StepView:
    status, tone = _STATUSES[step.status]
    return StepView(title=step.title, status=status, tone=tone, detail=step.detail, values=step.values)
