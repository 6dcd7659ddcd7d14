"""Two workers at the same logins: wrong clocks, one that stands still, jobs delivered again, answers about a token replaced."""

import pytest
from redis.asyncio import Redis

from identity_api.queue import QUEUE_NAME, Queue
from tests.faults.clocks import needs_faketime, wrong_by
from tests.faults.conftest import Install, Seen
from tests.faults.installation import Installation, socket_of, through
from tests.faults.proxy import Cut, Proxy
from tests.faults.test_worker_killed import METADATA
from tests.faults.waiting import Stopwatch, count, until
from tests.openid_provider import Fault, Rotation

pytestmark = pytest.mark.asyncio

CLAIMING = "with leased as"
"""In the statement that claims, and in no other."""
TOGETHER = 20
"""People whose syncs fall due at the same moment."""


async def one_request_each(installation: Installation, *, ahead_seconds: int) -> str:
    """Rounds of due syncs for two workers, one with a wrong clock; what was seen."""
    await installation.sign_in(TOGETHER, is_due=False)
    few = {"IDENTITY_SYNC_CONCURRENCY": "2"}  # so that neither takes everybody
    odd = installation.program("worker", **few, **wrong_by(ahead_seconds))
    right = installation.worker(**few)
    await odd.says("worker.started")
    await right.started()
    owners, rounds = set(), count(5, 25)
    for one in range(rounds):
        with installation.issuer.hold("/token", grant_type="refresh_token") as gate:
            await installation.make_due()
            await gate.arrival(2, 60)
            rows = await installation.rows("select distinct lease_owner from identity_sync where lease_until > now()")
            owners |= {row["lease_owner"] for row in rows}
        await installation.synced()
        assert len(installation.presented()) == (one + 1) * TOGETHER
    assert len(set(installation.presented())) == rounds * TOGETHER
    assert len(owners) == 2, "one of the two did everything"
    await installation.require_fresh()
    assert await installation.ended_sessions() == 0
    due = rounds * TOGETHER
    return f"{due} due syncs, two workers, one with its clock {ahead_seconds} s ahead: {due} requests."


@needs_faketime
@pytest.mark.faults(6)
async def test_two_workers_of_which_one_is_half_a_minute_ahead_make_one_request_each(
    install: Install, seen: Seen
) -> None:
    seen(await one_request_each(await install(), ahead_seconds=30))


@needs_faketime
@pytest.mark.faults(29)
async def test_a_clock_two_minutes_from_the_databases_changes_nothing_about_leases(
    install: Install, seen: Seen
) -> None:
    seen(await one_request_each(await install(), ahead_seconds=120))


