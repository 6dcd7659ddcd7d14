"""A token that the provider has rotated is stored, however long the database is away, and sent by nobody before that."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from identity_api.db import identities, refresh_tokens
from identity_api.db import sync_claims as claiming
from identity_api.db.login_ends import discard_refresh_tokens, revoke_identities
from identity_api.db.refresh_tokens import Landing
from identity_api.errors import CannotWrite, Unavailable
from identity_api.oidc.token_endpoint import Refreshed
from identity_api.relying_party.refresh_tokens import open_sealed
from identity_api.sync import landings, run
from identity_api.sync.outage import LANDING_FIRST_SECONDS
from identity_api.sync.run import sweep
from tests.sync.steps import SteppedSync
from tests.sync.world import AwayDatabase, Person, World, until

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A landing is tried again at once."""
    monkeypatch.setattr(landings, "MAX_PAUSE_SECONDS", 0.001)


async def sent_and_away(world: World, person: Person, database: AwayDatabase) -> SteppedSync:
    """A worker whose provider has rotated the token, and whose database is away since, for longer than its lease."""
    sync = await SteppedSync(world, person).run("claim", "call")
    sync.world = sync.world.with_database(database)
    await world.let_lease_run_out(person)
    return sync


async def test_a_rotated_token_lands_however_long_the_database_is_away(world: World) -> None:
    alice = await world.sign_in("alice")
    database = AwayDatabase(world.database)
    sync = await sent_and_away(world, alice, database)
    landing = asyncio.create_task(sync.run("land"))
    await database.refuses(landings=200)
    assert not landing.done()
    database.is_back = True
    assert (await landing).landed
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert not (await world.sync_row(alice))["uncertain"]


async def test_a_worker_claims_nothing_a_second_time_that_it_is_still_at(world: World) -> None:
    """The database is back and the lease over, and the token has not landed yet."""
    alice = await world.sign_in("alice")
    sync = await sent_and_away(world, alice, AwayDatabase(world.database))
    assert (await sync.world.with_database(world.database).sync(alice)).claimed == 0
    assert world.token_requests(alice) == 1
    sync.world = world
    assert (await sync.run("land")).landed


@pytest.mark.parametrize("lives", [True, False])
async def test_after_an_outage_another_workers_token_lands_first(world: World, lives: bool) -> None:
    alice = await world.sign_in("alice")
    database = AwayDatabase(world.database)
    sync = await sent_and_away(world, alice, database)
    moment = [0.0]
    other = world.with_elapsed(moment).with_database(database)
    with pytest.raises(Unavailable):
        await other.sync(alice)
    database.is_back = True
    assert (await other.sync(alice)).claimed == 0
    if lives:
        assert (await sync.run("land")).landed
    moment[0] = LANDING_FIRST_SECONDS
    await world.make_due(alice)
    assert (await other.sync(alice)).outcomes == {"ok" if lives else "rotation_lost": 1}


async def test_after_an_outage_everybody_else_is_synced_at_once(world: World) -> None:
    alice = await world.sign_in("alice")
    database = AwayDatabase(world.database)
    other = world.with_database(database)
    with pytest.raises(Unavailable):
        await other.sync(alice)
    database.is_back = True
    assert (await other.sync(alice)).outcomes == {"ok": 1}


