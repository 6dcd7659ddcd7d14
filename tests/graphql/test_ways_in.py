"""Every mutation says whether it opens a way into an account, takes one, or neither; and those that do ask the rule."""

from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from identity_api.permissions.service import CLIENTS_WRITE, PROVIDERS_WRITE, USERS_READ, USERS_WRITE
from identity_api.permissions.ways_in import Opening
from tests import factories as make
from tests.graphql.inputs import document, root_fields
from tests.graphql.world import World

OPENING = {
    *Opening, "createFrontend", "createSetupLink", "updateFrontend",
    "createProvider", "updateProvider", "enableProvider", "setProviderSecret",
}  # fmt: skip
TAKING = {
    "revokeApiToken",
    "disableUser",
    "eraseUser",
    "unlinkIdentity",
    "endSession",
    "removeUserPassword",
    "resetUserTotp",
}
NEITHER = {
    # Gives or takes permissions, which is asked of whoever may give them.
    "createGroupMapping", "updateGroupMapping", "deleteGroupMapping", "grantPermission", "revokePermission",
    "applyChangeSet",
    # Says what another admin could do, or does it with that admin's own rights.
    "proposeChangeSet", "approveProposal", "rejectProposal",
    # Sends what changes to an address, and never a token, code or link that opens an account.
    "createWebhook", "updateWebhook", "deleteWebhook", "testWebhook", "replayWebhook", "rotateWebhookSecret",
    # Looks into tokens that are shown to it, and acts as nobody.
    "createServiceClient", "rotateServiceClient", "revokeServiceClient",
    # Ends the sessions of one application.
    "deleteFrontend",
    # Changes the catalogue: nobody holds anything by it.
    "createPermission", "updatePermission", "deletePermission",
    # Makes an account without a way in.
    "createUser",
    # One's own way in, by the one that there is.
    "changePassword", "enrolTotp", "confirmTotp", "removeTotp",
    # Takes what comes from a provider, for everybody; the last admin remains.
    "disableProvider", "deleteProvider", "removeProviderSecret",
    # Ends a link that was one.
    "revokeSetupLink", "revokeInvitation",
    # Asks a provider, whose word is judged as ever.
    "syncUser", "refreshProviderMetadata", "testProvider",
}  # fmt: skip
"""Mutations that open no way into an account of somebody else and take none, and why."""


def test_every_mutation_says_whether_it_opens_a_way_in() -> None:
    """Whoever adds one decides: it asks the rule under its own name, or it is listed here with a reason."""
    mutations = {name for name, (operation, _) in root_fields().items() if operation == "mutation"}
    assert mutations == OPENING | TAKING | NEITHER
    assert (OPENING | TAKING).isdisjoint(NEITHER)


async def arguments(world: World, name: str, user: str, identity: str, session: str, token: str) -> dict[str, Any]:
    """What the mutation is given, about an account that holds more than the actor."""
    provider = global_id("Provider", world.provider.id)
    frontend = (await world.ids())["Frontend"][-1]
    permission = global_id("Permission", world.permissions[USERS_READ])
    of: dict[str, dict[str, Any]] = {
        "linkIdentity": {"user": user, "provider": provider, "anchor": "x"},
        "releaseIdentity": {"id": identity},
        "unlinkIdentity": {"id": identity},
        "updateUserProfile": {"id": user, "username": "renamed"},
        "endSession": {"id": session},
        "createFrontend": {"slug": "new", "returnUrls": ["https://new.example/"]},
        "updateFrontend": {"id": frontend, "returnUrls": ["https://new.example/"]},
        "createApiToken": {"user": user, "name": "x", "days": 1, "permissions": [permission]},
        "rotateApiToken": {"id": token, "days": 1},
        "revokeApiToken": {"id": token},
        "createInvitation": {"username": "new", "permissions": [permission]},
        "createSetupLink": {"slug": "new", "label": "New", "permissions": [global_id("Permission", world.write)]},
        "createProvider": {"slug": "new", "issuer": "https://new.example", "clientId": "c", "clientSecret": "s" * 32},
        "updateProvider": {"id": provider, "version": 1, "groupsClaim": ["id_token / nickname"]},
        "enableProvider": {"id": provider},
        "setProviderSecret": {"id": provider, "clientSecret": "s" * 32},
    }
    return of.get(name, {"id": user})


@pytest.mark.asyncio
@pytest.mark.parametrize("name", sorted(OPENING | TAKING))
async def test_each_of_them_is_refused_to_whoever_may_not_give_what_the_account_holds(world: World, name: str) -> None:
    await world.allow_passwords()
    clerk = await world.client(USERS_WRITE, USERS_READ, PROVIDERS_WRITE, CLIENTS_WRITE)
    above = await world.client(*world.permissions)
    identity = await world.quarantined()
    await world.execute("delete from identity_sync where id = $1", identity)
    await world.execute("update identity set user_id = $2 where id = $1", identity, above.user_id)
    prepare = {
        "enableUser": ("update app_user set disabled_at = now() where id = $1", above.user_id),
        "updateUserProfile": ("delete from identity where id = $1", identity),
        "updateProvider": ("update provider set client_authentication = 'none' where id = $1", world.provider.id),
        "enableProvider": ("update provider set enabled = false where id = $1", world.provider.id),
    }
    if name in prepare:
        await world.execute(*prepare[name])
    async with world.database.transaction() as connection:
        await make.make_api_token(connection, world.tenant, above.user_id, "theirs", [USERS_READ])
        token = await connection.fetchval("select id from api_token where user_id = $1", above.user_id)
    given = await arguments(
        world,
        name,
        global_id("User", above.user_id),
        global_id("Identity", identity),
        global_id("Session", above.session_id),
        global_id("ApiToken", token),
    )
    answer = (await clerk.data(document(name), input=given))[name]
    assert (answer["__typename"], answer.get("code")) == ("NotAllowed", "FORBIDDEN"), answer