@pytest.mark.faults(7)
async def test_a_worker_that_stood_still_before_it_sent_the_token_does_not_send_it_any_more(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    await installation.sign_in(TOGETHER)
    with installation.issuer.hold(METADATA) as gate:
        slow = installation.worker()
        await gate.arrival(1, 60)
        await until(lambda: installation.are_leased(TOGETHER))
        slow.stop()
    await installation.outlast_leases()
    quick = installation.worker()
    await installation.synced()
    await quick.kill()
    slow.go_on()
    # The one who goes on has looked at all it held before it takes anything new.
    after = await installation.sign_in(1)
    await installation.synced(after)
    assert len(installation.presented()) == len(set(installation.presented())) == TOGETHER + 1
    await installation.require_fresh()
    assert await installation.ended_sessions() == 0
    seen(f"{TOGETHER} leases lost while standing still: 0 tokens sent a second time, on a strict provider.")


@pytest.mark.faults(7)
@pytest.mark.parametrize("rotation", [Rotation.GRACE, Rotation.STRICT])
async def test_of_two_workers_that_both_sent_the_token_one_result_counts(
    install: Install, seen: Seen, rotation: Rotation
) -> None:
    installation = await install()
    installation.issuer.set_rotation(rotation, grace_seconds=600)
    quick = await installation.stopped_worker()
    await installation.sign_in(TOGETHER)
    with installation.issuer.hold("/token", grant_type="refresh_token", when="after") as gate:
        slow = installation.worker()
        await gate.arrival(TOGETHER, 60)
        slow.stop()
    await installation.let_leases_run_out()
    quick.go_on()
    if rotation is Rotation.GRACE:
        await installation.synced()
    else:
        await installation.stand_at("STALE", "rotation_lost")
    stored = await installation.token_hashes()
    slow.go_on()
    after = await installation.sign_in(1)
    await installation.synced(after)
    assert (await installation.token_hashes())[:TOGETHER] == stored
    assert await installation.events("identity.revoked") == 0
    assert await installation.lost_permissions() == []
    what = "recovered" if rotation is Rotation.GRACE else "recorded as rotation_lost, with their permissions"
    seen(f"{TOGETHER} tokens presented by both: {TOGETHER} {what}; 0 results of the one who stood still were stored.")


@pytest.mark.faults(7)
async def test_a_worker_that_stands_still_inside_a_claim_holds_up_the_others_for_seconds_only(
    install: Install, url: str, seen: Seen
) -> None:
    installation = await install()
    with Proxy(socket_of(url), is_postgres=True) as link:
        # By then it has the lock under which identities are claimed, for all workers.
        link.cut_at(CLAIMING, iter([Cut.STILL]))
        installation.worker(IDENTITY_DATABASE_URL=through(url, link.port))
        await until(lambda: link.cuts)
        watch = Stopwatch()
        await installation.sign_in(TOGETHER)
        installation.worker()
        await installation.synced()
        took = watch.seconds
    assert took < 60
    assert len(installation.presented()) == TOGETHER
    seen(f"A claim that stood still: {TOGETHER} due syncs of another worker done {took:.1f} s later.")


@pytest.mark.faults(8)
async def test_every_job_delivered_three_times_changes_nothing(install: Install, redis_url: str, seen: Seen) -> None:
    installation = await install()
    await installation.sign_in(TOGETHER)
    for _ in range(2):
        await installation.worker().started()
    await installation.synced()
    before = await written(installation)
    installation.issuer.log.clear()
    queue, redis = Queue(redis_url), Redis.from_url(redis_url)
    with installation.issuer.hold("/token", grant_type="refresh_token") as gate:
        await installation.make_due()
        await gate.arrival(1, 60)
        names = ["sync_sweep", "apply_mapping_changes", "seal_audit", "clean_up"]
        delivered = 3 * [(name, {}) for name in names] + 3 * [
            ("sync_user", {"tenant_id": installation.world.tenant_id, "user_id": person.user_id})
            for person in installation.people[:5]
        ]
        for name, ids in delivered:
            assert await queue.enqueue(name, **ids)
    await until(lambda: _is_empty(redis))
    await installation.synced()
    await queue.aclose()
    await redis.aclose()
    presented = installation.presented()
    assert len(presented) == len(set(presented))
    asked = {person.username for person in installation.people[:5]}
    others = [one for one in installation.issuer.log.find("/token") if one.person not in asked]
    assert len(others) == TOGETHER - 5
    await installation.require_fresh()
    assert await written(installation) == before
    seen(f"{len(delivered)} jobs, each of the five kinds three times: no token presented twice, no grant written anew.")


async def written(installation: Installation) -> list[int]:
    """How many grants there are, and events in the audit."""
    rows = await installation.rows("select (select count(*) from permission_grant), (select count(*) from audit_event)")
    return list(rows[0])


async def _is_empty(redis: "Redis") -> bool:
    return not await redis.zcard(QUEUE_NAME)


@pytest.mark.faults(25)
async def test_a_refusal_of_a_token_that_has_been_replaced_meanwhile_revokes_nobody(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    await installation.sign_in(TOGETHER, is_due=False)
    rounds = count(3, 50)
    for _ in range(rounds):
        stored = await installation.token_hashes()
        quick = await installation.stopped_worker()
        await installation.make_due()
        with installation.issuer.hold("/token", grant_type="refresh_token", when="after") as first:
            slow = installation.worker()
            await first.arrival(TOGETHER, 60)
            # One that stands still sends no heartbeat, which would renew its leases before the other can claim.
            await installation.stop_between_statements(slow)
            with installation.issuer.hold("/token", grant_type="refresh_token") as second:
                await installation.let_leases_run_out()
                quick.go_on()
                await second.arrival(TOGETHER, 60)
                first.release()
                slow.go_on()
                await until(lambda: _all_replaced(installation, stored))  # noqa: B023  # awaited in this round
                installation.issuer.faults.on(Fault.INVALID_GRANT, times=TOGETHER)
        await installation.synced()
        await slow.kill()
        await quick.kill()
    await installation.require_fresh()
    assert await installation.events("identity.revoked") == 0
    assert await installation.ended_sessions() == 0
    seen(f"{rounds * TOGETHER} refusals of a token that another worker had just replaced: 0 revoked, all fresh.")


async def _all_replaced(installation: Installation, before: list[bytes]) -> bool:
    return not set(before) & set(await installation.token_hashes())
