"""The record as administrators who may read it see it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from identity_api.db import audit
from identity_api.db.audit import Event
from identity_api.graphql.ids import global_id
from identity_api.permissions import service
from tests import factories as make
from tests.graphql.inputs import document, working_arguments
from tests.graphql.world import Client, World, moment

EVENTS = """
    query ($filter: AuditEventFilter, $first: Int, $after: String) {
        auditEvents(filter: $filter, first: $first, after: $after) {
            edges { node {
                id at action actor actorUser { id username } subjectKind subjectId user { id username }
                names { name value } changes { setting old new } details { name value } requestId address reason
            } }
            pageInfo { hasNextPage endCursor }
        }
    }
"""


async def events(client: Client, **variables: Any) -> list[dict[str, Any]]:
    found = await client.data(EVENTS, **variables)
    return [edge["node"] for edge in found["auditEvents"]["edges"]]


@pytest.mark.asyncio
async def test_a_change_is_read_as_who_made_it_and_what_was_and_is(world: World) -> None:
    arguments = await working_arguments(world)
    await world.admin.data(document("updateGroupMapping"), **arguments["updateGroupMapping"])
    [updated] = await events(world.admin, filter={"action": "mapping.updated"})
    assert updated["actorUser"]["id"] == global_id("User", world.admin.user_id)
    assert updated["subjectId"] == global_id("GroupMapping", world.mapping)
    assert updated["names"] == [{"name": "mapping", "value": "engineering"}]
    assert {"setting": "permissions", "old": '["docs:read"]', "new": '["docs:write"]'} in updated["changes"]
    assert {"setting": "pattern", "old": "engineering", "new": "engineering"} in updated["changes"]


@pytest.mark.asyncio
async def test_events_of_several_actions_are_listed_together_the_newest_first(world: World) -> None:
    async with world.database.transaction() as connection:
        for name in ("a", "b", "c", "a", "b"):
            await audit.record(connection, world.tenant, "system", [Event(f"user.tested_{name}", "user", None)])
    both = {"action": ["user.tested_a", "user.tested_b", "user.tested_a", "never.done"]}
    found = await events(world.admin, filter=both)
    assert sorted([one["action"][-1] for one in found]) == ["a", "a", "b", "b"]
    assert [one["id"] for one in found] == sorted([one["id"] for one in found], reverse=True)
    assert await events(world.admin, filter=both, first=3) == found[:3]
    assert await events(world.admin, filter={"action": []}) == []
    answer = await world.admin.ask(EVENTS, filter={"action": [f"user.tested_{n}" for n in range(101)]})
    assert [error["extensions"]["code"] for error in answer.errors] == ["BAD_INPUT"]


@pytest.mark.asyncio
async def test_pages_go_back_in_time_without_gap_or_repetition(world: World) -> None:
    async with world.database.transaction() as connection:
        for number in range(5):
            await audit.record(
                connection, world.tenant, "system", [Event("user.tested", "user", None, {"number": number})]
            )
    seen: list[str] = []
    after = None
    while True:
        page = (await world.admin.data(EVENTS, filter={"action": "user.tested"}, first=2, after=after))["auditEvents"]
        seen += [edge["node"]["details"][0]["value"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert sorted(seen) == ["0", "1", "2", "3", "4"]


@pytest.mark.asyncio
async def test_events_are_found_by_actor_subject_user_and_time(world: World) -> None:
    held = await world.quarantined()
    identity = global_id("Identity", held)
    await world.admin.data(document("releaseIdentity"), input={"id": identity})
    actor = global_id("User", world.admin.user_id)
    [released] = await events(world.admin, filter={"actor": actor})
    assert released["action"] == "identity.released"
    assert await events(world.admin, filter={"subject": identity}) == [released]
    assert await events(world.admin, filter={"user": released["user"]["id"]}) == [released]
    at = moment(released["at"])
    around = {"since": (at - timedelta(seconds=5)).isoformat(), "until": (at + timedelta(seconds=5)).isoformat()}
    assert released in await events(world.admin, filter=around)
    later = {"since": (at + timedelta(seconds=5)).isoformat()}
    assert await events(world.admin, filter={"actor": actor, **later}) == []


@pytest.mark.asyncio
async def test_two_criteria_at_once_are_refused(world: World) -> None:
    user = global_id("User", world.person)
    assert (await world.admin.ask(EVENTS, filter={"user": user})).errors == []
    answer = await world.admin.ask(EVENTS, filter={"user": user, "action": "user.disabled"})
    assert answer.code == "BAD_INPUT"
    assert answer.errors[0]["extensions"]["field"] == "filter.user"


@pytest.mark.asyncio
async def test_another_tenants_events_are_not_found(world: World, other: World) -> None:
    theirs = global_id("GroupMapping", other.mapping)
    assert (await world.admin.ask(EVENTS, filter={"subject": theirs})).code == "NOT_FOUND"
    async with other.database.transaction() as connection:
        await audit.record(connection, other.tenant, "system", [Event("user.tested", "user")])
    assert len(await events(other.admin, filter={"action": "user.tested"})) == 1
    assert await events(world.admin, filter={"action": "user.tested"}) == []


HISTORIES = """
    query ($mapping: ID!, $permission: ID!, $provider: ID!, $user: ID!, $identity: ID!) {
        mapping: node(id: $mapping) { ... on GroupMapping { history { action } } }
        permission: node(id: $permission) { ... on Permission { history { action } } }
        provider: node(id: $provider) { ... on Provider { history { action } } }
        user: node(id: $user) { ... on User { history { action } } }
        identity: node(id: $identity) { ... on Identity { history { action } } }
    }
