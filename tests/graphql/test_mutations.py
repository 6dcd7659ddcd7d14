"""Every mutation: what it changes and gives back, and each problem it can answer with."""

from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from identity_api.group_mappings import catalogue
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import (
    GRANTS_WRITE,
    MAPPINGS_WRITE,
    PERMISSIONS_WRITE,
    SERVICE_PERMISSIONS,
    USERS_WRITE,
)
from tests import factories as make
from tests.graphql.inputs import OWN_CREDENTIALS, document, root_fields, working_arguments
from tests.graphql.world import Client, World

PROBLEM = """... on Problem { code message } ... on InvalidInput { field } ... on ConflictError { currentVersion }"""
MAPPING = "mapping { id pattern match enabled version managedBy permissions { id name } provider { slug } groupCount }"
SUCCESS = {
    "createGroupMapping": f"... on GroupMappingSaved {{ concerned {MAPPING} }}",
    "updateGroupMapping": f"... on GroupMappingSaved {{ concerned {MAPPING} }}",
    "deleteGroupMapping": "... on GroupMappingDeleted { deletedId concerned }",
    "createPermission": "... on PermissionSaved { permission { id name description delegable } }",
    "updatePermission": "... on PermissionSaved { permission { id name description delegable } }",
    "deletePermission": "... on PermissionDeleted { deletedId }",
    "revokePermission": "... on PermissionRevoked { user { permissions { name } } closed { source } remaining { source } }",
    "endSession": "... on SessionEnded { endedId }",
}
USER = "... on UserChanged { user { id enabled permissions { name } } }"


async def change(client: Client, name: str, /, **given: Any) -> dict[str, Any]:
    """The payload of one mutation."""
    text = f"mutation ($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) "
    text += f"{{ __typename {SUCCESS.get(name, USER)} {PROBLEM} }} }}"
    payload: dict[str, Any] = (await client.data(text, input=given))[name]
    return payload


def permission(world: World, row_id: Any) -> str:
    return global_id("Permission", row_id)


async def effective(world: World, user_id: Any) -> list[str]:
    text = "query ($id: ID!) { user(id: $id) { permissions { name } } }"
    data = await world.admin.data(text, id=global_id("User", user_id))
    return [one["name"] for one in data["user"]["permissions"]]


# Group mappings


@pytest.mark.asyncio
async def test_a_new_mapping_is_given_back_and_in_force_before_and_after_the_worker_was_there(world: World) -> None:
    made = await change(
        world.admin, "createGroupMapping", pattern="plat*", match="GLOB", permissions=[permission(world, world.write)],
        provider=global_id("Provider", world.provider.id),
    )  # fmt: skip
    assert made["mapping"].pop("id")
    assert made == {
        "__typename": "GroupMappingSaved",
        "concerned": 1,
        "mapping": {
            "pattern": "plat*", "match": "GLOB", "enabled": True, "version": 1, "managedBy": "API", "groupCount": 1,
            "permissions": [{"id": permission(world, world.write), "name": "docs:write"}],
            "provider": {"slug": world.provider.slug},
        },
    }  # fmt: skip
    assert world.nudged == [("apply_mapping_changes", {})]
    assert await effective(world, world.person) == ["docs:read", "docs:write"]
    await world.apply()
    assert await effective(world, world.person) == ["docs:read", "docs:write"]


@pytest.mark.asyncio
async def test_an_update_changes_what_is_named_and_leaves_the_rest(world: World) -> None:
    mapping = global_id("GroupMapping", world.mapping)
    read, write = permission(world, world.read), permission(world, world.write)
    for version, given, expected in (
        (1, {}, {"pattern": "engineering", "enabled": True, "provider": None}),
        (2, {"provider": global_id("Provider", world.provider.id)}, {"provider": {"slug": world.provider.slug}}),
        (3, {"enabled": False}, {"enabled": False, "provider": {"slug": world.provider.slug}}),
        (4, {"pattern": "platform", "enabled": None}, {"pattern": "platform", "enabled": False}),
        (5, {"provider": None, "match": "GLOB"}, {"provider": None, "match": "GLOB", "pattern": "platform"}),
        (6, {"permissions": [write, write]}, {"permissions": [{"id": write, "name": "docs:write"}]}),
    ):
        saved = await change(world.admin, "updateGroupMapping", id=mapping, version=version, **given)
        assert saved["__typename"] == "GroupMappingSaved", saved
        shown = saved["mapping"]
        assert shown["version"] == version + 1
        assert {name: shown[name] for name in expected} == expected
        if version < 6:
            assert shown["permissions"] == [{"id": read, "name": "docs:read"}]
    assert len(world.nudged) == 6


