"""Every mutation leaves its audit events, in the name of whoever made it (I6)."""

from collections import Counter
from uuid import UUID

import pytest

from identity_api.graphql import ids
from identity_api.permissions.service import SERVICE_PERMISSIONS
from tests.graphql.inputs import OWN_CREDENTIALS, document, root_fields, working_arguments
from tests.graphql.world import World

# Written out by hand, in an order in which each has something to do. What the worker does afterwards, such as grants that
# follow a mapping, is not the mutation's.
EXPECTED: dict[str, set[str]] = {
    "createGroupMapping": {"mapping.created"},
    "updateGroupMapping": {"mapping.updated"},
    "deleteGroupMapping": {"mapping.deleted"},
    "createPermission": {"permission.created"},
    "updatePermission": {"permission.updated"},
    "deletePermission": {"permission.deleted"},
    "grantPermission": {"grant.opened"},
    "revokePermission": {"grant.closed"},
    "createProvider": {"provider.created"},
    "updateProvider": {"provider.updated"},
    "removeProviderSecret": {"provider.secret_removed"},
    "setProviderSecret": {"provider.secret_set"},
    "disableProvider": {"provider.disabled"},
    "enableProvider": {"provider.enabled"},
    "deleteProvider": {"provider.deleted"},
    "refreshProviderMetadata": set(),  # nothing of ours changes
    "testProvider": {"provider.test_begun"},
    "disableUser": {"user.disabled"},
    "enableUser": {"user.enabled"},
    "syncUser": set(),  # the sync records what it changes
    "endSession": {"session.ended"},
    "createUser": {"user.created"},
    "updateUserProfile": {"user.profile_changed"},
    "createPasswordToken": {"password_token.created"},
    "unlockUser": {"account.unlocked"},
    "removeUserPassword": {"password.removed"},
    "resetUserTotp": {"totp.reset"},
    "linkIdentity": {"identity.linked"},
    "releaseIdentity": {"identity.released"},
    "unlinkIdentity": {"identity.unlinked"},
}


async def recorded(world: World, actor: str) -> Counter[str]:
    """How many events of each action are in the actor's name."""
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select action from audit_event where tenant_id = $1 and actor = $2", world.tenant, actor
        )
    return Counter(row["action"] for row in rows)


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
    found: dict[str, set[str]] = {}
    for name in EXPECTED:
        before = await recorded(world, f"user:{holder.user_id}")
        answer = await holder.ask(document(name), **arguments[name])
        assert answer.errors == [], (name, answer)
        assert answer.data
        assert "code" not in answer.data[name], (name, answer)
        found[name] = set(await recorded(world, f"user:{holder.user_id}") - before)
    assert found == EXPECTED


def test_every_mutation_is_in_the_table() -> None:
    """Those about one's own credentials are shown in `test_local_users.py`."""
    mutations = {name for name, (operation, _) in root_fields().items() if operation == "mutation"}
    assert mutations == {*EXPECTED, *OWN_CREDENTIALS}
