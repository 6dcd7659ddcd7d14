"""The person of an account has come by a provider: what led into it before is over, and the audit says why."""

from typing import Any
from uuid import UUID

import pytest

from identity_api.accounts import local_passwords
from identity_api.accounts.linking import link_identity
from identity_api.accounts.provisioning import Provisioned
from identity_api.db.providers import Provider
from tests import factories as make
from tests.accounts.local_world import LocalWorld
from tests.accounts.persons import accepted, person

pytestmark = pytest.mark.asyncio


async def furnished(world: LocalWorld, username: str = "ada") -> UUID:
    """An account with every way in that there is: password, factor, link, API token, session."""
    user_id = await world.make_user(username)
    await world.enrol(user_id)
    await local_passwords.create_password_token(world.database, world.operator, user_id)
    async with world.database.transaction() as connection:
        await make.make_session(connection, world.tenant.id, user_id)
        await make.make_api_token(connection, world.tenant.id, user_id)
    return user_id


LEFT = """
    select (select count(*) from app_user where id = $1 and password_hash is not null)
        + (select count(*) from local_account where id = $1 and totp_sealed is not null)
        + (select count(*) from password_token where user_id = $1 and used_at is null)
        + (select count(*) from api_token where user_id = $1 and ended_at is null)
        + (select count(*) from session where user_id = $1 and ended_at is null)
"""


async def come(world: LocalWorld, provider: Provider, **who: Any) -> Provisioned:
    async with world.database.transaction() as connection:
        return await accepted(connection, provider, person(provider, **who))


async def provider_of(world: LocalWorld, **settings: Any) -> Provider:
    async with world.database.transaction() as connection:
        return await make.make_provider(connection, world.tenant.id, **settings)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"provisioning": "KNOWN_USERS"}, "matched_by_name"),
        ({"adopt_by_name": True}, "adopted_by_name"),
        ({"provisioning": "LINKED_ONLY"}, "identity_bound"),
    ],
    ids=["match", "adoption", "first login of an entered identity"],
)
async def test_every_older_way_in_is_over_with_the_first_login(
    local_world: LocalWorld, settings: dict[str, Any], reason: str
) -> None:
    provider = await provider_of(local_world, **settings)
    user_id = await furnished(local_world)
    if reason == "identity_bound":
        await link_identity(local_world.database, local_world.operator, user_id, provider.id, "s-1")
    assert await local_world.fetchval(LEFT, user_id) == 5
    assert (await come(local_world, provider, username="ada")).user_id == user_id
    assert await local_world.fetchval(LEFT, user_id) == 0
    [noted] = await local_world.events("user.older_ways_in_ended")
    assert noted == {
        "reason": reason, "password": True, "second_factor": True, "password_links": 1, "sessions": 1, "api_tokens": 1,
    }  # fmt: skip


async def test_what_is_made_afterwards_stays_with_the_next_login(local_world: LocalWorld) -> None:
    """Only the first one ends anything: an admin who may give all of it may make a password for a linked account."""
    provider = await provider_of(local_world, provisioning="KNOWN_USERS")
    user_id = await local_world.make_user("ada", password=None)
    await come(local_world, provider, username="ada")
    made = await local_passwords.create_password_token(local_world.database, local_world.operator, user_id)
    await local_passwords.set_password_by_token(
        local_world.deps, local_world.tenant.id, made.token, "four horses, one battery"
    )
    await come(local_world, provider, username="ada")
    assert await local_world.fetchval("select password_hash is not null from app_user where id = $1", user_id)
    assert await local_world.events("user.older_ways_in_ended") == []


async def test_another_identity_of_the_account_stays(local_world: LocalWorld) -> None:
    """It is a verified person of its provider; who entered the second was allowed to give what both bring."""
    first, second = await provider_of(local_world), await provider_of(local_world)
    known = await come(local_world, first, username="ada")
    await link_identity(local_world.database, local_world.operator, known.user_id, second.id, "s-2")
    assert (await come(local_world, second, subject="s-2")).user_id == known.user_id
    assert (await come(local_world, first, username="ada")).user_id == known.user_id
