"""Which pages may use a person's cookie, and which may read responses of this service.

A browser sends a cookie with requests of any page, so a request with a cookie is accepted only if it names the origin of
its page. A bearer token is never sent automatically, so it needs no such check.

    GET, HEAD     no `Origin` (a person followed a link), or this service's, or at endpoints for frontends' scripts
                  that of a frontend of the session's tenant with the delivery `cookie`
    others        such an `Origin` is required, or `Sec-Fetch-Site: same-origin`
    GraphQL       also the header `Identity-Request: 1`, which a form or an image cannot send

`Origin: null` is never accepted. Origins are compared as whole texts.
"""

import re
from typing import Any, Final
from uuid import UUID

from identity_api.db import tenants
from identity_api.db.database import Database
from identity_api.errors import Refused
from identity_api.web.http import headers
from identity_api.web.http.request_context import RequestContext
from identity_api.web.http.ttl_cache import Recent

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_ALLOWED_METHODS = "GET, POST"
_ALLOWED_HEADERS = ", ".join(
    (
        "authorization",
        "content-type",
        "last-event-id",
        "identity-reason",
        "identity-request",
        # Of tracing (W3C Trace Context and Baggage), and the names that GraphQL clients give themselves.
        "traceparent",
        "tracestate",
        "baggage",
        "apollo-require-preflight",
        "apollographql-client-name",
        "apollographql-client-version",
        "graphql-client-name",
        "graphql-client-version",
        "x-apollo-operation-id",
        "x-apollo-operation-name",
        "x-requested-with",
    )
)
_PREFLIGHT_SECONDS = "600"
_MAX_REMEMBERED = 1_000
_FOR_SCRIPTS: Final = re.compile(
    r"(?:/t/[^/]+)?/(?:v1/(?!auth/(?:authorize|oidc/callback)$)|graphql$|auth/(?:logout|reauthenticate)$|\.well-known/oauth-authorization-server)"
)
"""What pages of frontends ask by script; not what a person's browser is sent to, whose answers hold one-time codes."""


class Origins:
    """Knows the origins of frontends. One per process; what it remembers is at most a second old."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Recent[tuple[str, UUID | None], bool] = Recent()
        self._with_cookie: Recent[tuple[str, UUID], bool] = Recent()
        self._seen: dict[str, None] = {}

    async def is_known(self, origin: str, tenant_id: UUID | None) -> bool:
        """Whether a frontend of the tenant (of any tenant, for None) has exactly this origin."""
        if len(origin) > 300 or origin == "null":
            return False
        return await self._known.get((origin, tenant_id), lambda: self._ask(origin, tenant_id))

    async def may_use_cookie(self, origin: str, tenant_id: UUID) -> bool:
        """Whether a frontend of the tenant with this origin has the delivery `cookie`."""
        return await self._with_cookie.get((origin, tenant_id), lambda: self._ask_cookie(origin, tenant_id))

    async def _ask_cookie(self, origin: str, tenant_id: UUID) -> bool:
        async with self._database.reading() as connection:
            return await tenants.origin_is_known(connection, origin, tenant_id, delivery="cookie")

    def was_known(self, origin: str) -> bool:
        """Whether this process has seen the origin to be some frontend's: enough to let its page read that we are down."""
        return origin in self._seen

    async def _ask(self, origin: str, tenant_id: UUID | None) -> bool:
        async with self._database.reading() as connection:
            is_known = await tenants.origin_is_known(connection, origin, tenant_id)
        self._seen.pop(origin, None)
        if is_known:
            self._seen[origin] = None
            while len(self._seen) > _MAX_REMEMBERED:
                del self._seen[next(iter(self._seen))]
        return is_known


def is_for_scripts(context: RequestContext) -> bool:
    """Whether scripts of frontends may call this path. This service's pages are for its own origin only."""
    return _FOR_SCRIPTS.match(context.path) is not None


def is_own(context: RequestContext, origin: str) -> bool:
    """Whether the origin is that of this service's pages on the requested host."""
    # The https origin of the same host is accepted too: TLS may end at a proxy that is not declared.
    return origin in (context.origin, f"https://{context.authority}")


