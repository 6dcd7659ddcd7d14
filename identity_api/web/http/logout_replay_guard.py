"""Refuse a replayed logout token before the framework and the database are involved: promise 18.

Every other request goes on to the route unchanged.
"""

from typing import Any, Final
from uuid import UUID

from identity_api.errors import BadInput
from identity_api.oidc.logout_token import parse_backchannel_logout
from identity_api.sessions.logout.backchannel import record_refusal
from identity_api.sessions.logout.provider_logout import LogoutRefused, LogoutReplayed
from identity_api.telemetry import METRICS, get_logger
from identity_api.web.deps import WebDeps
from identity_api.web.http import headers
from identity_api.web.http.body import BoundedBody
from identity_api.web.http.errors import TooManyRequests
from identity_api.web.http.parameters import FORM, media_type_of, pairs_of
from identity_api.web.http.request_context import RequestContext

_HEAD: Final = "/auth/providers/"
_TAIL: Final = "/backchannel-logout"
_ROUTE: Final = f"{_HEAD}{{provider_id}}{_TAIL}"
_log = get_logger(__name__)


def is_backchannel_logout(scope: Any) -> bool:
    """Whether a request goes to the address for logout tokens of some provider."""
    path: str = scope["path"]
    return path.startswith(_HEAD) and path.endswith(_TAIL) and scope["method"] == "POST"


async def refuse_replay(deps: WebDeps, context: RequestContext, scope: Any, body: BoundedBody) -> None:
    """Refuse a logout token that is known to have been used a moment ago; otherwise change nothing.

    Raises:
        LogoutReplayed: it is one.
        TooManyRequests: it is one of many.
        HTTPRefusal: the body is too large, too slow or incomplete, as in the route.
    """
    provider_id = _provider_of(scope["path"])
    if context.tenant is None or provider_id is None or not deps.replays.may_know(context.tenant.id, provider_id):
        return
    context.route, context.wants_page = _ROUTE, False
    token = _token_of(scope, await body.peek())
    if token is None or not deps.replays.knows(context.tenant.id, provider_id, token):
        return
    METRICS.count_logout("back", "refused")
    replayed = LogoutReplayed()
    try:
        await note_refusal(deps, context.tenant.id, provider_id, replayed)
    except TooManyRequests:
        context.is_logged = False
        raise
    raise replayed


async def note_refusal(deps: WebDeps, tenant_id: UUID, provider_id: UUID, error: LogoutRefused) -> None:
    """Count the refusal, and record it unless it was recorded just now. A flood gets 429; a valid token is never counted."""
    await deps.limits.bad_logout(str(provider_id))
    if await deps.limits.is_worth_recording(f"logout:{provider_id}"):
        _log.warning("security.logout_refused", reason=error.reason, provider_id=str(provider_id))
        await record_refusal(deps.database, tenant_id, provider_id, error.reason)


def _provider_of(path: str) -> UUID | None:
    try:
        return UUID(path[len(_HEAD) : -len(_TAIL)])
    except ValueError:
        return None


def _token_of(scope: Any, body: bytes) -> str | None:
    """The token of a well-formed request, otherwise None: the route refuses malformed ones."""
    if media_type_of(headers.first(scope, b"content-type")) != FORM:
        return None
    try:
        return parse_backchannel_logout(pairs_of(body))
    except BadInput:
        return None
