"""The second factor of a local password: set up in two steps, so that a secret that never reached the phone locks nobody out.

enrol_totp     with the password: gives a secret to scan; it has no effect yet
confirm_totp   with a code of that secret: from now on a sign-in needs a code
remove_totp    with the password and a code
reset_totp     by an admin, for a lost phone
"""

from uuid import UUID

import msgspec

from identity_api.accounts import totp
from identity_api.accounts.credentials import Credentials, check, refused, settle, totp_secret
from identity_api.accounts.deps import AccountDeps
from identity_api.accounts.known_browsers import SIGNED_IN, source_of_address
from identity_api.accounts.local_rules import lock_user, own_id
from identity_api.accounts.ways_in import check_may_open, check_may_take
from identity_api.db import audit, local_accounts, locks, password_tries
from identity_api.db.database import Connection, Database
from identity_api.db.local_accounts import LocalAccount
from identity_api.errors import Conflict, NotFound
from identity_api.lifecycle.end_login import end_password
from identity_api.permissions.delegation import Actor
from identity_api.permissions.ways_in import Opening


class TOTPEnrolment(msgspec.Struct, frozen=True):
    """The data for the user's authenticator. To be shown once, to its user."""

    secret: str
    """Base32, for typing."""
    uri: str
    """`otpauth://...`, for a QR code."""

    def __repr__(self) -> str:
        return "TOTPEnrolment()"


async def enrol_totp(deps: AccountDeps, actor: Actor, password: str, *, issuer: str) -> TOTPEnrolment:
    """Make a secret for the actor's authenticator. An earlier one that was never confirmed is forgotten.

    Args:
        issuer: how the authenticator names us: the tenant's name.

    Raises:
        CredentialsRefused: `CREDENTIALS_REFUSED`.
        Conflict: `TOTP_ENROLLED`: remove the existing one first.
        Unavailable: `SIGN_IN_BUSY`.
    """
    user_id, tenant_id = own_id(actor), actor.tenant_id
    given = Credentials(who=user_id, password=password)
    checked = await check(deps, tenant_id, given, purpose="CHANGE", needs_totp=False)
    secret = totp.new_secret()
    sealed = deps.vault.seal(secret, tenant_id=tenant_id, table="local_account", column="totp_sealed", row_id=user_id)
    async with deps.database.transaction() as connection:
        account = await settle(connection, tenant_id, checked)
        if not account.has_totp:
            await local_accounts.enrol_totp(connection, tenant_id, user_id, sealed)
            event = audit.Event("totp.prepared", "user", user_id)
            await audit.record(connection, tenant_id, actor.name, [event])
    if account.has_totp:
        raise Conflict("There is a second factor already. Remove it first.", code="TOTP_ENROLLED")
    uri = totp.provisioning_uri(secret, username=account.username, issuer=issuer)
    return TOTPEnrolment(totp.as_text(secret), uri)


async def confirm_totp(deps: AccountDeps, actor: Actor, code: str, *, session_id: UUID | None) -> LocalAccount:
    """Prove that the authenticator has the secret; the code used here is used up. Returns the account as it is now.

    All sessions begun with the password end, except the given one, and no browser is known any more (`known_browsers`):
    the password alone was enough for them.

    Raises:
        NotFound: `TOTP_NOT_PREPARED`.
        Conflict: `TOTP_ENROLLED`: confirmed before.
        CredentialsRefused: `SECOND_FACTOR_REFUSED`; recorded. Wrong codes count as at sign-in.
    """
    user_id, tenant_id = own_id(actor), actor.tenant_id
    reason = "wrong_code" if await _count_code(deps, tenant_id, user_id) else "locked"
    async with deps.database.transaction() as connection:
        await lock_user(connection, tenant_id, user_id)
        account = await local_accounts.get(connection, tenant_id, user_id)
        secret = _prepared(deps, tenant_id, account)
        step = totp.matching_step(secret, code, deps.clock()) if reason != "locked" else None
        if step is not None and await local_accounts.use_totp_step(connection, tenant_id, user_id, step):
            return await _confirmed(connection, actor, user_id, session_id)
    raise await refused(deps, tenant_id, account, "SECOND_FACTOR_REFUSED", reason, "CHANGE")


