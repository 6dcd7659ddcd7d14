"""Parse and write cookie headers (RFC 6265bis). `sessions.cookies` has the cookies' names."""

from collections.abc import Iterable
from typing import Any

from identity_api.sessions.login.deps import Cookie
from identity_api.web.http import headers


def pairs_of(scope: Any) -> list[tuple[str, str]]:
    """The cookies of a request in order, doubles included. Nothing is unquoted: our values need no quoting."""
    pairs = []
    for line in headers.values(scope, b"cookie"):
        for part in line.split(";"):
            name, mark, value = part.strip().partition("=")
            if mark and name:
                pairs.append((name, value))
    return pairs


def cookies_of(scope: Any) -> dict[str, str]:
    """The cookies by name; of doubles the first, as a browser sends the most specific one first."""
    found: dict[str, str] = {}
    for name, value in pairs_of(scope):
        found.setdefault(name, value)
    return found


def set_cookie(cookie: Cookie) -> str:
    """The `Set-Cookie` line: always HttpOnly, `Path=/`, no `Domain`."""
    site = "None" if cookie.same_site_none else "Lax"
    secure = "; Secure" if cookie.secure or cookie.same_site_none else ""
    return f"{cookie.name}={cookie.value}; Path=/; Max-Age={cookie.max_age_seconds}; HttpOnly; SameSite={site}{secure}"


def clear_cookie(name: str) -> str:
    """The line that removes a cookie. A `__Host-` name needs the attributes it was set with to be accepted."""
    secure = "; Secure" if name.startswith("__Host-") else ""
    return f"{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}"


def apply(set_cookies: list[str], cookies: Iterable[Cookie], cleared: Iterable[str]) -> None:
    """Add the lines that set and clear these cookies. A cookie that is set is not cleared in the same response."""
    fresh = list(cookies)
    names = {cookie.name for cookie in fresh}
    set_cookies.extend(clear_cookie(name) for name in cleared if name not in names)
    set_cookies.extend(set_cookie(cookie) for cookie in fresh)
