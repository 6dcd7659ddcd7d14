"""`keys`: made, rotated while it works, interrupted and continued (bad inputs 73 and 76)."""

import asyncio
import contextlib
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from identity_api.config import parse_key_ring
from identity_api.db import providers
from identity_api.db.database import Connection
from identity_api.ids import uuid7
from identity_api.vault import Vault
from tests import factories as make
from tests.cli.conftest import Command, ask, new_key, on_database

DECLARATION = """
[[tenants]]
slug = "acme"
name = "Acme"

[[tenants.providers]]
slug = "keycloak"
issuer = "https://sso.acme.example"
client_id = "identity-api"
client_secret_env = "ACME_SECRET"
"""


@pytest.fixture
def acme(command: Command) -> Command:
    """A tenant with a client secret that is sealed under k1."""
    assert command("apply", "-", stdin=DECLARATION.encode(), ACME_SECRET="s3cret").returncode == 0
    return command


def test_a_generated_key_is_one_that_a_ring_takes(offline: Command) -> None:
    first, second = offline("keys", "generate").stdout, offline("keys", "generate").stdout
    assert len(parse_key_ring(f"{first},{second}").ids) == 2


def test_a_generated_file_is_one_that_a_service_takes(offline: Command, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(offline("keys", "generate", "--toml").stdout)
    for mode, code in ((0o400, 0), (0o444, 78)):
        file.chmod(mode)
        assert offline("check-config", IDENTITY_SECRET_KEYS_FILE=str(file)).returncode == code


def test_after_a_rotation_the_old_key_is_not_needed(acme: Command) -> None:
    old, new = acme.env["IDENTITY_SECRET_KEYS"], new_key("k2")
    both = acme("keys", "rotate", IDENTITY_SECRET_KEYS=f"{new},{old}")
    assert (both.returncode, both.stdout) == (0, "1 value(s) sealed under the current key.\n")
    acme.env["IDENTITY_SECRET_KEYS"] = new
    assert json.loads(acme("keys", "rotate", "--json").stdout) == {"resealed": 0, "superseded": 0, "unopened": []}


def test_a_value_whose_key_is_lost_is_told_by_row_and_key(acme: Command) -> None:
    done = acme("keys", "rotate", IDENTITY_SECRET_KEYS=new_key("k2"))
    assert done.returncode == 1
    assert "provider_secret.sealed" in done.stdout
    assert "the ring has no key k1" in done.stdout


def test_interrupted_it_is_exit_code_130_and_the_next_run_finishes(acme: Command, url: str) -> None:
    old = acme.env["IDENTITY_SECRET_KEYS"]
    total = fill(url, Vault(parse_key_ring(old)), 2_000) + 1
    acme.env["IDENTITY_SECRET_KEYS"] = f"{new_key('k2')},{old}"
    with rotation_held_up(url):
        process = acme.start("keys", "rotate")
        while left(url) == total:
            assert process.poll() is None, acme.said
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert "Traceback" not in acme.said
    remaining = left(url)
    assert 0 < remaining < total
    done = json.loads(acme("keys", "rotate", "--json").stdout)
    assert (done["resealed"], left(url)) == (remaining, 0)


@contextlib.contextmanager
def rotation_held_up(url: str) -> Iterator[None]:
    """A rotation does its first batches, and then waits: another transaction has the last row."""
    locked, release = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(url)
        async with connection.transaction():
            await connection.fetch("select id from refresh_token order by id desc limit 1 for update")
            locked.set()
            await asyncio.to_thread(release.wait)
        await connection.close()

    holder = threading.Thread(target=asyncio.run, args=[hold()])
    holder.start()
    try:
        assert locked.wait(60)
        yield
    finally:
        release.set()
        holder.join()


async def _make_identity(connection: Connection) -> tuple[UUID, UUID]:
    """Tenant and identity of somebody at the tenant's provider."""
    tenant_id = await connection.fetchval("select id from tenant")
    [provider] = await providers.of_tenant(connection, tenant_id)
    return tenant_id, await make.make_identity(connection, provider, await make.make_user(connection, tenant_id))


def fill(url: str, vault: Vault, count: int) -> int:
    """Give the tenant an identity with so many refresh tokens."""
    tenant_id, identity_id = on_database(url, _make_identity)
    ids = [uuid7() for _ in range(count)]
    sealed = [
        vault.seal(b"token", tenant_id=tenant_id, table="refresh_token", column="sealed", row_id=row_id)
        for row_id in ids
    ]
    ask(
        url,
        """
        insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, uncertain)
        select n.id, $1, $2, n.sealed, uuid_send(n.id), now(), false from unnest($3::uuid[], $4::bytea[]) as n (id, sealed)
        """,
        tenant_id,
        identity_id,
        ids,
        sealed,
    )
    return count


def left(url: str) -> int:
    """How many values are sealed under k1."""
    [row] = ask(
        url,
        """
        select (select count(*) from refresh_token where substring(sealed from 3 for 2) = 'k1')
            + (select count(*) from provider_secret where substring(sealed from 3 for 2) = 'k1') as left
        """,
    )
    return int(row["left"])
