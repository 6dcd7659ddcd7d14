"""Every mutation leaves its audit events, in the name of whoever made it, with what was and what is (I6)."""

from typing import Any
from unittest import mock
from uuid import UUID

import msgspec
import pytest

from identity_api.db.audit_origin import Origin, changes_come_from
from identity_api.graphql import ids
from identity_api.group_mappings import catalogue
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import SERVICE_PERMISSIONS
from tests.graphql.inputs import OWN_CREDENTIALS, document, root_fields, working_arguments
from tests.graphql.world import World

Values = dict[str, Any] | None
ANY: Any = mock.ANY

ENABLED, DISABLED = {"enabled": True}, {"enabled": False}
VAULT_OPEN = {"name": "vault:open", "description": "", "delegable": True}
SALES = {
    "provider": ANY,
    "match": "EXACT",
    "pattern": "sales",
    "enabled": True,
    "permissions": ["docs:write"],
    "version": 1,
    "managed_by": "API",
}
ENGINEERING = {**SALES, "provider": None, "pattern": "engineering", "permissions": ["docs:read"]}
ENGINEERING_NOW = {**ENGINEERING, "provider": ANY, "permissions": ["docs:write"], "version": 2}
SETUP_LINK = {
    "provider": "customer",
    "label": "Customer",
    "permissions": ["docs:write"],
    "expires_at": ANY,
    "made_by": ANY,
}
WEBHOOK = {"url": ANY, "description": "", "types": ["user.updated"], "enabled": True}
FRONTEND = {"origins": [], "return_urls": ["https://spa.example/"], "deliveries": ["code"]}
TOKEN = {"permissions": ["identity:users:read"], "may_change": False}

