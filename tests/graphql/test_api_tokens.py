"""API tokens: what they are limited to, and which of them may change who may do what."""

from typing import Any

import pytest

from identity_api.accounts.api_tokens import revoke_api_token, rotate_api_token
from identity_api.graphql.ids import global_id
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE, SERVICE_PERMISSIONS, USERS_READ, USERS_WRITE
from tests import factories as make
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
    token = await make.create_api_token(world.database, world.tenant, name, "program", days=7, **wish)
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
    operator = Actor(world.tenant, None, "operator:root", frozenset())
    renewed = (await rotate_api_token(world.database, operator, old, days=30)).token
    with pytest.raises(AssertionError):
        await client.ask(text)
    again = Client(world, renewed, client.user_id, client.session_id)
    assert (await again.ask(text)).errors == []
    async with world.database.reading() as connection:
        kept = await connection.fetchrow(
            "select name, permissions, may_change, ended_at from api_token where user_id = $1 and id <> $2",
            client.user_id,
            old,
        )
    assert tuple(kept) == ("program", [USERS_WRITE], True, None)
    await revoke_api_token(world.database, operator, await token_id(world, client))
    with pytest.raises(AssertionError):
        await again.ask(text)
    assert [one["reason"] for one in await world.events("api_token.ended")] == ["rotated", "revoked"]


CREATE = document(
    "createApiToken",
    "{ ... on ApiTokenMade { value apiToken { id name mayChange permissions { name } } } ... on Problem { code message } }",
)
ROTATE = document("rotateApiToken", "{ ... on ApiTokenMade { value apiToken { id } } ... on Problem { code message } }")


def wish(world: World, user: Any, *names: str, **more: Any) -> dict[str, Any]:
    chosen = [global_id("Permission", world.permissions[name]) for name in names]
    return {"user": global_id("User", user), "name": "ci", "days": 7, "permissions": chosen, **more}


async def test_an_admin_makes_a_token_for_somebody_else_that_works_and_is_shown_once(world: World) -> None:
    admin, robot = await world.client(USERS_WRITE, USERS_READ), await world.client(USERS_READ)
    made = (await admin.data(CREATE, input=wish(world, robot.user_id, USERS_READ)))["createApiToken"]
    assert made["apiToken"]["permissions"] == [{"name": USERS_READ}]
    program = Client(world, made["value"], robot.user_id, robot.session_id)
    found = await program.data("{ viewer { user { id } } users(first: 1) { edges { node { id } } } }")
    assert found["viewer"]["user"]["id"] == global_id("User", robot.user_id)
    text = "query ($id: ID!) { user(id: $id) { apiTokens { id name isLive } } }"
    listed = (await admin.data(text, id=global_id("User", robot.user_id)))["user"]["apiTokens"]
    assert listed == [{"id": made["apiToken"]["id"], "name": "ci", "isLive": True}]
    assert made["value"] not in str(await world.events("api_token.created"))


async def test_a_token_never_allows_what_its_maker_does_not_hold(world: World) -> None:
    admin, robot = await world.client(USERS_WRITE, USERS_READ), await world.client(USERS_READ)
    answer = (await admin.data(CREATE, input=wish(world, robot.user_id, USERS_READ, MAPPINGS_WRITE)))["createApiToken"]
    assert answer["code"] == "FORBIDDEN"
    assert MAPPINGS_WRITE in answer["message"]
    unlimited = (await admin.data(CREATE, input=wish(world, robot.user_id)))["createApiToken"]
    assert unlimited["code"] == "FORBIDDEN"
    assert "value" in (await admin.data(CREATE, input=wish(world, robot.user_id, USERS_READ)))["createApiToken"]


