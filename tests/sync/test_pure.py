"""The parts of the sync that decide without a database: backoff, pace (promise 32) and alarms."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.claims import Completeness, GroupsReading, Reason
from identity_api.oidc.token_endpoint import (
    BadResponse,
    Dead,
    ProviderMisconfigured,
    ReauthenticationRequired,
    Refreshed,
    RefreshOutcome,
    TokenResponse,
    Transient,
)
from identity_api.sync.alarms import MIN_ABSENT, MIN_DEATHS, WINDOW_SECONDS, Alarms
from identity_api.sync.outcome import Ended, Stale, judge, seconds_until_retry
from identity_api.sync.pace import MANY, Pace

JUDGED: list[tuple[RefreshOutcome | Stale, Stale | Ended | None]] = [
    (Refreshed(TokenResponse(access_token="x")), None),
    (Dead(), Ended("invalid_grant")),
    (ReauthenticationRequired("login_required"), Ended("reauth_required")),
    (ProviderMisconfigured("invalid_client"), Stale(reason="provider_misconfigured", refused_us="client")),
    (
        ProviderMisconfigured("invalid_request"),
        Stale(reason="provider_misconfigured", refused_us="request", refusal="login_refused"),
    ),
    (Transient("unknown_error", is_refusal=True), Stale(reason="unknown_error", refusal="login_refused")),
    (
        Transient("server_error", uncertain=True, is_refusal=True),
        Stale(reason="server_error", uncertain=True, refusal="login_refused", is_outage=True),
    ),
    (Transient("rate_limited", 7), Stale(reason="rate_limited", retry_after_seconds=7, is_outage=True)),
    (Transient("server_error", uncertain=True), Stale(reason="server_error", uncertain=True, is_outage=True)),
    (BadResponse("not_json", uncertain=True), Stale(reason="not_json", uncertain=True, is_outage=True)),
    (Stale(reason="key_missing"), Stale(reason="key_missing")),
]


@pytest.mark.parametrize(("said", "meant"), JUDGED, ids=lambda value: type(value).__name__)
def test_each_class_of_answer_has_its_outcome(said: RefreshOutcome | Stale, meant: Stale | Ended | None) -> None:
    assert judge(said) == meant


@given(
    failures=st.integers(0, 2**31 - 1),
    interval=st.integers(60, 420),
    retry_after=st.none() | st.integers(0, 600),
    was_uncertain=st.booleans(),
    uncertain=st.booleans(),
)
def test_a_retry_comes_within_the_interval_and_not_before_it_was_asked_for(
    failures: int, interval: int, retry_after: int | None, was_uncertain: bool, uncertain: bool
) -> None:
    stale = Stale(reason="x", uncertain=uncertain, retry_after_seconds=None if uncertain else retry_after)
    seconds = seconds_until_retry(stale, failures=failures, was_uncertain=was_uncertain, interval_seconds=interval)
    assert seconds is not None
    if uncertain and not was_uncertain:
        assert 0 < seconds <= 20
    else:
        assert (stale.retry_after_seconds or 0) <= seconds <= max(interval, stale.retry_after_seconds or 0)


def test_backoff_begins_at_ten_seconds_and_grows() -> None:
    def longest(failures: int) -> float:
        waits = [
            seconds_until_retry(Stale(reason="x"), failures=failures, was_uncertain=False, interval_seconds=300)
            for _ in range(500)
        ]
        return max(wait for wait in waits if wait is not None)

    assert 8 < longest(0) <= 10
    assert 30 < longest(2) <= 40
    assert 240 < longest(9) <= 300


def test_what_cannot_succeed_before_a_login_is_not_tried() -> None:
    final = Stale(reason="no_refresh_token", is_final=True)
    assert seconds_until_retry(final, failures=0, was_uncertain=False, interval_seconds=300) is None


def test_a_failing_provider_gets_fewer_calls_and_more_again_as_it_answers() -> None:
    pace, provider, other = Pace(lambda: 0.0), uuid4(), uuid4()
    seen = []
    for _ in range(5):
        pace.failed(provider, 20, uuid4())
        seen.append(pace.places[provider])
    assert seen == [10, 5, 2, 1, 1]
    assert other not in pace.places
    for _ in range(18):
        pace.answered(provider, 20)
    assert pace.places[provider] == 19
    pace.answered(provider, 20)
    assert provider not in pace.places


def test_a_provider_that_fails_now_and_then_keeps_its_places() -> None:
    pace, provider = Pace(lambda: 0.0), uuid4()
    for _ in range(10):
        for _ in range(MANY):
            pace.answered(provider, 500)
        pace.failed(provider, 500, uuid4())
    assert provider not in pace.places
    pace.failed(provider, 500, uuid4())
    assert pace.places[provider] == 250
    for _ in range(MANY - 1):
        pace.answered(provider, 500)
    pace.failed(provider, 500, uuid4())
    assert pace.places[provider] == (250 + MANY - 1) // 2


def test_somebody_who_alone_fails_again_and_again_slows_nobody_down() -> None:
    pace, provider, dead = Pace(lambda: 0.0), uuid4(), uuid4()
    for _ in range(50):
        pace.failed(provider, 20, dead)
        for _ in range(10):
            pace.answered(provider, 20)
    assert provider not in pace.places


@pytest.mark.asyncio
async def test_an_outage_draws_ever_fewer_calls_and_the_first_answer_ends_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, provider = [100.0], uuid4()
    pace, waited = Pace(lambda: now[0]), []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("identity_api.sync.pace.asyncio.sleep", sleep)
    for _ in range(12):
        await pace.turn(provider, None)
        pace.failed(provider, 4, uuid4())
    assert waited == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0, 10.0]
    pace.answered(provider, 4)
    await pace.turn(provider, None)
    assert len(waited) == 9


def alarm(deaths: int, others: int, *, apart_seconds: float = 0.0) -> bool:
    """Whether so many deaths among so many other syncs raise the alarm."""
    now = [0.0]
    alarms, tenant, provider = Alarms(lambda: now[0]), uuid4(), uuid4()
    for _ in range(others):
        assert not alarms.record(tenant, provider, died=False)
    raised = False
    for _ in range(deaths):
        now[0] += apart_seconds
        raised |= alarms.record(tenant, provider, died=True)
    return raised


def test_many_logins_dying_at_once_raise_an_alarm() -> None:
    """Promise 28: more than a fifth of a provider's syncs within ten minutes."""
    assert alarm(21, 79)
    assert not alarm(20, 80)


