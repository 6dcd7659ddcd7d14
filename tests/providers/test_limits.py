"""How many frontends, permissions and providers a tenant may have, by file and by an admin."""

import asyncio

import pytest

from identity_api.db import providers, tenants
from identity_api.db.database import Database
from identity_api.errors import LimitReached
from identity_api.providers import administration
from identity_api.tenants.apply import apply_tenant
from tests import factories as make
from tests.providers.office import FIELDS, SECRET, Office
from tests.tenants.test_apply import applier, declaration

pytestmark = pytest.mark.asyncio


async def test_one_provider_more_than_the_limit_is_refused(office: Office) -> None:
    parts = office.limited(max_providers=1)
    await administration.create(parts, office.actor, FIELDS, secret=SECRET)
    with pytest.raises(LimitReached, match="IDENTITY_MAX_PROVIDERS"):
        await administration.create(parts, office.actor, {**FIELDS, "slug": "another"}, secret=SECRET)
    async with office.database.reading() as connection:
        assert [one.slug for one in await providers.of_tenant(connection, office.tenant_id)] == ["keycloak"]


async def test_of_providers_made_at_the_same_time_no_more_are_kept_than_there_is_room_for(office: Office) -> None:
    parts = office.limited(max_providers=2)
    wanted = [{**FIELDS, "slug": f"one-of-{number}"} for number in range(5)]
    made = await asyncio.gather(
        *[administration.create(parts, office.actor, fields, secret=SECRET) for fields in wanted],
        return_exceptions=True,
    )
    assert [type(one) for one in made if isinstance(one, BaseException)] == [LimitReached] * 3
    async with office.database.reading() as connection:
        assert len(await providers.of_tenant(connection, office.tenant_id)) == 2


@pytest.mark.parametrize(
    ("limit", "value"), [("max_frontends", 0), ("max_permissions", 1), ("max_providers", 0)], ids=str
)
async def test_a_file_that_declares_too_much_makes_nothing(database: Database, limit: str, value: int) -> None:
    """It declares one frontend, two permissions and one provider."""
    declared = declaration()
    with pytest.raises(LimitReached, match=f"IDENTITY_{limit.upper()}"):
        await apply_tenant(make.limited(database, **{limit: value}), applier(), declared)
    async with database.reading() as connection:
        assert await tenants.by_slug(connection, declared.slug) is None
    await apply_tenant(make.limited(database, **{limit: value + 1}), applier(), declared)


async def test_above_limits_that_were_lowered_a_file_is_applied_as_before(database: Database) -> None:
    declared = declaration()
    await apply_tenant(database, applier(), declared)
    lowered = make.limited(database, max_frontends=0, max_permissions=0, max_providers=0)
    _, found = await apply_tenant(lowered, applier(), declared)
    assert found == []
