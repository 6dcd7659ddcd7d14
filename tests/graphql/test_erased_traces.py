"""What else a person leaves behind, besides what they have when they are erased: identities of the past, hints, proposals."""

import pytest

from identity_api.accounts import erasure, linking
from identity_api.change_sets import stored
from identity_api.change_sets.changes import CreatePermission
from identity_api.db import proposals, provider_tests
from identity_api.db.provider_tests import Reader
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.setup.links import Wish, create_link
from tests import factories as make
from tests.graphql.test_erasure import operator, rows_with
from tests.graphql.world import World

pytestmark = pytest.mark.asyncio
WORDS = ("Quibbelfix", "quibbel@fix.example", "sub-0815-quibbel", "anchor-0816-quibbel")


async def test_what_a_person_had_before_or_made_goes_too(world: World) -> None:
    label, email, subject, anchor = WORDS
    async with world.database.transaction() as connection:
        user_id, identity_id = await make.make_person(
            connection, world.provider, ["engineering"], username=email, label=label
        )
        await connection.execute(
            "update identity set subject = $2, anchor = $3, claims = jsonb_build_object('name', $4::text) where id = $1",
            identity_id, subject, anchor, label,
        )  # fmt: skip
    await linking.unlink_identity(world.database, operator(world), identity_id)
    await linking.link_identity(world.database, operator(world), user_id, world.provider.id, f"{anchor}-2")
    async with world.database.transaction() as connection:
        await proposals.insert(
            connection, world.tenant, uuid7(), changes=stored.encode([CreatePermission(name="x:y")]), needs=[],
            reason=f"{label} asks", proposed_by=user_id, seconds=60,
        )  # fmt: skip
        test_id = uuid7()
        await provider_tests.insert(connection, world.tenant, test_id, world.provider.id, Reader(user_id))
        await provider_tests.report(connection, world.tenant, test_id, f'{{"seen": "{label}"}}'.encode())
    maker = Actor(world.tenant, user_id, f"user:{user_id}", frozenset({*world.permissions, "docs:read"}))
    await create_link(
        world.database,
        maker,
        Wish(slug="own", label="Own", permissions=("docs:read",)),
        public_url="https://id.example",
    )
    before = await rows_with(world, *WORDS)
    assert {"app_user", "identity", "proposal", "provider_test"} <= set(before)
    await erasure.erase_user(world.database, operator(world), user_id)
    assert await rows_with(world, *WORDS) == {}
