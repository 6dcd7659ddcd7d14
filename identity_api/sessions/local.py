"""Sign-in with a local password, for tenants that allow it (S0-05): username, password, and a code where one is set up.

What tries cost: the account counts wrong ones and answers nothing for a while after ten (`db.local_accounts`); the address
they come from is the web's to limit, through `LoginAddress`. No answer says whether there is such a user, as long as the
password is not right; only then does a disabled account say that it is.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from identity_api.accounts.credentials import Checked, Credentials, check, settle
from identity_api.accounts.errors import CredentialsRefused
from identity_api.accounts.parts import AccountParts
from identity_api.db import audit, local_accounts, tenants
from identity_api.db.tenants import Tenant
from identity_api.sessions.begin import Begun, Opening, end_replaced, open_session
from identity_api.sessions.cookies import session_cookie, session_cookie_name
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.parts import Beginning, Finished, LoginLimits
from identity_api.sessions.return_to import Ending, decide_ending
from identity_api.telemetry import METRICS, get_logger, request_mark

_log = get_logger(__name__)
_KIND = "local"


class LoginAddress(Protocol):
    """The address that a sign-in comes from, as whoever serves it counts tries there."""

    async def check(self) -> None:
        """Called before anything is computed; raises what the caller of `sign_in` wants to see if it is too much."""

    async def failed(self) -> None:
        """Called after each refused try."""


class LocalParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the process that a local sign-in needs."""

    accounts: AccountParts
    limits: LoginLimits = LoginLimits()


class LocalSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """What the sign-in form brought, and where it stands: as in `parts.Beginning`."""

    username: str
    password: str
    code: str | None = None
    session_origin: str
    path_prefix: str = ""
    frontend_slug: str | None = None
    return_to: str | None = None
    cookies: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return "LocalSignIn()"


async def is_offered(parts: LocalParts, tenant: Tenant) -> bool:
    """Whether the login page shows a form."""
    async with parts.accounts.database.reading() as connection:
        return (await local_accounts.policy(connection, tenant.id)).local_sign_in


async def sign_in(parts: LocalParts, tenant: Tenant, given: LocalSignIn, *, address: LoginAddress) -> Finished:
    """Check the credentials and begin a session, delivered as a cookie.

    Args:
        tenant: whose people sign in; known from the host or the path prefix, never from an argument (I2).

    Raises:
        LoginFailed: LOCAL_SIGN_IN_OFF; CREDENTIALS_REFUSED; SECOND_FACTOR_REQUIRED: ask for the code and send everything
            again; SECOND_FACTOR_REFUSED; ACCOUNT_DISABLED.
        BadInput: what `return_to.decide_ending` raises.
        Unavailable: `SIGN_IN_BUSY`.
    """
    ending = await _ending(parts, tenant, given)
    await address.check()
    credentials = Credentials(who=given.username, password=given.password, code=given.code)
    try:
        checked = await check(parts.accounts, tenant.id, credentials, purpose="SIGN_IN")
        begun = await _begin(parts, tenant, given, checked, ending)
    except CredentialsRefused as error:
        if error.code != "SECOND_FACTOR_REQUIRED":
            await address.failed()
            _count(tenant, error.code)
        raise LoginFailed(error.code) from None
    if begun is None:
        await address.failed()
        _count(tenant, "ACCOUNT_DISABLED")
        raise LoginFailed("ACCOUNT_DISABLED", status=403)
    METRICS.count_login("OK", _KIND)
    cookie = session_cookie(given.session_origin, begun.token, max_age_seconds=parts.limits.session_absolute_seconds)
    return Finished(kind="SESSION", location=ending.url, set_cookies=(cookie,))


async def _ending(parts: LocalParts, tenant: Tenant, given: LocalSignIn) -> Ending:
    async with parts.accounts.database.reading() as connection:
        policy = await local_accounts.policy(connection, tenant.id)
        frontends = await tenants.frontends(connection, tenant.id)
    if not policy.local_sign_in:
        raise LoginFailed("LOCAL_SIGN_IN_OFF", status=403)
    beginning = Beginning(
        session_origin=given.session_origin,
        path_prefix=given.path_prefix,
        frontend_slug=given.frontend_slug,
        return_to=given.return_to,
        delivery="cookie",
    )
    return decide_ending(beginning, frontends)


async def _begin(
    parts: LocalParts, tenant: Tenant, given: LocalSignIn, checked: Checked, ending: Ending
) -> Begun | None:
    """The session; None for a disabled user, whose right password is settled all the same."""
    async with parts.accounts.database.transaction() as connection:
        if not (await local_accounts.policy(connection, tenant.id, hold=True)).local_sign_in:
            raise LoginFailed("LOCAL_SIGN_IN_OFF", status=403)
        account = await settle(connection, tenant.id, checked)
        user = str(account.user_id)
        if account.disabled_at is not None:
            event = audit.Event("login.failed", "user", account.user_id, {"code": "ACCOUNT_DISABLED", **request_mark()})
            await audit.record(connection, tenant.id, "system", [event])
            return None
        await end_replaced(connection, given.cookies.get(session_cookie_name(given.session_origin)))
        opening = Opening(
            tenant_id=tenant.id,
            user_id=account.user_id,
            identity_id=None,
            frontend_id=ending.frontend.id if ending.frontend else None,
            kind="COOKIE",
            epoch=account.epoch,
            authenticated_at=parts.accounts.clock(),
        )
        begun = await open_session(connection, parts.accounts.vault, parts.limits, opening)
        payload = {"user": user, "way": "password", "second_factor": checked.totp_step is not None}
        event = audit.Event("login.succeeded", "user", account.user_id, payload)
        await audit.record(connection, tenant.id, f"user:{user}", [event])
        return begun


def _count(tenant: Tenant, code: str) -> None:
    METRICS.count_login(code, _KIND)
    _log.warning("login.failed", failure=code, tenant_id=str(tenant.id), provider_id=None)
