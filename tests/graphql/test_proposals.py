"""Proposals through the schema: by people with a session, and by programs with a token of the right kind."""

from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from identity_api.permissions.service import GRANTS_WRITE, GROUPS_READ, MAPPINGS_WRITE, PERMISSIONS_WRITE, USERS_READ
from tests.graphql.test_api_tokens import token_client
from tests.graphql.test_mutations import effective, permission
from tests.graphql.world import Client, World

RIGHTS = (MAPPINGS_WRITE, GRANTS_WRITE, USERS_READ, GROUPS_READ, "docs:write")
SHOWN = "id state reason needs changeCount proposer { id } decider { id }"
PROPOSE = f"""mutation ($input: ProposeChangeSetInput!) {{ proposeChangeSet(input: $input) {{
    __typename ... on ProposalSaved {{ proposal {{ {SHOWN} }} }} ... on Problem {{ code }} }} }}"""
LOOK = "query ($id: ID!) { previewProposal(id: $id) { digest gaining changes { action } } }"
APPROVE = """mutation ($input: ApproveProposalInput!) { approveProposal(input: $input) {
    __typename ... on ProposalApproved { proposal { state decider { id } } applied { gaining changes { action } } }
    ... on Problem { code } } }"""
LIST = f"query ($open: Boolean) {{ proposals(openOnly: $open) {{ edges {{ node {{ {SHOWN} }} }} }} }}"


async def propose(client: Client, *changes: dict[str, Any], reason: str = "") -> dict[str, Any]:
    answer = (await client.data(PROPOSE, input={"changes": changes, "reason": reason}))["proposeChangeSet"]
    assert "code" not in answer, answer
    made: dict[str, Any] = answer["proposal"]
    return made


async def look(client: Client, made: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = (await client.data(LOOK, id=made["id"]))["previewProposal"]
    return shown


async def approve(client: Client, made: dict[str, Any], digest: str = "") -> dict[str, Any]:
    given = {"id": made["id"], "asPreviewed": digest or (await look(client, made))["digest"]}
    answer: dict[str, Any] = (await client.data(APPROVE, input=given))["approveProposal"]
    return answer


@pytest.mark.asyncio
async def test_an_admin_proposes_what_another_one_looks_at_and_makes(world: World) -> None:
    first, second = await world.client(*RIGHTS), await world.client(*RIGHTS)
    asked = {"grantPermission": {"user": global_id("User", first.user_id), "permission": permission(world, world.read)}}
    made = await propose(first, {"createGroupMapping": {"pattern": "platform", "permissions": ["docs:write"]}}, asked)
    assert (made["state"], made["needs"], made["changeCount"]) == ("OPEN", [GRANTS_WRITE, MAPPINGS_WRITE], 2)
    [seen] = [edge["node"] for edge in (await second.data(LIST, open=True))["proposals"]["edges"][:1]]
    assert seen == made
    shown = await look(second, seen)
    assert (shown, shown["gaining"]) == (await look(first, made), 2)
    done = await approve(second, seen, shown["digest"])
    assert (done["proposal"]["state"], done["applied"]["gaining"]) == ("APPROVED", 2)
    assert world.nudged == [("apply_mapping_changes", {})]
    await world.apply()
    assert await effective(world, world.person) == ["docs:read", "docs:write"]
    [over] = [edge["node"] for edge in (await first.data(LIST, open=False))["proposals"]["edges"][:1]]
    assert (over["id"], over["state"]) == (made["id"], "APPROVED")
    assert (await second.ask(LOOK, id=made["id"])).code == "PROPOSAL_OVER"


@pytest.mark.asyncio
async def test_the_details_are_for_who_may_make_the_changes(world: World) -> None:
    first, other = await world.client(*RIGHTS), await world.client(PERMISSIONS_WRITE)
    made = await propose(first, {"createGroupMapping": {"pattern": "platform", "permissions": ["docs:write"]}})
    answer = await other.ask(LOOK, id=made["id"])
    assert (answer.code, answer.data) == ("FORBIDDEN", {"previewProposal": None})
    assert (await look(first, made))["digest"]


@pytest.mark.asyncio
async def test_a_program_proposes_and_a_person_approves(world: World) -> None:
    """A token that may change things cannot approve: nobody would have looked."""
    token, other = [await token_client(world, *RIGHTS, may_change=True) for _ in range(2)]
    person = await world.client(*RIGHTS)
    made = await propose(token, {"createGroupMapping": {"pattern": "platform", "permissions": ["docs:write"]}})
    assert (await approve(other, made))["code"] == "SESSION_NEEDED"
    assert (await approve(person, made))["proposal"]["decider"] == {"id": global_id("User", person.user_id)}


@pytest.mark.asyncio
async def test_approval_asks_for_a_fresh_proof_of_the_person(world: World) -> None:
    first, second = await world.client(*RIGHTS), await world.client(*RIGHTS)
    made = await propose(first, {"createGroupMapping": {"pattern": "platform", "permissions": ["docs:write"]}})
    await world.execute(
        "update session set authenticated_at = now() - interval '11 minutes' where id = $1", second.session_id
    )
    assert (await approve(second, made))["code"].startswith("STEP_UP")
    await world.execute("update session set authenticated_at = now() where id = $1", second.session_id)
    assert (await approve(second, made))["__typename"] == "ProposalApproved"
