"""Sensitive mutations ask for a recent proof of who asks (promise 26; S3-33, S3-38)."""

from datetime import timedelta
from typing import Any

import pytest

from identity_api.db import clients
from identity_api.graphql.access import ACCESS, rule_of
from identity_api.graphql.ids import global_id
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.sessions.step_up import STEP_UP_PATH
from tests.graphql.documents import CORE
from tests.graphql.inputs import OWN_CREDENTIALS, document, working_arguments
from tests.graphql.world import Client, World, moment

INSENSITIVE = {
    "syncUser",
    "endSession",
    "refreshProviderMetadata",
    "testProvider",
    "testWebhook",
    "replayWebhook",
    "revokeApiToken",
    *OWN_CREDENTIALS,
}
"""Written out by hand: what anybody who stole a session may do without harm to anybody's rights."""
REFUSAL = "{ __typename ... on NotAllowed { code stepUpUrl } }"


async def age(world: World, minutes: int) -> None:
    """Everybody signed in that long ago."""
    await world.execute(
        "update session set authenticated_at = now() - make_interval(mins => $2) where tenant_id = $1",
        world.tenant,
        minutes,
    )


async def answers(client: Client, world: World) -> dict[str, Any]:
    """What every mutation answers."""
    assert CORE.mutation_type
    arguments = await working_arguments(world)
    found = {}
    for name in CORE.mutation_type.fields:
        answer = await client.ask(document(name, REFUSAL), **arguments[name])
        assert answer.errors == [], (name, answer)
        assert answer.data
        found[name] = answer.data[name]
    return found


@pytest.mark.asyncio
async def test_every_sensitive_mutation_asks_for_a_proof_of_the_last_ten_minutes(world: World) -> None:
    await world.allow_passwords()
    await age(world, 11)
    asked = {"__typename": "NotAllowed", "code": "STEP_UP_REQUIRED", "stepUpUrl": STEP_UP_PATH}
    found = await answers(world.admin, world)
    assert {name for name, answer in found.items() if answer != asked} == INSENSITIVE
    assert {name for name in found if not rule_of("Mutation", name).is_sensitive} == INSENSITIVE
    # Nobody tried what they may not.
    noted = {one["mutation"] for one in await world.events("access.refused")}
    assert noted <= OWN_CREDENTIALS
    await age(world, 9)
    again = await answers(world.admin, world)
    assert "STEP_UP_REQUIRED" not in {answer.get("code") for answer in again.values()}


@pytest.mark.asyncio
async def test_reading_asks_for_no_proof(world: World) -> None:
    await age(world, 11)
    assert (await world.admin.data("{ users { edges { node { username } } } }"))["users"]["edges"]


@pytest.mark.asyncio
async def test_where_nobody_can_be_asked_again_it_is_refused(world: World) -> None:
    """Neither passwords nor a provider that asks people anew: only a new sign-in helps."""
    await age(world, 11)
    target = {"input": {"id": global_id("User", world.local)}}
    refused = await world.admin.data(document("enableUser", REFUSAL), **target)
    assert refused["enableUser"] == {"__typename": "NotAllowed", "code": "STEP_UP_IMPOSSIBLE", "stepUpUrl": None}
    await age(world, 0)
    allowed = await world.admin.data(document("enableUser", REFUSAL), **target)
    assert allowed["enableUser"] == {"__typename": "UserChanged"}


@pytest.mark.asyncio
async def test_the_permission_is_asked_before_the_proof(world: World) -> None:
    await world.allow_passwords()
    await age(world, 11)
    answer = await world.nobody.ask(document("enableUser", REFUSAL), input={"id": global_id("User", world.local)})
    assert answer.code == "FORBIDDEN"


@pytest.mark.asyncio
async def test_an_api_token_makes_no_sensitive_mutation(world: World) -> None:
    token, token_id = new_tenant_token("iat", world.tenant), uuid7()
    async with world.database.transaction() as connection:
        await clients.insert_api_token(
            connection, world.tenant, token_id, world.admin.user_id, "ci", token_hash(token), days=1
        )
    program = Client(world, token, world.admin.user_id, token_id)
    target = {"input": {"id": global_id("User", world.local)}}
    # However fresh the token is.
    refused = await program.data(document("enableUser", REFUSAL), **target)
    assert refused["enableUser"] == {"__typename": "NotAllowed", "code": "SESSION_NEEDED", "stepUpUrl": None}
    allowed = await program.data(document("syncUser", REFUSAL), **target)
    assert allowed["syncUser"] == {"__typename": "UserChanged"}
    assert (await program.data("{ viewer { session { elevatedUntil } } }"))["viewer"] == {"session": None}


@pytest.mark.asyncio
async def test_refusals_without_end_are_noted_ten_times_and_hide_no_other_kind(world: World) -> None:
    token, token_id = new_tenant_token("iat", world.tenant), uuid7()
    async with world.database.transaction() as connection:
        await clients.insert_api_token(
            connection, world.tenant, token_id, world.admin.user_id, "ci", token_hash(token), days=1
        )
    program = Client(world, token, world.admin.user_id, token_id)
    one = f'enableUser(input: {{id: "{global_id("User", world.local)}"}}) {{ __typename }}'
    for _ in range(3):
        await program.data("mutation { " + " ".join(f"m{number}: {one}" for number in range(9)) + " }")
    noted = [event["code"] for event in await world.events("access.refused")]
    assert noted == ["SESSION_NEEDED"] * 10
    after = '{ users(first: 1, after: "made up") { edges { node { id } } } }'
    assert (await program.ask(after)).code == "BAD_INPUT"
    noted = [event["code"] for event in await world.events("access.refused")]
    assert noted[10:] == ["CURSOR_REFUSED"]


@pytest.mark.asyncio
async def test_a_session_says_until_when_it_is_elevated(world: World) -> None:
    text = "{ viewer { session { authenticatedAt elevatedUntil } user { sessions { elevatedUntil } } } }"
    viewer = (await world.admin.data(text))["viewer"]
    until = moment(viewer["session"]["elevatedUntil"])
    assert until == moment(viewer["session"]["authenticatedAt"]) + timedelta(minutes=10)
    assert viewer["user"]["sessions"] == [{"elevatedUntil": viewer["session"]["elevatedUntil"]}]
    await age(world, 10)
    viewer = (await world.admin.data(text))["viewer"]
    assert (viewer["session"]["elevatedUntil"], viewer["user"]["sessions"]) == (None, [{"elevatedUntil": None}])


def test_whatever_changes_rights_is_sensitive() -> None:
    sensitive = {name for name, rule in ACCESS.items() if rule.is_sensitive}
    assert {f"Mutation.{name}" for name in INSENSITIVE}.isdisjoint(sensitive)
    assert all(name.startswith("Mutation.") for name in sensitive)
