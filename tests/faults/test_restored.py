"""Our own database comes back from a backup."""

import asyncio

import pytest

from tests.cli.conftest import ask as query
from tests.faults.conftest import Install, Seen
from tests.faults.waiting import until

pytestmark = pytest.mark.asyncio

TOGETHER = 10


@pytest.mark.faults(30)
async def test_after_a_restore_ended_sessions_stay_dead_and_replaced_tokens_are_told(
    install: Install, url: str, seen: Seen
) -> None:
    installation = await install()
    people = await installation.sign_in(TOGETHER)
    ended, kept = [await installation.open_session(person) for person in people[:2]]
    worker = installation.worker()
    await installation.synced()
    await worker.kill()
    name = (await installation.rows("select current_database()"))[0][0]
    maintenance = url.replace(f"/{name}?", "/postgres?")

    async def copy(source: str, target: str) -> None:
        """Make `target` what `source` is; nobody may be connected to either."""
        await installation.world.database.close()
        for statement in (
            f"drop database if exists {target} with (force)",
            f"create database {target} template {source}",
        ):
            await asyncio.to_thread(query, maintenance, statement)
        await installation.world.database.open()

    await copy(name, f"{name}_backup")
    # What happens after the backup: tokens are replaced, and a session ends.
    worker = installation.worker()
    await installation.make_due()
    await installation.synced()
    await worker.kill()
    api = await installation.api()
    status, _ = await installation.ask(
        "POST", "/auth/logout", authorization=f"Bearer {ended}", identity_request="1", origin=installation.url_of_api
    )
    assert status in (200, 204)
    assert [(await installation.me(token))[0] for token in (ended, kept)] == [401, 200]
    await api.kill()

    await copy(f"{name}_backup", name)
    command = installation.program("tenant", "end-sessions", "--all")
    assert await asyncio.to_thread(command.process.wait, 60) == 0, command.said
    await installation.api()
    assert [(await installation.me(token))[0] for token in (ended, kept)] == [401, 401]
    assert await installation.events("tenant.sessions_ended") == 1
    worker = installation.worker()
    await installation.make_due()
    await until(lambda: '"mass_invalid_grant"' in worker.said)
    await installation.stand_at("REVOKED", "invalid_grant")
    seen(
        f"2 of 2 sessions dead after `tenant end-sessions --all`; {TOGETHER} of {TOGETHER} people whose token was replaced "
        "after the backup have to sign in again, and the alarm was raised."
    )