@pytest.mark.asyncio
async def test_a_deleted_mapping_is_gone_and_out_of_force_at_once(world: World) -> None:
    mapping = global_id("GroupMapping", world.mapping)
    deleted = await change(world.admin, "deleteGroupMapping", id=mapping, version=1)
    assert deleted == {"__typename": "GroupMappingDeleted", "deletedId": mapping, "concerned": 1}
    assert await effective(world, world.person) == []
    assert world.nudged == [("apply_mapping_changes", {})]
    again = await change(world.admin, "deleteGroupMapping", id=mapping, version=2)
    assert (again["__typename"], again["code"]) == ("NotFoundError", "NOT_FOUND")


@pytest.mark.asyncio
async def test_an_edit_of_an_old_version_says_the_current_one(world: World) -> None:
    """Bad input 59."""
    mapping = global_id("GroupMapping", world.mapping)
    await change(world.admin, "updateGroupMapping", id=mapping, version=1, pattern="sales")
    for name, given in (("updateGroupMapping", {"pattern": "legal"}), ("deleteGroupMapping", {})):
        answer = await change(world.admin, name, id=mapping, version=1, **given)
        assert (answer["__typename"], answer["code"], answer["currentVersion"]) == ("ConflictError", "CONFLICT", 2)
    assert len(world.nudged) == 1


@pytest.mark.asyncio
async def test_the_same_rule_twice_is_a_conflict_without_a_version(world: World) -> None:
    answer = await change(
        world.admin, "createGroupMapping", pattern="engineering", permissions=[permission(world, world.write)]
    )
    assert (answer["__typename"], answer["code"], answer["currentVersion"]) == ("ConflictError", "MAPPING_EXISTS", None)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"pattern": ""}, "PATTERN_EMPTY", "pattern"),
        ({"pattern": "*" * 6, "match": "GLOB"}, "PATTERN_TOO_MANY_STARS", "pattern"),
        ({"pattern": "x" * 513}, "PATTERN_TOO_LONG", "pattern"),
        ({"permissions": []}, "BAD_INPUT", "permissions"),
    ],
)
async def test_an_unusable_rule_names_the_field(world: World, given: dict[str, Any], code: str, field: str) -> None:
    usable = {"pattern": "sales", "permissions": [permission(world, world.write)]}
    answer = await change(world.admin, "createGroupMapping", **{**usable, **given})
    assert (answer["__typename"], answer["code"], answer["field"]) == ("InvalidInput", code, field)
    assert (await change(world.admin, "createGroupMapping", **usable))["__typename"] == "GroupMappingSaved"


@pytest.mark.asyncio
async def test_an_actor_gives_what_they_may_and_nothing_to_themself(world: World) -> None:
    """Bad input 58, I8. Each refusal is in the audit, and nothing else is."""
    async with world.database.transaction() as connection:
        user_id = await make.make_user(connection, world.tenant, password_hash="x")
        identity_id = await make.make_identity(connection, world.provider, user_id)
        await make.sign_in(connection, world.provider, identity_id, ["admins"])
    await change(world.admin, "grantPermission", user=global_id("User", user_id),
                 permission=permission(world, world.permissions[MAPPINGS_WRITE]))  # fmt: skip
    actor = await world.sign_in(user_id)
    write = permission(world, world.write)
    for given, code in (
        ({"pattern": "sales", "permissions": [permission(world, world.locked)]}, "FORBIDDEN"),
        ({"pattern": "sales", "provider": global_id("Provider", world.provider.id),
          "permissions": [permission(world, world.permissions[GRANTS_WRITE])]}, "FORBIDDEN"),
        ({"pattern": "admins", "permissions": [write]}, "SELF_BENEFIT"),
        ({"pattern": "s*", "match": "GLOB", "permissions": [permission(world, world.permissions[MAPPINGS_WRITE])]},
         "PATTERN_TOO_WIDE"),
        ({"pattern": "sales", "permissions": [permission(world, world.permissions[MAPPINGS_WRITE])]}, "PROVIDER_NEEDED"),
    ):  # fmt: skip
        answer = await change(actor, "createGroupMapping", **given)
        assert (answer["__typename"], answer["code"]) == ("NotAllowed", code)
    noted = [(one["mutation"], one["code"]) for one in await world.events("access.refused")]
    assert noted == [
        ("createGroupMapping", code)
        for code in ("FORBIDDEN", "FORBIDDEN", "SELF_BENEFIT", "PATTERN_TOO_WIDE", "PROVIDER_NEEDED")
    ]
    assert await world.events("mapping.created") == []
    allowed = await change(actor, "createGroupMapping", pattern="sales", permissions=[write])
    assert allowed["__typename"] == "GroupMappingSaved"


