"""Check a user's password and one-time code: at sign-in, at step-up, and before a password or factor changes.

    check    outside any transaction: counts the try, verifies the password, matches the code; uses nothing up yet
    settle   in the caller's transaction: checks that nothing changed since, uses the code up, resets the tries

An unknown user, a user without a password and a locked account cannot be told apart from a wrong password: the error is
the same, the audit event differs only in its reason, and a hash is computed in each case.
"""

import contextlib
import unicodedata
from collections.abc import Mapping
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.accounts import totp
from identity_api.accounts.deps import AccountDeps
from identity_api.accounts.errors import Code, CredentialsRefused
from identity_api.accounts.known_browsers import SIGNED_IN, source_of
from identity_api.accounts.names import MAX_USERNAME_LENGTH
from identity_api.accounts.password_rules import normalized
from identity_api.claims.text import is_storable
from identity_api.db import audit, local_accounts, locks, password_tries
from identity_api.db.database import Connection
from identity_api.db.local_accounts import LocalAccount
from identity_api.db.password_tries import Counted, Source
from identity_api.errors import Unavailable
from identity_api.telemetry import request_mark

Purpose = Literal["SIGN_IN", "STEP_UP", "CHANGE"]


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Typed credentials. `who` is a username, or the id of the user who is signed in already."""

    who: str | UUID
    password: str
    code: str | None = None
    address: str = SIGNED_IN
    """Where the try comes from."""
    cookies: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return "Credentials()"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials that were right when they were checked. They have no effect until settled."""

    user_id: UUID
    password_hash: str
    fresh_hash: str | None
    """Of the same password, where the parameters have changed since it was set."""
    totp_step: int | None
    needs_totp: bool
    counted: Counted

    def __repr__(self) -> str:
        return f"Checked(user_id={self.user_id})"


async def check(
    deps: AccountDeps, tenant_id: UUID, given: Credentials, *, purpose: Purpose, needs_totp: bool = True
) -> Checked:
    """Check the credentials, and count the try as wrong until it is settled.

    Args:
        needs_totp: False if a signed-in user gives only the password.

    Raises:
        CredentialsRefused: see `accounts.errors`; recorded, except for SECOND_FACTOR_REQUIRED.
        Unavailable: `SIGN_IN_BUSY`; the try is not counted.
    """
    async with deps.database.transaction() as connection:
        account, counted = await _find(connection, tenant_id, given.who), None
        reason = "no_password" if account else "unknown_user"
        if account is not None and account.password_hash is not None:
            source = _source(deps, tenant_id, account, given)
            counted = await password_tries.take(connection, tenant_id, account.user_id, source)
            reason = "wrong_password" if counted else "locked"
    stored = account.password_hash if account is not None and counted is not None else None
    password = normalized(given.password)
    try:
        is_right = await deps.passwords.verify(stored, password)
    except Unavailable:
        if account is not None and counted is not None:
            await _give_back(deps, tenant_id, account, counted)
        raise
    if account is None or counted is None or stored is None or password is None or not is_right:
        raise await refused(deps, tenant_id, account, "CREDENTIALS_REFUSED", reason, purpose)
    step = await _matching_step(deps, tenant_id, account, given.code, counted, purpose) if needs_totp else None
    fresh_hash = None
    if deps.passwords.needs_rehash(stored):
        with contextlib.suppress(Unavailable):  # the next sign-in will do
            fresh_hash = await deps.passwords.hash(password)
    return Checked(
        user_id=account.user_id,
        password_hash=stored,
        fresh_hash=fresh_hash,
        totp_step=step,
        needs_totp=needs_totp,
        counted=counted,
    )


