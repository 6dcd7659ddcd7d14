"""Describe to a person which older ways into their account a new one has ended."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from identity_api.db.ended_ways import EndedWays
from identity_api.web.pages.account_times import in_words

SHOWN_FOR: Final = timedelta(days=30)
_CAUSES: Final = {
    "matched_by_name": "this account was linked to your organisation",
    "adopted_by_name": "this account was linked to your organisation",
    "identity_bound": "you signed in with your organisation for the first time",
    "rebound": "an administrator had your organisation's sign-in confirmed anew",
    "password_changed": "the password was changed",
    "password_removed": "the password was removed",
    "second_factor_enrolled": "a second factor was set up",
}
REASONS: Final = tuple(_CAUSES)


def tell_ended(ended: Sequence[EndedWays]) -> tuple[str, ...]:
    """A sentence for each, the newest first."""
    told = [(one, _things(one)) for one in ended]
    return tuple(
        [f"{in_words(one.at)}: {_CAUSES[one.reason]}. Ended with it: {', '.join(what)}." for one, what in told if what]
    )


def _things(one: EndedWays) -> list[str]:
    credentials = {"the password": one.password, "the second factor": one.second_factor}
    numbers = {"session": one.sessions, "API token": one.api_tokens}
    return [
        *[name for name, is_ended in credentials.items() if is_ended],
        *[f"{number} {name}{'' if number == 1 else 's'}" for name, number in numbers.items() if number],
    ]
