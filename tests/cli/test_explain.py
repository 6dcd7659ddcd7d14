"""`identity-api explain`: why somebody has a permission, or does not."""

import json
import re
from uuid import UUID

import pytest

from identity_api.db.database import Connection
from identity_api.db.grants import open_manual_grant
from identity_api.db.user_read_model import refresh
from tests.cli.conftest import Command, ask, on_database
from tests.factories import make_user

TENANT = """
[[tenants]]
slug = "acme"
name = "Acme"

[[tenants.permissions]]
name = "docs:read"

[[tenants.group_mappings]]
group = "writers"
permissions = ["docs:read"]
"""


@pytest.fixture
def acme(command: Command, url: str) -> Command:
    """The tenant `acme` with a user `alice`, who has a password and no identity."""
    assert command("apply", "-", stdin=TENANT.encode()).returncode == 0
    [row] = ask(url, "select id from tenant")
    tenant_id = UUID(str(row["id"]))
    on_database(url, lambda connection: make_user(connection, tenant_id, username="alice", password_hash="unused"))
    return command


def test_what_is_missing_is_said_with_the_mapping_that_comes_nearest(acme: Command) -> None:
    done = acme("explain", "acme", "alice", "docs:read")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "alice does not have docs:read",
        "mapping writers at every provider: they have no identity at this provider",
    ]


def test_names_have_their_ids_beside_them(acme: Command, url: str) -> None:
    sheet = json.loads(acme("explain", "acme", "alice", "docs:read", "--json").stdout)
    [row] = ask(
        url, "select u.id as user_id, p.id as permission_id from app_user u, permission p where p.name = 'docs:read'"
    )
    assert (sheet["user_id"], sheet["permission_id"]) == (str(row["user_id"]), str(row["permission_id"]))
    [way] = sheet["untaken"]
    assert (way["provider_id"], way["group_id"]) == (None, None)
    assert acme("grant", "acme", "alice", "docs:read").returncode == 0
    [grant] = json.loads(acme("explain", "acme", "alice", "docs:read", "--json").stdout)["grants"]
    assert (grant["mapping_id"], grant["group_id"]) == (None, None)


def test_a_grant_by_hand_is_said_with_its_giver(acme: Command) -> None:
    assert acme("grant", "acme", "alice", "docs:read").returncode == 0
    sheet = json.loads(acme("explain", "acme", "alice", "docs:read", "--json").stdout)
    [grant] = sheet["grants"]
    assert (sheet["held"], grant["in_force"], grant["source"]) == (True, True, "MANUAL")
    assert grant["granted_by"].startswith("operator:")
    lines = acme("explain", "acme", "alice", "docs:read").stdout
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    assert re.search(rf"since {moment} by operator:", lines)


def test_a_giver_who_is_a_user_is_told_by_username(acme: Command, url: str) -> None:
    [row] = ask(url, "select id, tenant_id from app_user")

    async def give(connection: Connection) -> None:
        permission = await connection.fetchval("select id from permission where name = 'docs:read'")
        await open_manual_grant(connection, row["tenant_id"], row["id"], permission, f"user:{row['id']}")
        await refresh(connection, row["tenant_id"], [row["id"]])

    on_database(url, give)
    assert " by alice: in force" in acme("explain", "acme", "alice", "docs:read").stdout


def test_an_unknown_permission_is_told(acme: Command) -> None:
    done = acme("explain", "acme", "alice", "docs:raed")
    assert done.returncode == 1
    assert "There is no permission docs:raed." in done.stderr
