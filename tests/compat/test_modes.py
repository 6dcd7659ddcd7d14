"""Re:infer's three modes side by side: what a login, an admin's hand and a lost group make of somebody's permissions."""

import msgspec
import pytest

from identity_api.accounts import administration
from identity_api.db import grants
from identity_api.db.database import Database
from identity_api.errors import Refused
from identity_api.permissions.delegation import Actor
from tests import factories as make

pytestmark = pytest.mark.asyncio


class Held(msgspec.Struct, frozen=True):
    """What somebody may do: with the group, and after a login without it."""

    with_group: frozenset[str]
    without: frozenset[str]
    refusal: str | None
    """Of a permission given by hand."""


async def held_in(database: Database, mode: str) -> Held:
    async with database.transaction() as connection:
        tenant = (await make.make_tenant(connection)).id
        provider = await make.make_provider(connection, tenant, sync_mode=mode)
        admin = await make.make_user(connection, tenant, password_hash="x")
        person = await make.make_user(connection, tenant)
        identity = await make.make_identity(connection, provider, person)
        by_group = await make.make_permission(connection, tenant, "by:group")
        by_hand = await make.make_permission(connection, tenant, "by:hand")
        await make.make_mapping(connection, tenant, "engineering", [by_group])
        await make.sign_in(connection, provider, identity, ["engineering"])
    actor = Actor(tenant, admin, f"user:{admin}", frozenset({"identity:grants:write", "by:hand"}))
    refusal = None
    try:
        await administration.grant_permission(database, actor, person, by_hand)
    except Refused as error:
        refusal = error.code
    found = []
    for groups in (["engineering"], []):
        async with database.transaction() as connection:
            await make.sign_in(connection, provider, identity, groups)
            found.append(frozenset(await grants.effective(connection, tenant, person)))
    return Held(found[0], found[1], refusal)


async def test_strict_gives_exactly_what_the_groups_give(database: Database) -> None:
    """S0-17, S0-22, S0-23: leaving the group is all it takes, and nothing is given beside it."""
    assert await held_in(database, "STRICT") == Held(frozenset({"by:group"}), frozenset(), "STRICT_PROVIDER")


async def test_additive_gives_what_groups_and_admins_give_and_takes_nothing_with_a_group(database: Database) -> None:
    """S0-19, S0-24, S0-25."""
    both = frozenset({"by:group", "by:hand"})
    assert await held_in(database, "ADDITIVE") == Held(both, both, None)


async def test_none_gives_what_admins_give(database: Database) -> None:
    """S0-16, S0-21."""
    by_hand = frozenset({"by:hand"})
    assert await held_in(database, "NONE") == Held(by_hand, by_hand, None)


async def test_what_additive_left_behind_is_taken_from_the_person_by_hand(database: Database) -> None:
    """S0-25: an admin of the old system removed it in the app. While they are in the group it is not theirs to take."""
    async with database.transaction() as connection:
        tenant = (await make.make_tenant(connection)).id
        provider = await make.make_provider(connection, tenant, sync_mode="ADDITIVE")
        permission = await make.make_permission(connection, tenant, "dataset:write")
        person = await make.make_user(connection, tenant)
        identity = await make.make_identity(connection, provider, person)
        for group in ("app-a", "app-b"):
            await make.make_mapping(connection, tenant, group, [permission])
        await make.sign_in(connection, provider, identity, ["app-a", "app-b"])
        await make.sign_in(connection, provider, identity, ["app-a"])
    admin = Actor(tenant, None, "operator:test", frozenset())

    async def revoke() -> tuple[list[str | None], list[str | None], set[str]]:
        done = await administration.revoke_permission(database, admin, person, permission)
        async with database.reading() as connection:
            held = set(await grants.effective(connection, tenant, person))
        return [one.group for one in done.closed], [one.group for one in done.remaining], held

    assert await revoke() == (["app-b"], ["app-a"], {"dataset:write"})
    assert await revoke() == ([], ["app-a"], {"dataset:write"})
    async with database.transaction() as connection:
        await make.sign_in(connection, provider, identity, [])
    assert await revoke() == (["app-a"], [], set())
    assert await revoke() == ([], [], set())
    async with database.transaction() as connection:
        await make.sign_in(connection, provider, identity, [])
        assert await grants.effective(connection, tenant, person) == frozenset()
        await make.sign_in(connection, provider, identity, ["app-b"])
        assert await grants.effective(connection, tenant, person) == {"dataset:write"}
