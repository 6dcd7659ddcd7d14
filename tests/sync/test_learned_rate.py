"""A provider's limit is learned from its refusals, by the time of these tests alone."""

from collections.abc import Callable

import pytest

from identity_api.sync.learned_rate import LearnedRate

MINUTES = 10
FASTEST = 300.0
"""Calls a second that a worker makes where nothing holds it back."""

Limit = Callable[[float], float | None]
"""From the moment of a call to the `Retry-After` it is refused with; None if it is accepted."""


def window(calls: int, seconds: float, retry_after: float | None) -> Limit:
    """So many calls in each stretch of so many seconds; by default until the next begins."""
    used: dict[int, int] = {}

    def asks(now: float) -> float | None:
        place = int(now // seconds)
        used[place] = used.get(place, 0) + 1
        if used[place] <= calls:
            return None
        return retry_after if retry_after is not None else (place + 1) * seconds - now

    return asks


def bucket(rate: float, size: float, retry_after: float) -> Limit:
    """A bucket that fills at this rate."""
    held, at = size, 0.0

    def asks(now: float) -> float | None:
        nonlocal held, at
        held, at = min(size, held + (now - at) * rate), now
        if held < 1:
            return retry_after
        held -= 1
        return None

    return asks


def accepted_a_second(limit: Limit, learned: LearnedRate) -> float:
    """Calls that were accepted, of one worker that has more to ask than it can for ten minutes."""
    now = accepted = 0.0
    while now < 60 * MINUTES:
        now += 1 / min(learned.rate or FASTEST, FASTEST)
        retry_after = limit(now)
        if retry_after is None:
            accepted += 1
            learned.accepted(now)
        else:
            learned.refused(now, retry_after)
            now += retry_after
    return accepted / now


@pytest.mark.parametrize(
    ("limit", "allowed"),
    [
        (window(40, 1, 5), 40.0),
        (window(40, 1, 1), 40.0),
        (window(5, 1, 5), 5.0),
        (bucket(40, 100, 5), 40.0),
        (bucket(40, 1_000, 5), 40.0),
        (window(600, 60, None), 10.0),
        (window(6_000, 60, None), 100.0),
    ],
    ids=["40/s", "40/s, soon again", "5/s", "bucket", "large bucket", "600/min", "6000/min"],
)
def test_nearly_all_that_a_provider_allows_is_used(limit: Limit, allowed: float) -> None:
    assert accepted_a_second(limit, LearnedRate()) > 0.85 * allowed


def test_a_provider_that_refuses_nothing_is_not_held_back() -> None:
    learned = LearnedRate()
    assert accepted_a_second(lambda now: None, learned) > 0.99 * FASTEST
    assert learned.rate is None


def test_what_is_under_way_with_a_refused_call_counts_as_the_same_refusal() -> None:
    learned = LearnedRate()
    for call in range(40):
        learned.accepted(100 + call / 1_000)
    learned.refused(100.05, 5)
    once = learned.rate
    for call in range(60):
        learned.refused(100.06 + call / 1_000, 5)
    assert learned.rate == once == 36


def test_a_limit_that_was_raised_is_found_within_an_hour() -> None:
    learned = LearnedRate()
    accepted_a_second(window(10, 1, 5), learned)
    assert learned.rate is not None
    began, now, rate = 700.0, 700.0, learned.rate
    while learned.rate < 10 * rate:
        now += 1 / learned.rate
        learned.accepted(now)
    assert now - began < 3_600
