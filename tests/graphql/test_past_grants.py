"""`accessAt` and `whoHeld`: who had been given what, and when."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from tests.graphql.inputs import document
from tests.graphql.world import World, moment

ACCESS = "query ($user: ID!, $at: DateTime!) { accessAt(user: $user, at: $at) { permission { name } } }"
HELD = """
    query ($permission: ID!, $since: DateTime!, $until: DateTime!, $first: Int, $after: String) {
        whoHeld(permission: $permission, since: $since, until: $until, first: $first, after: $after) {
            edges { node { user { id } source pattern group { id name provider { id slug } } grantedAt grantedByName
                revokedAt revokedBy revokedByName revokedReason } }
            pageInfo { hasNextPage endCursor }
        }
    }
"""
HOUR = timedelta(hours=1)


async def revoked(world: World) -> tuple[datetime, datetime]:
    """When the local user's grant by hand was given and taken, an hour apart."""
    named = {"user": global_id("User", world.local), "permission": global_id("Permission", world.write)}
    await world.execute("update permission set delegable = true where tenant_id = $1", world.tenant)
    await world.admin.data(document("revokePermission"), input=named)
    await world.execute(
        "update permission_grant set granted_at = granted_at - interval '1 hour' where tenant_id = $1 and user_id = $2",
        world.tenant,
        world.local,
    )
    async with world.database.reading() as connection:
        row = await connection.fetchrow(
            "select granted_at, revoked_at from permission_grant where tenant_id = $1 and user_id = $2",
            world.tenant,
            world.local,
        )
    assert row is not None
    return row["granted_at"], row["revoked_at"]


@pytest.mark.asyncio
async def test_what_was_taken_since_is_there_at_the_moment_before(world: World) -> None:
    given, taken = await revoked(world)

    async def names(at: datetime) -> list[str]:
        found = await world.admin.data(ACCESS, user=global_id("User", world.local), at=at.isoformat())
        return [one["permission"]["name"] for one in found["accessAt"]]

    assert await names(given - HOUR) == []
    assert await names(given) == ["docs:write"]
    assert await names(taken - timedelta(seconds=1)) == ["docs:write"]
    assert await names(taken) == []


async def held(world: World, since: datetime, until: datetime) -> list[Any]:
    permission = global_id("Permission", world.write)
    times = {"since": since.isoformat(), "until": until.isoformat()}
    found = await world.admin.data(HELD, permission=permission, **times)
    return [edge["node"] for edge in found["whoHeld"]["edges"]]


@pytest.mark.asyncio
async def test_who_held_a_permission_is_said_with_how_it_ended(world: World) -> None:
    given, taken = await revoked(world)
    [one] = await held(world, given, taken + HOUR)
    assert (one["user"]["id"], one["source"], one["revokedReason"]) == (
        global_id("User", world.local),
        "MANUAL",
        "ADMIN",
    )
    assert (moment(one["grantedAt"]), moment(one["revokedAt"])) == (given, taken)
    assert one["revokedBy"].startswith("user:")
    async with world.database.reading() as connection:
        admin = await connection.fetchval("select username from app_user where id = $1", world.admin.user_id)
    assert one["revokedByName"] == admin
    assert await held(world, taken, taken + HOUR) == []


@pytest.mark.asyncio
async def test_a_grant_by_a_group_says_which_group_and_mapping(world: World) -> None:
    times = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    found = await world.admin.data(HELD, permission=global_id("Permission", world.read), **times)
    [edge] = found["whoHeld"]["edges"]
    one = edge["node"]
    assert (one["pattern"], one["group"]["name"]) == ("engineering", "engineering")
    assert one["group"]["provider"] == {
        "id": global_id("Provider", world.provider.id),
        "slug": world.provider.slug,
    }
    assert one["group"]["id"] in (await world.ids())["Group"]
    assert one["revokedAt"] is None


@pytest.mark.asyncio
async def test_a_moment_outside_of_the_calendar_is_refused(world: World) -> None:
    user = global_id("User", world.local)
    for at in ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"):
        answer = await world.admin.ask(ACCESS, user=user, at=at)
        assert (answer.code, answer.errors[0]["extensions"]["field"]) == ("BAD_INPUT", "at")
    assert (await world.admin.ask(ACCESS, user=user, at="9999-12-31T23:59:59+14:00")).errors == []


@pytest.mark.asyncio
async def test_a_time_that_ends_before_it_begins_is_refused(world: World) -> None:
    permission = global_id("Permission", world.read)
    times = {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    assert (await world.admin.ask(HELD, permission=permission, **times)).code == "BAD_INPUT"
