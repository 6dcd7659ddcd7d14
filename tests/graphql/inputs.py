"""For every root field, arguments that work in a world; the tests change one of them at a time."""

from typing import Any
from uuid import UUID

from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from identity_api.accounts.invitations import Guest, invite
from identity_api.change_sets import proposals
from identity_api.change_sets.changes import Change, CreatePermission
from identity_api.change_sets.run import preview
from identity_api.db import provider_changes, ways_in, webhooks
from identity_api.db.providers import SealedSecret
from identity_api.db.webhooks import NewWebhook
from identity_api.graphql.ids import global_id
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import SERVICE_PERMISSIONS, USERS_READ
from identity_api.permissions.ways_in import Rights
from identity_api.setup.links import Wish, create_link
from tests.accounts.local_world import PASSWORD
from tests.factories import make_provider, make_user
from tests.graphql.documents import CORE
from tests.graphql.world import World

ENDPOINTS = {name: f"https://plain.example/{name}" for name in ("authorization", "token", "userinfo")}
ID_ARGUMENTS: dict[str, str] = {
    "node.id": "User",
    "nodes.ids": "User",
    "user.id": "User",
    "users.filter.group": "Group",
    "users.filter.permission": "Permission",
    "users.filter.permissionInForce": "Permission",
    "identities.filter.provider": "Provider",
    "groups.provider": "Provider",
    "groupMapping.id": "GroupMapping",
    "previewGroupMappingCreation.input.permissions": "Permission",
    "previewGroupMappingCreation.input.provider": "Provider",
    "previewGroupMappingUpdate.input.id": "GroupMapping",
    "previewGroupMappingUpdate.input.permissions": "Permission",
    "previewGroupMappingUpdate.input.provider": "Provider",
    "previewGroupMappingDeletion.input.id": "GroupMapping",
    **{
        f"{root}.input.changes.{path}": kind
        for root in ("previewChangeSet", "applyChangeSet", "proposeChangeSet")
        for path, kind in {
            "createGroupMapping.permissions": "Permission",
            "createGroupMapping.provider": "Provider",
            "updateGroupMapping.id": "GroupMapping",
            "updateGroupMapping.permissions": "Permission",
            "updateGroupMapping.provider": "Provider",
            "deleteGroupMapping.id": "GroupMapping",
            "updatePermission.id": "Permission",
            "deletePermission.id": "Permission",
            "grantPermission.user": "User",
            "grantPermission.permission": "Permission",
            "revokePermission.user": "User",
            "revokePermission.permission": "Permission",
        }.items()
    },
    "previewProposal.id": "Proposal",
    "approveProposal.input.id": "Proposal",
    "rejectProposal.input.id": "Proposal",
    "accessAt.user": "User",
    "holders.permission": "Permission",
    "holderCount.permission": "Permission",
    "whoHeld.permission": "Permission",
    "explainPermission.user": "User",
    "explainPermission.permission": "Permission",
    "auditEvents.filter.actor": "User",
    "auditEvents.filter.subject": "User",
    "auditEvents.filter.user": "User",
    "createGroupMapping.input.permissions": "Permission",
    "createGroupMapping.input.provider": "Provider",
    "updateGroupMapping.input.id": "GroupMapping",
    "updateGroupMapping.input.permissions": "Permission",
    "updateGroupMapping.input.provider": "Provider",
    "deleteGroupMapping.input.id": "GroupMapping",
    "updatePermission.input.id": "Permission",
    "deletePermission.input.id": "Permission",
    "grantPermission.input.user": "User",
    "grantPermission.input.permission": "Permission",
    "revokePermission.input.user": "User",
    "revokePermission.input.permission": "Permission",
    "previewProviderDeletion.id": "Provider",
    "updateProvider.input.id": "Provider",
    "setProviderSecret.input.id": "Provider",
    "removeProviderSecret.input.id": "Provider",
    "enableProvider.input.id": "Provider",
    "disableProvider.input.id": "Provider",
    "deleteProvider.input.id": "Provider",
    "refreshProviderMetadata.input.id": "Provider",
    "createSetupLink.input.permissions": "Permission",
    "syncUser.input.id": "User",
    "providerTest.id": "Provider",
    "testProvider.input.id": "Provider",
    "disableUser.input.id": "User",
    "enableUser.input.id": "User",
    "eraseUser.input.id": "User",
    "endSession.input.id": "Session",
    "updateUserProfile.input.id": "User",
    "linkIdentity.input.user": "User",
    "linkIdentity.input.provider": "Provider",
    "unlinkIdentity.input.id": "Identity",
    "releaseIdentity.input.id": "Identity",
    "createPasswordToken.input.id": "User",
    "createInvitation.input.provider": "Provider",
    "createInvitation.input.permissions": "Permission",
    "unlockUser.input.id": "User",
    "removeUserPassword.input.id": "User",
    "resetUserTotp.input.id": "User",
    "updateWebhook.input.id": "Webhook",
    "deleteWebhook.input.id": "Webhook",
    "rotateWebhookSecret.input.id": "Webhook",
    "testWebhook.input.id": "Webhook",
    "replayWebhook.input.id": "Webhook",
    "apiTokens.user": "User",
    "createApiToken.input.user": "User",
    "createApiToken.input.permissions": "Permission",
    "rotateApiToken.input.id": "ApiToken",
    "revokeApiToken.input.id": "ApiToken",
    "updateFrontend.input.id": "Frontend",
    "deleteFrontend.input.id": "Frontend",
    "rotateServiceClient.input.id": "ServiceClient",
    "revokeServiceClient.input.id": "ServiceClient",
}
"""Every argument that takes an ID, and the type of it. A test compares it with the schema."""


