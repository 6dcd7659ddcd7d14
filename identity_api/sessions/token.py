"""Exchange a frontend's one-time code for a bearer token (RFC 6749 section 4.1.3, RFC 7636): this service is the provider.

The code is bound to the frontend and to its verifier, and any presentation uses it up. A second presentation means that
the code was stolen: the session made from it ends (RFC 9700 section 4.5).
"""

import hmac

from identity_api.db import attempts, frontends, local_accounts, locks, sessions
from identity_api.db.attempts import Code
from identity_api.db.database import Connection
from identity_api.errors import BadInput
from identity_api.ids import token_key
from identity_api.lifecycle.end_login import end_session
from identity_api.oidc.authorization import code_challenge
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.delivery import begin_session, sign_in_of
from identity_api.sessions.login.deps import BearerToken, LoginDeps, Redemption
from identity_api.sessions.login.failures import count, recorded


async def redeem(deps: LoginDeps, redemption: Redemption) -> BearerToken:
    """Exchange the code.

    Raises:
        LoginFailed: CODE_UNKNOWN, CODE_REFUSED, OTHER_PERSON, LOGIN_USED, LOGIN_EXPIRED, or why the login was ended
            meanwhile. All of them are `invalid_grant` to the frontend.
    """
    async with deps.database.reading() as connection:
        found = await attempts.by_code(connection, *token_key(redemption.code), "TOKEN")
    if found is None:
        failure = LoginFailed("CODE_UNKNOWN")
        count(failure)
        raise failure
    tenant_id = found.attempt.tenant_id
    async with recorded(deps, found.attempt, None):
        async with deps.database.transaction() as connection:
            await _hold(connection, found)
            is_first = await attempts.use_code(connection, tenant_id, found.id)
            refused = await _refusal(connection, found, redemption) if is_first else None
            if is_first and refused is None:
                begun = await begin_session(connection, deps, found.attempt, sign_in_of(deps, found), "BEARER")
                await attempts.set_code_session(connection, tenant_id, found.id, begun.session_id)
                return BearerToken(access_token=begun.token, expires_in_seconds=deps.limits.session_absolute_seconds)
        if refused is not None:
            raise LoginFailed(refused)
        raise await _end_stolen(deps, found)


async def _hold(connection: Connection, found: Code) -> None:
    """Lock in the same order as code that ends logins: local sign-in, the frontend, the user, then the code."""
    if found.identity_id is None:
        await local_accounts.policy(connection, found.attempt.tenant_id, hold=True)
    if not await frontends.hold(connection, found.attempt.tenant_id, found.attempt.frontend_id):
        raise LoginFailed("CODE_UNKNOWN")
    await locks.users(connection, found.attempt.tenant_id, [found.user_id])


def _may_redeem(found: Code, redemption: Redemption) -> bool:
    if redemption.tenant_id is not None and redemption.tenant_id != found.attempt.tenant_id:
        return False
    if redemption.frontend_slug is not None and redemption.frontend_slug != found.attempt.frontend_slug:
        return False
    if redemption.redirect_uri is not None and redemption.redirect_uri != found.attempt.return_to:
        return False
    if redemption.origin is not None and redemption.origin not in found.frontend_origins:
        return False
    try:
        challenge = code_challenge(redemption.code_verifier)
    except BadInput:
        return False
    return hmac.compare_digest(challenge, found.attempt.client_challenge or "")


async def _refusal(connection: Connection, found: Code, redemption: Redemption) -> str | None:
    """Why the code is not exchanged. If it is, the session that this step-up replaces is ended."""
    if not _may_redeem(found, redemption):
        return "CODE_REFUSED"
    if redemption.replaces is None:
        return None
    tenant_id, hashed = token_key(redemption.replaces)
    session_id = await sessions.find_live(connection, tenant_id, hashed)
    if session_id is None or tenant_id != found.attempt.tenant_id:
        return "CODE_REFUSED"
    if await sessions.owner(connection, tenant_id, session_id) != found.user_id:
        return "OTHER_PERSON"
    is_ended = await end_session(connection, tenant_id, session_id, reason="replaced", actor=f"user:{found.user_id}")
    return None if is_ended else "CODE_REFUSED"


async def _end_stolen(deps: LoginDeps, found: Code) -> LoginFailed:
    """The code was used before, or has expired. It is read again: the first use may have been a moment ago."""
    async with deps.database.transaction() as connection:
        await locks.users(connection, found.attempt.tenant_id, [found.user_id])
        session = await attempts.code_session(connection, found.attempt.tenant_id, found.id)
        if session is None:
            return LoginFailed("LOGIN_USED" if found.is_used else "LOGIN_EXPIRED")
        await end_session(connection, found.attempt.tenant_id, session, reason="code_reused", actor="system")
    return LoginFailed("LOGIN_USED", reason="session_ended")
