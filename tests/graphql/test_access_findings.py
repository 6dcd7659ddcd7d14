"""`accessFindings`: what an admin of mappings should look at; what is about groups is for who may read groups."""

import pytest

from identity_api.graphql.ids import global_id
from identity_api.permissions.service import GROUPS_READ, MAPPINGS_READ
from tests import factories as make
from tests.graphql.world import World, moment

pytestmark = pytest.mark.asyncio

ASKED = """{ accessFindings { computedAt hasMore findings { kind message remedy isCertain since provider { slug }
    mappings { id } group { id name provider { id } } newGroup { id name } peopleInCommon permission { id name } } } }"""


async def test_every_field_of_the_findings_answers(world: World) -> None:
    async with world.database.transaction() as connection:
        mapping = await make.make_mapping(connection, world.tenant, "sales", [world.locked])
    data = (await world.admin.data(ASKED))["accessFindings"]
    assert moment(data["computedAt"])
    found = {one["kind"]: one for one in data["findings"]}
    assert set(found) == {"MAPPING_NEVER_MATCHED", "PERMISSION_REACHES_NOBODY", "GROUP_WITHOUT_MAPPING"}
    assert found["MAPPING_NEVER_MATCHED"]["mappings"] == [{"id": global_id("GroupMapping", mapping)}]
    locked = {"id": global_id("Permission", world.locked), "name": "vault:open"}
    assert found["PERMISSION_REACHES_NOBODY"]["permission"] == locked
    unmapped = found["GROUP_WITHOUT_MAPPING"]
    assert (unmapped["group"]["name"], unmapped["provider"]) == ("platform", {"slug": world.provider.slug})
    assert unmapped["group"]["id"] in (await world.ids())["Group"]


async def test_names_of_groups_are_for_who_may_read_groups(world: World) -> None:
    async def kinds(*held: str) -> set[str]:
        client = await world.client(*held)
        return {one["kind"] for one in (await client.data(ASKED))["accessFindings"]["findings"]}

    assert "GROUP_WITHOUT_MAPPING" in await kinds(MAPPINGS_READ, GROUPS_READ)
    assert "GROUP_WITHOUT_MAPPING" not in await kinds(MAPPINGS_READ)
    assert (await (await world.client(GROUPS_READ)).ask(ASKED)).code == "FORBIDDEN"
