"""Charts as numbers for inline SVG: the template draws them, the style sheet colours them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

HEIGHT: Final = 100


def bars(hours: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each hour the start and height of its two bars, of 100; failed logins are stacked on succeeded ones."""
    most = max([one["succeeded"] + one["failed"] for one in hours], default=0) or 1
    found = []
    for place, one in enumerate(hours):
        succeeded, failed = (round(one[name] * HEIGHT / most, 1) for name in ("succeeded", "failed"))
        found.append({**one, "x": place * 10, "good": succeeded, "bad": failed, "top": round(HEIGHT - succeeded, 1)})
    return found


def shares(states: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each state the start and width of its part, of 100."""
    whole = sum([one["identities"] for one in states]) or 1
    found, at = [], 0.0
    for one in states:
        width = one["identities"] * 100 / whole
        found.append({**one, "x": round(at, 2), "width": round(width, 2)})
        at += width
    return found