# Each event with what was and what is, written out by hand, in an order in which each mutation has something to do. What the
# worker does afterwards, such as grants that follow a mapping, is not the mutation's.
EXPECTED: dict[str, dict[str, tuple[Values, Values]]] = {
    "applyChangeSet": {
        "permission.created": (None, {"name": "sets:read", "description": "See sets.", "delegable": True}),
        "change_set.applied": (None, None),
    },
    "proposeChangeSet": {"proposal.made": (None, {"changes": 1, "reason": "For the new reports.", "expires_at": ANY})},
    "approveProposal": {
        "permission.created": (None, {"name": "proposals:read", "description": "", "delegable": True}),
        "change_set.applied": (None, None),
        "proposal.approved": (None, None),
    },
    "rejectProposal": {"proposal.rejected": (None, None)},
    "createGroupMapping": {"mapping.created": (None, SALES)},
    "updateGroupMapping": {"mapping.updated": (ENGINEERING, ENGINEERING_NOW)},
    "deleteGroupMapping": {"mapping.deleted": (ENGINEERING_NOW, None)},
    "createPermission": {
        "permission.created": (None, {"name": "reports:read", "description": "See reports.", "delegable": True})
    },
    "updatePermission": {"permission.updated": (VAULT_OPEN, {**VAULT_OPEN, "description": "Open the vault."})},
    "deletePermission": {"permission.deleted": ({**VAULT_OPEN, "description": "Open the vault."}, None)},
    "grantPermission": {"grant.opened": (None, {"source": "MANUAL"})},
    "revokePermission": {"grant.closed": ({"open": True}, {"open": False})},
    "createProvider": {"provider.created": (None, ANY)},
    "updateProvider": {"provider.updated": ({"label": ANY}, {"label": "Renamed"})},
    "removeProviderSecret": {"provider.secret_removed": ({"secret": ANY, "expires_at": None}, None)},
    "setProviderSecret": {"provider.secret_set": (None, {"secret": ANY, "expires_at": None})},
    "disableProvider": {"provider.disabled": (ENABLED, DISABLED)},
    "enableProvider": {"provider.enabled": (DISABLED, ENABLED)},
    "deleteProvider": {"provider.deleted": (ANY, None)},
    "createWebhook": {"webhook.created": (None, {**WEBHOOK, "url": "https://hooks.example/identity", "types": ANY})},
    "updateWebhook": {"webhook.updated": (WEBHOOK, {**WEBHOOK, "url": "https://hooks.example/renamed"})},
    "rotateWebhookSecret": {"webhook.secret_rotated": (None, None)},
    "testWebhook": {},  # nothing of ours changes; the attempt is in the webhook's log
    "replayWebhook": {"webhook.replayed": (None, None)},
    "deleteWebhook": {"webhook.deleted": ({**WEBHOOK, "url": "https://hooks.example/renamed"}, None)},
    "createApiToken": {"api_token.created": (None, {**TOKEN, "name": "ci"})},
    "rotateApiToken": {
        "api_token.ended": ({"name": ANY}, None),
        "api_token.created": (None, {**TOKEN, "name": ANY}),
    },
    "revokeApiToken": {"api_token.ended": ({"name": ANY}, None)},
    "createFrontend": {
        "frontend.created": (None, {**FRONTEND, "slug": "app-2", "return_urls": ["https://two.example/in"]})
    },
    "updateFrontend": {"frontend.changed": (FRONTEND, {**FRONTEND, "origins": ["https://spa.example"]})},
    "deleteFrontend": {"frontend.deleted": ({**FRONTEND, "slug": "spa", "origins": ["https://spa.example"]}, None)},
    "createServiceClient": {"service_client.created": (None, {"name": ANY, "scopes": ["introspect"]})},
    "rotateServiceClient": {"service_client.rotated": (None, None)},
    "revokeServiceClient": {"service_client.revoked": (None, None)},
    "refreshProviderMetadata": {},  # nothing of ours changes
    "testProvider": {"provider.test_begun": (None, None), "provider.self_tested": (None, None)},
    "createSetupLink": {"setup_link.created": (None, SETUP_LINK)},
    "revokeSetupLink": {
        "setup_link.revoked": ({**SETUP_LINK, "provider": "old", "label": "Old", "permissions": ANY}, None)
    },
    "disableUser": {"user.disabled": (ENABLED, DISABLED)},
    "enableUser": {"user.enabled": (DISABLED, ENABLED)},
    "syncUser": {},  # the sync records what it changes
    "endSession": {"session.ended": ({"live": True}, {"live": False})},
    "createUser": {"user.created": (None, {"username": "newcomer", "display_label": "newcomer", "email": None})},
    "updateUserProfile": {"user.profile_changed": ({"display_label": ANY}, {"display_label": "Somebody"})},
    "createInvitation": {
        "user.created": (None, {"username": "guest", "display_label": "guest", "email": None}),
        "invitation.created": (None, {"expires_at": ANY, "provider": None}),
    },
    "revokeInvitation": {"invitation.revoked": ({"expires_at": ANY, "provider": None}, None)},
    "createPasswordToken": {"password_token.created": (None, {"expires_at": ANY})},
    "unlockUser": {"account.unlocked": ({"locked": True}, {"locked": False})},
    "removeUserPassword": {
        "password.removed": ({"password": True, "second_factor": True}, {"password": False, "second_factor": False})
    },
    "resetUserTotp": {"totp.reset": ({"second_factor": True}, {"second_factor": False})},
    "eraseUser": {"user.erased": ({"erased": False}, {"erased": True})},
    "linkIdentity": {"identity.linked": (None, {"state": "WAITING"})},
    "releaseIdentity": {"identity.released": ({"state": "QUARANTINED"}, {"state": "REVOKED"})},
    "unlinkIdentity": {"identity.unlinked": ({"state": "REVOKED"}, None)},
}


async def recorded(world: World, actor: str) -> list[Any]:
    """The events in the actor's name, oldest first."""
    async with world.database.reading() as connection:
        return await connection.fetch(
            "select * from audit_event where tenant_id = $1 and actor = $2 order by id", world.tenant, actor
        )


def decoded(text: str | None) -> Any:
    """What a column of JSON holds."""
    return None if text is None else msgspec.json.decode(text)


async def locked_out(world: World, user_id: UUID) -> None:
    """Give somebody a password, a second factor, and too many wrong tries."""
    await world.execute("update app_user set password_hash = 'unused' where id = $1", user_id)
    await world.execute(
        """
        insert into local_account (id, tenant_id, failures, locked_until, totp_sealed, totp_confirmed_at)
        values ($2, $1, 10, now() + interval '1 minute', 'unopened', now())
        """,
        world.tenant,
        user_id,
    )


