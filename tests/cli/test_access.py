"""What only the operator gives: first permissions, service clients, API tokens."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from identity_api.db.database import Connection, Database
from identity_api.ids import uuid7
from identity_api.permissions.service import USERS_READ
from identity_api.sessions.authenticate import authenticate
from identity_api.sessions.introspect import verify_service_client
from tests.cli.conftest import Command, ask
from tests.factories import make_user

TENANT = """
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["acme.example.com"]
"""


def on_database(url: str, work: Callable[[Connection], Awaitable[Any]]) -> Any:
    """Run against the database as the product does."""

    async def run() -> Any:
        database = Database(url, pool_size=2)
        await database.open()
        try:
            async with database.transaction() as connection:
                return await work(connection)
        finally:
            await database.close()

    return asyncio.run(run())


@pytest.fixture
def tenant_id(command: Command, url: str) -> UUID:
    """The tenant `acme` with a user `alice`, who has a way in."""
    assert command("apply", "-", stdin=TENANT.encode()).returncode == 0
    [row] = ask(url, "select id from tenant")
    on_database(url, lambda connection: make_user(connection, row["id"], username="alice", password_hash="unused"))
    return UUID(str(row["id"]))


def effective(url: str) -> list[str]:
    rows = ask(url, "select e.permission from app_user u, effective_permission(u.tenant_id, u.id, now()) e order by 1")
    return [row["permission"] for row in rows]


def test_the_operator_gives_and_takes_a_first_admin(command: Command, tenant_id: UUID, url: str) -> None:
    done = command("grant", "acme", "alice", USERS_READ)
    assert (done.returncode, done.stdout) == (0, f"+ grant {USERS_READ} to alice\n")
    assert effective(url) == [USERS_READ]
    [event] = ask(url, "select actor from audit_event where action = 'grant.opened'")
    assert event["actor"].startswith("operator:")
    taken = command("revoke", "acme", "alice", USERS_READ)
    assert (taken.returncode, taken.stdout) == (0, f"- grant {USERS_READ} to alice (given by hand)\n")
    assert effective(url) == []
    again = command("revoke", "acme", "alice", USERS_READ)
    assert (again.returncode, again.stdout) == (1, "")
    assert "has no grant of" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("nobody", "alice", USERS_READ), "no tenant nobody"),
        (("acme", "Alice", USERS_READ), "no user Alice"),
        (("acme", "alice", "docs:read"), "no permission docs:read"),
    ],
    ids=["tenant", "user", "permission"],
)
def test_a_name_that_does_not_exist_is_told(
    command: Command, tenant_id: UUID, url: str, arguments: tuple[str, ...], problem: str
) -> None:
    done = command("grant", *arguments)
    assert done.returncode == 1
    assert problem in done.stderr
    assert effective(url) == []


def test_tenants_are_listed_for_people_and_for_programs(command: Command, tenant_id: UUID) -> None:
    assert "acme.example.com" in command("tenant", "list").stdout
    assert json.loads(command("tenant", "list", "--json").stdout) == {
        "tenants": [
            {
                "id": str(tenant_id),
                "slug": "acme",
                "name": "Acme",
                "hosts": ["acme.example.com"],
                "default_provider": None,
            }
        ]
    }


def test_a_service_client_is_made_once_with_the_secret_that_is_printed(
    command: Command, tenant_id: UUID, url: str
) -> None:
    secret = command("service-client", "create", "backend", "--tenant", "acme").stdout.strip()
    found = on_database(url, lambda connection: verify_service_client(connection, "backend", secret))
    assert found.tenant_ids == {tenant_id}
    assert on_database(url, lambda connection: verify_service_client(connection, "backend", secret + "x")) is None
    again = command("service-client", "create", "backend", "--tenant", "acme")
    assert again.returncode == 1
    assert again.stdout == ""
    assert command("service-client", "create", "other", "--tenant", "nobody").returncode == 1


def test_an_api_token_authenticates_its_user(command: Command, tenant_id: UUID, url: str) -> None:
    made = json.loads(command("token", "create", "acme", "alice", "laptop", "--days", "7", "--json").stdout)
    found = on_database(url, lambda connection: authenticate(connection, made["token"], idle_seconds=3600))
    assert found is not None
    stored = ask(url, "select name, expires_at - created_at as lasts from api_token")
    assert [(row["name"], row["lasts"].days) for row in stored] == [("laptop", 7)]
    nobody = command("token", "create", "acme", str(uuid7()), "laptop", "--days", "7")
    assert (nobody.returncode, nobody.stdout) == (1, "")
