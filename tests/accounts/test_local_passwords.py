"""Setting, changing and removing passwords."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from identity_api.accounts.credentials import Credentials, check, settle
from identity_api.accounts.errors import CredentialsRefused
from identity_api.accounts.local_passwords import (
    change_password,
    create_password_token,
    remove_password,
    set_password_by_token,
)
from identity_api.db import grants, password_tokens
from identity_api.errors import BadInput, NotFound, Refused
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE
from tests import factories as make
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD, LocalWorld, make_local_world


async def knows(world: LocalWorld, user_id: UUID, password: str) -> bool:
    """Whether this is the user's password now."""
    try:
        given = Credentials(who=user_id, password=password)
        checked = await check(world.deps, world.tenant.id, given, purpose="CHANGE", needs_totp=False)
        async with world.database.transaction() as connection:
            await settle(connection, world.tenant.id, checked)
    except CredentialsRefused:
        return False
    return True


async def token_of(world: LocalWorld, user_id: UUID) -> str:
    return (await create_password_token(world.database, world.operator, user_id)).token


async def spend(world: LocalWorld, token: str, password: str = OTHER_PASSWORD) -> str | None:
    """Use a token; the code of the refusal."""
    try:
        await set_password_by_token(world.deps, world.tenant.id, token, password)
    except (NotFound, BadInput, Refused) as error:
        return error.code
    return None


