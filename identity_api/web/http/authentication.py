"""Authentication of a request: a session's cookie or a bearer token, never both (RFC 6750).

The row is checked on every request; a malformed credential is refused like an unknown one, without a database query.
"""

import re
from typing import Any, Final

import msgspec

from identity_api.db import audit
from identity_api.db.user_read_model import WantedUser
from identity_api.errors import Refused
from identity_api.fairness.served import work_for
from identity_api.sessions import authenticate
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.cookies import session_cookie_name
from identity_api.sessions.end_reasons import why_ended
from identity_api.telemetry import get_logger
from identity_api.web.deps import WebDeps
from identity_api.web.http import cookies, headers
from identity_api.web.http.errors import HTTPRefusal, Unauthenticated
from identity_api.web.http.origins import admit_cookie_request, allow_reading
from identity_api.web.http.request_context import RequestContext, context_of

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{20,128}")
_log = get_logger(__name__)


class Credential(msgspec.Struct, frozen=True):
    """What a request presents. `token` is None if it cannot be one of ours."""

    token: str | None
    from_cookie: bool

    def __repr__(self) -> str:
        return f"Credential(from_cookie={self.from_cookie})"


def credential_of(context: RequestContext, scope: Any) -> Credential | None:
    """The request's credential, or None if it presents none.

    Raises:
        HTTPRefusal: 400 for a cookie beside an `Authorization`, or two different sessions.
        Unauthenticated: an `Authorization` that is no single bearer token.
    """
    name = session_cookie_name(context.origin, context.path_prefix)
    in_cookies = {value for key, value in cookies.pairs_of(scope) if key == name}
    in_header = headers.values(scope, b"authorization")
    if len(in_cookies) > 1 or (in_cookies and in_header):
        raise HTTPRefusal(400, "CREDENTIALS_AMBIGUOUS", "The request presents more than one session.")
    if in_cookies:
        return Credential(_shaped(in_cookies.pop()), from_cookie=True)
    if not in_header:
        return None
    scheme, _, token = in_header[0].partition(" ")
    if len(in_header) > 1 or scheme.lower() != "bearer":
        raise Unauthenticated(presented=True)
    return Credential(_shaped(token.strip(" ")), from_cookie=False)


def _shaped(token: str) -> str | None:
    return token if _TOKEN.fullmatch(token) else None


async def require(
    deps: WebDeps,
    scope: Any,
    *,
    header_required: bool = False,
    is_use: bool = True,
    wanted: WantedUser | None = None,
) -> Authenticated:
    """The live session or token of this request, after the check that the request's origin may use it.

    Args:
        deps: of the edge.
        scope: the ASGI scope.
        header_required: with a cookie, `Identity-Request: 1` must be there as well (GraphQL).
        is_use: False for a request that a page sends by itself: it must not keep an unused session alive.
        wanted: a user of the tenant who may be read in the same statement.

    Raises:
        Unauthenticated: none, or not valid (any more), or of another tenant than the one entered; a bad cookie is cleared.
        Refused: `ORIGIN_REFUSED`.
        HTTPRefusal: 400, see `credential_of`; 429 for too many bad tokens.
    """
    context = context_of(scope)
    entered = context.tenant.id if context.tenant else None
    await allow_reading(deps.origins, context, scope, entered)
    credential = credential_of(context, scope)
    if credential is None:
        raise Unauthenticated
    found = await _look_up(deps, credential, wanted)
    if found is None:
        await _refuse_invalid(deps, context, credential)
    assert found is not None
    work_for(found.tenant_id)
    context.allowed_origin = None  # from here on the session's tenant decides
    if credential.from_cookie:
        try:
            await admit_cookie_request(deps.origins, context, scope, found.tenant_id, header_required=header_required)
        except Refused:
            await _record_refused_origin(deps, context, found)
            raise
    else:
        await allow_reading(deps.origins, context, scope, found.tenant_id)
    if entered is not None and entered != found.tenant_id:
        # A session of one tenant is not accepted at another's host or prefix (I2); it stays valid at its own.
        raise Unauthenticated(presented=True)
    if is_use:
        note_use(deps, scope, found)
    return found


def note_use(deps: WebDeps, scope: Any, found: Authenticated) -> None:
    """Keep the session alive, once the request is answered."""
    if authenticate.needs_touch(found):
        context_of(scope).afterwards.append(lambda: _touch(deps, found))


async def optional(deps: WebDeps, scope: Any, *, is_use: bool = True) -> Authenticated | None:
    """As `require`, for pages that also serve somebody who is not signed in: None instead of `Unauthenticated`."""
    try:
        return await require(deps, scope, is_use=is_use)
    except Unauthenticated:
        return None


async def still(deps: WebDeps, scope: Any) -> Authenticated | None:
    """The session or token of an admitted request, as it is now; None once it has ended. Not a use of the session."""
    credential = credential_of(context_of(scope), scope)
    if credential is None or credential.token is None:
        return None
    deps.holders.work_for_holder(credential.token)
    found = await deps.together.authenticate(credential.token)
    if found is not None:
        work_for(found.tenant_id)
    return found


async def login_address(deps: WebDeps, scope: Any) -> str:
    """The login page, for somebody who is not signed in; it says why if this browser's session was ended.

    Only a browser with the session's token is told the reason.
    """
    context = context_of(scope)
    credential = credential_of(context, scope)
    if credential is None or credential.token is None or not credential.from_cookie or context.tenant is None:
        return context.local("/login")
    async with deps.database.reading() as connection:
        end = await why_ended(connection, context.tenant.id, credential.token, idle_seconds=deps.session_idle_seconds)
    return context.local("/login" if end is None else f"/login?ended={end}")


async def _look_up(deps: WebDeps, credential: Credential, wanted: WantedUser | None) -> Authenticated | None:
    if credential.token is None:
        return None
    deps.holders.work_for_holder(credential.token)
    async with deps.database.reading() as connection:
        found = await authenticate.authenticate(
            connection, credential.token, idle_seconds=deps.session_idle_seconds, wanted=wanted
        )
    if found is None:
        deps.holders.forget(credential.token)
    else:
        deps.holders.remember(credential.token, found.tenant_id)
    return found


async def _refuse_invalid(deps: WebDeps, context: RequestContext, credential: Credential) -> None:
    if credential.from_cookie:
        context.set_cookies.append(cookies.clear_cookie(session_cookie_name(context.origin, context.path_prefix)))
    await deps.limits.bad_credential(context.address)
    raise Unauthenticated(presented=True)


async def _record_refused_origin(deps: WebDeps, context: RequestContext, found: Authenticated) -> None:
    """Log and audit that a page of another origin tried to use this session, at a limited rate."""
    _log.warning("security.origin_refused", tenant_id=str(found.tenant_id), session_id=str(found.session_id))
    if await deps.limits.is_worth_recording(str(found.session_id)):
        event = audit.Event("request.origin_refused", "session", found.session_id, {"method": context.method})
        async with deps.database.transaction() as connection:
            await audit.record(connection, found.tenant_id, found.actor, [event])


async def _touch(deps: WebDeps, found: Authenticated) -> None:
    async with deps.database.transaction() as connection:
        await authenticate.touch(connection, found)
