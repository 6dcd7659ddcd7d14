"""`identity-api access`: who holds a permission, who held it, and what somebody had been given."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Command, ask

BEGIN = "2020-01-01"
TENANT = b"""
[[tenants]]
slug = "acme"
name = "Acme"

[[tenants.permissions]]
name = "docs:read"

[[tenants.permissions]]
name = "docs:write"
"""


@pytest.fixture
def given(command: Command) -> Command:
    """Somebody to whom `docs:read` was given by hand."""
    applied = command("apply", "-", stdin=TENANT)
    assert applied.returncode == 0, applied.stderr
    assert command("user", "create", "acme", "ada").returncode == 0
    assert command("grant", "acme", "ada", "docs:read").returncode == 0
    return command


def grants(command: Command, *asked: str) -> list[dict[str, Any]]:
    done = command("access", *asked, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["grants"]
    return found


def test_who_holds_a_permission_is_listed_with_how_it_was_given(given: Command) -> None:
    done = given("access", "holders", "acme", "docs:read", "--json")
    [holder] = json.loads(done.stdout)["holders"]
    assert (holder["username"], holder["in_force"]) == ("ada", False), "nobody has signed in as ada"
    [grant] = holder["grants"]
    assert (grant["source"], grant["permission"], grant["granted_by_name"]) == (
        "MANUAL", "docs:read", grant["granted_by"],
    )  # fmt: skip
    assert "by hand" in given("access", "holders", "acme", "docs:read").stdout
    assert json.loads(given("access", "holders", "acme", "docs:write", "--json").stdout) == {"holders": []}


def test_what_was_taken_is_told_with_when_by_whom_and_why(given: Command, url: str) -> None:
    assert [one["revoked_at"] for one in grants(given, "held", "acme", "docs:read", "--since", BEGIN)] == [None]
    assert given("revoke", "acme", "ada", "docs:read").returncode == 0
    [one] = grants(given, "held", "acme", "docs:read", "--since", BEGIN)
    assert one["username"] == "ada"
    assert one["revoked_by_name"].startswith("operator:")
    assert one["revoked_reason"] == "ADMIN"
    assert grants(given, "held", "acme", "docs:read", "--since", BEGIN, "--until", "2021-01-01") == []
    rows = list(
        csv.DictReader(io.StringIO(given("access", "held", "acme", "docs:read", "--since", BEGIN, "--csv").stdout))
    )
    assert [row["why"] for row in rows] == ["ADMIN"]
    assert json.loads(given("access", "holders", "acme", "docs:read", "--json").stdout) == {"holders": []}


def test_what_somebody_had_been_given_at_a_moment_is_listed(given: Command, url: str) -> None:
    assert given("revoke", "acme", "ada", "docs:read").returncode == 0
    ask(
        url,
        "update permission_grant set granted_at = granted_at - interval '2 days', revoked_at = now() - interval '1 day'",
    )
    now = datetime.now(UTC)

    def names(days: float) -> list[str]:
        moment = (now - timedelta(days=days)).isoformat()
        return [one["permission"] for one in grants(given, "at", "acme", "ada", moment)]

    assert [names(days) for days in (3, 1.5, 0)] == [[], ["docs:read"], []]


def test_what_cannot_be_asked_is_told(given: Command) -> None:
    for asked, code, told in (
        (("at", "acme", "nobody", BEGIN), 1, "has no user nobody"),
        (("at", "acme", "ada", "yesterday"), 2, "is not a time"),
        (("at", "acme", "ada", "9999-12-31T23:59:59-14:00"), 2, "is not a time"),
        (("held", "acme", "docs:read", "--since", "2021-01-01", "--until", BEGIN), 2, "ends before it begins"),
        (("held", "acme", "nothing:there", "--since", BEGIN), 1, "no permission nothing:there"),
        (("holders", "acme", "nothing:there"), 1, "no permission nothing:there"),
        (("holders", "nobody", "docs:read"), 1, "no tenant nobody"),
    ):
        done = given("access", *asked)
        assert (done.returncode, done.stdout) == (code, "")
        assert told in done.stderr
