"""Who may ask what: every root field by every right alone, and every field of a person by whose it is (promises 39 and 40)."""

from typing import Any

import pytest

from identity_api.graphql.access import ACCESS, NODES, rule_of
from identity_api.graphql.ids import global_id
from identity_api.permissions import service
from identity_api.permissions.service import SERVICE_PERMISSIONS
from tests.graphql.documents import CORE
from tests.graphql.inputs import OWN_CREDENTIALS, document, root_fields, working_arguments
from tests.graphql.world import Answer, World

CATALOGUE_READERS = {
    service.USERS_READ, service.MAPPINGS_READ, service.MAPPINGS_WRITE, service.GRANTS_WRITE, service.PERMISSIONS_WRITE,
}  # fmt: skip

# Written out by hand, and on purpose not taken from the table that it tests. None: everybody who is signed in.
EXPECTED: dict[str, set[str] | None] = {
    "viewer": None,
    "node": {service.USERS_READ},  # asked for another user
    "nodes": {service.USERS_READ},  # asked for another user
    "user": {service.USERS_READ},
    "users": {service.USERS_READ},
    "identities": {service.USERS_READ},
    "providers": {service.PROVIDERS_READ},
    "previewProviderDeletion": {service.PROVIDERS_READ},
    "onboarding": {service.PROVIDERS_READ},
    "providerTest": {service.PROVIDERS_WRITE},
    "loginFailures": {service.PROVIDERS_READ},
    "setupLinks": {service.PROVIDERS_READ},
    "invitations": {service.USERS_READ},
    "syncHealth": {service.PROVIDERS_READ, service.AUDIT_READ},
    "groups": {service.GROUPS_READ},
    "groupMappings": {service.MAPPINGS_READ},
    "groupMapping": {service.MAPPINGS_READ},
    "accessFindings": {service.MAPPINGS_READ},
    "permissions": CATALOGUE_READERS,
    "previewGroupMappingCreation": {service.MAPPINGS_WRITE},
    "previewGroupMappingUpdate": {service.MAPPINGS_WRITE},
    "previewGroupMappingDeletion": {service.MAPPINGS_WRITE},
    "previewChangeSet": {service.MAPPINGS_WRITE},  # asked for a mapping
    "proposals": {service.MAPPINGS_WRITE, service.GRANTS_WRITE, service.PERMISSIONS_WRITE},
    "previewProposal": {service.PERMISSIONS_WRITE},  # of a proposal about a permission
    "proposeChangeSet": {service.PERMISSIONS_WRITE},  # asked for a permission
    "approveProposal": {service.PERMISSIONS_WRITE},
    "rejectProposal": {service.PERMISSIONS_WRITE},
    "auditEvents": {service.AUDIT_READ},
    "loginActivity": {service.PROVIDERS_READ, service.AUDIT_READ},
    "explainPermission": {service.USERS_READ},
    "accessAt": {service.USERS_READ},
    "holders": {service.USERS_READ},
    "holderCount": {service.USERS_READ},
    "whoHeld": {service.USERS_READ},
    "webhooks": {service.WEBHOOKS_READ},
    "createWebhook": {service.WEBHOOKS_WRITE},
    "updateWebhook": {service.WEBHOOKS_WRITE},
    "rotateWebhookSecret": {service.WEBHOOKS_WRITE},
    "testWebhook": {service.WEBHOOKS_WRITE},
    "replayWebhook": {service.WEBHOOKS_WRITE},
    "deleteWebhook": {service.WEBHOOKS_WRITE},
    "createGroupMapping": {service.MAPPINGS_WRITE},
    "updateGroupMapping": {service.MAPPINGS_WRITE},
    "deleteGroupMapping": {service.MAPPINGS_WRITE},
    "applyChangeSet": {service.PERMISSIONS_WRITE},  # asked for a permission
    "createPermission": {service.PERMISSIONS_WRITE},
    "updatePermission": {service.PERMISSIONS_WRITE},
    "deletePermission": {service.PERMISSIONS_WRITE},
    "grantPermission": {service.GRANTS_WRITE},
    "revokePermission": {service.GRANTS_WRITE},
    "createProvider": {service.PROVIDERS_WRITE},
    "updateProvider": {service.PROVIDERS_WRITE},
    "removeProviderSecret": {service.PROVIDERS_WRITE},
    "setProviderSecret": {service.PROVIDERS_WRITE},
    "refreshProviderMetadata": {service.PROVIDERS_WRITE},
    "disableProvider": {service.PROVIDERS_WRITE},
    "enableProvider": {service.PROVIDERS_WRITE},
    "deleteProvider": {service.PROVIDERS_WRITE},
    "createSetupLink": {service.PROVIDERS_WRITE},
    "revokeSetupLink": {service.PROVIDERS_WRITE},
    "syncUser": {service.USERS_WRITE},
    "testProvider": {service.PROVIDERS_WRITE},
    "disableUser": {service.USERS_WRITE},
    "enableUser": {service.USERS_WRITE},
    "eraseUser": {service.USERS_WRITE},
    "endSession": {service.USERS_WRITE},
    "createUser": {service.USERS_WRITE},
    "linkIdentity": {service.USERS_WRITE},
    "releaseIdentity": {service.USERS_WRITE},
    "unlinkIdentity": {service.USERS_WRITE},
    "updateUserProfile": {service.USERS_WRITE},
    "createPasswordToken": {service.USERS_WRITE},
    "createInvitation": {service.USERS_WRITE},
    "revokeInvitation": {service.USERS_WRITE},
    "unlockUser": {service.USERS_WRITE},
    "removeUserPassword": {service.USERS_WRITE},
    "resetUserTotp": {service.USERS_WRITE},
    "apiTokens": {service.USERS_READ},
    "createApiToken": {service.USERS_WRITE},
    "rotateApiToken": {service.USERS_WRITE},
    "revokeApiToken": {service.USERS_WRITE},
    "frontends": {service.CLIENTS_READ},
    "createFrontend": {service.CLIENTS_WRITE},
    "updateFrontend": {service.CLIENTS_WRITE},
    "deleteFrontend": {service.CLIENTS_WRITE},
    "serviceClients": {service.CLIENTS_READ},
    "createServiceClient": {service.CLIENTS_WRITE},
    "rotateServiceClient": {service.CLIENTS_WRITE},
    "revokeServiceClient": {service.CLIENTS_WRITE},
    "changePassword": None,
    "enrolTotp": None,
    "confirmTotp": None,
    "removeTotp": None,
}