OF_EVENTS = {f"{root}.input.changes.undo.event" for root in ("previewChangeSet", "applyChangeSet", "proposeChangeSet")}
"""Arguments that take the id of an event, which is no global one."""

OWN_CREDENTIALS = {"changePassword", "enrolTotp", "confirmTotp", "removeTotp"}
"""Mutations that ask for the actor's own password, or a code, instead of a right."""


async def given_for_every_provider(world: World) -> Rights:
    """What mappings for every provider give."""
    async with world.database.reading() as connection:
        return await ways_in.through(connection, world.tenant, uuid7())


async def working_arguments(world: World) -> dict[str, dict[str, Any]]:
    """Arguments of every root field with which an admin of the world succeeds (each one only once, or in this order)."""
    spare = await world.client()
    await world.allow_passwords()
    held = await world.quarantined()
    permission = {"input": {"id": global_id("Permission", world.locked)}}
    person, local = global_id("User", world.person), global_id("User", world.local)
    mapping = {"id": global_id("GroupMapping", world.mapping), "version": 1}
    write = global_id("Permission", world.write)
    provider = global_id("Provider", world.provider.id)
    secret = uuid7()
    async with world.database.transaction() as connection:
        leaver = await make_user(connection, world.tenant)
        # Plain OAuth 2.0, which publishes nothing that would have to be fetched.
        plain = await make_provider(connection, world.tenant, protocol="oauth2", endpoints=ENDPOINTS)
        gone = await make_provider(connection, world.tenant, enabled=False)
        for row_id in (secret, uuid7()):
            sealed = SealedSecret(row_id, b"unopened", None)
            await provider_changes.add_secret(connection, world.tenant, plain.id, sealed)
        hook = NewWebhook(uuid7(), f"https://127.0.0.1:1/{uuid7()}", "", ["user.updated"])
        await webhooks.insert(connection, world.tenant, hook)
    idle = {"id": global_id("Provider", plain.id)}
    tokens = (await world.ids())["ApiToken"]
    [client] = (await world.ids())["ServiceClient"]
    frontend = (await world.ids())["Frontend"][-1]
    read_users = global_id("Permission", world.permissions[USERS_READ])
    made = {"createPermission": {"name": "sets:read", "description": "See sets."}}
    wanted = {"createPermission": {"name": "wanted:read"}}
    shown = await preview(
        world.database,
        Actor(world.tenant, None, "operator:root", frozenset()),
        [CreatePermission(name="sets:read", description="See sets.")],
    )
    webhook = {"id": global_id("Webhook", hook.id)}
    waiting = await proposed(world, spare.user_id, CreatePermission(name="proposals:read"))
    every = [right.name for right in await given_for_every_provider(world)]
    link = await create_link(
        world.database,
        Actor(world.tenant, None, "operator:root", frozenset()),
        Wish(slug="old", label="Old", permissions=tuple(every)),
        public_url="https://id.example",
    )
    invited = await invite(
        world.database, Actor(world.tenant, None, "operator:root", frozenset()), Guest(username=f"invited-{uuid7()}")
    )
    return {
        "viewer": {},
        "node": {"id": person},
        "nodes": {"ids": [person]},
        "user": {"id": person},
        "users": {"filter": {"group": global_id("Group", await world.group("engineering"))}},
        "identities": {"filter": {"provider": provider}},
        "providers": {},
        "previewProviderDeletion": {"id": provider},
        "onboarding": {},
        "providerTest": {"id": provider},
        "loginFailures": {},
        "setupLinks": {},
        "invitations": {},
        "syncHealth": {},
        "groups": {"provider": provider},
        "groupMappings": {},
        "groupMapping": {"id": mapping["id"]},
        "permissions": {},
        "accessFindings": {},
        "auditEvents": {"filter": {}},
        "loginActivity": {},
        "holders": {"permission": write},
        "holderCount": {"permission": write},
        "accessAt": {"user": person, "at": "2026-01-01T00:00:00Z"},
        "whoHeld": {"permission": write, "since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"},
        "explainPermission": {"user": person, "permission": write},
        "previewGroupMappingCreation": {"input": {"pattern": "sales", "permissions": [write], "provider": provider}},
        "previewGroupMappingUpdate": {"input": {**mapping, "permissions": [write], "provider": provider}},
        "previewGroupMappingDeletion": {"input": mapping},
        "previewChangeSet": {
            "input": {"changes": [{"createGroupMapping": {"pattern": "night", "permissions": [write]}}]}
        },
        "applyChangeSet": {"input": {"changes": [made], "asPreviewed": shown.digest}},
        "proposals": {},
        "previewProposal": {"id": waiting["id"]},
        "proposeChangeSet": {"input": {"changes": [wanted], "reason": "For the new reports."}},
        "approveProposal": {"input": waiting},
        "rejectProposal": {
            "input": {
                "id": (await proposed(world, spare.user_id, CreatePermission(name="rejected:read")))["id"],
            }
        },
        "createGroupMapping": {"input": {"pattern": "sales", "permissions": [write], "provider": provider}},
        "updateGroupMapping": {"input": {**mapping, "permissions": [write], "provider": provider}},
        "deleteGroupMapping": {"input": {**mapping, "version": 2}},
        "createPermission": {"input": {"name": "reports:read", "description": "See reports."}},
        "updatePermission": {"input": {**permission["input"], "description": "Open the vault."}},
        "deletePermission": permission,
        "grantPermission": {"input": {"user": person, "permission": write}},
        "revokePermission": {"input": {"user": local, "permission": write}},
        "createProvider": {
            "input": {"slug": "new", "issuer": "https://new.example", "clientId": "app", "clientSecret": "s3cret"}
        },
        "updateProvider": {"input": {**idle, "version": 1, "label": "Renamed"}},
        "setProviderSecret": {"input": {**idle, "clientSecret": "s3cret"}},
        "removeProviderSecret": {"input": {**idle, "secretId": str(secret)}},
        "refreshProviderMetadata": {"input": idle},
        "disableProvider": {"input": idle},
        "enableProvider": {"input": idle},
        "deleteProvider": {"input": {"id": global_id("Provider", gone.id)}},
        "webhooks": {},
        "createWebhook": {"input": {"url": "https://hooks.example/identity"}},
        "updateWebhook": {"input": {**webhook, "url": "https://hooks.example/renamed"}},
        "rotateWebhookSecret": {"input": webhook},
        "testWebhook": {"input": webhook},
        "replayWebhook": {"input": {**webhook, "after": "0"}},
        "deleteWebhook": {"input": webhook},
        "apiTokens": {"user": person},
        "createApiToken": {"input": {"user": person, "name": "ci", "days": 7, "permissions": [read_users]}},
        "rotateApiToken": {"input": {"id": tokens[0], "days": 7}},
        "revokeApiToken": {"input": {"id": tokens[1]}},
        "frontends": {},
        "createFrontend": {"input": {"slug": "app-2", "returnUrls": ["https://two.example/in"]}},
        "updateFrontend": {"input": {"id": frontend, "origins": ["https://spa.example"]}},
        "deleteFrontend": {"input": {"id": frontend}},
        "serviceClients": {},
        "createServiceClient": {"input": {"name": "reports"}},
        "rotateServiceClient": {"input": {"id": client}},
        "revokeServiceClient": {"input": {"id": client}},
        "createSetupLink": {"input": {"slug": "customer", "label": "Customer", "permissions": [write]}},
        "revokeSetupLink": {"input": {"setupLinkId": str(link.link.id)}},
        "syncUser": {"input": {"id": person}},
        "testProvider": {"input": {"id": provider}},
        "disableUser": {"input": {"id": local}},
        "enableUser": {"input": {"id": local}},
        "eraseUser": {"input": {"id": global_id("User", leaver)}},
        "endSession": {"input": {"id": global_id("Session", spare.session_id)}},
        "createUser": {"input": {"username": "newcomer"}},
        "linkIdentity": {"input": {"user": global_id("User", spare.user_id), "provider": provider, "anchor": "spare"}},
        "releaseIdentity": {"input": {"id": global_id("Identity", held)}},
        "unlinkIdentity": {"input": {"id": global_id("Identity", held)}},
        "updateUserProfile": {"input": {"id": local, "displayLabel": "Somebody"}},
        "createInvitation": {"input": {"username": "guest"}},
        "revokeInvitation": {"input": {"invitationId": str(invited.invitation.id)}},
        "createPasswordToken": {"input": {"id": global_id("User", spare.user_id)}},
        "unlockUser": {"input": {"id": local}},
        "removeUserPassword": {"input": {"id": local}},
        "resetUserTotp": {"input": {"id": global_id("User", spare.user_id)}},
        # One's own, for somebody whose password is `PASSWORD`.
        "changePassword": {"input": {"current": PASSWORD, "new": PASSWORD}},
        "enrolTotp": {"input": {"current": PASSWORD}},
        "confirmTotp": {"input": {"code": "000000"}},
        "removeTotp": {"input": {"current": PASSWORD}},
    }


