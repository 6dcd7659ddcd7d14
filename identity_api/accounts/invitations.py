"""Invitations: a new user, and a link with which its person comes in, once.

Decision: the user is made with the invitation, and the link opens this user alone, while they have no other way in.
  Context: whoever has a link into an account gets everything that the account holds, and a link may go astray.
  Decision: `invite` makes the user and gives them the named permissions by the same rules as an admin who does both; they
  are dormant until somebody has come in. The link is refused as soon as the user has a password or an identity, is
  disabled, or holds or can get what its maker may not give.
  Consequences: an invitation can never be a way to become somebody who is here already. Somebody who signs in at the
  provider and is known stays who they are, and the invitation waits on.
  Alternatives: to make the user when the invitation is accepted (the name may be taken by then, and nobody sees who is about
  to hold what); a link into any account without a way in (it would be a password link under another name).
"""

from typing import Final
from uuid import UUID

import msgspec

from identity_api.accounts.administration import open_grant
from identity_api.accounts.deps import AccountDeps
from identity_api.accounts.local import NewLocalUser, new_values
from identity_api.accounts.local_passwords import acceptable, replace_password
from identity_api.accounts.local_rules import check_passwords_allowed, check_users_by_hand, lock_user
from identity_api.accounts.ways_in import check_may_open, check_may_take
from identity_api.db import (
    audit,
    grants,
    invitations,
    local_accounts,
    locks,
    permissions,
    providers,
    user_read_model,
    users,
)
from identity_api.db.database import Connection, Database
from identity_api.db.invitations import Invitation
from identity_api.errors import BadInput, Conflict, NotFound, Problems, Refused
from identity_api.ids import new_tenant_token, token_key, uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import GRANTS_WRITE, SERVICE_PREFIX, USERS_WRITE
from identity_api.permissions.ways_in import Opening

KIND: Final = "inv"
"""Of its token."""
PATH: Final = "/invitation/"
"""Of the link, behind the tenant's door; the token follows."""
MOST_DAYS: Final = 30
MOST_WAITING: Final = 500
"""Invitations of one tenant that wait at the same time."""
MOST_LISTED: Final = 600
"""All that wait, and the newest of those that have ended."""
MOST_PERMISSIONS: Final = 100


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """Who is invited. Without a display label it is the username."""

    username: str
    display_label: str | None = None
    email: str | None = None
    provider_id: UUID | None = None
    """Where they sign in; None lets them choose a password."""
    permissions: tuple[UUID, ...] = ()
    days: int = 7


class Invited(msgspec.Struct, frozen=True):
    """The invitation and its token, which is told once."""

    invitation: Invitation
    token: str

    def __repr__(self) -> str:
        return f"Invited({self.invitation.id})"


async def invite(database: Database, actor: Actor, guest: Guest) -> Invited:
    """Make a user without a way in, and the link that is their only one. The caller has checked that the actor may write users.

    Raises:
        BadInput, SeveralProblems: values cannot be used.
        NotFound: no such provider or permission.
        Refused: `SSO_MANAGED`, which does not bind the operator; `LOCAL_SIGN_IN_OFF`; `FORBIDDEN`: a permission that the actor
            may not give, or none may be named without `identity:grants:write`; `STRICT_PROVIDER`: as for `grant_permission`.
        Conflict: `USERNAME_TAKEN`; `TOO_MANY_INVITATIONS`; `LIMIT_REACHED`.
    """
    username, label, email = check_guest(guest)
    user_id, invitation_id, tenant_id = uuid7(), uuid7(), actor.tenant_id
    token = new_tenant_token(KIND, tenant_id)
    if guest.permissions and not actor.is_operator and GRANTS_WRITE not in actor.permissions:
        raise Refused(f"An invitation that names permissions also needs {GRANTS_WRITE}.")
    async with database.transaction() as connection:
        await locks.share_mappings(connection, tenant_id)
        # One at a time, so that two cannot both be the last that there may be.
        await locks.people(connection, tenant_id, ["invitations"])
        await _check_place(connection, actor, guest)
        if await invitations.count_waiting(connection, tenant_id) >= MOST_WAITING:
            raise Conflict(f"{MOST_WAITING} invitations wait already. Revoke some.", code="TOO_MANY_INVITATIONS")
        new = users.NewUser(user_id, label, email, None if email is None else False)
        if not await users.insert(connection, tenant_id, new, username):
            raise Conflict("There is already a user of this name.", code="USERNAME_TAKEN")
        values = {"username": username, "display_label": label, "email": email}
        made = audit.Event("user.created", "user", user_id, {"how": "invited"}, new=values)
        await audit.record(connection, tenant_id, actor.name, [made])
        for permission_id in dict.fromkeys(guest.permissions):
            await open_grant(connection, database.limits, actor, user_id, permission_id)
        await invitations.insert(
            connection,
            tenant_id,
            invitation_id,
            user_id=user_id,
            provider_id=guest.provider_id,
            maker=(actor.user_id, actor.name),
            token_hash=token_key(token).hash,
            seconds=guest.days * 86_400,
        )
        invitation = await invitations.get(connection, tenant_id, invitation_id)
        assert invitation is not None, "just made"
        await _record(connection, actor, "created", invitation)
        await user_read_model.refresh(connection, tenant_id, [user_id])
    return Invited(invitation, token)


