"""The content of the onboarding checklist page: one part for each provider, and one for the tenant."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from identity_api.providers.onboarding_steps import Status, Step, Value

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


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, or the tenant as a whole."""

    title: str
    status: str
    tone: str
    folds: bool
    """May be folded: a provider among others. What concerns the tenant is always in sight."""
    is_open: bool
    phases: tuple[PhaseView, ...]


class ChecklistView(msgspec.Struct, frozen=True):
    """The page's content."""

    done: int
    total: int
    parts: tuple[PartView, ...]


def view_checklist(steps: Sequence[Step]) -> ChecklistView:
    """The page's content; steps keep their order."""
    by_part: dict[str, list[Step]] = {}
    for step in steps:
        by_part.setdefault(_part_of(step), []).append(step)
    slugs = [slug for slug in by_part if slug]
    shown = _most_pressing({slug: by_part[slug] for slug in slugs})
    parts = [
        _part(own, folds=bool(slug) and len(slugs) > 1, is_open=slug in ("", shown)) for slug, own in by_part.items()
    ]
    return ChecklistView(len([one for one in steps if one.status == "DONE"]), len(steps), tuple(parts))


def _most_pressing(by_slug: Mapping[str, Sequence[Step]]) -> str | None:
    """The provider to continue with: the first that has a problem, otherwise the first that is not done."""
    for status in ("PROBLEM", "OPEN"):
        for slug, steps in by_slug.items():
            if any(one.status == status for one in steps):
                return slug
    return None


def _part(steps: Sequence[Step], *, folds: bool, is_open: bool) -> PartView:
    provider = steps[0].provider
    status, tone = _summary([one.status for one in steps])
    return PartView(
        title=provider.label if provider else "Your organisation",
        status=status,
        tone=tone,
        folds=folds,
        is_open=is_open,
        phases=_phases(steps),
    )


def _summary(statuses: Sequence[Status]) -> tuple[str, str]:
    """The state of a part as a whole, shown while it is folded."""
    problems, remaining = statuses.count("PROBLEM"), len(statuses) - statuses.count("DONE")
    if problems:
        return f"{problems} problem{'s' if problems > 1 else ''}", "bad"
    return (f"{remaining} to do", "warn") if remaining else ("done", "good")


def _part_of(step: Step) -> str:
    """Labels are not unique, slugs are; none is empty."""
    return step.provider.slug if step.provider else ""


def _phases(steps: Sequence[Step]) -> tuple[PhaseView, ...]:
    found = [(title, [_step(one) for one in steps if one.phase == phase]) for phase, title in _PHASES.items()]
    return tuple([PhaseView(title, tuple(views)) for title, views in found if views])


def _step(step: Step) -> StepView:
    status, tone = _STATUSES[step.status]
    return StepView(title=step.title, status=status, tone=tone, detail=step.detail, values=step.values)
