"""Providers that are down, answer nonsense, flood or drip, lose every token or change their keys."""

from collections.abc import Sequence

import pytest

from tests.faults.conftest import Install, Seen
from tests.faults.installation import Installation
from tests.faults.waiting import ONCE, Stopwatch, count, until
from tests.openid_provider import Fault, Rotation, RunningProvider
from tests.sync.world import Person, make_world

pytestmark = pytest.mark.asyncio

TOGETHER = 20
TRIES = 5
"""Requests that a failing provider has to get. A worker asks it ever more seldom, and a new one begins anew."""
DOWN = (Fault.ERROR_500, Fault.ERROR_502, Fault.ERROR_503, Fault.TOO_MANY_REQUESTS, Fault.DROP_BEFORE)
NONSENSE = (Fault.HTML_200, Fault.EMPTY_200, Fault.BROKEN_JSON_200, Fault.JSON_LIST_200)


async def fails(installation: Installation, fault: Fault) -> None:
    """Let a new worker ask a provider with this fault."""
    with installation.issuer.fault(fault):
        worker = installation.worker()
        await tried_again(installation, TRIES)
        await worker.kill()


async def tried_again(installation: Installation, number: int) -> None:
    """Wait until the provider has been asked so often, with every pause cut short."""
    before = len(installation.presented())

    async def look() -> bool:
        if len(installation.presented()) - before >= number:
            return True
        await at_once(installation)
        return False

    await until(look, each=0.3)


async def at_once(installation: Installation) -> None:
    """End the pauses and back-offs, as if their time had passed."""
    await installation.world.write("update provider_breaker set open_until = now() where open_until > now()")
    await installation.make_due()


async def recovered(installation: Installation) -> float:
    """Wait until everybody is synced; how long it took with pauses cut short."""
    watch = Stopwatch()

    async def look() -> bool:
        if await installation.all_synced():
            return True
        await at_once(installation)
        return False

    await until(look, each=1.0)
    return watch.seconds


async def nobody_lost_anything(installation: Installation) -> None:
    assert await installation.lost_permissions() == []
    assert await installation.ended_sessions() == 0
    assert await installation.events("identity.revoked") == 0
    assert await installation.events("identity.quarantined") == 0


@pytest.mark.faults(20)
async def test_a_provider_that_is_down_revokes_nobody(install: Install, seen: Seen) -> None:
    installation = await install()
    await installation.sign_in(TOGETHER)
    asked, rounds = 0, count(1, 20)
    for _ in range(rounds):
        for fault in DOWN:
            await fails(installation, fault)
            await nobody_lost_anything(installation)
    asked = len(installation.presented())
    installation.worker()
    took = await recovered(installation)
    await installation.require_fresh()
    await nobody_lost_anything(installation)
    kinds = ", ".join([fault.value for fault in DOWN])
    seen(
        f"{asked} requests failed ({kinds}): 0 of {TOGETHER} lost anything; all fresh {took:.1f} s after the provider was back."
    )


@pytest.mark.faults(24)
async def test_a_page_in_the_place_of_tokens_revokes_nobody(install: Install, seen: Seen) -> None:
    installation = await install()
    installation.issuer.set_rotation(Rotation.NONE)
    await installation.sign_in(TOGETHER)
    installation.issuer.log.clear()
    for _ in range(count(1, 10)):
        for fault in NONSENSE:
            await fails(installation, fault)
            assert {state for state, _ in await installation.standings()} <= {"STALE", "FRESH"}
            await nobody_lost_anything(installation)
    asked = len(installation.presented())
    installation.worker()
    took = await recovered(installation)
    await installation.require_fresh()
    seen(f"{asked} unreadable answers: 0 revoked; all {TOGETHER} fresh {took:.1f} s after they were readable again.")


