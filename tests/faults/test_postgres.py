"""PostgreSQL restarts, becomes read-only, is cut off during a commit, deadlocks, or has no connection left."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from identity_api.embedded.postgres import Postgres
from identity_api.graphql.ids import global_id
from tests.faults.conftest import Install, Seen
from tests.faults.installation import Installation, socket_of, through
from tests.faults.proxy import Cut, Proxy
from tests.faults.waiting import Stopwatch, count, until
from tests.openid_provider import Fault

pytestmark = pytest.mark.asyncio

TOGETHER = 10
LANDING = "update refresh_token set hash"
"""In the statement that stores a rotated token, and in no other."""


@pytest.fixture
def link(postgres: Postgres) -> Iterator[Proxy]:
    """The way to PostgreSQL, at an address that stays when the server starts anew."""
    with Proxy(socket_of(postgres.url), is_postgres=True) as proxy:
        yield proxy


@pytest.fixture
def link_to_shared(url: str) -> Iterator[Proxy]:
    """The way to a database of this test on the PostgreSQL of all tests."""
    with Proxy(socket_of(url), is_postgres=True) as proxy:
        yield proxy


@pytest.mark.faults(12)
async def test_a_restart_of_postgresql_under_load_costs_a_moment_and_no_token(
    install: Install, postgres: Postgres, link: Proxy, seen: Seen
) -> None:
    installation = await install(direct_url=postgres.url, url=through(postgres.url, link.port))
    await installation.api(IDENTITY_DATABASE_POOL_SIZE="4")
    worker = installation.worker()
    people = await installation.sign_in(TOGETHER)
    token = await installation.open_session(people[0])
    await installation.synced()
    slowest, refused, rounds = 0.0, 0, count(2, 50)
    for _ in range(rounds):
        before, repeated = len(installation.presented()), worker.said.count("sync.landing_repeated")
        with installation.issuer.hold("/token", grant_type="refresh_token", when="after") as gate:
            await installation.make_due()
            await gate.arrival(TOGETHER, 60)
            postgres.stop()
            link.cut()
            status, body = await installation.me(token)
            assert (status, body["code"]) == (503, "DATABASE_UNAVAILABLE")
            refused += 1
            # The answers come while there is no database: their tokens wait in the worker's memory.
            gate.release()
            await until(lambda: worker.said.count("sync.landing_repeated") > repeated)  # noqa: B023  # awaited in this round
            postgres.start()
            link.target = socket_of(postgres.url)
        watch = Stopwatch()
        await until(lambda: _is_answered(installation, token))
        slowest = max(slowest, watch.seconds)
        await installation.world.database.close()
        installation.world.database._url = postgres.url
        await installation.world.database.open()
        await installation.make_due()
        await installation.synced()
        assert len(installation.presented()) > before
    assert worker.is_running
    presented = installation.presented()
    assert len(presented) == len(set(presented)), "a token was sent twice: the one after it had not landed"
    await installation.require_fresh()
    # As many at once as the pool has places, so each of them is whole.
    answers = await asyncio.gather(*[installation.me(token) for _ in range(12)])
    assert {status for status, _ in answers} == {200}
    assert slowest < 50
    seen(
        f"{rounds} restarts with {TOGETHER} rotated tokens on their way each: all landed, 0 sent twice; requests meanwhile "
        f"answered 503; healthy at most {slowest:.1f} s after the server was back; all 4 places of the pool in use afterwards."
    )


async def _is_answered(installation: Installation, token: str) -> bool:
    return (await installation.me(token))[0] == 200


@pytest.mark.faults(13)
async def test_connections_to_a_server_that_became_read_only_are_dropped(
    install: Install, postgres: Postgres, link: Proxy, seen: Seen
) -> None:
    installation = await install(direct_url=postgres.url, url=through(postgres.url, link.port))
    api = await installation.api()
    worker = installation.worker()
    people = await installation.sign_in(TOGETHER)
    token = await installation.open_session(people[0])
    await installation.synced()
    await asyncio.gather(*[installation.me(token) for _ in range(20)])  # so that the pool has connections to be kept
    # New sessions of the role can write; those that there are follow the server's setting, as on an old primary.
    await installation.world.write("alter role app set default_transaction_read_only = off")
    await installation.world.write("alter system set default_transaction_read_only = on")
    await installation.world.write("select pg_reload_conf()")
    await until(lambda: _is_read_only(installation))
    watch = Stopwatch()
    await installation.world.database.close()
    await installation.world.database.open()
    await installation.make_due()
    await api.ready()
    await installation.synced()
    took = watch.seconds
    assert "DATABASE_CANNOT_WRITE" in worker.said
    assert took < 75
    assert (await installation.me(token))[0] == 200
    await installation.require_fresh()
    assert len(installation.presented()) == 2 * TOGETHER
    seen(f"Ready, and {TOGETHER} syncs written, {took:.1f} s after every open connection had become read-only.")


async def _is_read_only(installation: Installation) -> bool:
    rows = await installation.rows("show transaction_read_only")
    return bool(rows[0][0] == "on")


@pytest.mark.faults(14)
async def test_a_landing_whose_commit_was_cut_off_is_neither_lost_nor_taken_for_somebody_elses(
    install: Install, url: str, link_to_shared: Proxy, seen: Seen
) -> None:
    installation = await install(url=through(url, link_to_shared.port))
    cuts = count(40, 200)
    await installation.sign_in(TOGETHER, is_due=False)
    plan = random.Random(14).choices([Cut.BEFORE, Cut.AFTER], k=cuts)
    link_to_shared.cut_at(LANDING, iter(plan))
    worker = installation.worker()
    await worker.started()
    rounds = 0
    while link_to_shared.cuts < cuts:
        await installation.make_due()
        await installation.synced()
        rounds += 1
    await installation.make_due()
    await installation.synced()
    presented = installation.presented()
    assert len(presented) == len(set(presented)) == (rounds + 1) * TOGETHER
    await installation.require_fresh()
    assert await installation.events("identity.state_changed") == TOGETHER  # by the first sync after the login
    assert await installation.ended_sessions() == 0
    before = plan.count(Cut.BEFORE)
    seen(
        f"{cuts} landings cut off ({before} before the server had them, {cuts - before} after they were carried out): "
        "every next sync sent the landed token, 0 sent twice, 0 lost."
    )


@pytest.mark.faults(14)
async def test_an_applying_whose_commit_was_cut_off_is_written_once(
    install: Install, url: str, link_to_shared: Proxy, seen: Seen
) -> None:
    installation = await install(url=through(url, link_to_shared.port))
    await installation.sign_in(TOGETHER, is_due=False)
    worker = installation.worker()
    await worker.started()
    await installation.make_due()
    await installation.synced()
    cuts = 0
    for one in range(count(6, 60)):
        group = "support" if one % 2 == 0 else "engineering"
        for person in installation.people:
            installation.issuer.set_groups(person.username, [group])
        events = await installation.events("identity.groups_changed")
        with installation.issuer.hold("/token", grant_type="refresh_token") as gate:
            await installation.make_due()
            await gate.arrival(TOGETHER, 60)
            link_to_shared.cut_at("COMMIT", iter([Cut.AFTER if one % 3 else Cut.BEFORE]))
        await installation.synced()
        await until(lambda: link_to_shared.cuts > cuts)  # noqa: B023  # awaited in this round
        cuts = link_to_shared.cuts
        # However often it was tried, each change was written once.
        assert await installation.events("identity.groups_changed") == events + TOGETHER
    presented = installation.presented()
    assert len(presented) == len(set(presented))
    await installation.require_fresh()
    seen(f"{cuts} commits cut off while answers were applied: every change of groups is in the audit exactly once.")


@pytest.mark.faults(15)
async def test_a_sync_that_is_chosen_to_end_a_deadlock_is_applied_all_the_same(
    install: Install, url: str, seen: Seen
) -> None:
    installation = await install()
    # For whoever connects from now on: longer than it takes the other one to be waiting too.
    name = (await installation.rows("select current_database()"))[0][0]
    await installation.world.write(f"alter database {name} set deadlock_timeout = '3s'")
    worker = installation.worker()
    await worker.started()
    rounds = count(2, 20)
    for _ in range(rounds):
        (person,) = await installation.sign_in(1, is_due=False)
        other = await asyncpg.connect(url)
        try:
            # The other one waits for ever, so PostgreSQL ends the worker's transaction.
            await other.execute("set deadlock_timeout = '10min'")
            # Held at UserInfo, when the token has landed: what is left is to apply.
            with installation.issuer.fault(Fault.NO_ID_TOKEN), installation.issuer.hold("/userinfo") as gate:
                await installation.make_due([person])
                await gate.arrival(1, 60)
                await other.execute("begin")
                await other.execute("select from identity_sync where id = $1 for update", person.identity_id)
            await until(lambda: _are_waiting(installation, 1))  # the worker, with the user's row locked
            await other.execute("select from app_user where id = $1 for update", person.user_id)
            await other.execute("commit")
        finally:
            await other.close()
        await installation.synced([person])
    assert await installation.lost_permissions() == []
    await installation.require_fresh()
    repeated = worker.said.count("sync.write_repeated")
    assert repeated >= rounds
    seen(f"{rounds} deadlocks ended at the worker's cost: all {rounds} answers applied at another try.")


@pytest.mark.faults(16)
async def test_an_exhausted_pool_refuses_quickly_and_leaves_the_workers_alone(
    install: Install, url: str, seen: Seen
) -> None:
    installation = await install()
    api = await installation.api(IDENTITY_DATABASE_POOL_SIZE="4")  # of which one tenant may use two
    worker = installation.worker()
    await worker.started()
    people = await installation.sign_in(TOGETHER, is_due=False)
    token = await installation.open_session(people[0])
    assert (await installation.me(token))[0] == 200
    other = await asyncpg.connect(url)
    try:
        await other.execute("begin")
        await other.execute("lock table session in access exclusive mode")
        holding = [asyncio.create_task(installation.me(token)) for _ in range(2)]
        await until(lambda: _are_waiting(installation, 2, for_what="absolute_until"))
        watch = Stopwatch()
        status, body = await installation.me(token)
        took = watch.seconds
        assert (status, body["code"]) == (503, "OVERLOADED")
        assert (await asyncio.to_thread(api.ask, "GET", "/health/live"))[0] == 200
        await installation.make_due()
        await installation.synced()
        held = [status for status, _ in await asyncio.gather(*holding)]
    finally:
        await other.close()
    assert set(held) <= {503, 504}, held
    await until(lambda: _is_answered(installation, token))
    assert took < 4.5  # a statement that waits takes five
    seen(
        f"With every connection of the API waiting, a request answered 503 in {took:.1f} s and liveness 200; "
        f"{TOGETHER} syncs went on; requests worked again afterwards."
    )


async def _are_waiting(installation: Installation, number: int, *, for_what: str = "") -> bool:
    """Whether so many statements with this text in them wait for a lock."""
    rows = await installation.rows(
        """
        select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and strpos(query, $1) > 0
        """,
        for_what,
    )
    return len(rows) >= number


@asynccontextmanager
async def refused_audit(installation: Installation) -> AsyncIterator[None]:
    """Every insert into the audit raises."""
    write = installation.world.write
    await write(
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'the audit is closed'; end $$"
    )
    await write("create trigger refuse before insert on audit_event execute function refuse()")
    try:
        yield
    finally:
        await write("drop trigger refuse on audit_event")


async def _disable(installation: Installation, admin: str, user_id: UUID) -> tuple[int, dict[str, Any]]:
    asked = "mutation ($id: ID!) { disableUser(input: {id: $id}) { __typename ... on Problem { code } } }"
    return await installation.graphql(admin, asked, id=global_id("User", user_id))


async def _facts(installation: Installation) -> list[Any]:
    """Everything that is audited."""
    return await installation.rows(
        """
        select (select count(*) from audit_event), (select count(*) from app_user where disabled_at is not null),
            (select count(*) from permission_grant where revoked_at is null), (select count(*) from identity_group),
            (select count(*) from session where ended_at is null), (select count(*) from identity where state = 'FRESH')
        """
    )


@pytest.mark.faults(34)
async def test_a_change_whose_audit_cannot_be_written_is_not_made(install: Install, seen: Seen) -> None:
    installation = await install()
    await installation.api()
    admin = await installation.admin("identity:users:write", "identity:users:read", "identity:mappings:write")
    people = await installation.sign_in(TOGETHER, is_due=False)
    # The last words of the people who leave the group, of those who are disabled, and of a mapping that is made.
    for person in people:
        installation.issuer.set_groups(person.username, ["support"])
    async with refused_audit(installation):
        worker = installation.worker()
        await worker.started()
        before = await _facts(installation)
        await installation.make_due()
        await installation.issuer.log.reached(lambda log: log.count("/token") >= TOGETHER, 60)
        said = [await _disable(installation, admin, person.user_id) for person in people[:3]]
        assert {status for status, _ in said} <= {200, 503}
        assert all("errors" in body or "code" in body for _, body in said), said
        await until(lambda: "sync.write_repeated" in worker.said)
        assert await _facts(installation) == before
    changes = await installation.events("identity.groups_changed")
    await installation.let_leases_run_out()
    await installation.make_due()
    await installation.synced()
    status, body = await _disable(installation, admin, people[0].user_id)
    assert status == 200, body
    assert "errors" not in body, body
    assert await installation.events("identity.groups_changed") == changes + TOGETHER
    assert await installation.events("user.disabled") == 1
    statuses = sorted({status for status, _ in said})
    seen(
        f"3 mutations refused ({', '.join(map(str, statuses))}) and {TOGETHER} syncs held back while the audit could not be "
        "written: 0 changes without an event; all written, with their events, once it could."
    )
