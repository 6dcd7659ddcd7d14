"""Users kept by hand: who may make and change them, and where providers have the say."""

from uuid import UUID

import pytest

from identity_api.accounts import local
from identity_api.accounts.local import NewLocalUser, ProfileChange, create_local_user, update_profile
from identity_api.db import grants, providers, user_read_model
from identity_api.db.user_filters import Filter
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import MAPPINGS_WRITE, USERS_READ, USERS_WRITE
from tests import factories as make
from tests.accounts.local_world import LocalWorld, make_local_world


async def profile(world: LocalWorld, user_id: UUID) -> tuple[str, str, str | None, bool | None]:
    async with world.database.reading() as connection:
        [user] = (await user_read_model.users_by_id(connection, world.tenant.id, [user_id])).users
    return user.username, user.display_label, user.email, user.email_verified


@pytest.mark.asyncio
async def test_a_user_made_by_hand_is_listed_like_any_other(local_world: LocalWorld) -> None:
    """S0-05."""
    new = NewLocalUser(username="ada", display_label="Ada Lovelace", email="ada@example.com")
    user_id = await create_local_user(local_world.database, local_world.operator, new)
    async with local_world.database.reading() as connection:
        page = await user_read_model.list_users(
            connection,
            local_world.tenant.id,
            where=Filter(username_prefix="AD"),
            order="USERNAME",
            descending=False,
            after=None,
            first=10,
        )
    assert [(user.id, user.display_label) for user in page.users] == [(user_id, "Ada Lovelace")]
    assert await profile(local_world, user_id) == ("ada", "Ada Lovelace", "ada@example.com", False)
    assert await local_world.events("user.created") == [{"how": "by_hand"}]


@pytest.mark.asyncio
async def test_a_username_is_taken_in_its_composed_form_once_per_tenant(local_world: LocalWorld) -> None:
    first = await create_local_user(local_world.database, local_world.operator, NewLocalUser(username="rene\u0301"))
    assert (await profile(local_world, first))[:2] == ("ren\u00e9", "ren\u00e9")
    with pytest.raises(Conflict) as caught:
        await create_local_user(local_world.database, local_world.operator, NewLocalUser(username="ren\u00e9"))
    assert caught.value.code == "USERNAME_TAKEN"
    other = await make_local_world(local_world.database)
    await create_local_user(other.database, other.operator, NewLocalUser(username="ren\u00e9"))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", " ada"),
        ("username", "a\0da"),
        ("username", "ad\u202ea"),
        ("username", "ad\ud800a"),
        ("username", "a" * 321),
        ("display_label", ""),
        ("display_label", "a" * 513),
        ("email", "ada"),
        ("email", "ada@x@example.com"),
        ("email", "ada lovelace@example.com"),
        ("email", "@example.com"),
        ("email", "ada@"),
    ],
)
async def test_a_value_that_cannot_be_used_is_named(local_world: LocalWorld, field: str, value: str) -> None:
    good = {"username": "ada", "display_label": "Ada", "email": "ada@example.com"}
    with pytest.raises(BadInput) as caught:
        await create_local_user(local_world.database, local_world.operator, NewLocalUser(**{**good, field: value}))
    assert caught.value.field == field
    user_id = await create_local_user(local_world.database, local_world.operator, NewLocalUser(**good))
    change = ProfileChange(**{field: value})
    with pytest.raises(BadInput) as caught:
        await update_profile(local_world.database, local_world.operator, user_id, change)
    assert caught.value.field == field
    assert await profile(local_world, user_id) == ("ada", "Ada", "ada@example.com", False)


@pytest.mark.asyncio
async def test_where_users_are_sso_managed_none_is_made_or_changed_by_hand(local_world: LocalWorld) -> None:
    """S0-06."""
    user_id = await local_world.make_user()
    await local_world.set_policy(sso_managed=True)
    admin = Actor(local_world.tenant.id, user_id, f"user:{user_id}", frozenset({USERS_WRITE}))
    with pytest.raises(Refused) as caught:
        await create_local_user(local_world.database, admin, NewLocalUser(username="bob"))
    assert caught.value.code == "SSO_MANAGED"
    # The operator enters people where providers make nobody.
    assert await create_local_user(local_world.database, local_world.operator, NewLocalUser(username="bob"))
    with pytest.raises(Refused) as caught:
        await update_profile(local_world.database, local_world.operator, user_id, ProfileChange(display_label="Bob"))
    assert caught.value.code == "SSO_MANAGED"
    await local_world.set_policy(sso_managed=False)
    await update_profile(local_world.database, local_world.operator, user_id, ProfileChange(display_label="Bob"))


