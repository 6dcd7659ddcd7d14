"""Verified answers are written in groups, and one that cannot be written stops nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio

from identity_api.db import database as database_module
from identity_api.db import locks
from identity_api.db.database import Database
from identity_api.sync.deps import WRITERS
from tests.sync.conftest import MakeWorld
from tests.sync.world import Person, World, until


@pytest_asyncio.fixture
async def hasty(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A pool whose statements may take three tenths of a second."""
    monkeypatch.setattr(database_module, "COMMAND_TIMEOUT_SECONDS", 0.3)
    pool = Database(database_url, pool_size=8)
    await pool.open()
    yield pool
    await pool.close()


async def sign_in_many(world: World, count: int) -> list[Person]:
    people = []
    for number in range(count):
        world.issuer.add_person(f"person-{number}", ["engineering"])
        people.append(await world.sign_in(f"person-{number}"))
    return people


@asynccontextmanager
async def unwritable(world: World, person: Person) -> AsyncIterator[None]:
    """Inside the block the database refuses to renew this person's lease."""
    name = f"refuse_{person.identity_id.hex}"
    await world.write(
        f"""
        create function {name}() returns trigger language plpgsql as
        $$ begin raise exception 'not this one'; end $$;
        create trigger {name} before update on identity_sync for each row
            when (new.id = '{person.identity_id}' and new.verified_at is distinct from old.verified_at) execute function {name}();
        """
    )
    try:
        yield
    finally:
        await world.write(f"drop trigger {name} on identity_sync; drop function {name}()")


@pytest.mark.asyncio
async def test_answers_that_come_together_are_written_together(new_world: MakeWorld) -> None:
    world = await new_world(max_concurrent=50, concurrency=50)
    people = await sign_in_many(world, 30)
    await world.sweep()
    assert [await world.state(person) for person in people] == [("FRESH", None)] * 30
    transactions = await world.row(
        "select count(distinct xmin::text) from identity_sync where provider_id = $1 and outcome = 'ok'",
        world.provider.id,
    )
    assert transactions[0] <= 15


@pytest.mark.asyncio
async def test_one_whose_user_somebody_holds_holds_up_nobody_else(new_world: MakeWorld, hasty: Database) -> None:
    """Their statement would wait for longer than a statement may take."""
    world = await new_world(max_concurrent=50, concurrency=50)
    people = await sign_in_many(world, 5)
    held, others = people[2], people[:2] + people[3:]
    async with world.database.transaction() as connection:
        await connection.execute("select from app_user where id = $1 for update", held.user_id)
        report = await world.with_database(hasty).sweep()
    assert report.outcomes == {"ok": 4, "database_unavailable": 1}
    assert [(await world.sync_row(person))["lease_until"] for person in others] == [None] * 4
    await world.let_lease_run_out(held)
    assert (await world.sync(held)).outcomes == {"ok": 1}


@pytest.mark.asyncio
async def test_a_tenant_whose_mappings_are_being_edited_holds_up_no_other(new_world: MakeWorld) -> None:
    """However many of its groups wait for the edit."""
    world, other = await new_world(), await new_world()
    other = replace(other, deps=world.deps)
    people = await sign_in_many(world, WRITERS + 1)
    alice = await other.sign_in("alice")
    async with world.database.transaction() as connection:
        await locks.edit_mappings(connection, world.tenant_id)
        waiting = [asyncio.create_task(world.sync(person)) for person in people]
        await until(lambda: all(world.token_requests(person) for person in people))
        assert (await other.sync(alice)).outcomes == {"ok": 1}
        assert not any(one.done() for one in waiting)
    assert [(await one).outcomes for one in waiting] == [{"ok": 1}] * len(people)


@pytest.mark.asyncio
async def test_one_that_cannot_be_written_stops_nobody_else(new_world: MakeWorld) -> None:
    world = await new_world(max_concurrent=50, concurrency=50)
    people = await sign_in_many(world, 5)
    broken, others = people[2], people[:2] + people[3:]
    before = [(await world.sync_row(person))["verified_at"] for person in others]
    async with unwritable(world, broken):
        report = await world.sweep()
    assert report.outcomes["internal_error"] >= 1  # its next try may fall due while the sweep still runs
    after = [(await world.sync_row(person))["verified_at"] for person in others]
    assert all(new > old for new, old in zip(after, before, strict=True))
    assert await world.state(broken) == ("STALE", "internal_error")
    assert await world.session_is_over(broken) is None
    row = await world.sync_row(broken)
    assert row["lease_until"] is None
    assert 0 < row["due_in"] <= 20
    await world.make_due(broken)
    assert (await world.sync(broken)).outcomes == {"ok": 1}