@pytest.mark.asyncio
async def test_a_mapping_of_a_file_is_edited_there(world: World) -> None:
    await world.execute("update group_mapping set managed_by = 'FILE' where id = $1", world.mapping)
    mapping = global_id("GroupMapping", world.mapping)
    answer = await change(world.admin, "updateGroupMapping", id=mapping, version=1, pattern="x")
    assert (answer["__typename"], answer["code"]) == ("NotAllowed", "MANAGED_BY_FILE")


# Permissions and grants


@pytest.mark.asyncio
async def test_a_permission_is_made_changed_and_deleted(world: World) -> None:
    made = await change(
        world.admin, "createPermission", name="reports:read", description="See reports.", delegable=False
    )
    row_id = made["permission"]["id"]
    shown = {"id": row_id, "name": "reports:read", "description": "See reports.", "delegable": False}
    assert made == {"__typename": "PermissionSaved", "permission": shown}
    changed = await change(world.admin, "updatePermission", id=row_id, description="See all reports.")
    assert changed["permission"] == {**shown, "description": "See all reports."}
    assert await change(world.admin, "deletePermission", id=row_id) == {
        "__typename": "PermissionDeleted", "deletedId": row_id,
    }  # fmt: skip
    assert (await change(world.admin, "deletePermission", id=row_id))["__typename"] == "NotFoundError"


@pytest.mark.asyncio
async def test_a_permission_does_not_become_delegable_by_being_deleted_and_made_again(world: World) -> None:
    await change(world.admin, "deletePermission", id=permission(world, world.locked))
    again = await change(world.admin, "createPermission", name="vault:open", delegable=True)
    assert (again["__typename"], again["code"]) == ("NotAllowed", "FORBIDDEN")
    made = await change(world.admin, "createPermission", name="vault:open", delegable=False)
    raised = await change(world.admin, "updatePermission", id=made["permission"]["id"], delegable=True)
    assert (raised["__typename"], raised["code"]) == ("NotAllowed", "FORBIDDEN")
    # Another name was never kept from mapping admins, and the operator decides about every name.
    free = await change(world.admin, "createPermission", name="vault:close", delegable=True)
    assert free["permission"]["delegable"] is True
    await change(world.admin, "deletePermission", id=made["permission"]["id"])
    operator = Actor(world.tenant, None, "operator:root", frozenset())
    assert (await catalogue.create(world.database, operator, "vault:open", "", delegable=True)).delegable


@pytest.mark.asyncio
async def test_what_the_catalogue_refuses_is_a_type_each(world: World) -> None:
    service = permission(world, world.permissions[USERS_WRITE])
    for name, given, typename, code in (
        ("createPermission", {"name": "No Good"}, "InvalidInput", "BAD_INPUT"),
        ("createPermission", {"name": "docs:read"}, "ConflictError", "PERMISSION_EXISTS"),
        ("createPermission", {"name": "identity:new:right"}, "NotAllowed", "FORBIDDEN"),
        ("createPermission", {"name": "a:b", "description": "x" * 501}, "InvalidInput", "BAD_INPUT"),
        ("updatePermission", {"id": service, "description": "x"}, "NotAllowed", "FORBIDDEN"),
        ("updatePermission", {"id": permission(world, world.locked), "delegable": True}, "NotAllowed", "FORBIDDEN"),
        ("deletePermission", {"id": permission(world, world.read)}, "ConflictError", "PERMISSION_IN_USE"),
    ):
        answer = await change(world.admin, name, **given)
        assert (answer["__typename"], answer["code"]) == (typename, code), (name, given)