@pytest.mark.asyncio
async def test_a_token_sets_a_password_once(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user(password=None)
    token = await token_of(local_world, user_id)
    assert await spend(local_world, token) is None
    assert await knows(local_world, user_id, OTHER_PASSWORD)
    assert await spend(local_world, token, PASSWORD) == "PASSWORD_TOKEN_UNKNOWN"
    assert await knows(local_world, user_id, OTHER_PASSWORD)


@pytest.mark.asyncio
async def test_of_several_at_once_one_sets_the_password(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user(password=None)
    token = await token_of(local_world, user_id)
    outcomes = await asyncio.gather(*[spend(local_world, token, f"password number {n} here") for n in range(5)])
    assert (outcomes.count(None), outcomes.count("PASSWORD_TOKEN_UNKNOWN")) == (1, 4)
    assert len(await local_world.events("password.set")) == 1


@pytest.mark.asyncio
async def test_a_token_lasts_a_day(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user(password=None)
    token = await token_of(local_world, user_id)
    shift = "update password_token set expires_at = expires_at - $2::interval where user_id = $1"
    await local_world.execute(shift, user_id, timedelta(hours=24))
    assert await spend(local_world, token) == "PASSWORD_TOKEN_UNKNOWN"
    await local_world.execute(shift, user_id, timedelta(minutes=-1))
    assert await spend(local_world, token) is None


@pytest.mark.asyncio
async def test_a_newer_token_voids_the_older(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user(password=None)
    older, newer = await token_of(local_world, user_id), await token_of(local_world, user_id)
    assert await spend(local_world, older) == "PASSWORD_TOKEN_UNKNOWN"
    assert await spend(local_world, newer) is None


@pytest.mark.asyncio
async def test_a_refused_password_does_not_use_the_token_up(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user("grace.hopper", password=None)
    token = await token_of(local_world, user_id)
    assert await spend(local_world, token, "too short") == "PASSWORD_TOO_SHORT"
    assert await spend(local_world, token, "grace.hopper1") == "PASSWORD_TOO_COMMON"
    assert await spend(local_world, token) is None


@pytest.mark.asyncio
async def test_a_token_counts_in_its_own_tenant_only(local_world: LocalWorld) -> None:
    """I2."""
    token = await token_of(local_world, await local_world.make_user(password=None))
    other = await make_local_world(local_world.database)
    assert await spend(other, token) == "PASSWORD_TOKEN_UNKNOWN"
    assert await spend(local_world, token) is None


@pytest.mark.asyncio
async def test_a_disabled_user_gets_no_token_and_uses_none(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user(password=None)
    token = await token_of(local_world, user_id)
    await local_world.execute("update app_user set disabled_at = now() where id = $1", user_id)
    with pytest.raises(Refused) as caught:
        await token_of(local_world, user_id)
    assert caught.value.code == "ACCOUNT_DISABLED"
    assert await spend(local_world, token) == "PASSWORD_TOKEN_UNKNOWN"
    await local_world.execute("update app_user set disabled_at = null where id = $1", user_id)
    assert await spend(local_world, token) is None


@pytest.mark.asyncio
async def test_where_passwords_are_off_none_is_set(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    token = await token_of(local_world, user_id)
    await local_world.set_policy(local_sign_in=False)
    assert await spend(local_world, token) == "LOCAL_SIGN_IN_OFF"
    with pytest.raises(Refused) as caught:
        await token_of(local_world, user_id)
    assert caught.value.code == "LOCAL_SIGN_IN_OFF"
    own = local_world.actor(user_id)
    with pytest.raises(Refused) as caught:
        await change_password(local_world.deps, own, PASSWORD, OTHER_PASSWORD, session_id=None)
    assert caught.value.code == "LOCAL_SIGN_IN_OFF"


@pytest.mark.asyncio
async def test_nobody_hands_out_an_account_that_may_do_more_than_they_may_give(local_world: LocalWorld) -> None:
    """I8: with the token one would become that user. Grants without force count, since a password brings them back."""
    person = await local_world.make_user("ada", password=None)
    admin = await local_world.make_user("admin")
    async with local_world.database.transaction() as connection:
        for name in ("docs:read", GRANTS_WRITE):
            permission = await make.make_permission(connection, local_world.tenant.id, name)
            await grants.open_manual_grant(connection, local_world.tenant.id, person, permission, "operator:root")
    for held in ((), ("docs:read",), (MAPPINGS_WRITE,)):
        with pytest.raises(Refused) as caught:
            await create_password_token(local_world.database, local_world.admin(admin, *held), person)
        assert caught.value.code == "FORBIDDEN"
    for held in (("docs:read", GRANTS_WRITE), (MAPPINGS_WRITE, GRANTS_WRITE)):
        await create_password_token(local_world.database, local_world.admin(admin, *held), person)


@pytest.mark.asyncio
async def test_nobody_makes_a_token_for_themself(local_world: LocalWorld) -> None:
    """I8: a password would outlive the login that they have."""
    user_id = await local_world.make_user(password=None)
    with pytest.raises(Refused) as caught:
        await create_password_token(local_world.database, local_world.admin(user_id), user_id)
    assert caught.value.code == "SELF_BENEFIT"


@pytest.mark.asyncio
async def test_changing_a_password_needs_the_current_one(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    own = local_world.actor(user_id)
    with pytest.raises(CredentialsRefused) as caught:
        await change_password(local_world.deps, own, "not this one", OTHER_PASSWORD, session_id=None)
    assert caught.value.code == "CREDENTIALS_REFUSED"
    with pytest.raises(BadInput):
        await change_password(local_world.deps, own, PASSWORD, "short", session_id=None)
    assert await knows(local_world, user_id, PASSWORD)
    await change_password(local_world.deps, own, PASSWORD, OTHER_PASSWORD, session_id=None)
    assert await knows(local_world, user_id, OTHER_PASSWORD)
    assert not await knows(local_world, user_id, PASSWORD)
    assert [event["how"] for event in await local_world.events("password.set")] == ["token", "changed"]


@pytest.mark.asyncio
async def test_a_password_that_changed_meanwhile_does_not_settle(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    given = Credentials(who=user_id, password=PASSWORD)
    checked = await check(local_world.deps, local_world.tenant.id, given, purpose="CHANGE")
    await spend(local_world, await token_of(local_world, user_id))
    with pytest.raises(CredentialsRefused):
        async with local_world.database.transaction() as connection:
            await settle(connection, local_world.tenant.id, checked)


@pytest.mark.asyncio
async def test_without_a_password_manual_grants_have_no_force(local_world: LocalWorld) -> None:
    """I1: they count while the user has a way in."""
    user_id = await local_world.make_user()
    async with local_world.database.transaction() as connection:
        permission = await make.make_permission(connection, local_world.tenant.id, "docs:read")
        await grants.open_manual_grant(connection, local_world.tenant.id, user_id, permission, "operator:root")
    async with local_world.database.reading() as connection:
        assert await grants.effective(connection, local_world.tenant.id, user_id) == {"docs:read"}
    await remove_password(local_world.database, local_world.operator, user_id)
    async with local_world.database.reading() as connection:
        assert await grants.effective(connection, local_world.tenant.id, user_id) == frozenset()


@pytest.mark.asyncio
async def test_removing_a_password_removes_the_factor_and_the_tokens_and_twice_changes_nothing(
    local_world: LocalWorld,
) -> None:
    user_id = await local_world.make_user()
    await local_world.enrol(user_id)
    token = await token_of(local_world, user_id)
    await remove_password(local_world.database, local_world.operator, user_id)
    await remove_password(local_world.database, local_world.operator, user_id)
    assert await local_world.events("password.removed") == [{}]
    assert not await knows(local_world, user_id, PASSWORD)
    assert await spend(local_world, token) == "PASSWORD_TOKEN_UNKNOWN"
    assert await local_world.fetchval("select totp_sealed from local_account where id = $1", user_id) is None


@pytest.mark.asyncio
async def test_neither_password_nor_token_is_in_the_audit_or_a_repr(local_world: LocalWorld) -> None:
    """I3."""
    user_id = await local_world.make_user()
    made = await create_password_token(local_world.database, local_world.operator, user_id)
    await spend(local_world, made.token)
    await knows(local_world, user_id, "a wrong password here")
    written = await local_world.fetchval(
        "select string_agg(payload::text, ' ') from audit_event where tenant_id = $1", local_world.tenant.id
    )
    given = Credentials(who="ada", password=PASSWORD, code="123456")
    for secret in (made.token, PASSWORD, OTHER_PASSWORD, "a wrong password here", "argon2"):
        assert secret not in written
        assert secret not in repr(made) + repr(given)
    assert (
        await local_world.fetchval("select count(*) from password_token where token_hash = $1", made.token.encode())
        == 0
    )


@pytest.mark.asyncio
async def test_the_clean_up_deletes_tokens_that_ended_long_ago(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user(password=None)
    await token_of(local_world, user_id)
    fresh = await token_of(local_world, user_id)
    await local_world.execute(
        "update password_token set expires_at = now() - interval '25 hours' where user_id = $1 and used_at is not null",
        user_id,
    )
    async with local_world.database.transaction() as connection:
        assert await password_tokens.delete_old(connection) >= 1
    assert await local_world.fetchval("select count(*) from password_token where user_id = $1", user_id) == 1
    assert await spend(local_world, fresh) is None