async def proposed(world: World, user_id: UUID, *changes: Change) -> dict[str, str]:
    """The id and the digest of a set that a user has proposed."""
    proposer = Actor(world.tenant, user_id, f"user:{user_id}", frozenset(SERVICE_PERMISSIONS))
    made = await proposals.propose(world.database, proposer, changes, "")
    shown = await proposals.preview(world.database, proposer, changes)
    return {"id": global_id("Proposal", made.id), "asPreviewed": shown.digest}


def root_fields() -> dict[str, tuple[str, Any]]:
    """Name to (`query` or `mutation`, field) of everything that can be asked."""
    assert CORE.query_type
    assert CORE.mutation_type
    queries = {name: ("query", field) for name, field in CORE.query_type.fields.items()}
    return queries | {name: ("mutation", field) for name, field in CORE.mutation_type.fields.items()}


def document(name: str, selection: str | None = None) -> str:
    """A document of one root field, with a variable for each of its arguments; selects little unless told."""
    operation, field = root_fields()[name]
    type_ = get_named_type(field.type)
    if selection is None:
        selection = "{ __typename ... on Problem { code message } }" if operation == "mutation" else _some(type_)
    declared = ", ".join([f"${one}: {argument.type}" for one, argument in field.args.items()])
    passed = ", ".join([f"{one}: ${one}" for one in field.args])
    return (
        f"{operation} {f'({declared})' if declared else ''} {{ {name}{f'({passed})' if passed else ''} {selection} }}"
    )


