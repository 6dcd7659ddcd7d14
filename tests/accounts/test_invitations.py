"""Invitations: what may be named in one, and when it stops working."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from identity_api.accounts import invitations, local_passwords
from identity_api.accounts.administration import disable_user, grant_permission
from identity_api.accounts.erasure import erase_user
from identity_api.accounts.invitations import Guest, Invited, invite
from identity_api.accounts.linking import link_identity
from identity_api.db.in_force import effective_permissions
from identity_api.errors import IdentityAPIError, NotFound
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import GRANTS_WRITE, USERS_READ, USERS_WRITE
from tests import factories as make
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD, LocalWorld

pytestmark = pytest.mark.asyncio


async def permission(world: LocalWorld, name: str, *, delegable: bool = True) -> UUID:
    async with world.database.transaction() as connection:
        return await make.make_permission(connection, world.tenant.id, name, delegable=delegable)


async def provider(world: LocalWorld, **settings: Any) -> UUID:
    async with world.database.transaction() as connection:
        return (await make.make_provider(connection, world.tenant.id, **settings)).id


async def admin(world: LocalWorld, *names: str) -> Actor:
    """An admin who really holds these, by the operator's hand."""
    user_id = await world.make_user("boss")
    for name in (USERS_WRITE, *names):
        await grant_permission(world.database, world.operator, user_id, await permission(world, name))
    return world.admin(user_id, *names)


async def works(world: LocalWorld, made: Invited) -> bool:
    try:
        await invitations.opened(world.database, world.tenant.id, made.token)
    except NotFound:
        return False
    return True


async def code_of(work: Awaitable[object]) -> str:
    with pytest.raises(IdentityAPIError) as refused:
        await work
    return refused.value.code


async def test_the_invited_user_holds_what_was_named_once_they_have_come_in(local_world: LocalWorld) -> None:
    read = await permission(local_world, "docs:read")
    made = await invite(local_world.database, local_world.operator, Guest(username="ada", permissions=(read,)))
    assert (made.invitation.state, await works(local_world, made)) == ("LIVE", True)
    in_force = f"select permission from {effective_permissions('$1', '$2', 'now()')} e"
    async with local_world.database.reading() as connection:
        assert await connection.fetch(in_force, local_world.tenant.id, made.invitation.user_id) == []
    await invitations.accept_by_password(local_world.deps, local_world.tenant.id, made.token, PASSWORD)
    async with local_world.database.reading() as connection:
        rows = await connection.fetch(in_force, local_world.tenant.id, made.invitation.user_id)
        assert [row["permission"] for row in rows] == ["docs:read"]
        assert made.token not in str(await connection.fetch("select to_jsonb(i)::text from invitation i"))
    again = invitations.accept_by_password(local_world.deps, local_world.tenant.id, made.token, OTHER_PASSWORD)
    assert await code_of(again) == "INVITATION_UNKNOWN"
    [listed] = await invitations.list_invitations(local_world.database, local_world.tenant.id)
    assert (listed.state, listed.username, listed.made_by) == ("USED", "ada", "operator:root")


async def test_a_bad_password_uses_nothing_up(local_world: LocalWorld) -> None:
    made = await invite(local_world.database, local_world.operator, Guest(username="ada"))
    short = invitations.accept_by_password(local_world.deps, local_world.tenant.id, made.token, "short")
    assert await code_of(short) == "PASSWORD_TOO_SHORT"
    assert await works(local_world, made)


async def revoked(world: LocalWorld, made: Invited) -> None:
    await invitations.revoke(world.database, world.operator, made.invitation.id)


async def late(world: LocalWorld, made: Invited) -> None:
    async with world.database.transaction() as connection:
        await connection.execute("update invitation set expires_at = now() where id = $1", made.invitation.id)


async def given_a_password(world: LocalWorld, made: Invited) -> None:
    link = await local_passwords.create_password_token(world.database, world.operator, made.invitation.user_id)
    await local_passwords.set_password_by_token(world.deps, world.tenant.id, link.token, OTHER_PASSWORD)


async def linked(world: LocalWorld, made: Invited) -> None:
    await link_identity(world.database, world.operator, made.invitation.user_id, await provider(world), "anchor")


async def disabled(world: LocalWorld, made: Invited) -> None:
    await disable_user(world.database, world.operator, made.invitation.user_id)


async def erased(world: LocalWorld, made: Invited) -> None:
    await erase_user(world.database, world.operator, made.invitation.user_id)


async def raised(world: LocalWorld, made: Invited) -> None:
    """Somebody else gives the account what the maker of the invitation may not give."""
    above = await permission(world, "vault:open", delegable=False)
    await grant_permission(world.database, world.operator, made.invitation.user_id, above)


async def maker_lowered(world: LocalWorld, made: Invited) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(
            "update permission_grant set revoked_at = now(), revoked_reason = 'ADMIN' where user_id = $1",
            made.invitation.maker_id,
        )


ENDS: list[tuple[Callable[[LocalWorld, Invited], Awaitable[None]], str | None]] = [
    (revoked, "REVOKED"),
    (late, "EXPIRED"),
    (given_a_password, "CLOSED"),
    (linked, "CLOSED"),
    (disabled, "CLOSED"),
    (erased, None),
    (raised, "LIVE"),
    (maker_lowered, "LIVE"),
]


