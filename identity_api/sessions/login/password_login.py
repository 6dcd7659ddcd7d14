"""Sign-in with a local password, for tenants that allow it (S0-05): username, password, and a code where one is set up.

The result is delivered like that of a provider's login (`delivery`): a frontend need not know how a person signed in.

Limits on tries: the account counts wrong tries and is locked for a while after ten, except for a browser that has signed
in there before and for addresses that have not tried yet (`db.password_tries`); the web layer also limits the address
itself, through `LoginAddress`. With a wrong password no answer says whether the user exists; only with the right password
does the answer say that an account is disabled.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from identity_api.accounts.credentials import Checked, Credentials, check, settle
from identity_api.accounts.deps import AccountDeps
from identity_api.accounts.errors import CredentialsRefused
from identity_api.accounts.known_browsers import cookie_value
from identity_api.db import attempts, audit, frontends, local_accounts, tenants
from identity_api.db.attempts import NewAttempt
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput
from identity_api.ids import uuid7
from identity_api.sessions.cookies import known_browser_cookie
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.begin import SignIn
from identity_api.sessions.login.delivery import deliver
from identity_api.sessions.login.deps import LoginLimits, LoginRequest, LoginResult
from identity_api.sessions.login.return_to import ReturnTarget, decide_ending
from identity_api.telemetry import METRICS, get_logger, request_mark
from identity_api.vault import Vault

_log = get_logger(__name__)
_KIND = "local"


class LoginAddress(Protocol):
    """The address that a sign-in comes from, with the caller's count of its tries."""

    async def check(self) -> None:
        """Called before anything is computed; raises the error that the caller of `sign_in` expects if there are too
        many tries.
        """

    async def failed(self) -> None:
        """Called after each refused try."""


class PasswordLoginDeps(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the process that a local sign-in needs."""

    accounts: AccountDeps
    limits: LoginLimits = LoginLimits()

    @property
    def vault(self) -> Vault:
        """The process's."""
        return self.accounts.vault


class LocalSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the sign-in form, its host and its destination: as in `deps.LoginRequest`."""

    username: str
    password: str
    code: str | None = None
    beginning: LoginRequest
    cookies: Mapping[str, str] = msgspec.field(default_factory=dict)
    address: str = "unknown"

    def __repr__(self) -> str:
        return "LocalSignIn()"


async def is_offered(deps: PasswordLoginDeps, tenant: Tenant) -> bool:
    """Whether the login page shows a form."""
    async with deps.accounts.database.reading() as connection:
        return (await local_accounts.policy(connection, tenant.id)).local_sign_in


async def check_beginning(deps: PasswordLoginDeps, tenant: Tenant, beginning: LoginRequest) -> ReturnTarget:
    """Where a sign-in with these parameters would end; checked before a password is typed.

    Raises:
        LoginFailed: LOCAL_SIGN_IN_OFF.
        BadInput: what `return_to.decide_ending` raises.
    """
    async with deps.accounts.database.reading() as connection:
        policy = await local_accounts.policy(connection, tenant.id)
        frontends = await tenants.frontends(connection, tenant.id)
    if not policy.local_sign_in:
        raise LoginFailed("LOCAL_SIGN_IN_OFF", status=403)
    return decide_ending(beginning, frontends)


async def sign_in(deps: PasswordLoginDeps, tenant: Tenant, given: LocalSignIn, *, address: LoginAddress) -> LoginResult:
    """Check the credentials and begin a session, or make the one-time code for one, as the frontend asks for.

    Args:
        tenant: whose people sign in; known from the host or the path prefix, never from an argument (I2).

    Raises:
        LoginFailed: LOCAL_SIGN_IN_OFF; CREDENTIALS_REFUSED; SECOND_FACTOR_REQUIRED: ask for the code and send
            everything again; SECOND_FACTOR_REFUSED; ACCOUNT_DISABLED.
        BadInput: what `return_to.decide_ending` raises.
        Unavailable: `SIGN_IN_BUSY`.
    """
    ending = await check_beginning(deps, tenant, given.beginning)
    await address.check()
    credentials = Credentials(
        who=given.username, password=given.password, code=given.code, address=given.address, cookies=given.cookies
    )
    try:
        checked = await check(deps.accounts, tenant.id, credentials, purpose="SIGN_IN")
        finished = await _land(deps, tenant, given, checked, ending)
    except CredentialsRefused as error:
        if error.code != "SECOND_FACTOR_REQUIRED":
            await address.failed()
            _count(tenant, error.code)
        raise LoginFailed(error.code) from None
    if finished is None:
        await address.failed()
        _count(tenant, "ACCOUNT_DISABLED")
        raise LoginFailed("ACCOUNT_DISABLED", status=403)
    METRICS.count_login("OK", _KIND)
    return finished


async def _land(
    deps: PasswordLoginDeps, tenant: Tenant, given: LocalSignIn, checked: Checked, ending: ReturnTarget
) -> LoginResult | None:
    """Write everything, in one transaction; None for a disabled user, whose right password is settled nevertheless."""
    async with deps.accounts.database.transaction() as connection:
        if not (await local_accounts.policy(connection, tenant.id, hold=True)).local_sign_in:
            raise LoginFailed("LOCAL_SIGN_IN_OFF", status=403)
        if not await frontends.hold(connection, tenant.id, ending.frontend.id if ending.frontend else None):
            raise BadInput("There is no such frontend.", code="FRONTEND_UNKNOWN", field="frontend")
        account = await settle(connection, tenant.id, checked)
        user = str(account.user_id)
        if account.disabled_at is not None:
            event = audit.Event("login.failed", "user", account.user_id, {"code": "ACCOUNT_DISABLED", **request_mark()})
            await audit.record(connection, tenant.id, "system", [event])
            return None
        attempt = _attempt(tenant, given.beginning, ending)
        if ending.delivery == "code":
            await attempts.insert_over(connection, attempt, seconds=deps.limits.code_seconds)
        sign_in = SignIn(user_id=account.user_id, authenticated_at=deps.accounts.clock())
        payload = {"user": user, "way": "password", "second_factor": checked.totp_step is not None}
        event = audit.Event("login.succeeded", "user", account.user_id, payload, actor=f"user:{user}")
        finished = await deliver(connection, deps, attempt, sign_in, given.cookies, also=[event])
        # Strangers' wrong tries do not lock this browser out the next time.
        value = cookie_value(deps.vault, tenant.id, account, given.cookies)
        known = known_browser_cookie(given.beginning.session_origin, account.user_id, value)
        return msgspec.structs.replace(finished, known_browser=known)


def _attempt(tenant: Tenant, beginning: LoginRequest, ending: ReturnTarget) -> NewAttempt:
    """The attempt that a login at a provider would have."""
    return NewAttempt(
        id=uuid7(),
        tenant_id=tenant.id,
        provider_id=None,
        frontend_id=ending.frontend.id if ending.frontend else None,
        delivery=ending.delivery,
        return_to=ending.url,
        session_origin=beginning.session_origin,
        path_prefix=beginning.path_prefix,
        client_state=beginning.client_state if ending.frontend else None,
        client_challenge=beginning.client_challenge if ending.delivery == "code" else None,
        login_hint=None,
        reauthentication=beginning.reauthentication,
        redirect_url="",
        issuer="",
    )


def _count(tenant: Tenant, code: str) -> None:
    METRICS.count_login(code, _KIND)
    _log.warning("login.failed", failure=code, tenant_id=str(tenant.id), provider_id=None)
