"""Names of the service's cookies, and the check that a binding cookie belongs to the browser of a login.

A name that begins with `__Host-` can only be set over TLS, by this host, for all of its paths (RFC 6265bis section
4.1.3.2): another host under the same domain cannot set it. Plain http, which is for the local machine only, has no such
names. Only the name that fits the origin is accepted, so a planted cookie with a plain name has no effect.
"""

import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit
from uuid import UUID

from identity_api.accounts import known_browsers
from identity_api.ids import token_hash
from identity_api.sessions.login.deps import Cookie

MAX_BINDINGS = 5
"""The limit of logins under way in one browser, so that several tabs work and cookies do not accumulate."""

_HOST_PREFIX = "__Host-"
_BINDING = "login-"


def is_secure(origin: str) -> bool:
    """Whether the origin is https."""
    return origin.startswith("https://")


def session_cookie_name(origin: str, path_prefix: str) -> str:
    """The session's cookie on an origin of this service, below a tenant's prefix (`/t/{tenant}`) or on its host (empty).

    Tenants that share a host have a cookie each: any page can send a browser to a login of one tenant, whose provider
    may answer without a prompt, and that must not end the session at another tenant.
    """
    return tenant_cookie_name("session", origin, path_prefix)


def session_cookie(origin: str, path_prefix: str, token: str, *, max_age_seconds: int) -> Cookie:
    """The cookie that holds a new session's token."""
    return Cookie(
        name=session_cookie_name(origin, path_prefix),
        value=token,
        max_age_seconds=max_age_seconds,
        secure=is_secure(origin),
    )


def tenant_cookie_name(name: str, origin: str, path_prefix: str) -> str:
    """A cookie of one tenant, so that tenants that share a host have one each."""
    ending = f"-{path_prefix.removeprefix('/t/')}" if path_prefix else ""
    return f"{_HOST_PREFIX if is_secure(origin) else ''}{name}{ending}"


def logout_cookie_name(origin: str) -> str:
    """The cookie that recognises a sign-out at the provider when the browser returns from it."""
    return f"{_HOST_PREFIX if is_secure(origin) else ''}logout"


def logout_cookie(origin: str, state: str, *, max_age_seconds: int) -> Cookie:
    """The cookie to set when the browser leaves for the provider's sign-out."""
    return Cookie(
        name=logout_cookie_name(origin), value=state, max_age_seconds=max_age_seconds, secure=is_secure(origin)
    )


def known_browser_cookie(origin: str, user_id: UUID, value: str) -> Cookie:
    """The cookie that recognises a browser on which the user has proven password and code."""
    return Cookie(
        name=f"{_HOST_PREFIX if is_secure(origin) else ''}{known_browsers.cookie_name(user_id)}",
        value=value,
        max_age_seconds=known_browsers.COOKIE_SECONDS,
        secure=is_secure(origin),
    )


def binding_name(origin: str, attempt_id: UUID) -> str:
    """The cookie that binds an attempt to the browser on this origin."""
    return f"{_HOST_PREFIX if is_secure(origin) else ''}{_BINDING}{attempt_id.hex}"


def binding_cookie(origin: str, attempt_id: UUID, value: str, *, max_age_seconds: int, form_post: bool) -> Cookie:
    """The cookie to set at launch. A form posted from the provider's site brings only cookies with SameSite=None."""
    return Cookie(
        name=binding_name(origin, attempt_id),
        value=value,
        max_age_seconds=max_age_seconds,
        same_site_none=form_post,
        secure=is_secure(origin) or form_post,
    )


def is_bound(cookies: Mapping[str, str], origin: str, attempt_id: UUID, expected_hash: bytes | None) -> bool:
    """Whether this is the browser that the attempt was bound to on this origin."""
    value = cookies.get(binding_name(origin, attempt_id))
    return value is not None and expected_hash is not None and hmac.compare_digest(token_hash(value), expected_hash)


def superfluous_bindings(cookies: Iterable[str], *, keep: int = MAX_BINDINGS - 1) -> tuple[str, ...]:
    """The binding cookies to clear so that at most `keep` remain: the oldest go, as attempt ids sort by time."""
    found = sorted(
        (name for name in cookies if name.removeprefix(_HOST_PREFIX).startswith(_BINDING)),
        key=lambda name: name.removeprefix(_HOST_PREFIX),
    )
    return tuple(found[: max(0, len(found) - keep)])


def host_of(url_or_host: str) -> str:
    """The host name that decides where cookies go: lower case, without scheme and port; empty if it cannot be read."""
    text = url_or_host if "://" in url_or_host else f"//{url_or_host}"
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""
