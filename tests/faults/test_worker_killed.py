"""A worker that is killed or told to end in the middle of a sync."""

import signal

import pytest

from tests.faults.conftest import Install, Seen
from tests.faults.installation import Installation
from tests.faults.waiting import ONCE, Stopwatch, count, until
from tests.openid_provider import Fault, Gate, Rotation

pytestmark = pytest.mark.asyncio

METADATA = "/.well-known/openid-configuration"
IN_FLIGHT = 10
"""Syncs in hand when a worker is killed."""
RETRIED_WITHIN_SECONDS = 20.0
"""What is promised; a busy machine gets five times as long."""


async def killed_at(installation: Installation, gate: Gate, *, held: int) -> None:
    """Start a worker, and kill it when so many of its requests stand at the gate."""
    worker = installation.worker()
    await gate.arrival(held, 60)
    await until(lambda: installation.are_leased(IN_FLIGHT))
    await worker.kill()


async def finished_by_another(installation: Installation) -> None:
    """Let another worker sync everybody, and kill it too."""
    worker = installation.worker()
    await installation.synced()
    await worker.kill()


@pytest.mark.faults(1)
async def test_a_worker_killed_before_it_sent_the_token_is_followed_by_one_that_sends_the_same(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    await installation.sign_in(IN_FLIGHT, is_due=False)
    slowest, rounds = 0.0, count(3, 50)
    for one in range(rounds):
        installation.issuer.log.clear()
        await installation.make_due()
        # The worker has claimed, and asks where the token endpoint is: no token has left it.
        with installation.issuer.hold(METADATA) as gate:
            await killed_at(installation, gate, held=1)
        watch = Stopwatch()
        assert installation.presented() == []
        if one > 0:
            await installation.let_leases_run_out()
        await finished_by_another(installation)
        slowest = max(slowest, watch.seconds)
        assert len(set(installation.presented())) == len(installation.presented()) == IN_FLIGHT
    assert slowest < 5 * RETRIED_WITHIN_SECONDS
    assert await installation.lost_permissions() == []
    assert await installation.ended_sessions() == 0
    assert await installation.events("identity.revoked") == 0
    seen(
        f"{rounds} workers killed with {IN_FLIGHT} syncs in hand each; all {rounds * IN_FLIGHT} were retried with the same "
        f"token, the slowest {slowest:.1f} s after the kill; 0 revoked."
    )


@pytest.mark.faults(2)
async def test_a_worker_killed_after_the_provider_rotated_costs_nothing_where_the_provider_forgives(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    installation.issuer.set_rotation(Rotation.GRACE, grace_seconds=600)
    await installation.sign_in(IN_FLIGHT, is_due=False)
    slowest, rounds = 0.0, count(3, 100)
    for one in range(rounds):
        await installation.make_due()
        with installation.issuer.hold("/token", grant_type="refresh_token", when="after") as gate:
            await killed_at(installation, gate, held=IN_FLIGHT)
        watch = Stopwatch()
        if one > 0:
            await installation.let_leases_run_out()
        await finished_by_another(installation)
        slowest = max(slowest, watch.seconds)
    assert slowest < 5 * RETRIED_WITHIN_SECONDS
    await installation.require_fresh()
    assert await installation.lost_permissions() == []
    assert await installation.ended_sessions() == 0
    seen(
        f"{rounds} workers killed with {IN_FLIGHT} rotated tokens in flight each: {rounds * IN_FLIGHT} of "
        f"{rounds * IN_FLIGHT} recovered, the slowest {slowest:.1f} s after the kill; 0 signed out."
    )


@pytest.mark.faults(2)
async def test_a_worker_killed_after_a_strict_provider_rotated_is_recorded_as_our_loss(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    rounds = count(1, 20)
    for _ in range(rounds):
        people = await installation.sign_in(IN_FLIGHT)
        with installation.issuer.hold("/token", grant_type="refresh_token", when="after") as gate:
            await killed_at(installation, gate, held=IN_FLIGHT)
        await installation.let_leases_run_out()
        worker = installation.worker()
        await installation.stand_at("STALE", "rotation_lost", people=people)
        await worker.kill()
    assert await installation.lost_permissions() == []
    assert await installation.events("identity.revoked") == 0
    assert await installation.standings() == {("STALE", "rotation_lost")}
    presented = len(installation.presented())
    assert presented == 2 * len(installation.people), "somebody whose token is lost was asked for again"
    seen(
        f"{len(installation.people)} of {len(installation.people)} recorded as rotation_lost, 0 as the provider's word; "
        "all kept their permissions, and none was asked for again."
    )


@pytest.mark.faults(3)
async def test_a_worker_killed_after_landing_is_followed_by_one_that_sends_the_new_token(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    await installation.sign_in(IN_FLIGHT, is_due=False)
    slowest, rounds = 0.0, count(3, 50)
    with installation.issuer.fault(Fault.NO_ID_TOKEN, grant_type="refresh_token"):
        for one in range(rounds):
            installation.issuer.log.clear()
            await installation.make_due()
            # Without an ID Token the worker asks UserInfo, which it does once the token has landed.
            with installation.issuer.hold("/userinfo") as gate:
                await killed_at(installation, gate, held=IN_FLIGHT)
            watch = Stopwatch()
            assert {row["attempt_hash"] for row in await installation.syncs()} == {None}
            if one > 0:
                await installation.let_leases_run_out()
            await finished_by_another(installation)
            slowest = max(slowest, watch.seconds)
            assert len(set(installation.presented())) == len(installation.presented()) == 2 * IN_FLIGHT
    assert slowest < 5 * RETRIED_WITHIN_SECONDS
    await installation.require_fresh()
    assert await installation.ended_sessions() == 0
    seen(
        f"{rounds} workers killed with {IN_FLIGHT} landed tokens each; all applied by the next worker with the new token, "
        f"the slowest {slowest:.1f} s after the kill; 0 tokens lost."
    )


@pytest.mark.faults(5)
async def test_a_worker_told_to_end_during_a_call_lands_the_token_and_ends(install: Install, seen: Seen) -> None:
    installation = await install()
    await installation.sign_in(IN_FLIGHT, is_due=False)
    slowest, rounds = 0.0, count(4, 200)
    for _ in range(rounds):
        await installation.make_due()
        with installation.issuer.hold("/token", grant_type="refresh_token", when="after") as gate:
            worker = installation.worker()
            await gate.arrival(IN_FLIGHT, 60)
            worker.signal(signal.SIGTERM)
            watch = Stopwatch()
        assert await worker.ended() == 0
        slowest = max(slowest, watch.seconds)
        await installation.require_fresh()
    assert slowest < 35
    assert len(installation.presented()) == rounds * IN_FLIGHT
    assert await installation.ended_sessions() == 0
    seen(
        f"{rounds} restarts with {IN_FLIGHT} calls in flight each: 0 uncertain, 0 signed out, exit code 0 each time, at most "
        f"{slowest:.1f} s after the provider answered."
    )


@pytest.mark.faults(40)
async def test_after_twenty_minutes_without_a_worker_the_most_overdue_are_synced_first(
    install: Install, seen: Seen
) -> None:
    number = count(60, 1_000)
    installation = await install(max_concurrent=1, sync_interval_seconds=ONCE)
    people = await installation.sign_in(number, is_due=False)
    # Due over the last twenty minutes, in an order that is not that of their rows.
    await installation.world.write(
        """
        update identity_sync s set due_at = now() - make_interval(secs => 1200.0 * o.place / $2)
        from (select id, row_number() over (order by md5(id::text)) as place from identity_sync) o
        where s.id = o.id and s.id = any($1::uuid[])
        """,
        [person.identity_id for person in people],
        number,
    )
    rows = await installation.rows("select id from identity_sync order by due_at")
    names = {person.identity_id: person.username for person in people}
    wanted = [names[row["id"]] for row in rows]
    watch = Stopwatch()
    worker = installation.worker()
    await worker.started()
    await installation.synced(within=600)
    took = watch.seconds
    asked = [one.person for one in installation.issuer.log.find("/token", grant_type="refresh_token")]
    assert asked == wanted
    assert await installation.lost_permissions() == []
    seen(
        f"{number} overdue people synced in {took:.1f} s by one worker, one at a time, in the order in which they were due."
    )