async def admit_cookie_request(
    origins: Origins, context: RequestContext, scope: Any, tenant_id: UUID, *, header_required: bool = False
) -> None:
    """Accept a request with the session's cookie if its page may use that session.

    Raises:
        Refused: `ORIGIN_REFUSED`.
    """
    sent = headers.values(scope, b"origin")
    site = headers.values(scope, b"sec-fetch-site")
    if sent:
        if len(sent) != 1:
            raise _refused()
        if not is_own(context, sent[0]):
            context.allowed_origin = None
            if not (is_for_scripts(context) and await origins.is_known(sent[0], tenant_id)):
                raise _refused()
            context.allowed_origin = sent[0]
            if not await origins.may_use_cookie(sent[0], tenant_id):
                raise _refused("This page's frontend does not have the delivery cookie.")
    elif context.method not in _SAFE_METHODS and site != ["same-origin"]:
        raise _refused("A request with the session's cookie names its page: the header Origin is missing.")
    if header_required and headers.values(scope, b"identity-request") != ["1"]:
        raise _refused("A request with the session's cookie needs the header Identity-Request: 1.")


async def admit_declared_page(origins: Origins, context: RequestContext, scope: Any) -> None:
    """Accept a request without a session from a program (without `Origin`), or from a page of this service or a frontend.

    Raises:
        Refused: `ORIGIN_REFUSED`.
    """
    sent = headers.values(scope, b"origin")
    tenant_id = context.tenant.id if context.tenant else None
    if sent and (len(sent) > 1 or not (is_own(context, sent[0]) or await origins.is_known(sent[0], tenant_id))):
        raise _refused("This page is at no origin that a frontend declares.")


def admit_own_form(context: RequestContext, scope: Any) -> None:
    """Accept a password only from a page of ours: a sign-in that another site sends would make the browser somebody
    else's without their noticing. A program that is no browser says `Origin` like one.

    Raises:
        Refused: `ORIGIN_REFUSED`.
    """
    sent, site = headers.values(scope, b"origin"), headers.values(scope, b"sec-fetch-site")
    is_ours = len(sent) == 1 and is_own(context, sent[0]) if sent else site == ["same-origin"]
    if not is_ours or site not in ([], ["same-origin"]):
        raise _refused()


def is_led_by_another_site(scope: Any) -> bool:
    """Whether another site's page sent the browser here, as the browser says (Fetch Metadata); an old one says nothing."""
    return headers.first(scope, b"sec-fetch-site") in ("cross-site", "same-site")


async def allow_reading(origins: Origins, context: RequestContext, scope: Any, tenant_id: UUID | None) -> None:
    """Let a frontend's page (of this tenant, or of any for None) read the response, if the request comes from one."""
    sent = headers.values(scope, b"origin")
    if len(sent) == 1 and is_for_scripts(context) and await origins.is_known(sent[0], tenant_id):
        context.allowed_origin = sent[0]


def allow_reading_of_failure(origins: Origins, context: RequestContext, scope: Any) -> None:
    """Let a known frontend's page read the failure of a lookup; the response holds nothing else."""
    sent = headers.values(scope, b"origin")
    if len(sent) == 1 and is_for_scripts(context) and origins.was_known(sent[0]):
        context.allowed_origin = sent[0]


async def answer_preflight(origins: Origins, context: RequestContext, scope: Any) -> dict[str, str] | None:
    """Headers that answer a preflight (Fetch standard, 3.3.6), or None if the request is none.

    Raises:
        Refused: `ORIGIN_REFUSED`, for a page that is no frontend of ours; the answer then allows nothing.
    """
    sent = headers.values(scope, b"origin")
    if context.method != "OPTIONS" or not sent or headers.first(scope, b"access-control-request-method") is None:
        return None
    tenant_id = context.tenant.id if context.tenant else None
    if len(sent) != 1 or not (
        is_own(context, sent[0]) or (is_for_scripts(context) and await origins.is_known(sent[0], tenant_id))
    ):
        raise _refused()
    context.allowed_origin = sent[0]
    return {
        "access-control-allow-methods": _ALLOWED_METHODS,
        "access-control-allow-headers": _ALLOWED_HEADERS,
        "access-control-max-age": _PREFLIGHT_SECONDS,
    }


def _refused(message: str = "This page may not use the session.") -> Refused:
    return Refused(message, code="ORIGIN_REFUSED")
