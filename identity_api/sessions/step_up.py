"""Step-up: sensitive actions ask that the user has proven themself within the last ten minutes (S3-33, S3-38).

A session remembers when its user last did: at the provider (`auth_time`), or with a local password, which also serves
people whose provider cannot be asked for a fresh proof (S3-39). An API token proves nobody's presence, ever.
"""

from datetime import datetime, timedelta

from identity_api.accounts.credentials import Credentials, check, settle
from identity_api.accounts.local_rules import check_passwords_allowed
from identity_api.db import audit, local_accounts
from identity_api.errors import Refused
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.local import LocalParts

STEP_UP_AGE = timedelta(minutes=10)


def elevated_until(authenticated: Authenticated, now: datetime) -> datetime | None:
    """Until when sensitive actions are allowed; None if they ask for a step-up now."""
    if authenticated.kind == "API_TOKEN":
        return None
    until = authenticated.authenticated_at + STEP_UP_AGE
    return until if now < until else None


def requires_step_up(authenticated: Authenticated, now: datetime) -> None:
    """To be called before every sensitive action.

    Raises:
        Refused: `STEP_UP_REQUIRED`.
    """
    if elevated_until(authenticated, now) is None:
        raise Refused("Confirm that it is you, then try again.", code="STEP_UP_REQUIRED")


async def reauthenticate(
    parts: LocalParts, authenticated: Authenticated, password: str, code: str | None = None
) -> datetime:
    """Prove oneself again by password, and code where one is set up; returns until when sensitive actions are allowed.

    Wrong tries count as at sign-in.

    Raises:
        Refused: `SESSION_NEEDED` for an API token; `LOCAL_SIGN_IN_OFF`; `SESSION_OVER`.
        CredentialsRefused: see `accounts.errors`.
        Unavailable: `SIGN_IN_BUSY`.
    """
    tenant_id, accounts = authenticated.tenant_id, parts.accounts
    if authenticated.kind == "API_TOKEN":
        raise Refused("An API token cannot be confirmed. Sign in.", code="SESSION_NEEDED")
    async with accounts.database.reading() as connection:
        await check_passwords_allowed(connection, tenant_id)
    given = Credentials(who=authenticated.user.id, password=password, code=code)
    checked = await check(accounts, tenant_id, given, purpose="STEP_UP")
    now = accounts.clock()
    async with accounts.database.transaction() as connection:
        account = await settle(connection, tenant_id, checked)
        is_live = account.disabled_at is None and await local_accounts.raise_authenticated_at(
            connection, tenant_id, authenticated.session_id, now
        )
        if is_live:
            payload = {"way": "password", "second_factor": checked.totp_step is not None}
            event = audit.Event("session.reauthenticated", "session", authenticated.session_id, payload)
            await audit.record(connection, tenant_id, authenticated.actor, [event])
    if not is_live:
        raise Refused("This session is over. Sign in again.", code="SESSION_OVER")
    return now + STEP_UP_AGE