@pytest.mark.asyncio
async def test_every_mutation_is_recorded_in_the_name_of_whoever_made_it(world: World) -> None:
    arguments = await working_arguments(world)
    holder = await world.client(*SERVICE_PERMISSIONS)
    await world.execute("update permission set delegable = true where tenant_id = $1", world.tenant)
    await locked_out(world, world.local)
    await locked_out(world, ids.row_id(arguments["resetUserTotp"]["input"]["id"], "User"))
    found: dict[str, dict[str, tuple[Values, Values]]] = {}
    seen = 0
    for name in EXPECTED:
        answer = await holder.ask(document(name), **arguments[name])
        assert answer.errors == [], (name, answer)
        assert answer.data
        assert "code" not in answer.data[name], (name, answer)
        events = await recorded(world, f"user:{holder.user_id}")
        found[name] = {row["action"]: (decoded(row["old"]), decoded(row["new"])) for row in events[seen:]}
        seen = len(events)
    assert found == EXPECTED
    assert "s3cret" not in str(await recorded(world, f"user:{holder.user_id}"))


@pytest.mark.asyncio
async def test_what_is_gone_is_named_as_it_was(world: World) -> None:
    created = await catalogue.create(world.database, operator(world), "reports:read", "See reports.")
    await catalogue.delete(world.database, operator(world), created.id)
    assert [event["old"]["name"] for event in await told(world, "permission.deleted")] == ["reports:read"]


@pytest.mark.asyncio
async def test_a_grant_names_its_permission_mapping_group_and_provider(world: World) -> None:
    [opened] = [event for event in await told(world, "grant.opened") if event["new"] == {"source": "GROUP"}]
    assert opened["names"] == {
        "permission": "docs:read",
        "mapping": "engineering",
        "group": "engineering",
        "provider": ANY,
    }
    assert opened["user_id"] == world.person


@pytest.mark.asyncio
async def test_an_event_of_an_identity_says_whose_it_is_and_at_which_provider(world: World) -> None:
    held = await world.quarantined()
    await world.admin.data(document("releaseIdentity"), input={"id": ids.global_id("Identity", held)})
    [released] = await told(world, "identity.released")
    assert released["names"] == {"provider": world.provider.slug}
    assert released["user_id"] is not None


@pytest.mark.asyncio
async def test_an_event_says_where_the_change_came_from_and_why(world: World) -> None:
    with changes_come_from(Origin("request-1", "192.0.2.7", "Ticket 7")):
        await catalogue.create(world.database, operator(world), "reports:read", "")
    [created] = await told(world, "permission.created")
    assert (created["request_id"], created["address"], created["reason"]) == ("request-1", "192.0.2.7", "Ticket 7")


@pytest.mark.asyncio
async def test_a_change_of_a_providers_settings_is_told_by_the_names_of_a_declaration(world: World) -> None:
    """With the values of those that differ, and of no others."""
    await world.execute("update provider set client_authentication = 'none' where id = $1", world.provider.id)
    provider = {"id": ids.global_id("Provider", world.provider.id), "version": 1}
    answer = await world.admin.data(document("updateProvider"), input={**provider, "groupsClaim": "teams"})
    assert "code" not in answer["updateProvider"]
    [updated] = await told(world, "provider.updated")
    assert (updated["old"], updated["new"]) == ({"groups_claim": ["groups"]}, {"groups_claim": ["teams"]})


def operator(world: World) -> Actor:
    """Whoever has the database."""
    return Actor(world.tenant, None, "operator:root", frozenset())


async def told(world: World, action: str) -> list[dict[str, Any]]:
    """The tenant's events of this action, decoded."""
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select * from audit_event where tenant_id = $1 and action = $2 order by id", world.tenant, action
        )
    return [{**row, **{name: decoded(row[name]) for name in ("names", "old", "new")}} for row in rows]


def test_every_mutation_is_in_the_table() -> None:
    """Those about one's own credentials are shown in `test_local_users.py`."""
    mutations = {name for name, (operation, _) in root_fields().items() if operation == "mutation"}
    assert mutations == {*EXPECTED, *OWN_CREDENTIALS}
