"""Step-up: sensitive actions require that the user authenticated within the last ten minutes (S3-33, S3-38).

A session stores when its user last did: at the provider (`auth_time`), or with a local password, which also works for
people whose provider cannot be asked for a fresh proof (S3-39). An API token never proves that its user is present.

At a provider, step-up is a login with `LoginRequest.reauthentication` (S3-35, S3-36), which begins a new session.
"""

from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import urlencode

import msgspec

from identity_api.accounts.credentials import Credentials, check, settle
from identity_api.accounts.local_rules import check_passwords_allowed
from identity_api.db import audit, local_accounts, sessions, step_up, tenants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.db.step_up import ProvingProvider
from identity_api.errors import Refused
from identity_api.ids import new_tenant_token, token_hash
from identity_api.relying_party.claim_settings import claim_sources
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.login.password_login import PasswordLoginDeps
from identity_api.sessions.login.prepare import is_login_hint

STEP_UP_AGE = timedelta(minutes=10)
STEP_UP_PATH = "/auth/reauthenticate"
AUTHORIZATION_PATH = "/v1/auth/authorize"


class StepUpRequired(Refused):
    """A sensitive action without a recent proof. `path` is the page that asks for one; None if there is no way.

    Codes: `STEP_UP_REQUIRED`; `STEP_UP_IMPOSSIBLE` where neither a password nor a provider can be asked.
    """

    default_code: ClassVar[str] = "STEP_UP_REQUIRED"

    def __init__(self, message: str, *, code: str | None = None, path: str | None = None) -> None:
        super().__init__(message, code=code)
        self.path = path


class Ways(msgspec.Struct, frozen=True):
    """The ways in which a signed-in user can prove again who they are."""

    password: bool
    providers: tuple[ProvingProvider, ...]

    def __bool__(self) -> bool:
        return self.password or bool(self.providers)


async def ways(database: Database, authenticated: Authenticated) -> Ways:
    """The proofs that the user can give. None for an API token."""
    if authenticated.kind == "API_TOKEN":
        return Ways(False, ())
    async with database.reading() as connection:
        policy = await local_accounts.policy(connection, authenticated.tenant_id)
        proving = await step_up.proving_providers(connection, authenticated.tenant_id, authenticated.user.id)
    return Ways(policy.local_sign_in and authenticated.user.circumstances.has_password, proving)


async def login_hint(database: Database, authenticated: Authenticated, provider: Provider) -> str | None:
    """The `login_hint` for the signed-in user, so that the provider asks the right person (Core 3.1.2.1; S1-23).

    It is the username if that comes from the provider, otherwise the address: the provider may not know another name.
    """
    async with database.reading() as connection:
        known = await step_up.known_as(connection, authenticated.tenant_id, authenticated.user.id, provider.id)
    if known is None:
        return None
    sources = claim_sources(provider.claims).profile.username
    is_its_own = any(source.may_be("preferred_username") for source in sources)
    hint = (known.username if is_its_own else None) or known.email
    return hint if hint is not None and is_login_hint(hint) else None


def elevated_until(authenticated: Authenticated, now: datetime) -> datetime | None:
    """Until when sensitive actions are allowed; None if they need a step-up now."""
    if authenticated.kind == "API_TOKEN":
        return None
    admitted_until = authenticated.user.circumstances.admitted_until
    if admitted_until is not None and now < admitted_until:
        return admitted_until  # by break-glass: there is nobody to ask again, and the access itself is short
    until = authenticated.authenticated_at + STEP_UP_AGE
    return until if now < until else None


def requires_step_up(authenticated: Authenticated, now: datetime, *, path: str = STEP_UP_PATH) -> None:
    """To be called before every sensitive action.

    Raises:
        Refused: `STEP_UP_REQUIRED`.
    """
    if elevated_until(authenticated, now) is None:
        raise StepUpRequired("Confirm that it is you, then try again.", path=path)