@pytest.mark.asyncio
async def test_a_profile_that_an_enabled_provider_writes_is_changed_there(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    async with local_world.database.transaction() as connection:
        provider = await make.make_provider(connection, local_world.tenant.id)
        await make.make_identity(connection, provider, user_id)
    change = ProfileChange(email="ada@example.org")
    with pytest.raises(Refused) as caught:
        await update_profile(local_world.database, local_world.operator, user_id, change)
    assert caught.value.code == "SSO_MANAGED"
    async with local_world.database.transaction() as connection:
        values = {name: getattr(provider, name) for name in provider.__struct_fields__}
        await providers.write(connection, type(provider)(**{**values, "enabled": False}))
    await update_profile(local_world.database, local_world.operator, user_id, change)
    assert (await profile(local_world, user_id))[2] == "ada@example.org"


@pytest.mark.asyncio
async def test_a_change_touches_only_what_it_names_and_is_audited_by_name(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    await update_profile(local_world.database, local_world.operator, user_id, ProfileChange(email="ada@example.com"))
    await local_world.execute("update app_user set email_verified = true where id = $1", user_id)
    await update_profile(local_world.database, local_world.operator, user_id, ProfileChange(display_label="Ada L."))
    assert await profile(local_world, user_id) == ("ada", "Ada L.", "ada@example.com", True)
    await update_profile(local_world.database, local_world.operator, user_id, ProfileChange(email="new@example.com"))
    assert await profile(local_world, user_id) == ("ada", "Ada L.", "new@example.com", False)
    await update_profile(local_world.database, local_world.operator, user_id, ProfileChange(email=None))
    assert await profile(local_world, user_id) == ("ada", "Ada L.", None, None)
    await update_profile(local_world.database, local_world.operator, user_id, ProfileChange(display_label="Ada L."))
    assert [event["fields"] for event in await local_world.events("user.profile_changed")] == [
        ["email", "email_verified"],
        ["display_label"],
        ["email", "email_verified"],
        ["email", "email_verified"],
    ]


@pytest.mark.asyncio
async def test_a_taken_username_stays_its_owners(local_world: LocalWorld) -> None:
    ada, bob = await local_world.make_user("ada"), await local_world.make_user("bob")
    with pytest.raises(Conflict) as caught:
        await update_profile(local_world.database, local_world.operator, bob, ProfileChange(username="ada"))
    assert caught.value.code == "USERNAME_TAKEN"
    assert [(await profile(local_world, one))[0] for one in (ada, bob)] == ["ada", "bob"]


@pytest.mark.asyncio
async def test_somebody_changes_their_own_label_but_not_their_username(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    own = local_world.actor(user_id)
    await update_profile(local_world.database, own, user_id, ProfileChange(display_label="A."))
    with pytest.raises(Refused) as caught:
        await update_profile(local_world.database, own, user_id, ProfileChange(username="root"))
    assert caught.value.code == "FORBIDDEN"
    await update_profile(local_world.database, local_world.admin(user_id), user_id, ProfileChange(username="countess"))
    assert (await profile(local_world, user_id))[:2] == ("countess", "A.")


@pytest.mark.asyncio
async def test_an_admin_renames_nobody_who_may_do_more_than_they_may_give(local_world: LocalWorld) -> None:
    """I8: a provider may match its people by username, so a name is a way into an account."""
    ada, admin = await local_world.make_user("ada"), await local_world.make_user("admin")
    async with local_world.database.transaction() as connection:
        permission = await make.make_permission(connection, local_world.tenant.id, USERS_READ)
        await make_grant(connection, local_world, ada, permission)
    change = ProfileChange(username="lovelace")
    with pytest.raises(Refused) as caught:
        await update_profile(local_world.database, local_world.admin(admin, MAPPINGS_WRITE), ada, change)
    assert caught.value.code == "FORBIDDEN"
    await update_profile(local_world.database, local_world.admin(admin, USERS_READ), ada, change)


async def make_grant(connection: object, world: LocalWorld, user_id: UUID, permission_id: UUID) -> None:
    await grants.open_manual_grant(connection, world.tenant.id, user_id, permission_id, "operator:root")


@pytest.mark.asyncio
async def test_users_of_another_tenant_do_not_exist(local_world: LocalWorld) -> None:
    """I2."""
    user_id, other = await local_world.make_user(), await make_local_world(local_world.database)
    with pytest.raises(NotFound):
        await update_profile(other.database, other.operator, user_id, ProfileChange(display_label="x"))
    with pytest.raises(NotFound):
        await local.unlock_account(other.database, other.operator, user_id)


@pytest.mark.asyncio
async def test_a_policy_is_written_once_and_told_by_what_changed(local_world: LocalWorld) -> None:
    assert await local_world.set_policy() == ()
    assert await local_world.set_policy(local_sign_in=False, sso_managed=True) == ("local_sign_in", "sso_managed")
    assert await local_world.events("tenant.local_policy_changed") == [
        {"local_sign_in": True, "sso_managed": False},
        {"local_sign_in": False, "sso_managed": True},
    ]