def _some(type_: Any) -> str:
    if isinstance(type_, GraphQLObjectType) and "edges" in type_.fields:
        node = get_named_type(get_named_type(type_.fields["edges"].type).fields["node"].type)
        return f"{{ edges {{ node {{ {'id' if 'id' in node.fields else '__typename'} }} }} }}"
    if isinstance(type_, GraphQLObjectType):
        leaves = [name for name, field in type_.fields.items() if is_leaf_type(get_named_type(field.type))]
        return "{ " + " ".join(["__typename", *leaves[:1]]) + " }"
    return "{ __typename id }"


def with_id(all_arguments: dict[str, dict[str, Any]], argument: str, value: Any) -> dict[str, Any]:
    """The arguments of a root field with one of `ID_ARGUMENTS` replaced; a change of a set is what its mutation takes."""
    name, *path = argument.split(".")
    if "changes" not in path:
        return replaced(all_arguments[name], path, value)
    change, *inner = path[path.index("changes") + 1 :]
    changed = {change: replaced(all_arguments[change]["input"], inner, value)}
    return {"input": {**all_arguments[name]["input"], "changes": [changed]}}


def replaced(arguments: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """The arguments with one of them, however deep, replaced; a list gets the value as its only element."""
    head, *rest = path
    if rest:
        return {**arguments, head: replaced(arguments.get(head) or {}, rest, value)}
    return {**arguments, head: [value] if isinstance(arguments.get(head), list) else value}