def _prepared(deps: AccountDeps, tenant_id: UUID, account: LocalAccount | None) -> bytes:
    """The secret that waits for its code."""
    secret = totp_secret(deps, tenant_id, account) if account else None
    if account is None or secret is None:
        raise NotFound("Set up a second factor first.", code="TOTP_NOT_PREPARED")
    if account.has_totp:
        raise Conflict("There is a second factor already.", code="TOTP_ENROLLED")
    return secret


async def _count_code(deps: AccountDeps, tenant_id: UUID, user_id: UUID) -> bool:
    """Count a code as wrong before it is looked at; False if it is not to be looked at."""
    async with deps.database.transaction() as connection:
        account = await local_accounts.get(connection, tenant_id, user_id)
        _prepared(deps, tenant_id, account)
        return await password_tries.take(connection, tenant_id, user_id, source_of_address(SIGNED_IN)) is not None


async def _confirmed(connection: Connection, actor: Actor, user_id: UUID, keep: UUID | None) -> LocalAccount:
    tenant_id = actor.tenant_id
    await local_accounts.confirm_totp(connection, tenant_id, user_id)
    await password_tries.forget_source(connection, tenant_id, user_id, source_of_address(SIGNED_IN))
    await audit.record(connection, tenant_id, actor.name, [_changed("totp.enrolled", user_id, is_there=True)])
    reason = "second_factor_enrolled"
    await end_password(connection, tenant_id, user_id, reason=reason, actor=actor.name, keep=keep)
    account = await local_accounts.get(connection, tenant_id, user_id)
    assert account is not None, "locked by the caller"
    return account


async def remove_totp(deps: AccountDeps, actor: Actor, password: str, code: str | None = None) -> None:
    """Remove one's own second factor. Without one nothing changes.

    A stolen password must not be enough to remove the second factor: if the authenticator is lost, an admin removes it
    (`reset_totp`).

    Args:
        code: of the authenticator. A secret that was never confirmed needs none.

    Raises:
        CredentialsRefused: `CREDENTIALS_REFUSED`, `SECOND_FACTOR_REQUIRED`, `SECOND_FACTOR_REFUSED`.
        Unavailable: `SIGN_IN_BUSY`.
    """
    user_id, tenant_id = own_id(actor), actor.tenant_id
    given = Credentials(who=user_id, password=password, code=code)
    checked = await check(deps, tenant_id, given, purpose="CHANGE")
    async with deps.database.transaction() as connection:
        await settle(connection, tenant_id, checked)
        if await local_accounts.remove_totp(connection, tenant_id, user_id):
            await audit.record(connection, tenant_id, actor.name, [_changed("totp.removed", user_id, is_there=False)])


async def reset_totp(database: Database, actor: Actor, user_id: UUID) -> None:
    """Remove a user's second factor for them. Removing none changes nothing.

    Raises:
        NotFound: no such user in the actor's tenant.
        Refused: `FORBIDDEN`, `SELF_BENEFIT`: it makes the account easier to enter; see `permissions.ways_in`.
    """
    async with database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        await lock_user(connection, actor.tenant_id, user_id)
        await check_may_open(connection, actor, Opening.RESET_USER_TOTP, user_id)
        await check_may_take(connection, actor, user_id)
        if await local_accounts.remove_totp(connection, actor.tenant_id, user_id):
            event = _changed("totp.reset", user_id, is_there=False)
            await audit.record(connection, actor.tenant_id, actor.name, [event])


def _changed(action: str, user_id: UUID, *, is_there: bool) -> audit.Event:
    old, new = {"second_factor": not is_there}, {"second_factor": is_there}
    return audit.Event(action, "user", user_id, old=old, new=new)