"""


async def histories(world: World, client: Client) -> Any:
    """Of one thing of each kind, each changed once."""
    async with world.database.transaction() as connection:
        changed = [
            Event("mapping.tested", "mapping", world.mapping),
            Event("permission.tested", "permission", world.read),
            Event("provider.tested", "provider", world.provider.id),
            Event("identity.tested", "identity", world.person_identity),
        ]
        await audit.record(connection, world.tenant, "system", changed)
    named = {
        "mapping": global_id("GroupMapping", world.mapping),
        "permission": global_id("Permission", world.read),
        "provider": global_id("Provider", world.provider.id),
        "user": global_id("User", world.person),
        "identity": global_id("Identity", world.person_identity),
    }
    return await client.ask(HISTORIES, **named)


@pytest.mark.asyncio
async def test_each_thing_has_its_history_and_a_user_that_of_their_identities(world: World) -> None:
    answer = await histories(world, world.admin)
    assert answer.errors == []
    newest = {name: thing["history"][0]["action"] for name, thing in answer.data.items()}
    assert newest == {
        "mapping": "mapping.tested",
        "permission": "permission.tested",
        "provider": "provider.tested",
        "user": "identity.tested",
        "identity": "identity.tested",
    }


@pytest.mark.asyncio
async def test_a_history_is_for_who_may_read_the_audit(world: World) -> None:
    readers = [name for name in service.SERVICE_PERMISSIONS if name != service.AUDIT_READ]
    answer = await histories(world, await world.client(*readers))
    assert set(answer.codes) == {"FORBIDDEN"}
    assert [thing["history"] for thing in answer.data.values()] == [None] * 5


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "moment",
    ["2026-01-01T00:00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"],
    ids=["bare", "late", "early"],
)
async def test_a_moment_without_an_offset_or_outside_of_the_calendar_is_refused(world: World, moment: str) -> None:
    assert (await world.admin.ask(EVENTS, filter={"since": datetime.now(UTC).isoformat()})).errors == []
    assert (await world.admin.ask(EVENTS, filter={"until": "9999-12-31T23:59:59+14:00"})).errors == []
    for field in ("since", "until"):
        answer = await world.admin.ask(EVENTS, filter={field: moment})
        assert (answer.code, answer.errors[0]["extensions"]["field"]) == ("BAD_INPUT", f"filter.{field}")


@pytest.mark.asyncio
async def test_events_are_found_by_the_names_that_people_know(world: World) -> None:
    async with world.database.transaction() as connection:
        provider = world.provider.id
        for actor in (f"user:{world.admin.user_id}", f"provider:{provider}", "operator:root"):
            event = Event("user.tested", "user", world.person, {"user": str(world.person)})
            await audit.record(connection, world.tenant, actor, [event])
        name = await connection.fetchval(
            "select username from app_user where tenant_id = $1 and id = $2", world.tenant, world.person
        )
    by_id = await events(world.admin, filter={"user": global_id("User", world.person)})
    assert len([one for one in by_id if one["action"] == "user.tested"]) == 3
    assert await events(world.admin, filter={"user": name}) == by_id
    assert await events(world.admin, filter={"user": name.upper()}) == by_id
    for actor in (f"provider:{world.provider.slug}", "operator:root"):
        found = await events(world.admin, filter={"actor": actor})
        assert "user.tested" in [one["action"] for one in found], actor
    for wrong in ({"user": "nobody"}, {"actor": "provider:nowhere"}, {"subject": "no:thing"}):
        answer = await world.admin.ask(EVENTS, filter=wrong)
        assert answer.code == "NOT_FOUND", wrong


@pytest.mark.asyncio
async def test_a_thing_is_found_by_its_name_and_an_unclear_name_is_told(world: World) -> None:
    arguments = await working_arguments(world)
    await world.admin.data(document("updateGroupMapping"), **arguments["updateGroupMapping"])
    [updated] = await events(world.admin, filter={"subject": "engineering"})
    assert updated["action"] == "mapping.updated"
    async with world.database.transaction() as connection:
        await make.make_mapping(connection, world.tenant, "engineering", [world.read], match="GLOB")
    answer = await world.admin.ask(EVENTS, filter={"subject": "engineering"})
    assert answer.errors[0]["message"] == "Several have this name. Use the id."


NAMED = """query ($filter: AuditEventFilter) { auditEvents(filter: $filter) { edges { node {
    action actor actorName undoable } } } }"""


@pytest.mark.asyncio
async def test_who_did_it_is_told_by_name(world: World) -> None:
    async with world.database.transaction() as connection:
        for actor in (
            f"user:{world.admin.user_id}",
            f"provider:{world.provider.id}",
            f"provider:{world.person}",
            "sync",
        ):
            await audit.record(connection, world.tenant, actor, [Event("user.tested", "user")])
        admin = await connection.fetchval(
            "select username from app_user where tenant_id = $1 and id = $2", world.tenant, world.admin.user_id
        )
    found = (await world.admin.data(NAMED, filter={"action": "user.tested"}))["auditEvents"]["edges"]
    names = {edge["node"]["actorName"] for edge in found}
    assert names == {admin, f"provider:{world.provider.slug}", f"provider:{world.person}", "sync"}


@pytest.mark.asyncio
async def test_only_what_can_be_undone_says_so(world: World) -> None:
    arguments = await working_arguments(world)
    await world.admin.data(document("updateGroupMapping"), **arguments["updateGroupMapping"])
    await world.admin.data(document("grantPermission"), **arguments["grantPermission"])
    async with world.database.transaction() as connection:
        grant = await connection.fetchval(
            "select id from permission_grant where tenant_id = $1 and source = 'GROUP' limit 1", world.tenant
        )
        by_group = [Event("grant.opened", "grant", grant, new={"source": "GROUP"}), Event("user.tested", "user")]
        await audit.record(connection, world.tenant, "sync", by_group)

    async def told() -> set[tuple[str, bool]]:
        found = (await world.admin.data(NAMED, filter=None))["auditEvents"]["edges"]
        told = {(edge["node"]["action"], edge["node"]["undoable"]) for edge in found}
        return {(action, undoable) for action, undoable in told if action.startswith(("mapping.", "grant.", "user.t"))}

    assert await told() == {
        ("mapping.updated", True), ("grant.opened", True), ("grant.opened", False), ("user.tested", False)
    }  # fmt: skip
    await world.admin.data(document("revokePermission"), **arguments["grantPermission"])
    async with world.database.transaction() as connection:
        await connection.execute(
            "update group_mapping set version = version + 1 where tenant_id = $1 and id = $2",
            world.tenant,
            world.mapping,
        )
    assert await told() == {
        ("mapping.updated", False), ("grant.opened", False), ("grant.closed", True), ("user.tested", False)
    }  # fmt: skip