@pytest.mark.asyncio
async def test_a_grant_by_hand_is_given_shown_and_taken(world: World) -> None:
    given = {"user": global_id("User", world.person), "permission": permission(world, world.write)}
    granted = await change(world.admin, "grantPermission", **given)
    assert granted["user"]["permissions"] == [{"name": "docs:read"}, {"name": "docs:write"}]
    assert await change(world.admin, "grantPermission", **given) == granted
    revoked = await change(world.admin, "revokePermission", **given)
    assert revoked["user"]["permissions"] == [{"name": "docs:read"}]
    assert (revoked["closed"], revoked["remaining"]) == ([{"source": "MANUAL"}], [])
    again = await change(world.admin, "revokePermission", **given)
    assert (again["closed"], again["remaining"]) == ([], [])
    assert len(await world.events("grant.opened")) == len(await world.events("grant.closed")) + 1 == 2


@pytest.mark.asyncio
async def test_a_revocation_says_what_still_gives_the_permission(world: World) -> None:
    """A group that the person is in: nothing was closed, and the answer does not look as if it was."""
    given = {"user": global_id("User", world.person), "permission": permission(world, world.read)}
    revoked = await change(world.admin, "revokePermission", **given)
    assert (revoked["closed"], revoked["remaining"]) == ([], [{"source": "GROUP"}])
    assert revoked["user"]["permissions"] == [{"name": "docs:read"}]


@pytest.mark.asyncio
async def test_a_grant_is_refused_where_a_rule_says_so(world: World) -> None:
    giver = await world.client(GRANTS_WRITE)
    write = permission(world, world.write)
    assert (await change(giver, "grantPermission", user=global_id("User", world.person), permission=write))[
        "code"
    ] == "FORBIDDEN"
    for row_id, code in ((world.admin.user_id, "SELF_BENEFIT"), (world.person, "STRICT_PROVIDER")):
        await world.execute("update provider set sync_mode = 'STRICT' where tenant_id = $1", world.tenant)
        answer = await change(world.admin, "grantPermission", user=global_id("User", row_id), permission=write)
        assert (answer["__typename"], answer["code"]) == ("NotAllowed", code)


# Users and sessions


@pytest.mark.asyncio
async def test_a_disabled_user_is_out_at_once_and_comes_back_when_enabled(world: World) -> None:
    """Promise 15."""
    client = await world.sign_in(world.person, world.person_identity)
    given = {"id": global_id("User", world.person)}
    disabled = await change(world.admin, "disableUser", **given)
    assert disabled["user"] == {"id": given["id"], "enabled": False, "permissions": []}
    with pytest.raises(AssertionError):  # no longer authenticated
        await client.ask("{ viewer { user { id } } }")
    enabled = await change(world.admin, "enableUser", **given)
    assert enabled["user"] == {"id": given["id"], "enabled": True, "permissions": [{"name": "docs:read"}]}
    oneself = await change(world.admin, "disableUser", id=global_id("User", world.admin.user_id))
    assert (oneself["__typename"], oneself["code"]) == ("NotAllowed", "SELF_DISABLE")


@pytest.mark.asyncio
async def test_a_sync_is_asked_for_by_the_tenant_of_the_session(world: World, other: World) -> None:
    given = {"id": global_id("User", world.person)}
    assert (await change(world.admin, "syncUser", **given))["user"]["id"] == given["id"]
    assert world.synced == [(world.tenant, world.person)]
    assert (await change(other.admin, "syncUser", **given))["__typename"] == "NotFoundError"
    assert other.synced == []