def is_forbidden(answer: Answer, name: str) -> bool:
    """Refused for lack of a service permission, which the message names; nothing else counts as a no."""
    payload = (answer.data or {}).get(name)
    if isinstance(payload, dict) and payload.get("code") == "FORBIDDEN":
        return "This needs the permission identity:" in payload["message"]
    if answer.errors:
        assert answer.codes == ["FORBIDDEN"], answer.errors
        assert payload is None
        return "This needs the permission identity:" in answer.errors[0]["message"]
    assert payload is not None
    return False


def test_the_matrix_has_every_root_field() -> None:
    assert set(EXPECTED) == set(root_fields())


@pytest.mark.asyncio
@pytest.mark.parametrize("held", [None, *SERVICE_PERMISSIONS])
async def test_every_root_field_by_one_right_alone(world: World, held: str | None) -> None:
    """S4-03. Users without rights, and with each admin right: 22 fields each, no unexpected cell."""
    client = await world.client(*([held] if held else []))
    arguments = await working_arguments(world)
    for name, allowed in EXPECTED.items():
        answer = await client.ask(document(name), **arguments[name])
        expected = allowed is not None and held not in allowed
        assert is_forbidden(answer, name) is expected, (name, held, answer)


@pytest.mark.asyncio
async def test_an_admin_with_every_right_succeeds_at_every_root_field(world: World) -> None:
    """So that the refusals above are refusals of something that works."""
    arguments = await working_arguments(world)
    holder = await world.client(*SERVICE_PERMISSIONS)
    await world.execute("update permission set delegable = true where tenant_id = $1", world.tenant)
    for name in EXPECTED:
        if name in OWN_CREDENTIALS:
            continue  # they need a real password: see test_local_users.py
        answer = await holder.ask(document(name), **arguments[name])
        assert answer.errors == [], (name, answer)
        assert answer.data
        assert "code" not in answer.data[name], (name, answer)


@pytest.mark.asyncio
async def test_node_asks_what_the_type_of_the_id_needs(world: World) -> None:
    needed: dict[str, set[str]] = {
        "User": {service.USERS_READ}, "Identity": {service.USERS_READ}, "Session": {service.USERS_READ},
        "Group": {service.GROUPS_READ}, "GroupMapping": {service.MAPPINGS_READ}, "Provider": {service.PROVIDERS_READ},
        "Permission": CATALOGUE_READERS, "Webhook": {service.WEBHOOKS_READ},
        "Proposal": {service.MAPPINGS_WRITE, service.GRANTS_WRITE, service.PERMISSIONS_WRITE},
        "ApiToken": {service.USERS_READ}, "ServiceClient": {service.CLIENTS_READ},
        "Frontend": {service.CLIENTS_READ},
    }  # fmt: skip
    assert set(needed) == set(NODES) == {one.name for one in CORE.get_possible_types(CORE.type_map["Node"])}
    ids = await world.ids()
    for held in (None, *SERVICE_PERMISSIONS):
        client = await world.client(*([held] if held else []))
        for kind, allowed in needed.items():
            answer = await client.ask(document("node"), id=ids[kind][0])
            assert is_forbidden(answer, "node") is (held not in allowed), (kind, held)