def check_guest(guest: Guest) -> tuple[str, str, str | None]:
    """Username, display label and e-mail address as they will be stored.

    Raises:
        BadInput, SeveralProblems: some values cannot be used.
    """
    problems = Problems()
    new = NewLocalUser(username=guest.username, display_label=guest.display_label, email=guest.email)
    values = problems.read("username", lambda: new_values(new))
    if not 1 <= guest.days <= MOST_DAYS:
        problems.keep("days", BadInput(f"An invitation lasts between 1 and {MOST_DAYS} days.", field="days"))
    if len(guest.permissions) > MOST_PERMISSIONS:
        message = f"An invitation names at most {MOST_PERMISSIONS} permissions."
        problems.keep("permissions", BadInput(message, field="permissions"))
    problems.tell()
    return values


async def list_invitations(database: Database, tenant_id: UUID) -> list[Invitation]:
    """The tenant's invitations: all that wait, and then the newest of the others."""
    async with database.reading() as connection:
        return await invitations.of_tenant(connection, tenant_id, most=MOST_LISTED)


async def revoke(database: Database, actor: Actor, invitation_id: UUID) -> Invitation:
    """End an invitation. Its user stays, without a way in.

    Raises:
        NotFound: there is none that waits.
        Refused: `FORBIDDEN`: see `permissions.ways_in.check_may_take`.
    """
    async with database.transaction() as connection:
        found = await invitations.get(connection, actor.tenant_id, invitation_id)
        if found is None:
            raise _none_waits()
        await lock_user(connection, actor.tenant_id, found.user_id)
        if not await invitations.end(connection, actor.tenant_id, invitation_id, "REVOKED"):
            raise _none_waits()
        await check_may_take(connection, actor, found.user_id)
        await _record(connection, actor, "revoked", found)
        ended = await invitations.get(connection, actor.tenant_id, invitation_id)
    assert ended is not None, "ended above"
    return ended


async def opened(database: Database, tenant_id: UUID, token: str) -> Invitation:
    """What a token opens at the tenant that the browser is at; nothing is used up.

    Raises:
        NotFound: `INVITATION_UNKNOWN`: unknown, used, revoked, expired, another tenant's; its user has another way in or is
            disabled; or its maker may not open it any more.
    """
    async with database.reading() as connection:
        found = await invitations.by_token(connection, tenant_id, _hash(tenant_id, token))
        if found is None or not await _may_come_in(connection, tenant_id, found):
            raise ended()
        return found


async def accept_by_password(deps: AccountDeps, tenant_id: UUID, token: str, password: str) -> UUID:
    """Choose the invited user's first password; returns their id. Only an accepted password uses the invitation up.

    Raises:
        NotFound: `INVITATION_UNKNOWN`: see `opened`; or it is for a provider.
        BadInput: the password may not be set; see `password_rules`.
        Refused: `LOCAL_SIGN_IN_OFF`.
        Unavailable: `SIGN_IN_BUSY`.
    """
    found = await opened(deps.database, tenant_id, token)
    async with deps.database.reading() as connection:
        account = await local_accounts.get(connection, tenant_id, found.user_id)
    if account is None or found.provider_id is not None:
        raise ended()
    password_hash = await deps.passwords.hash(acceptable(account, password))
    async with deps.database.transaction() as connection:
        await locks.share_mappings(connection, tenant_id)
        await lock_user(connection, tenant_id, found.user_id)
        await check_passwords_allowed(connection, tenant_id)
        await _use(connection, tenant_id, found.id, actor=f"user:{found.user_id}")
        await replace_password(
            connection, tenant_id, found.user_id, password_hash, "invitation", f"user:{found.user_id}", None
        )
    return found.user_id


