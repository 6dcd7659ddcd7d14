"""What only the operator gives: first permissions, service clients, API tokens."""

import json
from datetime import datetime
from uuid import UUID

import pytest

from identity_api.db.database import Connection
from identity_api.db.in_force import effective_permissions
from identity_api.ids import uuid7
from identity_api.permissions.service import USERS_READ
from identity_api.sessions.authenticate import authenticate
from identity_api.sessions.introspect import verify_service_client
from tests.cli.conftest import Command, ask, on_database
from tests.factories import make_identity, make_provider, make_user

TENANT = """
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["acme.example.com"]
"""


@pytest.fixture
def tenant_id(command: Command, url: str) -> UUID:
    """The tenant `acme` with a user `alice`, who has a way in."""
    assert command("apply", "-", stdin=TENANT.encode()).returncode == 0
    [row] = ask(url, "select id from tenant")
    on_database(url, lambda connection: make_user(connection, row["id"], username="alice", password_hash="unused"))
    return UUID(str(row["id"]))


def effective(url: str) -> list[str]:
    held = effective_permissions("u.tenant_id", "u.id", "now()")
    rows = ask(url, f"select e.permission from app_user u, lateral {held} e order by 1")
    return [row["permission"] for row in rows]


def test_the_operator_gives_and_takes_a_first_admin(command: Command, tenant_id: UUID, url: str) -> None:
    done = command("grant", "acme", "alice", USERS_READ)
    assert (done.returncode, done.stdout) == (0, f"+ grant {USERS_READ} to alice\n")
    assert command("grant", "acme", "alice", USERS_READ, "--json").stdout == '{"granted":false}\n'
    assert effective(url) == [USERS_READ]
    [event] = ask(url, "select actor from audit_event where action = 'grant.opened'")
    assert event["actor"].startswith("operator:")
    assert command("grant", "acme", "alice", USERS_READ).stdout == "Nothing to change.\n"
    taken = command("revoke", "acme", "alice", USERS_READ)
    assert (taken.returncode, taken.stdout) == (0, f"- grant {USERS_READ} to alice (given by hand)\n")
    assert effective(url) == []
    again = command("revoke", "acme", "alice", USERS_READ)
    assert (again.returncode, again.stdout) == (1, "")
    assert "has no grant of" in again.stderr


async def _sign_in_as(connection: Connection, tenant_id: UUID, name: str) -> UUID:
    """Somebody whom a login has made, under this name."""
    user_id = await make_user(connection, tenant_id, username=name, password_hash="unused")
    await connection.execute("update app_user set email = $2, email_verified = false where id = $1", user_id, name)
    provider = await make_provider(connection, tenant_id, slug="sso", issuer="https://sso.example", sync="OFF")
    await make_identity(connection, provider, user_id, subject="s-1")
    return user_id


def test_whom_a_name_means_is_shown_and_an_address_that_nobody_verified_is_asked_about(
    command: Command, tenant_id: UUID, url: str
) -> None:
    name = "boss@example.com"
    user_id = on_database(url, lambda connection: _sign_in_as(connection, tenant_id, name))
    refused = command("grant", "acme", name, USERS_READ)
    assert (refused.returncode, refused.stdout) == (1, "")
    for told in (str(user_id), "not verified", "provider sso, https://sso.example: s-1", "--yes"):
        assert told in refused.stderr
    assert effective(url) == []
    entered = command("user", "create", "acme", name, "--permission", USERS_READ)
    assert (entered.returncode, "nobody has verified it" in entered.stderr) == (1, True)
    assert command("grant", "acme", str(user_id), USERS_READ).returncode == 0
    assert effective(url) == [USERS_READ]
    assert command("revoke", "acme", name, USERS_READ).returncode == 0
    assert command("grant", "acme", name, USERS_READ, "--yes").returncode == 0


def test_an_address_that_an_admin_entered_or_a_provider_verified_is_a_name_like_any_other(
    command: Command, tenant_id: UUID, url: str
) -> None:
    entered, verified = "jane@example.com", "joan@example.com"
    on_database(url, lambda connection: make_user(connection, tenant_id, username=entered, password_hash="unused"))
    on_database(url, lambda connection: _sign_in_as(connection, tenant_id, verified))
    on_database(
        url,
        lambda connection: connection.execute(
            "update app_user set email_verified = true where username = $1", verified
        ),
    )
    for name in (entered, verified):
        assert command("grant", "acme", name, USERS_READ).returncode == 0


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


def test_a_misspelled_permission_is_answered_with_the_nearest_and_nobody_declares_what_they_take(
    command: Command, tenant_id: UUID
) -> None:
    given, taken = (command(verb, "acme", "alice", "identity:user:read") for verb in ("grant", "revoke"))
    assert (given.returncode, taken.returncode) == (1, 1)
    assert f"Did you mean {USERS_READ}? A new one is declared with `identity-api apply`." in given.stderr
    assert f"Did you mean {USERS_READ}?" in taken.stderr
    far = command("revoke", "acme", "alice", "zzz")
    assert "apply" not in taken.stderr + far.stderr
    assert "`identity-api user show` lists a user's permissions" in far.stderr


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
    assert found.client.tenant_ids == {tenant_id}
    assert on_database(url, lambda connection: verify_service_client(connection, "backend", secret + "x")) is None
    again = command("service-client", "create", "backend", "--tenant", "acme")
    assert again.returncode == 1
    assert again.stdout == ""
    assert "There is a client of this name in this installation; choose another." in again.stderr
    assert command("service-client", "create", "other", "--tenant", "nobody").returncode == 1


