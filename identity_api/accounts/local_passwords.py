"""Set, change and remove the password of a local user.

An admin never learns or chooses a password: they make a one-time token, with which the user chooses one. Replacing or
removing a password ends the sessions that were begun with the old one.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from identity_api.accounts.credentials import Credentials, check, settle
from identity_api.accounts.deps import AccountDeps
from identity_api.accounts.local_rules import check_passwords_allowed, lock_user, own_id
from identity_api.accounts.password_rules import check_new_password
from identity_api.accounts.ways_in import an_admin_remains, check_may_open, check_may_take
from identity_api.db import audit, invitations, local_accounts, locks, password_tokens, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.db.local_accounts import LocalAccount
from identity_api.errors import NotFound, Refused
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.lifecycle.end_login import end_password
from identity_api.permissions.delegation import Actor
from identity_api.permissions.ways_in import Opening

KIND: Final = "ipw"
"""Of the token."""
TOKEN_SECONDS = 86_400


class PasswordToken(msgspec.Struct, frozen=True):
    """The token, which the admin sends to the user. It is not stored."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"PasswordToken(expires_at={self.expires_at})"


async def create_password_token(database: Database, actor: Actor, user_id: UUID) -> PasswordToken:
    """Let a user choose a password, once, within a day. Earlier tokens of theirs are void; their password still works.

    Raises:
        NotFound: no such user in the actor's tenant.
        Refused: `LOCAL_SIGN_IN_OFF`; `ACCOUNT_DISABLED`; `FORBIDDEN`, `SELF_BENEFIT`: see `permissions.ways_in`.
    """
    token, token_id = new_tenant_token(KIND, actor.tenant_id), uuid7()
    async with database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        await lock_user(connection, actor.tenant_id, user_id)
        await check_passwords_allowed(connection, actor.tenant_id)
        await check_may_open(connection, actor, Opening.CREATE_PASSWORD_TOKEN, user_id)
        account = await local_accounts.get(connection, actor.tenant_id, user_id)
        if account is None or account.disabled_at is not None:
            raise Refused("This account has been disabled. Enable it first.", code="ACCOUNT_DISABLED")
        await password_tokens.void(connection, actor.tenant_id, user_id)
        expires_at = await password_tokens.insert(
            connection, actor.tenant_id, token_id, user_id, token_hash(token), seconds=TOKEN_SECONDS
        )
        event = audit.Event(
            "password_token.created",
            "user",
            user_id,
            {"password_token": str(token_id)},
            new={"expires_at": expires_at},
        )
        await audit.record(connection, actor.tenant_id, actor.name, [event])
    return PasswordToken(token, expires_at)


async def who_may_choose(database: Database, tenant_id: UUID, token: str) -> str:
    """The username of the user who may choose a password with this token; the token is not used up.

    Raises:
        NotFound: `PASSWORD_TOKEN_UNKNOWN`.
        Refused: `LOCAL_SIGN_IN_OFF`.
    """
    async with database.reading() as connection:
        await check_passwords_allowed(connection, tenant_id)
        user_id = await password_tokens.user_of(connection, tenant_id, token_hash(token))
        account = await local_accounts.get(connection, tenant_id, user_id) if user_id else None
    if account is None or account.disabled_at is not None:
        raise unknown_token()
    return account.username


async def set_password_by_token(deps: AccountDeps, tenant_id: UUID, token: str, password: str) -> UUID:
    """Choose a password with a token; returns the user's id. Only an accepted password uses the token up.

    A second factor stays: an admin who made the token could otherwise get past it.

    Args:
        tenant_id: of the host or path the token was brought to (I2).

    Raises:
        NotFound: `PASSWORD_TOKEN_UNKNOWN`: unknown, used, too late, another tenant's, or of a disabled user.
        BadInput: the password may not be set; see `password_rules`.
        Refused: `LOCAL_SIGN_IN_OFF`.
        Unavailable: `SIGN_IN_BUSY`.
    """
    hashed = token_hash(token)
    async with deps.database.transaction() as connection:
        await check_passwords_allowed(connection, tenant_id)
        user_id = await password_tokens.user_of(connection, tenant_id, hashed)
        account = await local_accounts.get(connection, tenant_id, user_id) if user_id else None
    if account is None:
        raise unknown_token()
    password_hash = await deps.passwords.hash(acceptable(account, password))
    async with deps.database.transaction() as connection:
        await lock_user(connection, tenant_id, account.user_id)
        await check_passwords_allowed(connection, tenant_id)
        found = await local_accounts.get(connection, tenant_id, account.user_id)
        used = await password_tokens.use(connection, tenant_id, hashed)
        if used is None or found is None or found.disabled_at is not None:
            raise unknown_token()
        await local_accounts.forget_tries(connection, tenant_id, account.user_id)
        await replace_password(
            connection, tenant_id, account.user_id, password_hash, "token", f"user:{account.user_id}", None
        )
    return account.user_id