async def ensure_elevated(database: Database, authenticated: Authenticated, now: datetime) -> None:
    """As `requires_step_up`, with the way to step up if there is one. Reads the database only for a refusal.

    Raises:
        StepUpRequired: `STEP_UP_REQUIRED`, `STEP_UP_IMPOSSIBLE`.
        Refused: `SESSION_NEEDED` for an API token.
    """
    if elevated_until(authenticated, now) is not None:
        return
    if authenticated.kind == "API_TOKEN":
        raise Refused("An API token cannot do this. Sign in.", code="SESSION_NEEDED")
    if not await ways(database, authenticated):
        raise StepUpRequired(
            "You signed in more than ten minutes ago, and there is no way to ask you for a new proof here. "
            "Sign out and in again.",
            code="STEP_UP_IMPOSSIBLE",
        )
    requires_step_up(authenticated, now, path=await _path(database, authenticated))


async def _path(database: Database, authenticated: Authenticated) -> str:
    """The page for a step-up, depending on the session's frontend.

    A bearer token is not stepped up in place: a person who stole it would be stepped up too. Its frontend gets a new
    one by a login that asks for a proof (RFC 9470 section 4), which ends the session that it presents.
    """
    async with database.reading() as connection:
        frontend_id = await sessions.frontend_of(connection, authenticated.tenant_id, authenticated.session_id)
        known = await tenants.frontends(connection, authenticated.tenant_id) if frontend_id is not None else []
    frontend = next((one for one in known if one.id == frontend_id), None)
    if frontend is None:
        return STEP_UP_PATH
    if authenticated.kind == "COOKIE":
        return f"{STEP_UP_PATH}?{urlencode({'frontend': frontend.slug})}"
    if "code" not in frontend.deliveries:
        return f"/login?{urlencode({'frontend': frontend.slug, 'delivery': 'fragment', 'reauth': '1'})}"
    asked = {"response_type": "code", "client_id": frontend.slug, "max_age": int(STEP_UP_AGE.total_seconds())}
    return f"{AUTHORIZATION_PATH}?{urlencode(asked)}"


class Reauthenticated(msgspec.Struct, frozen=True):
    """A fresh proof. A session in a cookie gets a new token, which exists nowhere else; other sessions keep theirs."""

    until: datetime
    token: str | None

    def __repr__(self) -> str:
        return f"Reauthenticated(until={self.until})"


async def reauthenticate(
    deps: PasswordLoginDeps, authenticated: Authenticated, password: str, code: str | None = None
) -> Reauthenticated:
    """Step up with the password, and the code if one is set up.

    The cookie's token is replaced, so that a person who stole the old one is not stepped up too.

    Wrong tries count as at sign-in.

    Raises:
        Refused: `SESSION_NEEDED` for an API token; `LOCAL_SIGN_IN_OFF`; `SESSION_OVER`.
        CredentialsRefused: see `accounts.errors`.
        Unavailable: `SIGN_IN_BUSY`.
    """
    tenant_id, accounts = authenticated.tenant_id, deps.accounts
    if authenticated.kind == "API_TOKEN":
        raise Refused("An API token cannot be confirmed. Sign in.", code="SESSION_NEEDED")
    async with accounts.database.reading() as connection:
        await check_passwords_allowed(connection, tenant_id)
    given = Credentials(who=authenticated.user.id, password=password, code=code)
    checked = await check(accounts, tenant_id, given, purpose="STEP_UP")
    now = accounts.clock()
    token = new_tenant_token("ias", tenant_id) if authenticated.kind == "COOKIE" else None
    hashed = token_hash(token) if token is not None else None
    async with accounts.database.transaction() as connection:
        account = await settle(connection, tenant_id, checked)
        is_live = account.disabled_at is None and await local_accounts.raise_authenticated_at(
            connection, tenant_id, authenticated.session_id, now, token_hash=hashed
        )
        if is_live:
            payload = {"way": "password", "second_factor": checked.totp_step is not None}
            event = audit.Event("session.reauthenticated", "session", authenticated.session_id, payload)
            await audit.record(connection, tenant_id, authenticated.actor, [event])
    if not is_live:
        raise Refused("This session has ended. Sign in again.", code="SESSION_OVER")
    return Reauthenticated(now + STEP_UP_AGE, token)