@pytest.mark.asyncio
async def test_a_refusal_does_not_tell_whether_the_thing_exists(world: World) -> None:
    for kind, values in (await world.ids()).items():
        there = await world.nobody.ask(document("node"), id=values[0])
        absent = await world.nobody.ask(document("node"), id=global_id(kind, world.tenant))
        assert there == absent


USER: Any = CORE.type_map["User"]
OPEN = {"id", "username", "displayLabel", "enabled", "disabledAt"}
SELECTIONS = {
    "identities": "{ id }", "groups": "{ id }", "sessions": "{ id }", "apiTokens": "{ id }", "permissions": "{ name }",
    "dormantPermissions": "{ name }",
}  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("field", [name for name in USER.fields if name != "history"])
async def test_fields_of_a_person_are_for_themself_and_for_readers_of_users(world: World, field: str) -> None:
    """A payload is a way to another user without the right to read users: the fields themselves are guarded."""
    selection = f"{{ {field} {SELECTIONS.get(field, '')} }}"
    text = f"mutation ($id: ID!) {{ enableUser(input: {{id: $id}}) {{ ... on UserChanged {{ user {selection} }} }} }}"
    target = global_id("User", world.person)
    writer = await world.client(service.USERS_WRITE)
    answer = await writer.ask(text, id=target)
    assert answer.codes == ([] if field in OPEN else ["FORBIDDEN"])
    reader = await world.client(service.USERS_WRITE, service.USERS_READ)
    assert (await reader.ask(text, id=target)).errors == []
    oneself = await world.client(service.USERS_WRITE)
    assert (await oneself.ask(text, id=global_id("User", oneself.user_id))).errors == []


@pytest.mark.asyncio
async def test_the_mappings_of_a_group_need_the_right_to_read_mappings(world: World) -> None:
    text = "{ groups(mapped: true) { edges { node { name mapped mappings { pattern } } } } }"
    answer = await (await world.client(service.GROUPS_READ)).ask(text)
    assert answer.codes == ["FORBIDDEN"]
    assert answer.data == {"groups": {"edges": [{"node": {"name": "engineering", "mapped": True, "mappings": None}}]}}
    data = await (await world.client(service.GROUPS_READ, service.MAPPINGS_READ)).data(text)
    assert data["groups"]["edges"][0]["node"]["mappings"] == [{"pattern": "engineering"}]


@pytest.mark.asyncio
async def test_one_refused_field_leaves_the_others_answered(world: World) -> None:
    answer = await world.nobody.ask("{ viewer { user { username } } users { edges { cursor } } }")
    assert answer.codes == ["FORBIDDEN"]
    assert answer.data
    assert answer.data["users"] is None
    assert answer.data["viewer"]["user"]["username"]


@pytest.mark.asyncio
async def test_everybody_may_ask_about_themself(world: World) -> None:
    client = await world.sign_in(world.person, world.person_identity)
    own = {
        "User": world.person,
        "Identity": world.person_identity,
        "Session": client.session_id,
    }
    for kind, row_id in own.items():
        answer = await client.ask(document("node"), id=global_id(kind, row_id))
        assert answer.errors == []
    assert (await client.ask(document("user"), id=global_id("User", world.person))).errors == []
    assert (await client.ask(document("user"), id=global_id("User", world.local))).code == "FORBIDDEN"


@pytest.mark.asyncio
async def test_introspection_needs_a_right_of_its_own(world: World) -> None:
    """Bad input 55."""
    refused = await world.nobody.ask("{ __schema { queryType { name } } }")
    assert (refused.code, refused.data) == ("INTROSPECTION_DISABLED", None)
    client = await world.client(service.SCHEMA_READ)
    assert await client.data("{ __schema { queryType { name } } }") == {"__schema": {"queryType": {"name": "Query"}}}


def test_every_line_of_the_table_is_about_a_field_that_exists() -> None:
    generic = {"Connection", "Edge"}
    for line in ACCESS:
        type_name, field_name = line.split(".")
        if type_name in generic:
            continue
        declared: Any = CORE.type_map[type_name]
        fields = declared.fields
        assert field_name == "*" or field_name in fields, line


def test_a_field_without_a_line_cannot_be_defined() -> None:
    with pytest.raises(LookupError):
        rule_of("User", "passwordHash")
