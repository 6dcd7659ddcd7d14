"""Whom an edit of a mapping would touch, asked for and held to through the schema."""

from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from identity_api.permissions.service import GROUPS_READ, MAPPINGS_WRITE, USERS_READ
from tests.docs.pages import blocks
from tests.graphql.test_mutations import change, effective, permission
from tests.graphql.world import World

SHOWN = "{ digest concerned gaining losing touched { user { username } gained lost } }"
CREATION = f"query ($input: CreateGroupMappingInput!) {{ previewGroupMappingCreation(input: $input) {SHOWN} }}"


async def preview(world: World, kind: str, **given: Any) -> dict[str, Any]:
    """What `previewGroupMapping{kind}` shows the admin."""
    verb = {"Creation": "Create", "Update": "Update", "Deletion": "Delete"}[kind]
    field = f"previewGroupMapping{kind}"
    text = f"query ($input: {verb}GroupMappingInput!) {{ {field}(input: $input) {SHOWN} }}"
    shown: dict[str, Any] = (await world.admin.data(text, input=given))[field]
    return shown


@pytest.mark.asyncio
async def test_a_mapping_admin_sees_whom_a_new_mapping_reaches_and_makes_just_that(world: World) -> None:
    asked = {"pattern": "plat*", "match": "GLOB", "permissions": [permission(world, world.write)]}
    shown = await preview(world, "Creation", **asked)
    [one] = shown["touched"]
    assert (shown["concerned"], shown["gaining"], shown["losing"]) == (1, 1, 0)
    assert (one["gained"], one["lost"]) == (["docs:write"], [])
    assert await effective(world, world.person) == ["docs:read"]
    saved = await change(world.admin, "createGroupMapping", **asked, asPreviewed=shown["digest"])
    assert saved["__typename"] == "GroupMappingSaved"
    await world.apply()
    assert await effective(world, world.person) == ["docs:read", "docs:write"]


@pytest.mark.asyncio
async def test_the_documented_preview_and_mutation_go_together(world: World) -> None:
    ids, look, make = blocks("docs/mappings.md", "graphql")[:3]
    assert (await world.admin.data(ids))["providers"]["edges"]
    asked = {"pattern": "platform", "permissions": [permission(world, world.write)]}
    digest = (await world.admin.data(look, input=asked))["previewGroupMappingCreation"]["digest"]
    saved = (await world.admin.data(make, input={**asked, "asPreviewed": digest}))["createGroupMapping"]
    assert saved["__typename"] == "GroupMappingSaved"


@pytest.mark.asyncio
async def test_an_update_and_a_deletion_show_who_loses(world: World) -> None:
    mapping = {"id": global_id("GroupMapping", world.mapping), "version": 1}
    narrowed = await preview(world, "Update", **mapping, permissions=[permission(world, world.write)])
    assert [(one["gained"], one["lost"]) for one in narrowed["touched"]] == [(["docs:write"], ["docs:read"])]
    gone = await preview(world, "Deletion", **mapping)
    assert [(one["gained"], one["lost"]) for one in gone["touched"]] == [([], ["docs:read"])]
    deleted = await change(world.admin, "deleteGroupMapping", **mapping, asPreviewed=gone["digest"])
    assert deleted["__typename"] == "GroupMappingDeleted"


@pytest.mark.asyncio
async def test_people_are_listed_for_who_may_read_users(world: World) -> None:
    own = (MAPPINGS_WRITE, GROUPS_READ, "docs:write")
    asked = {"pattern": "platform", "permissions": [permission(world, world.write)]}
    shown = {}
    for rights in (own, (*own, USERS_READ)):
        admin = await world.client(*rights)
        shown[rights] = (await admin.data(CREATION, input=asked))["previewGroupMappingCreation"]
    blind, seeing = shown.values()
    assert (blind["touched"], len(seeing["touched"])) == ([], 1)
    assert (blind["gaining"], blind["digest"]) == (seeing["gaining"], seeing["digest"])


@pytest.mark.asyncio
async def test_group_names_are_not_spelt_out_by_who_may_not_read_groups(world: World) -> None:
    given = [permission(world, world.write)]
    mapping = {"id": global_id("GroupMapping", world.mapping), "version": 1}
    update = f"query ($input: UpdateGroupMappingInput!) {{ previewGroupMappingUpdate(input: $input) {SHOWN} }}"
    searches = (
        (CREATION, {"pattern": "p*", "match": "GLOB", "permissions": given}),
        (update, {**mapping, "pattern": "p*", "match": "GLOB", "permissions": given}),
    )
    blind = await world.client(MAPPINGS_WRITE, "docs:read", "docs:write")
    seeing = await world.client(MAPPINGS_WRITE, GROUPS_READ, "docs:read", "docs:write")
    for text, asked in searches:
        answer = await blind.ask(text, input=asked)
        assert answer.codes == ["FORBIDDEN"]
        assert (await seeing.ask(text, input=asked)).codes == []
    assert (await blind.ask(CREATION, input={"pattern": "platform", "permissions": given})).codes == []


@pytest.mark.asyncio
async def test_a_digest_of_another_effect_changes_nothing(world: World) -> None:
    mapping = {"id": global_id("GroupMapping", world.mapping), "version": 1}
    other = await preview(
        world, "Creation", pattern="plat*", match="GLOB", permissions=[permission(world, world.write)]
    )
    answer = await change(world.admin, "deleteGroupMapping", **mapping, asPreviewed=other["digest"])
    assert (answer["__typename"], answer["code"]) == ("ConflictError", "PREVIEW_OUTDATED")
    assert await effective(world, world.person) == ["docs:read"]


@pytest.mark.asyncio
async def test_a_preview_of_what_is_not_there_any_more_says_so(world: World) -> None:
    mapping = {"id": global_id("GroupMapping", world.mapping), "version": 7}
    text = f"query ($input: DeleteGroupMappingInput!) {{ previewGroupMappingDeletion(input: $input) {SHOWN} }}"
    answer = await world.admin.ask(text, input=mapping)
    assert answer.codes == ["CONFLICT"]
    assert await preview(world, "Deletion", **{**mapping, "version": 1})
