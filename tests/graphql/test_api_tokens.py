"""API tokens: what they are limited to, and which of them may change who may do what."""

from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE, SERVICE_PERMISSIONS, USERS_READ, USERS_WRITE
from identity_api.sessions.clients import create_api_token, revoke_api_token, rotate_api_token
from tests.graphql.inputs import document, root_fields, working_arguments
from tests.graphql.test_change_sets import APPLY, create, preview
from tests.graphql.test_mutations import permission
from tests.graphql.world import Client, World

pytestmark = pytest.mark.asyncio

FOR_TOKENS = {
    "createGroupMapping", "updateGroupMapping", "deleteGroupMapping", "createPermission", "updatePermission",
    "deletePermission", "grantPermission", "revokePermission", "applyChangeSet",
    "proposeChangeSet", "rejectProposal",
}  # fmt: skip
"""Written out by hand: what a token that may change things can change."""


async def token_client(world: World, *rights: str, **wish: Any) -> Client:
    """A program with a token of somebody new who holds these rights."""
    client = await world.client(*rights)
    async with world.database.reading() as connection:
        name = await connection.fetchval("select username from app_user where id = $1", client.user_id)
    token = await create_api_token(world.database, world.tenant, name, "program", days=7, actor="operator:root", **wish)
    return Client(world, token, client.user_id, client.session_id)


async def token_id(world: World, client: Client) -> Any:
    async with world.database.reading() as connection:
        return await connection.fetchval(
            "select id from api_token where tenant_id = $1 and user_id = $2 and ended_at is null",
            world.tenant,
            client.user_id,
        )


async def test_a_token_can_use_what_it_is_limited_to_and_no_more(world: World) -> None:
    text = "{ viewer { user { id } } users(first: 1) { edges { cursor } } }"
    assert (await (await token_client(world, USERS_READ)).ask(text)).errors == []
    assert (await (await token_client(world, USERS_READ, permissions=(USERS_READ,))).ask(text)).errors == []
    limited = await token_client(world, USERS_READ, MAPPINGS_WRITE, permissions=(MAPPINGS_WRITE,))
    assert (await limited.ask(text)).codes == ["FORBIDDEN"]


async def test_every_sensitive_mutation_is_refused_to_a_token_that_was_not_made_for_changes(world: World) -> None:
    arguments = await working_arguments(world)
    plain = await token_client(world, *SERVICE_PERMISSIONS)
    changing = await token_client(world, *SERVICE_PERMISSIONS, may_change=True)
    await world.execute("update permission set delegable = true where tenant_id = $1", world.tenant)
    refused = {}
    for name, (operation, _) in root_fields().items():
        if operation == "mutation":
            codes = []
            for client in (plain, changing):
                payload = ((await client.ask(document(name), **arguments[name])).data or {}).get(name) or {}
                codes.append(payload.get("code"))
            refused[name] = codes
    of_tokens = {name for name, codes in refused.items() if codes[0] == "SESSION_NEEDED"}
    assert of_tokens >= FOR_TOKENS
    assert {name for name in of_tokens if refused[name][1] != "SESSION_NEEDED"} == FOR_TOKENS
    assert {name for name in FOR_TOKENS if refused[name][1] is not None} == set()


async def test_a_token_for_changes_changes_a_mapping_within_what_its_user_may_give(world: World) -> None:
    client = await token_client(world, MAPPINGS_WRITE, may_change=True)
    asked = create("platform", permission(world, world.write))
    digest = (await preview(client, asked))["digest"]
    answer = await client.data(APPLY, input={"changes": [asked], "asPreviewed": digest})
    assert answer["applyChangeSet"]["__typename"] == "ChangeSetApplied"
    locked = create("sales", permission(world, world.locked))
    assert (await client.ask("query ($i: ChangeSetInput!) { previewChangeSet(input: $i) { digest } }",
                             i={"changes": [locked]})).codes == ["FORBIDDEN"]  # fmt: skip


async def test_a_token_for_changes_gives_its_own_user_nothing(world: World) -> None:
    client = await token_client(world, GRANTS_WRITE, "docs:write", may_change=True)
    text = "mutation ($input: GrantPermissionInput!) { grantPermission(input: $input) { ... on Problem { code } } }"
    given = {"user": global_id("User", client.user_id), "permission": permission(world, world.read)}
    assert (await client.data(text, input=given))["grantPermission"]["code"] in ("SELF_BENEFIT", "FORBIDDEN")
    other = {"user": global_id("User", world.local), "permission": permission(world, world.write)}
    assert (await client.data(text, input=other))["grantPermission"] == {}


async def test_a_token_that_is_rotated_or_revoked_ends_at_once(world: World) -> None:
    client = await token_client(world, USERS_WRITE, permissions=(USERS_WRITE,), may_change=True)
    old = await token_id(world, client)
    text = "{ viewer { user { id } } }"
    assert (await client.ask(text)).errors == []
    renewed = await rotate_api_token(world.database, world.tenant, old, days=30, actor="operator:root")
    with pytest.raises(AssertionError):
        await client.ask(text)
    again = Client(world, renewed, client.user_id, client.session_id)
    assert (await again.ask(text)).errors == []
    async with world.database.reading() as connection:
        kept = await connection.fetchrow(
            "select name, permissions, may_change, ended_at from api_token where tenant_id = $1 and id <> $2",
            world.tenant,
            old,
        )
    assert tuple(kept) == ("program", [USERS_WRITE], True, None)
    await revoke_api_token(world.database, world.tenant, await token_id(world, client), actor="operator:root")
    with pytest.raises(AssertionError):
        await again.ask(text)
    assert [one["reason"] for one in await world.events("api_token.ended")] == ["rotated", "revoked"]
