"""Links that let whoever has them do one thing, without an account (capability URLs, as the W3C's TAG calls them).

The address of such a link has the token in it, so it redirects at once, and the token moves into a cookie: the address of the
page has no token for the browser's history, a `Referer` or somebody who looks at the screen. The service's log has route
templates only; a proxy that logs paths sees the link once. Opening the link uses nothing up, as mail scanners open links too.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec
from litestar import Response

from identity_api.errors import Conflict, NotFound
from identity_api.sessions.cookies import is_secure, tenant_cookie_name
from identity_api.sessions.login.deps import Cookie
from identity_api.web.deps import WebDeps
from identity_api.web.http import cookies
from identity_api.web.http.limits import SignInAddress
from identity_api.web.http.request_context import RequestContext
from identity_api.web.http.response import redirect

T = TypeVar("T")
_BEHIND_ITS_KIND: Final = r"_[A-Za-z0-9_-]{20,96}"


def require_shown(shown: str | None, opened: str) -> None:
    """Refuse a form or a button of another link's page: a browser keeps the one that it opened last.

    Args:
        shown: for which link, or whom, the page was; None if what it sent does not say.
        opened: the same of the browser's link.

    Raises:
        Conflict: LINK_REPLACED.
    """
    if shown is not None and shown != opened:
        raise Conflict(
            "This browser has opened another link since the page of this form was shown. Nothing was done. "
            "Open the link again.",
            code="LINK_REPLACED",
        )


class CapabilityLink(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of such links."""

    name: str
    """Of its cookie."""
    token_kind: str
    page: str
    """Where the link redirects to, behind the tenant's door."""
    kept_seconds: int
    """How long a browser keeps the token; the link itself can be opened again."""
    ended: Callable[[], NotFound]
    """The error for every token that opens nothing, whatever the reason."""

    def keep(self, context: RequestContext, token: str) -> Response[Any]:
        """Move the token from the address into a cookie. The page it redirects to checks the token.

        Raises:
            NotFound: it is no token of this kind.
        """
        kept = Cookie(
            name=self._cookie_name(context),
            value=self._checked(token),
            max_age_seconds=self.kept_seconds,
            secure=is_secure(context.origin),
        )
        context.set_cookies.append(cookies.set_cookie(kept))
        return redirect(context.local(self.page))

    async def opened(
        self, deps: WebDeps, context: RequestContext, scope: Any, opening: Callable[[str], Awaitable[T]]
    ) -> tuple[str, T]:
        """The browser's token, and what it opens. Wrong tokens are counted like wrong passwords.

        Args:
            opening: raises NotFound for a token that opens nothing.

        Raises:
            NotFound: the browser has no token, which is not counted, since any page can make its visitors ask this and nothing
                was guessed; or its token opens nothing.
            TooManyRequests: too many were wrong.
        """
        address = SignInAddress(deps.limits, context.address)
        await address.check()
        token = self._checked(cookies.cookies_of(scope).get(self._cookie_name(context), ""))
        try:
            return token, await opening(token)
        except NotFound:
            self.forget(context)
            await address.failed()
            raise

    def forget(self, context: RequestContext) -> None:
        """Clear the cookie: the link has done what it was for."""
        context.set_cookies.append(cookies.clear_cookie(self._cookie_name(context)))

    def _checked(self, token: str) -> str:
        if not re.fullmatch(self.token_kind + _BEHIND_ITS_KIND, token):
            raise self.ended()
        return token

    def _cookie_name(self, context: RequestContext) -> str:
        return tenant_cookie_name(self.name, context.origin, context.path_prefix)