async def test_nobody_makes_or_prolongs_a_token_of_their_own_but_everybody_may_end_it(world: World) -> None:
    client = await world.client(USERS_WRITE, USERS_READ)
    answer = (await client.data(CREATE, input=wish(world, client.user_id, USERS_READ)))["createApiToken"]
    assert answer["code"] == "SELF_BENEFIT"
    async with world.database.transaction() as connection:
        await make.make_api_token(connection, world.tenant, client.user_id, "mine", [USERS_READ])
    prolonged = (await client.data("{ viewer { user { apiTokens { id } } } }"))["viewer"]["user"]["apiTokens"][0]["id"]
    answer = (await client.data(ROTATE, input={"id": prolonged, "days": 1}))["rotateApiToken"]
    assert answer["code"] == "SELF_BENEFIT"
    plain = await world.client()
    async with world.database.transaction() as connection:
        token = await make.make_api_token(connection, world.tenant, plain.user_id, "mine", [USERS_READ])
    mine = (await plain.data("{ viewer { user { apiTokens { id } } } }"))["viewer"]["user"]["apiTokens"][0]["id"]
    assert (await plain.ask(ROTATE, input={"id": mine, "days": 1})).codes == ["FORBIDDEN"]
    assert "code" not in (await plain.data(document("revokeApiToken"), input={"id": mine}))["revokeApiToken"]
    with pytest.raises(AssertionError):
        await Client(world, token, plain.user_id, plain.session_id).ask("{ viewer { user { id } } }")


async def test_rotating_a_token_asks_what_making_it_asks(world: World) -> None:
    admin, robot = await world.client(USERS_WRITE, USERS_READ), await world.client(USERS_READ)
    async with world.database.transaction() as connection:
        old = await make.make_api_token(connection, world.tenant, robot.user_id, "unlimited")
        await make.make_api_token(connection, world.tenant, robot.user_id, "limited", [USERS_READ])
        rows = await connection.fetch("select id, name from api_token where user_id = $1", robot.user_id)
    ids = {row["name"]: global_id("ApiToken", row["id"]) for row in rows}
    refused = (await admin.data(ROTATE, input={"id": ids["unlimited"], "days": 1}))["rotateApiToken"]
    assert refused["code"] == "FORBIDDEN"
    assert (await Client(world, old, robot.user_id, robot.session_id).ask("{ viewer { user { id } } }")).errors == []
    made = (await admin.data(ROTATE, input={"id": ids["limited"], "days": 1}))["rotateApiToken"]
    assert made["apiToken"]["id"] not in ids.values()


async def test_tokens_are_listed_by_user_and_by_whether_they_work(world: World) -> None:
    text = (
        "query ($user: ID, $live: Boolean) "
        "{ apiTokens(user: $user, live: $live) { edges { node { name isLive endedReason } } } }"
    )
    ended = "update api_token set ended_at = now(), ended_reason = 'revoked' where tenant_id = $1 and name = 'backup'"
    await world.execute(ended, world.tenant)
    await world.execute("update api_token set expires_at = now() where tenant_id = $1 and name = 'ci'", world.tenant)
    async with world.database.transaction() as connection:
        await make.make_api_token(connection, world.tenant, world.local, "theirs")

    async def names(**asked: Any) -> list[str]:
        edges = (await world.admin.data(text, **asked))["apiTokens"]["edges"]
        return sorted([edge["node"]["name"] for edge in edges])

    assert await names() == ["backup", "ci", "theirs"]
    assert await names(live=True) == ["theirs"]
    assert await names(live=False) == ["backup", "ci"]
    assert await names(user=global_id("User", world.person)) == ["backup", "ci"]
    assert await names(user=global_id("User", world.local), live=True) == ["theirs"]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("revoked", "REVOKED"),
        ("rotated", "ROTATED"),
        ("user_disabled", "USER_DISABLED"),
        ("user_erased", "USER_ERASED"),
        ("break_glass_revoked", "BREAK_GLASS_REVOKED"),
        ("operator", "OPERATOR"),
        ("identity_bound", "NEW_OWNER"),
        ("provider_disabled", "NO_WAY_IN"),
        ("invalid_grant", "NO_WAY_IN"),
        (None, None),
    ],
)
async def test_why_a_token_was_ended_is_one_of_a_few(world: World, stored: str | None, shown: str | None) -> None:
    ended = "update api_token set ended_at = now(), ended_reason = $2 where tenant_id = $1 and name = 'ci'"
    await world.execute(ended, world.tenant, stored)
    found = await world.admin.data("{ apiTokens { edges { node { name endedReason } } } }")
    assert {one["node"]["name"]: one["node"]["endedReason"] for one in found["apiTokens"]["edges"]}["ci"] == shown