def test_few_people_leaving_a_small_provider_are_no_alarm() -> None:
    assert alarm(MIN_DEATHS, 0)
    assert not alarm(MIN_DEATHS - 1, 0)


def test_deaths_spread_over_hours_are_no_alarm() -> None:
    assert not alarm(100, 0, apart_seconds=WINDOW_SECONDS / 4)


def test_an_alarm_is_raised_once_in_its_time() -> None:
    alarms, tenant, provider = Alarms(lambda: 0.0), uuid4(), uuid4()
    assert [alarms.record(tenant, provider, died=True) for _ in range(50)].count(True) == 1


ABSENT = GroupsReading((), Completeness.EMPTY, Reason.ABSENT_MEANS_EMPTY)
LISTED = GroupsReading(("a",), Completeness.COMPLETE, Reason.LISTED)


def absences(turned: int, others: int, before: str = "COMPLETE") -> GroupsReading:
    """What the last of so many people who turn absent is taken to say."""
    alarms, tenant, provider = Alarms(lambda: 0.0), uuid4(), uuid4()
    for _ in range(others):
        assert alarms.judge_absence(tenant, provider, LISTED, before="COMPLETE", interval_seconds=300) == LISTED
    judged = LISTED
    for _ in range(turned):
        judged = alarms.judge_absence(tenant, provider, ABSENT, before=before, interval_seconds=300)
    return judged


def test_many_people_turning_absent_at_once_are_held() -> None:
    """I7: somebody took the claim away, rather than everybody their groups."""
    assert absences(26, 100).completeness is Completeness.UNKNOWN
    assert absences(25, 100) == ABSENT


def test_few_people_turning_absent_are_believed() -> None:
    assert absences(MIN_ABSENT - 1, 0) == ABSENT
    assert absences(MIN_ABSENT, 0).completeness is Completeness.UNKNOWN


def test_people_who_had_no_groups_do_not_turn_absent() -> None:
    assert absences(100, 0, before="EMPTY") == ABSENT


def test_of_a_provider_that_limits_us_no_more_are_in_hand_than_it_takes_in_two_seconds() -> None:
    """The others would only wait, and a worker that stops would have to wait for them."""
    pace, provider = Pace(lambda: 100.5), uuid4()
    for _ in range(40):
        pace.accepted(provider)
    pace.limited(provider, 5)
    assert pace.rate(provider) == 36
    assert pace.places[provider] == 73
    pace.failed(provider, 20, uuid4())
    assert pace.places[provider] == 10