@pytest.mark.parametrize(("change", "state"), ENDS, ids=[change.__name__ for change, _ in ENDS])
async def test_an_invitation_stops_working_when(
    local_world: LocalWorld, change: Callable[[LocalWorld, Invited], Awaitable[None]], state: str | None
) -> None:
    boss = await admin(local_world, USERS_READ)
    made = await invite(local_world.database, boss, Guest(username="ada"))
    assert await works(local_world, made)
    await change(local_world, made)
    assert not await works(local_world, made)
    accepted = invitations.accept_by_password(local_world.deps, local_world.tenant.id, made.token, PASSWORD)
    assert await code_of(accepted) == "INVITATION_UNKNOWN"
    listed = await invitations.list_invitations(local_world.database, local_world.tenant.id)
    assert [one.state for one in listed] == ([] if state is None else [state])


async def test_a_password_that_is_removed_brings_no_invitation_back(local_world: LocalWorld) -> None:
    made = await invite(local_world.database, local_world.operator, Guest(username="ada"))
    await given_a_password(local_world, made)
    await local_passwords.remove_password(local_world.database, local_world.operator, made.invitation.user_id)
    assert not await works(local_world, made)
    [listed] = await invitations.list_invitations(local_world.database, local_world.tenant.id)
    assert listed.state == "CLOSED"


async def test_nobody_takes_the_way_in_of_somebody_above_them(local_world: LocalWorld) -> None:
    above = await permission(local_world, GRANTS_WRITE)
    made = await invite(local_world.database, local_world.operator, Guest(username="ada", permissions=(above,)))
    clerk = await admin(local_world)
    assert await code_of(invitations.revoke(local_world.database, clerk, made.invitation.id)) == "FORBIDDEN"
    assert await works(local_world, made)
    equal = Actor(clerk.tenant_id, clerk.user_id, clerk.name, clerk.permissions | {GRANTS_WRITE})
    assert (await invitations.revoke(local_world.database, equal, made.invitation.id)).state == "REVOKED"


async def test_an_admin_names_only_what_they_may_give(local_world: LocalWorld) -> None:
    clerk = await admin(local_world, USERS_READ)
    read, vault = (
        await permission(local_world, "docs:read"),
        await permission(local_world, "vault:open", delegable=False),
    )
    named = Guest(username="ada", permissions=(read,))
    assert await code_of(invite(local_world.database, clerk, named)) == "FORBIDDEN"
    giver = Actor(clerk.tenant_id, clerk.user_id, clerk.name, clerk.permissions | {GRANTS_WRITE, "docs:read"})
    assert (
        await code_of(invite(local_world.database, giver, Guest(username="ada", permissions=(vault,)))) == "FORBIDDEN"
    )
    assert await invitations.list_invitations(local_world.database, local_world.tenant.id) == []
    assert (await invite(local_world.database, giver, named)).invitation.state == "LIVE"


async def test_what_cannot_be_an_invitation_is_refused(local_world: LocalWorld) -> None:
    strict, read = await provider(local_world, sync_mode="STRICT"), await permission(local_world, "docs:read")
    cases = {
        "NOT_FOUND": Guest(username="ada", provider_id=UUID(int=7)),
        "STRICT_PROVIDER": Guest(username="ada", provider_id=strict, permissions=(read,)),
        "USERNAME_TAKEN": Guest(username="boss"),
        "BAD_INPUT": Guest(username="ada", days=31),
    }
    clerk = await admin(local_world)
    for code, guest in cases.items():
        assert await code_of(invite(local_world.database, local_world.operator, guest)) == code
    assert (await invite(local_world.database, clerk, Guest(username="eve", provider_id=strict))).token
    await local_world.set_policy(local_sign_in=False)
    assert await code_of(invite(local_world.database, clerk, Guest(username="ada"))) == "LOCAL_SIGN_IN_OFF"
    await local_world.set_policy(sso_managed=True)
    assert await code_of(invite(local_world.database, clerk, Guest(username="ada"))) == "SSO_MANAGED"


async def test_what_waits_is_listed_however_much_has_ended_since(
    local_world: LocalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST_LISTED", 2)
    first = await invite(local_world.database, local_world.operator, Guest(username="ada"))
    for name in ("bob", "eve"):
        await revoked(local_world, await invite(local_world.database, local_world.operator, Guest(username=name)))
    listed = await invitations.list_invitations(local_world.database, local_world.tenant.id)
    assert [(one.username, one.state) for one in listed] == [("ada", "LIVE"), ("eve", "REVOKED")]
    await revoked(local_world, first)


async def test_a_tenant_has_no_end_of_them(local_world: LocalWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_WAITING", 1)
    first = await invite(local_world.database, local_world.operator, Guest(username="ada"))
    second = invite(local_world.database, local_world.operator, Guest(username="bob"))
    assert await code_of(second) == "TOO_MANY_INVITATIONS"
    await revoked(local_world, first)
    assert (await invite(local_world.database, local_world.operator, Guest(username="bob"))).invitation.state == "LIVE"
