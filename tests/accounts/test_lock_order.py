"""Users are locked before what is theirs, so that none waits in a circle with whoever ends logins step by step."""

import asyncio

import pytest

from identity_api.accounts.local_policy import apply_policy
from identity_api.accounts.provisioning import Declined, Provisioned
from identity_api.db import local_accounts, locks, login_ends
from identity_api.db.database import Database
from identity_api.db.local_accounts import LocalPolicy
from identity_api.lifecycle.end_login import end_logins
from tests import factories as make
from tests.accounts.local_world import LocalWorld
from tests.accounts.persons import accepted, enter, make_provider, person
from tests.blocking import blocked_or_done

OLD, NEW = "old@example.com", "new@example.com"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("reason", "expected"), [("logout_token", Provisioned), ("subject_changed", Declined)], ids=["over", "held"]
)
async def test_a_login_under_a_new_anchor_beside_the_end_of_the_last_one(
    database: Database, reason: str, expected: type
) -> None:
    """The end came first: the new login undoes a revocation, and is refused by a quarantine, whose anchor stays."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, claims={"anchor": ["email"]})
        first = await accepted(connection, provider, person(provider, "s-1", anchor=OLD, email=OLD))

    async def come_back() -> Provisioned | Declined:
        async with database.transaction() as connection:
            return await enter(connection, provider, person(provider, "s-1", anchor=NEW, email=NEW))

    async with database.transaction() as connection:
        await locks.users(connection, provider.tenant_id, [first.user_id])
        task = asyncio.create_task(come_back())
        await blocked_or_done(database, task, connection)
        await end_logins(
            connection,
            provider.tenant_id,
            [first.identity_id],
            reason=reason,
            actor="system",
        )
    assert isinstance(await task, expected)
    async with database.reading() as connection:
        anchor = await connection.fetchval("select anchor from identity where id = $1", first.identity_id)
    assert anchor == (NEW if expected is Provisioned else OLD)


@pytest.mark.asyncio
async def test_passwords_are_switched_off_beside_the_end_of_somebodys_sessions(local_world: LocalWorld) -> None:
    """As a file does it that switches a provider off besides, for which it locks the same people again."""
    tenant_id, database = local_world.tenant.id, local_world.database
    user_id = await local_world.make_user()
    async with database.transaction() as connection:
        await make.make_session(connection, tenant_id, user_id)

    async def switch_off() -> None:
        async with database.transaction() as connection:
            await apply_policy(connection, tenant_id, LocalPolicy(), actor="operator:root")
            await locks.users(connection, tenant_id, [user_id])

    async with database.transaction() as connection:
        await locks.users(connection, tenant_id, [user_id])
        task = asyncio.create_task(switch_off())
        await blocked_or_done(database, task, connection)
        assert len(await login_ends.end_sessions(connection, tenant_id, user_ids=[user_id], reason="admin")) == 1
    await task
    async with database.reading() as connection:
        assert not (await local_accounts.policy(connection, tenant_id)).local_sign_in
