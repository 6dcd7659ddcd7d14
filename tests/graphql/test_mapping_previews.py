"""Whom an edit of a mapping would touch, asked for and held to through the schema."""

from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from tests.docs.pages import blocks
from tests.graphql.test_mutations import change, effective, permission
from tests.graphql.world import World

SHOWN = "{ digest concerned gaining losing touched { user { username } gained lost } }"


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
    ids, look, make, _ = blocks("docs/mappings.md", "graphql")
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