async def change_password(
    deps: AccountDeps, actor: Actor, current: str, new: str, *, session_id: UUID | None, code: str | None = None
) -> None:
    """Change one's own password with the current one. All sessions begun with it end, except the given one.

    Args:
        code: of the authenticator, where there is a second factor.

    Raises:
        CredentialsRefused: `CREDENTIALS_REFUSED`, `SECOND_FACTOR_REQUIRED`, `SECOND_FACTOR_REFUSED`. Wrong tries count as
            at sign-in.
        BadInput: the new password may not be set; see `password_rules`.
        Refused: `LOCAL_SIGN_IN_OFF`.
        Unavailable: `SIGN_IN_BUSY`.
    """
    user_id, tenant_id = own_id(actor), actor.tenant_id
    async with deps.database.transaction() as connection:
        await check_passwords_allowed(connection, tenant_id)
        account = await local_accounts.get(connection, tenant_id, user_id)
    if account is None:
        raise NotFound("There is no such user.")
    chosen = acceptable(account, new)
    given = Credentials(who=user_id, password=current, code=code)
    checked = await check(deps, tenant_id, given, purpose="CHANGE")
    password_hash = await deps.passwords.hash(chosen)
    async with deps.database.transaction() as connection:
        await settle(connection, tenant_id, checked)
        await replace_password(connection, tenant_id, user_id, password_hash, "changed", actor.name, session_id)


async def remove_password(database: Database, actor: Actor, user_id: UUID) -> None:
    """Remove a user's password and second factor. Without a password nothing changes.

    Raises:
        NotFound: no such user in the actor's tenant.
        Refused: `FORBIDDEN`: see `permissions.ways_in.check_may_take`; `LAST_ADMIN`.
    """
    async with database.transaction() as connection, an_admin_remains(connection, actor):
        await lock_user(connection, actor.tenant_id, user_id)
        await check_may_take(connection, actor, user_id)
        account = await local_accounts.get(connection, actor.tenant_id, user_id)
        await password_tokens.void(connection, actor.tenant_id, user_id)
        if account is None or account.password_hash is None:
            return
        await local_accounts.remove_credentials(connection, actor.tenant_id, user_id)
        event = audit.Event(
            "password.removed",
            "user",
            user_id,
            old={"password": True, "second_factor": account.has_totp},
            new={"password": False, "second_factor": False},
        )
        await audit.record(connection, actor.tenant_id, actor.name, [event])
        await end_password(connection, actor.tenant_id, user_id, reason="password_removed", actor=actor.name)
        await user_read_model.refresh(connection, actor.tenant_id, [user_id])


async def replace_password(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    password_hash: str,
    how: str,
    actor: str,
    keep: UUID | None,
) -> None:
    """Make this the user's password, in the caller's transaction, which has locked the user: links for another one are void, an
    invitation ends, and so do sessions that came from the one before.

    Args:
        how: for the audit.
        keep: a session that goes on.
    """
    await local_accounts.set_password_hash(connection, tenant_id, user_id, password_hash)
    await password_tokens.void(connection, tenant_id, user_id)
    await invitations.close(connection, tenant_id, user_id)
    await audit.record(connection, tenant_id, actor, [audit.Event("password.set", "user", user_id, {"how": how})])
    await end_password(connection, tenant_id, user_id, reason="password_changed", actor=actor, keep=keep)
    await user_read_model.refresh(connection, tenant_id, [user_id])


def acceptable(account: LocalAccount, password: str) -> bytes:
    """The password, if the user may have it.

    Raises:
        BadInput: see `password_rules`.
    """
    return check_new_password(password, (account.username, account.email, account.display_label))


def unknown_token() -> NotFound:
    """The error for every link that does not work, whatever the reason."""
    return NotFound("This link has been used or is too old. Ask for another.", code="PASSWORD_TOKEN_UNKNOWN")