@pytest.mark.asyncio
async def test_one_ends_ones_own_session_and_an_admin_anybodys(world: World) -> None:
    """Promise 16."""
    mine, also_mine = await world.sign_in(world.person), await world.sign_in(world.person)
    another = await world.sign_in(world.local)
    ended = await change(mine, "endSession", id=global_id("Session", also_mine.session_id))
    assert ended == {"__typename": "SessionEnded", "endedId": global_id("Session", also_mine.session_id)}
    refused = await change(mine, "endSession", id=global_id("Session", another.session_id))
    absent = await change(mine, "endSession", id=global_id("Session", uuid7()))
    assert refused == absent
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "FORBIDDEN")
    by_admin = await change(world.admin, "endSession", id=global_id("Session", another.session_id))
    assert by_admin["__typename"] == "SessionEnded"
    again = await change(world.admin, "endSession", id=global_id("Session", another.session_id))
    assert again["__typename"] == "NotFoundError"
    assert [one["reason"] for one in await world.events("session.ended")] == ["signed_out", "admin"]


# Freshness


async def stale_admin(world: World, *, sync: str = "REFRESH_TOKEN") -> Client:
    """An admin whose login at a provider was last confirmed eleven minutes ago."""
    async with world.database.transaction() as connection:
        provider = await make.make_provider(connection, world.tenant, sync_mode="ADDITIVE", sync=sync)
        user_id = await make.make_user(connection, world.tenant)
        identity_id = await make.make_identity(connection, provider, user_id)
        await make.sign_in(connection, provider, identity_id, [])
    for name in SERVICE_PERMISSIONS:
        await change(world.admin, "grantPermission", user=global_id("User", user_id),
                     permission=permission(world, world.permissions[name]))  # fmt: skip
    await world.execute(
        "update identity_sync set verified_at = now() - interval '11 minutes' where id = $1", identity_id
    )
    return await world.sign_in(user_id, identity_id)


@pytest.mark.asyncio
async def test_who_was_not_confirmed_for_ten_minutes_changes_nothing_until_they_are(world: World) -> None:
    """Bad input 60. What makes a login fresh again, and ending a session, stay allowed."""
    actor = await stale_admin(world)
    refused = await change(actor, "createPermission", name="a:b")
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "STALE_AUTH")
    assert (await change(actor, "syncUser", id=global_id("User", actor.user_id)))["__typename"] == "UserChanged"
    spare = await world.sign_in(actor.user_id)
    assert (await change(actor, "endSession", id=global_id("Session", spare.session_id)))[
        "__typename"
    ] == "SessionEnded"
    await world.execute("update identity_sync set verified_at = now() where user_id = $1", actor.user_id)
    assert (await change(actor, "createPermission", name="a:b"))["__typename"] == "PermissionSaved"


@pytest.mark.asyncio
async def test_every_other_mutation_asks_for_a_fresh_login(world: World) -> None:
    actor = await stale_admin(world)
    arguments = await working_arguments(world)
    exempt = {
        "syncUser",
        "endSession",
        "refreshProviderMetadata",
        "testProvider",
        "testWebhook",
        "replayWebhook",
        "revokeApiToken",  # ending something, as a session
        *OWN_CREDENTIALS,
    }
    for name, (operation, _) in root_fields().items():
        if operation == "mutation" and name not in exempt:
            answer = (await actor.data(document(name), **arguments[name]))[name]
            assert answer["code"] == "STALE_AUTH", name


@pytest.mark.asyncio
async def test_a_provider_that_is_not_synced_makes_nobody_stale(world: World) -> None:
    actor = await stale_admin(world, sync="OFF")
    assert (await change(actor, "createPermission", name="a:b"))["__typename"] == "PermissionSaved"


@pytest.mark.asyncio
async def test_a_local_password_makes_nobody_stale(world: World) -> None:
    """The admin of the world has no identity at all."""
    client = await world.client(PERMISSIONS_WRITE)
    assert (await change(client, "createPermission", name="a:b"))["__typename"] == "PermissionSaved"


@pytest.mark.asyncio
async def test_mutations_of_one_request_happen_in_order_and_each_has_its_own_outcome(world: World) -> None:
    text = """mutation {
        a: createPermission(input: {name: "a:b"}) { __typename ... on Problem { code } }
        b: createPermission(input: {name: "a:b"}) { __typename ... on Problem { code } }
        c: createPermission(input: {name: "c:d"}) { __typename ... on Problem { code } }
    }"""
    assert await world.admin.data(text) == {
        "a": {"__typename": "PermissionSaved"},
        "b": {"__typename": "ConflictError", "code": "PERMISSION_EXISTS"},
        "c": {"__typename": "PermissionSaved"},
    }
