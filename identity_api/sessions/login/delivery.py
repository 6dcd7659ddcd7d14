"""Deliver the result of a finished login: a session's cookie, a one-time code, or a token in the fragment.

In the caller's transaction, with the user locked: whether the login is still valid is read after the lock, so that an
earlier logout token or admin's action wins.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol
from urllib.parse import urlencode

from identity_api.db import attempts, audit, sessions, users
from identity_api.db.attempts import Attempt, NewAttempt
from identity_api.db.database import Connection
from identity_api.ids import new_tenant_token, token_hash, token_key, uuid7
from identity_api.sessions.cookies import session_cookie, session_cookie_name
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.begin import Begun, SignIn, end_replaced, open_session, seal_id_token
from identity_api.sessions.login.deps import LoginLimits, LoginResult
from identity_api.sessions.login.frontend_errors import issuer_of, success_address
from identity_api.vault import Vault

COMPLETE_PATH = "/auth/complete"


class DeliveryDeps(Protocol):
    """The parts of the process that the delivery needs, for logins and for local sign-ins."""

    @property
    def vault(self) -> Vault:
        """Seals waiting sign-ins."""

    @property
    def limits(self) -> LoginLimits:
        """How long a sign-in may wait, and how long sessions last."""


async def deliver(
    connection: Connection,
    deps: DeliveryDeps,
    attempt: Attempt | NewAttempt,
    sign_in: SignIn,
    cookies: Mapping[str, str],
    *,
    also: Sequence[audit.Event] = (),
) -> LoginResult:
    """Deliver the sign-in as the attempt asks for, on the host that holds the session.

    Args:
        attempt: stored, if it asks for a code.
        also: what the audit records with it; each event names its actor.

    Raises:
        LoginFailed: the login was ended meanwhile, or OTHER_PERSON; the transaction must not commit.
    """
    held = cookies.get(session_cookie_name(attempt.session_origin, attempt.path_prefix))
    if attempt.reauthentication:
        await _ensure_same_person(connection, sign_in, held)
    if attempt.delivery == "code":
        code = await make_code(connection, deps, attempt, sign_in, "TOKEN", also=also)
        parameters = {"code": code, "state": attempt.client_state, "iss": issuer_of(attempt)}
        return LoginResult(kind="CODE", location=_with_query(attempt.return_to, parameters))
    if attempt.delivery == "fragment":
        begun = await begin_session(connection, deps, attempt, sign_in, "BEARER", also=also)
        parameters = {
            "access_token": begun.token,
            "token_type": "Bearer",
            "expires_in": str(deps.limits.session_absolute_seconds),
            "state": attempt.client_state,
            "iss": issuer_of(attempt),
        }
        return LoginResult(kind="FRAGMENT", location=f"{attempt.return_to}#{_encoded(parameters)}")
    await end_replaced(connection, attempt.tenant_id, held)
    begun = await begin_session(connection, deps, attempt, sign_in, "COOKIE", also=also)
    cookie = session_cookie(
        attempt.session_origin,
        attempt.path_prefix,
        begun.token,
        max_age_seconds=deps.limits.session_absolute_seconds,
    )
    location = success_address(attempt.return_to, state=attempt.client_state, issuer=issuer_of(attempt))
    return LoginResult(kind="SESSION", location=location, set_cookies=(cookie,))


async def send_to_session_host(
    connection: Connection,
    deps: DeliveryDeps,
    attempt: Attempt,
    sign_in: SignIn,
    *,
    also: Sequence[audit.Event] = (),
) -> LoginResult:
    """The callback was on another host: the sign-in waits for the browser on the host that holds the session."""
    code = await make_code(connection, deps, attempt, sign_in, "COMPLETE", also=also)
    location = f"{attempt.session_origin}{attempt.path_prefix}{COMPLETE_PATH}?{urlencode({'code': code})}"
    return LoginResult(kind="COMPLETE", location=location)


async def make_code(
    connection: Connection,
    deps: DeliveryDeps,
    attempt: Attempt | NewAttempt,
    sign_in: SignIn,
    kind: Literal["COMPLETE", "TOKEN"],
    *,
    also: Sequence[audit.Event] = (),
) -> str:
    """A one-time code for the sign-in, valid for `code_seconds`."""
    await _ensure_live(connection, attempt, sign_in)
    code, code_id = new_tenant_token("oc", attempt.tenant_id), uuid7()
    row = attempts.NewCode(
        id=code_id,
        user_id=sign_in.user_id,
        identity_id=sign_in.identity_id,
        kind=kind,
        code_hash=token_hash(code),
        provider_session=sign_in.provider_session,
        id_token_sealed=seal_id_token(
            deps.vault, sign_in, tenant_id=attempt.tenant_id, table="one_time_code", row_id=code_id
        ),
        authenticated_at=sign_in.authenticated_at,
    )
    if not await attempts.insert_code(connection, attempt, row, seconds=deps.limits.code_seconds):
        raise LoginFailed("LOGIN_EXPIRED")
    await audit.record(connection, attempt.tenant_id, f"user:{sign_in.user_id}", also)
    return code


def sign_in_of(deps: DeliveryDeps, code: attempts.Code) -> SignIn:
    """The sign-in that waits behind a code."""
    id_token = None
    if code.id_token_sealed is not None:
        id_token = deps.vault.open(
            code.id_token_sealed,
            tenant_id=code.attempt.tenant_id,
            table="one_time_code",
            column="id_token_sealed",
            row_id=code.id,
        )
    return SignIn(
        user_id=code.user_id,
        identity_id=code.identity_id,
        provider_session=code.provider_session,
        id_token=id_token,
        authenticated_at=code.authenticated_at,
    )


async def begin_session(
    connection: Connection,
    deps: DeliveryDeps,
    attempt: Attempt | NewAttempt,
    sign_in: SignIn,
    kind: Literal["COOKIE", "BEARER"],
    *,
    also: Sequence[audit.Event] = (),
) -> Begun:
    """Begin the session that the attempt was made for."""
    epoch = await _ensure_live(connection, attempt, sign_in)
    return await open_session(
        connection,
        deps.vault,
        deps.limits,
        sign_in,
        tenant_id=attempt.tenant_id,
        frontend_id=attempt.frontend_id,
        kind=kind,
        epoch=epoch,
        also=also,
    )


async def _ensure_same_person(connection: Connection, sign_in: SignIn, held: str | None) -> None:
    """Refuse a new proof by another person than the signed-in one, so that the account does not change unnoticed."""
    if held is None:
        return
    tenant_id, hashed = token_key(held)
    session_id = await sessions.find_live(connection, tenant_id, hashed)
    if session_id is not None and await sessions.owner(connection, tenant_id, session_id) != sign_in.user_id:
        raise LoginFailed("OTHER_PERSON", status=403)


async def _ensure_live(connection: Connection, attempt: Attempt | NewAttempt, sign_in: SignIn) -> int:
    """The epoch of a session that may begin now. The user is locked."""
    standing = await users.standing(connection, attempt.tenant_id, sign_in.user_id, sign_in.identity_id)
    if standing.refusal is not None:
        raise LoginFailed(standing.refusal, status=403)
    return standing.epoch


def _with_query(url: str, parameters: Mapping[str, str | None]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{_encoded(parameters)}"


def _encoded(parameters: Mapping[str, str | None]) -> str:
    return urlencode({name: value for name, value in parameters.items() if value is not None})
