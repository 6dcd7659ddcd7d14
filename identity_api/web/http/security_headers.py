"""Headers of every response (OWASP ASVS 3.4), unless its handler sets others.

`Referrer-Policy` is `same-origin`, not `no-referrer`: with the latter, browsers send `Origin: null` with this service's own
forms (Fetch standard, 3.1), which is never accepted. Addresses with codes in them still never reach another site.
"""

from collections.abc import Sequence
from typing import Final

from identity_api.web.http.request_context import RequestContext

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
LEADS_ELSEWHERE: Final = CONTENT_SECURITY_POLICY.replace(" form-action 'self';", "")
"""Browsers apply `form-action` to redirects as well: signing out leads on to the provider, signing in to a frontend."""

FOLLOWS_CHANGES: Final = f"{LEADS_ELSEWHERE}; script-src 'self'; connect-src 'self'"
"""For the page with the one script of ours, which asks our own origin whether something has changed."""

_POLICY: Final = b"content-security-policy"
_NOBODY_FRAMES: Final = "frame-ancestors 'none'"

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
    (_POLICY, CONTENT_SECURITY_POLICY.encode()),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")

Lines = list[tuple[bytes, bytes]]


def framed_by(origins: Sequence[str]) -> dict[str, str]:
    """Headers of a page that only pages of these origins may show in a frame."""
    policy = CONTENT_SECURITY_POLICY.replace(_NOBODY_FRAMES, f"frame-ancestors {' '.join(origins)}")
    return {"content-security-policy": policy, "cross-origin-resource-policy": "cross-origin"}


def complete(context: RequestContext, lines: Lines) -> Lines:
    """The headers of a response, completed: security headers, request id, cookies, and CORS headers."""
    present = {name.lower() for name, _ in lines}
    if any(name.lower() == _POLICY and _NOBODY_FRAMES.encode() not in policy for name, policy in lines):
        # It knows no list of origins, and a browser that reads the policy ignores it.
        present.add(b"x-frame-options")
    lines = lines + [line for line in _ALWAYS if line[0] not in present]
    lines.append((b"x-request-id", context.request_id.encode()))
    if context.scheme == "https":
        lines.append(_HSTS)
    lines += [(b"set-cookie", line.encode("latin-1")) for line in context.set_cookies]
    if context.allowed_origin is not None:
        lines.append((b"access-control-allow-origin", context.allowed_origin.encode("latin-1")))
        lines.append((b"access-control-allow-credentials", b"true"))
        lines.append((b"access-control-expose-headers", b"x-request-id, retry-after, www-authenticate"))
    lines.append((b"vary", b"Origin"))
    return lines