async def settle(connection: Connection, tenant_id: UUID, checked: Checked) -> LocalAccount:
    """Lock the user, check that the credentials are still right, and use them. The caller checks whether the user is
    disabled.

    Raises:
        CredentialsRefused: password or factor changed meanwhile, or the code was used. The transaction must not commit.
    """
    await locks.users(connection, tenant_id, [checked.user_id])
    account = await local_accounts.get(connection, tenant_id, checked.user_id)
    if account is None or account.password_hash != checked.password_hash:
        raise CredentialsRefused
    if checked.needs_totp and account.has_totp:
        step = checked.totp_step
        if step is None or not await local_accounts.use_totp_step(connection, tenant_id, account.user_id, step):
            raise CredentialsRefused("SECOND_FACTOR_REFUSED")
    if account.has_totp and not checked.needs_totp:
        # The password alone does not reset the count of wrong codes.
        await password_tries.give_back(connection, tenant_id, account.user_id, checked.counted)
    else:
        await password_tries.forget_source(connection, tenant_id, account.user_id, checked.counted.source)
    if checked.fresh_hash is not None:
        await local_accounts.set_password_hash(connection, tenant_id, account.user_id, checked.fresh_hash)
        event = audit.Event("password.rehashed", "user", account.user_id)
        await audit.record(connection, tenant_id, "system", [event])
        return msgspec.structs.replace(account, password_hash=checked.fresh_hash)
    return account


def totp_secret(deps: AccountDeps, tenant_id: UUID, account: LocalAccount) -> bytes | None:
    """The account's secret, confirmed or not."""
    if account.totp_sealed is None:
        return None
    return deps.vault.open(
        account.totp_sealed,
        tenant_id=tenant_id,
        table="local_account",
        column="totp_sealed",
        row_id=account.user_id,
    )


async def refused(
    deps: AccountDeps,
    tenant_id: UUID,
    account: LocalAccount | None,
    code: Code,
    reason: str,
    purpose: Purpose,
) -> CredentialsRefused:
    """Record the refusal, and return it to be raised. The typed name is not stored: it may be a password."""
    action = "login.failed" if purpose == "SIGN_IN" else "password.refused"
    payload = {"code": code, "reason": reason, "purpose": purpose, **request_mark()}
    event = audit.Event(action, "user", account.user_id if account else None, payload)
    async with deps.database.transaction() as connection:
        await audit.record(connection, tenant_id, "system", [event])
    return CredentialsRefused(code)


async def _find(connection: Connection, tenant_id: UUID, who: str | UUID) -> LocalAccount | None:
    if isinstance(who, UUID):
        return await local_accounts.get(connection, tenant_id, who)
    if len(who) > MAX_USERNAME_LENGTH or not is_storable(who):
        return None
    return await local_accounts.by_username(connection, tenant_id, unicodedata.normalize("NFC", who))


async def _matching_step(
    deps: AccountDeps, tenant_id: UUID, account: LocalAccount, code: str | None, counted: Counted, purpose: Purpose
) -> int | None:
    """The time step of the code that a confirmed second factor asks for."""
    secret = totp_secret(deps, tenant_id, account) if account.has_totp else None
    if secret is None:
        return None
    if code is None:
        # Only this try is uncounted: resetting the others would allow unlimited guesses of the code.
        await _give_back(deps, tenant_id, account, counted)
        raise CredentialsRefused("SECOND_FACTOR_REQUIRED")
    step = totp.matching_step(secret, code, deps.clock())
    if step is None or (account.totp_step is not None and step <= account.totp_step):
        reason = "wrong_code" if step is None else "code_used"
        raise await refused(deps, tenant_id, account, "SECOND_FACTOR_REFUSED", reason, purpose)
    return step


async def _give_back(deps: AccountDeps, tenant_id: UUID, account: LocalAccount, counted: Counted) -> None:
    async with deps.database.transaction() as connection:
        await password_tries.give_back(connection, tenant_id, account.user_id, counted)


def _source(deps: AccountDeps, tenant_id: UUID, account: LocalAccount, given: Credentials) -> Source:
    return source_of(deps.vault, tenant_id, account, given.cookies, given.address)
