"""The names of some users, in the order of lists."""

import pytest

from identity_api.db import listings
from identity_api.db.database import Database
from tests import factories as make

# By code points: "a" is after "Z", "é" after both.
NAMES = ("z9", "a1", "é", "a2", "b", "ab")


@pytest.mark.asyncio
@pytest.mark.parametrize("together", [1, 2, 100])
@pytest.mark.parametrize("backward", [False, True])
async def test_asked_for_in_parts_they_are_the_first_of_all(
    database: Database, monkeypatch: pytest.MonkeyPatch, together: int, backward: bool
) -> None:
    monkeypatch.setattr(listings, "USERS_TOGETHER", together)
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        ids = {name: await make.make_user(connection, tenant.id, username=name) for name in NAMES}
        not_asked_for = await make.make_user(connection, tenant.id, username="a0")

        async def names(first: int, after: str | None = None) -> list[str]:
            position = None if after is None else (after, ids[after])
            found = await listings.user_names(
                connection, tenant.id, set(ids.values()), after=position, first=first, backward=backward
            )
            return [one.username for one in found]

        in_order = sorted(NAMES, reverse=backward)
        assert await names(100) == in_order
        assert await names(2) == in_order[:3]  # the one more says that the list goes on
        assert await names(2, after=in_order[1]) == in_order[2:5]
    assert not_asked_for not in ids.values()