@pytest.mark.faults(26)
async def test_when_every_token_is_dead_everybody_is_signed_out_and_somebody_is_told(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    worker = installation.worker()
    await worker.started()
    people = await installation.sign_in(TOGETHER)
    await installation.synced()
    for person in people:
        installation.issuer.revoke_tokens(person.username)
    watch = Stopwatch()
    await installation.make_due()
    await until(lambda: '"mass_invalid_grant"' in worker.said)
    told = watch.seconds
    await installation.stand_at("REVOKED", "invalid_grant")
    assert await installation.ended_sessions() == TOGETHER
    assert len(await installation.lost_permissions()) == TOGETHER
    assert await installation.events("identity.revoked") == TOGETHER
    assert told < 60
    seen(f"{TOGETHER} of {TOGETHER} signed out, as the provider said; the alarm {told:.1f} s after the first was due.")


@pytest.mark.faults(27)
async def test_new_keys_are_found_and_an_unreachable_key_set_costs_nobody_anything(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    await installation.worker().started()
    await installation.sign_in(TOGETHER)
    await installation.synced()
    # The key set answers: a new key is fetched when it is met.
    installation.issuer.rotate_key()
    await at_once(installation)
    await installation.synced()
    await installation.require_fresh()
    known = 0
    with installation.issuer.fault(Fault.ERROR_500, path="/jwks"):
        # The key that is known goes on verifying.
        for _ in range(count(2, 20)):
            await at_once(installation)
            await installation.synced()
            known += TOGETHER
        await installation.require_fresh()
        # One that is not waits.
        installation.issuer.rotate_key()
        await tried_again(installation, TRIES)
        await until(lambda: _all_stale(installation))
        await nobody_lost_anything(installation)
    took = await recovered(installation)
    await installation.require_fresh()
    await nobody_lost_anything(installation)
    seen(
        f"With the key set answering 500, {known} tokens of a known key were accepted and {TOGETHER} people with an unknown "
        f"one became stale; all fresh {took:.1f} s after it answered; 0 lost anything."
    )


async def _all_stale(installation: Installation) -> bool:
    return {state for state, _ in await installation.standings()} == {"STALE"}


@pytest.mark.faults(31)
async def test_when_everybody_is_overdue_the_provider_gets_no_more_requests_at_once_than_it_allows(
    install: Install, seen: Seen
) -> None:
    number = count(300, 10_000)
    installation = await install(max_concurrent=20, sync_interval_seconds=ONCE)
    await installation.sign_in(number, is_due=False)
    await installation.world.write("update identity_sync set due_at = now() - interval '30 minutes'")
    installation.issuer.log.clear()
    watch = Stopwatch()
    workers = [installation.worker() for _ in range(2)]
    with installation.issuer.hold("/token", grant_type="refresh_token") as gate:
        # Both have claimed, and as many requests stand at the provider as it allows.
        for worker in workers:
            await worker.started()
        await gate.arrival(20, 60)
        await until(lambda: _all_idle(installation))
    await installation.synced(within=300 if number < 1_000 else 3_000)
    took = watch.seconds
    assert installation.issuer.log.peak_in_flight() == 20
    presented = installation.presented()
    assert len(presented) == len(set(presented)) == number
    await installation.require_fresh()
    seen(
        f"{number} overdue syncs, two workers: all done in {took:.1f} s with at most "
        f"{installation.issuer.log.peak_in_flight()} requests at once."
    )


async def _all_idle(installation: Installation) -> bool:
    """Whether no statement of anybody is under way: the workers have taken what they may."""
    return not await installation.rows(
        """
        select from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
        """
    )


@pytest.mark.faults(21)
@pytest.mark.parametrize("fault", [Fault.DRIP, Fault.ENDLESS, Fault.HUGE_BODY, Fault.GZIP_BOMB])
async def test_a_provider_that_drips_or_floods_takes_its_deadline_and_holds_up_nobody_else(
    install: Install, fault: Fault, seen: Seen
) -> None:
    installation = await install()
    installation.issuer.set_rotation(Rotation.NONE)
    with RunningProvider() as other:
        allowed = f"127.0.0.1:{installation.issuer.port},127.0.0.1:{other.port}"
        worker = installation.worker(IDENTITY_OUTBOUND_ALLOW=allowed)
        await worker.started()
        people = await installation.sign_in(TOGETHER)
        healthy = await make_world(
            installation.world.database, installation.world.vault, installation.world.deps.upstream, other
        )
        neighbours = [await healthy.sign_in(name) for name in ("alice", "bob")]
        await installation.synced([*people, *neighbours])
        before, began = worker.memory_kib("VmHWM"), Stopwatch()
        with installation.issuer.fault(fault, grant_type="refresh_token"):
            await installation.make_due(people)
            await installation.issuer.log.reached(lambda log: log.count("/token") >= TOGETHER + 1, 60)
            held_up = Stopwatch()
            await installation.make_due(neighbours)
            await installation.synced(neighbours)
            neighbours_took = held_up.seconds
            await until(lambda: _all_failed(installation, people))
            took = began.seconds
            grown = (worker.memory_kib("VmHWM") - before) / 1024
        await nobody_lost_anything(installation)
        rows = await installation.syncs(people)
        assert {row["uncertain"] for row in rows} == {True}
        recovery = await recovered(installation)
        await installation.require_fresh()
        # A second until a slow call has given its place, another until the worker looks again, and a slow machine.
        assert neighbours_took < 5
        assert grown < 64
    seen(
        f"{TOGETHER} calls given up after at most {took:.1f} s, uncertain; the worker's peak of memory grew by {grown:.1f} MiB; "
        f"another provider's people were synced in {neighbours_took:.1f} s meanwhile; all fresh {recovery:.1f} s afterwards."
    )


async def _all_failed(installation: Installation, people: Sequence[Person]) -> bool:
    return all(row["state"] == "STALE" and not row["is_leased"] for row in await installation.syncs(people))
