"""`audit verify`: a chain that holds, and one that does not (bad input 77)."""

import asyncio
import json

import pytest

from identity_api.config import parse_key_ring
from identity_api.db.database import Database
from identity_api.maintenance.audit_chain import seal_all
from identity_api.vault import Vault
from tests.cli.conftest import Command, ask, new_key

TENANTS = """
[[tenants]]
slug = "acme"
name = "Acme"

[[tenants.permissions]]
name = "docs:read"

[[tenants]]
slug = "other"
name = "Other"
"""


@pytest.fixture
def sealed(command: Command, url: str) -> Command:
    """Two tenants, whose events a worker has sealed."""
    assert command("apply", "-", stdin=TENANTS.encode()).returncode == 0

    async def seal() -> None:
        database = Database(url, pool_size=2)
        await database.open()
        await seal_all(database, Vault(parse_key_ring(command.env["IDENTITY_SECRET_KEYS"])))
        await database.close()

    asyncio.run(seal())
    return command


def test_chains_that_hold_are_ok(sealed: Command) -> None:
    done = sealed("audit", "verify")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ok    acme: 2 event(s)", "ok    other: 1 event(s)"]


def test_a_changed_event_is_exit_code_1_with_its_place(sealed: Command, url: str) -> None:
    ask(url, "update audit_event set actor = 'operator:somebody_else' where sequence = 2")
    done = sealed("audit", "verify", "--json")
    assert done.returncode == 1
    acme, other = json.loads(done.stdout)["chains"]
    assert (acme["tenant"], acme["intact"], acme["first_bad"], acme["problem"]) == ("acme", False, 2, "CHANGED")
    assert other["intact"]
    assert sealed("audit", "verify", "--tenant", "other").returncode == 0
    assert "event 2: the event there was changed" in sealed("audit", "verify", "--tenant", "acme").stdout


def test_a_missing_key_is_not_called_a_broken_chain(sealed: Command) -> None:
    done = sealed("audit", "verify", IDENTITY_SECRET_KEYS=new_key("k2"))
    assert done.returncode == 1
    assert "the key ring lacks the key" in done.stdout


def test_an_unknown_tenant_is_told(sealed: Command) -> None:
    assert sealed("audit", "verify", "--tenant", "nobody").returncode == 1