async def accept_by_login(
    connection: Connection, tenant_id: UUID, invitation_id: UUID, provider_id: UUID, *, actor: str
) -> UUID:
    """The invited user, whom a person of the provider becomes; locked until the transaction ends. The caller holds the lock of
    the tenant's mappings, and has made sure that the person is nobody here yet.

    Raises:
        NotFound: `INVITATION_UNKNOWN`: see `opened`; or it is for another provider.
    """
    found = await invitations.get(connection, tenant_id, invitation_id)
    if found is None or found.provider_id != provider_id:
        raise ended()
    await locks.users(connection, tenant_id, [found.user_id])
    await _use(connection, tenant_id, invitation_id, actor=actor)
    return found.user_id


async def _use(connection: Connection, tenant_id: UUID, invitation_id: UUID, *, actor: str) -> None:
    """Use it up, as it is now that its user is locked."""
    found = await invitations.get(connection, tenant_id, invitation_id)
    if found is None or not await _may_come_in(connection, tenant_id, found):
        raise ended()
    if not await invitations.end(connection, tenant_id, invitation_id, "USED"):
        raise ended()
    event = audit.Event("invitation.accepted", "user", found.user_id, {"invitation": str(found.id)})
    await audit.record(connection, tenant_id, actor, [event])


async def _may_come_in(connection: Connection, tenant_id: UUID, found: Invitation) -> bool:
    """Whether it works, and its maker could open the account today with everything that it holds by now."""
    if not found.is_open:
        return False
    if found.maker_id is None:
        return True
    held = await grants.effective(connection, tenant_id, found.maker_id)
    if USERS_WRITE not in held:
        return False
    maker = Actor(tenant_id, found.maker_id, found.made_by, held)
    try:
        await check_may_open(connection, maker, Opening.INVITE, found.user_id)
    except Refused:
        return False
    return True


async def _check_place(connection: Connection, actor: Actor, guest: Guest) -> None:
    """Where the person is to come in."""
    if not actor.is_operator:
        await check_users_by_hand(connection, actor.tenant_id)
    if guest.provider_id is None:
        await check_passwords_allowed(connection, actor.tenant_id)
        return
    provider = await providers.get(connection, actor.tenant_id, guest.provider_id)
    if provider is None:
        raise NotFound("There is no such provider.")
    named = await permissions.by_ids(connection, actor.tenant_id, guest.permissions)
    if provider.sync_mode == "STRICT" and any(not one.name.startswith(SERVICE_PREFIX) for one in named):
        raise Refused(
            f"Provider {provider.slug} is STRICT: permissions of its people come from its groups alone.",
            code="STRICT_PROVIDER",
        )


async def _record(connection: Connection, actor: Actor, verb: str, invitation: Invitation) -> None:
    values = {"expires_at": invitation.expires_at, "provider": invitation.provider_slug}
    is_new = verb == "created"
    event = audit.Event(
        f"invitation.{verb}",
        "user",
        invitation.user_id,
        {"invitation": str(invitation.id)},
        old=None if is_new else values,
        new=values if is_new else None,
    )
    await audit.record(connection, actor.tenant_id, actor.name, [event])


def _hash(tenant_id: UUID, token: str) -> bytes:
    key = token_key(token)
    if key.tenant_id != tenant_id:
        raise ended()
    return key.hash


def _none_waits() -> NotFound:
    return NotFound("There is no invitation with this id that waits.")


def ended() -> NotFound:
    """The error for every invitation that does not work, whatever the reason."""
    return NotFound("This invitation does not work, or not any more. Ask for another.", code="INVITATION_UNKNOWN")
