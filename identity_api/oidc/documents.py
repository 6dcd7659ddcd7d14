"""Parse what a provider sends: JSON objects, base64url segments, Retry-After, and URLs to contact.

Every function is total: any bytes or text give a value or `DocumentError`, within bounds of size and depth. The
callers' own errors name the document.
"""

import binascii
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_URL_LENGTH = 2048
MAX_RETRY_AFTER_SECONDS = 600

_decode = msgspec.json.Decoder().decode
_BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
# The last character of an incomplete quantum has unused bits, which must be zero (RFC 4648 section 3.5): otherwise one
# token would have several spellings.
_LAST_OF_INCOMPLETE = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}


class DocumentError(ValueError):
    """Unreadable; the text is this service's reason in two or three words."""


def read_json_object(body: bytes, *, max_bytes: int = MAX_DOCUMENT_BYTES) -> dict[str, Any]:
    """Read one JSON object of at most `max_bytes`, nested at most MAX_DEPTH levels.

    Raises:
        DocumentError: too large, not JSON (RFC 8259, UTF-8), not an object, or nested too deeply.
    """
    if len(body) > max_bytes:
        raise DocumentError("too large")
    # Some IIS-based providers begin their documents with a byte order mark; RFC 8259 lets a parser ignore it.
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        document = _decode(body)
    except (ValueError, RecursionError) as error:
        raise DocumentError("not JSON") from error
    if not isinstance(document, dict):
        raise DocumentError("not a JSON object")
    # With few opening brackets the document cannot be deep, so nearly every token needs no walk.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_deeper_than(document, MAX_DEPTH):
        raise DocumentError("nested too deeply")
    return document


def _is_deeper_than(document: object, limit: int) -> bool:
    """Walk level by level, without recursion, since the document may be hostile."""
    level: list[Any] = [document]
    for _ in range(limit):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return False
        level = below
    return any(isinstance(value, dict | list) for value in level)


def decode_base64url(segment: bytes) -> bytes:
    """Decode base64url without padding, strictly (RFC 7515 section 2).

    Raises:
        DocumentError: a character outside the alphabet, an impossible length, or unused bits that are not zero.
    """
    remainder = len(segment) % 4
    if segment.translate(None, _BASE64URL) or remainder == 1:
        raise DocumentError("not base64url")
    if remainder and segment[-1] not in _LAST_OF_INCOMPLETE[remainder]:
        raise DocumentError("not base64url")
    return binascii.a2b_base64(segment.translate(_TO_BASE64) + b"=" * (-len(segment) % 4))


def is_visible_ascii(value: str) -> bool:
    """Whether every character is VSCHAR (RFC 6749 appendix A) or a space, so that it may stand in a header or URL."""
    return value.isascii() and value.isprintable()


def check_url(value: object, *, allow_query: bool = True) -> str:
    """An absolute http(s) URL with a host and without user information, fragment, space or control character.

    The allowed schemes and hosts are checked when the connection is made.

    Raises:
        DocumentError: `value` is not such a URL.
    """
    if not isinstance(value, str) or not value or len(value) > MAX_URL_LENGTH:
        raise DocumentError("not a URL")
    if not is_visible_ascii(value) or " " in value or "\\" in value:
        raise DocumentError("not a URL")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise DocumentError("not a URL") from error
    if not value.startswith(("https://", "http://")) or not host or "@" in parts.netloc:
        raise DocumentError("not a URL")
    if "#" in value or ("?" in value and not allow_query):
        raise DocumentError("not a URL")
    return value


def retry_after_seconds(value: str | None, now: datetime) -> int | None:
    """The delay of a Retry-After header, in seconds from `now`, at most MAX_RETRY_AFTER_SECONDS; None if unreadable.

    RFC 9110 section 10.2.3: either a number of seconds or an HTTP date. `now` is aware UTC.
    """
    if value is None or len(value) > 64:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(int(value), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # "-0000": a date without a zone; HTTP dates are UTC
            moment = moment.replace(tzinfo=UTC)
        wait_seconds = (moment - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0, min(int(wait_seconds), MAX_RETRY_AFTER_SECONDS))


def seconds_of(value: object, *, at_most: int) -> int | None:
    """A lifetime such as `expires_in`, as a number or as the digits that some providers send; None if it is neither.

    Never refuses: a wrong hint must not cost a rotated refresh token.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return int(min(value, at_most))