def test_an_api_token_authenticates_its_user(command: Command, tenant_id: UUID, url: str) -> None:
    made = json.loads(command("token", "create", "acme", "alice", "laptop", "--days", "7", "--json").stdout)
    found = on_database(url, lambda connection: authenticate(connection, made["token"], idle_seconds=3600))
    assert found is not None
    stored = ask(url, "select name, expires_at - created_at as lasts from api_token")
    assert [(row["name"], row["lasts"].days) for row in stored] == [("laptop", 7)]
    nobody = command("token", "create", "acme", str(uuid7()), "laptop", "--days", "7")
    assert (nobody.returncode, nobody.stdout) == (1, "")


def test_api_tokens_are_limited_listed_rotated_and_revoked(command: Command, tenant_id: UUID, url: str) -> None:
    asked = ("token", "create", "acme", "alice", "ci", "--days", "7", "--json", "--may-change", "--permission")
    assert command(*asked, "nothing:there").returncode == 1
    first = json.loads(command(*asked, "identity:mappings:write").stdout)["token"]
    [listed] = json.loads(command("token", "list", "acme", "--json").stdout)["tokens"]
    assert (listed["username"], listed["permissions"], listed["may_change"], listed["seen_at"]) == (
        "alice", ["identity:mappings:write"], True, None
    )  # fmt: skip
    second = command("token", "rotate", "acme", listed["id"], "--days", "30").stdout.strip()
    assert on_database(url, lambda connection: authenticate(connection, first, idle_seconds=3600)) is None
    assert on_database(url, lambda connection: authenticate(connection, second, idle_seconds=3600)).may_change
    assert command("token", "rotate", "acme", listed["id"], "--days", "30").returncode == 1
    [renewed] = json.loads(command("token", "list", "acme", "--json").stdout)["tokens"]
    assert command("token", "revoke", "acme", renewed["id"]).returncode == 0
    assert on_database(url, lambda connection: authenticate(connection, second, idle_seconds=3600)) is None
    assert json.loads(command("token", "list", "acme", "--json").stdout)["tokens"] == []
    over = json.loads(command("token", "list", "acme", "--all", "--json").stdout)["tokens"]
    assert [one["ended_reason"] for one in over] == ["rotated", "revoked"]


def test_service_clients_are_listed_rotated_and_revoked(command: Command, tenant_id: UUID, url: str) -> None:
    first = command("service-client", "create", "backend", "--tenant", "acme").stdout.strip()
    second = json.loads(command("service-client", "rotate", "backend", "--json").stdout)["client_secret"]
    assert on_database(url, lambda connection: verify_service_client(connection, "backend", first)) is None
    assert on_database(url, lambda connection: verify_service_client(connection, "backend", second)) is not None
    assert command("service-client", "revoke", "backend").returncode == 0
    assert on_database(url, lambda connection: verify_service_client(connection, "backend", second)) is None
    [listed] = json.loads(command("service-client", "list", "--json").stdout)["service_clients"]
    assert (listed["name"], listed["tenants"], listed["revoked_at"] is None) == ("backend", ["acme"], False)
    assert (len(listed["id"]), listed["tenant_ids"]) == (36, [str(tenant_id)])
    assert command("service-client", "rotate", "backend").returncode == 1
    actions = [
        row["action"]
        for row in ask(url, "select action from audit_event where subject_kind = 'service_client' order by id")
    ]
    assert actions == ["service_client.created", "service_client.rotated", "service_client.revoked"]


def test_a_service_client_has_the_end_that_was_asked_for(command: Command, tenant_id: UUID, url: str) -> None:
    assert command("service-client", "create", "backend", "--tenant", "acme", "--days", "0").returncode == 2
    secret = command("service-client", "create", "backend", "--tenant", "acme", "--days", "30").stdout.strip()
    [made] = json.loads(command("service-client", "list", "--json").stdout)["service_clients"]
    lasts = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert (lasts.days, made["is_live"]) == (30, True)
    assert f"until {made['expires_at'][:10]}" in command("service-client", "list").stdout
    ask(url, "update service_client set expires_at = now() - interval '1 second'")
    assert on_database(url, lambda connection: verify_service_client(connection, "backend", secret)) is None
    assert "expired 20" in command("service-client", "list").stdout
    refused = command("service-client", "rotate", "backend")
    assert refused.returncode == 2
    assert "Say how many days" in refused.stderr
    other = command("service-client", "rotate", "backend", "--days", "1").stdout.strip()
    assert on_database(url, lambda connection: verify_service_client(connection, "backend", other)) is not None
    events = ask(url, "select payload, new::text from audit_event where subject_kind = 'service_client' order by id")
    assert [json.loads(one["payload"]) for one in events] == [{"days": 30}, {"name": "backend", "days": 1}]
    assert json.loads(events[0]["new"])["name"] == "backend"


def test_the_reason_of_a_command_is_recorded(command: Command, tenant_id: UUID, url: str) -> None:
    assert command("--reason", "Ticket 7", "grant", "acme", "alice", USERS_READ).returncode == 0
    assert command("revoke", "acme", "alice", USERS_READ).returncode == 0
    events = ask(url, "select action, reason from audit_event where action like 'grant.%' order by id")
    assert [(one["action"], one["reason"]) for one in events] == [("grant.opened", "Ticket 7"), ("grant.closed", None)]
    long = command("--reason", "x" * 501, "grant", "acme", "alice", USERS_READ)
    assert (long.returncode, "at most 500 characters" in long.stderr) == (2, True)
    assert effective(url) == []