async def test_a_sweep_goes_on_while_one_token_cannot_land(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its database nor the one token that waits holds up anybody who falls due meanwhile."""
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob", is_due=False)
    rotate, blocked, refuses = refresh_tokens.rotate, asyncio.Event(), True

    async def rotate_but_alice(connection: Any, group: Sequence[Landing], **of: Any) -> frozenset[UUID]:
        hers = (await world.token(alice))["id"]
        if refuses and any(one.token_id == hers for one in group):
            blocked.set()
            raise CannotWrite
        return await rotate(connection, group, **of)

    monkeypatch.setattr(refresh_tokens, "rotate", rotate_but_alice)
    monkeypatch.setattr(run, "_IDLE_SECONDS", 0.01)
    database = AwayDatabase(world.database)
    database.is_back = True
    sweeping = asyncio.create_task(sweep(world.with_database(database).deps))
    await blocked.wait()
    database.is_back = False
    await database.refuses(claims=2)
    database.is_back = True
    await world.make_due(bob)
    await until(lambda: world.token_requests(bob) == 1)
    assert not sweeping.done()
    refuses = False
    assert (await sweeping).outcomes["ok"] >= 2
    assert world.token_requests(alice) == 1


async def _end(connection: Any, world: World, person: Person) -> None:
    await discard_refresh_tokens(connection, world.tenant_id, [person.identity_id], "logout_token")


async def _renew(connection: Any, world: World, person: Person) -> None:
    await identities.standings(connection, world.tenant_id, [person.identity_id])


async def _begin_end(connection: Any, world: World, person: Person) -> None:
    await revoke_identities(connection, world.tenant_id, [person.identity_id], "REVOKED", "logout_token")


async def _begin_login(connection: Any, world: World, person: Person) -> None:
    stored = await world.token(person)
    await refresh_tokens.add(
        connection, world.tenant_id, person.identity_id, stored["hash"], lambda _: bytes(stored["sealed"])
    )


@pytest.mark.parametrize(
    ("begin", "go_on"), [(_begin_end, _end), (_begin_login, _renew)], ids=["its login ends", "it signs in"]
)
async def test_a_token_that_lands_meanwhile_is_waited_for_by_nobody(
    world: World, begin: Callable[..., Any], go_on: Callable[..., Any]
) -> None:
    """It waits for the transaction that came first, holding nothing that this one needs."""
    alice = await world.sign_in("alice")
    sync = await SteppedSync(world, alice).run("claim", "call")
    async with world.database.transaction() as connection:
        await begin(connection, world, alice)
        landing = asyncio.create_task(sync.run("land"))
        await _waits_for_a_lock(world, "came as")
        await connection.execute("set local lock_timeout = '200ms'")
        await go_on(connection, world, alice)
    # The login's token is the one that the sync presented, so that its successor lands behind it.
    assert (await landing).landed is (begin is _begin_login)


async def test_a_token_that_lands_while_a_claim_chooses_is_the_one_that_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that sent its predecessor was slow. Sent again, it would end the whole login at a strict provider."""
    alice = await world.sign_in("alice")
    slow = await SteppedSync(world, alice).run("claim", "call")
    await world.let_lease_run_out(alice)
    gate = random.getrandbits(31)
    asked = f"{claiming._ASKED_OF_TENANT} and pg_advisory_xact_lock_shared({gate})::text = ''"
    monkeypatch.setattr(claiming, "_CLAIM_OF_USER", claiming._claiming(asked, "and d.user_id = $10", "$9"))
    async with world.database.transaction() as connection:
        await connection.execute("select pg_advisory_xact_lock($1)", gate)
        syncing = asyncio.create_task(world.another_worker().sync(alice))
        await _waits_for_a_lock(world, f"with leased as%{gate}%")
        assert (await slow.run("land")).landed
    assert (await syncing).outcomes == {"ok": 1}
    assert await world.state(alice) == ("FRESH", None)


async def test_a_successor_that_an_older_login_has_as_well_is_kept_once(world: World) -> None:
    """A provider may know one token for all logins of a person, and give it to whoever refreshes with another one."""
    first = await world.sign_in("alice")
    older = await world.token(first)
    alice = await world.sign_in("alice", identity_of=first)
    sync = await SteppedSync(world, alice).run("claim", "call")
    assert sync.called is not None
    assert isinstance(sync.called.outcome, Refreshed)
    known = open_sealed(world.vault, world.tenant_id, older["id"], older["sealed"]).refresh_token
    tokens = msgspec.structs.replace(sync.called.outcome.tokens, refresh_token=known)
    sync.called = msgspec.structs.replace(sync.called, outcome=Refreshed(tokens))
    assert (await sync.run("land")).landed
    stored = await world.rows("select id, hash from refresh_token where identity_id = $1", alice.identity_id)
    assert [row["hash"] for row in stored] == [older["hash"]]
    assert (await sync.run("land")).landed
    await sync.run("validate", "apply")
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}


async def _waits_for_a_lock(world: World, query: str) -> None:
    async with asyncio.timeout(30):
        async with world.database.reading() as connection:
            while not await connection.fetchval(_IS_WAITING, query):
                pass


_IS_WAITING = """
    select exists (select from pg_stat_activity where wait_event_type = 'Lock' and query like '%' || $1 || '%')
"""
