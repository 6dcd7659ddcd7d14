"""Redact secrets from log lines, and remove what could harm a reader (I3, promise 49).

Three filters, because each misses something: names of fields, shapes of values, and lengths. Callers must still log only
ids and codes.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

MASK: Final = "[redacted]"
MAX_TEXT_LENGTH: Final = 2_000
_MAX_ITEMS: Final = 50
_MAX_DEPTH: Final = 5

_SECRET_PARTS: Final = (
    "token", "secret", "authorization", "cookie", "password", "passwd", "credential", "assertion", "verifier",
    "private_key", "api_key",
)  # fmt: skip
_SECRET_NAMES: Final = frozenset(
    {"code", "nonce", "handle", "dsn", "database_url", "redis_url", "headers", "body", "email", "key", "keys"}
)
# `refresh_token_id`, `token_count` and similar names reveal nothing of the token.
_HARMLESS_ENDINGS: Final = ("_id", "_ids", "_count", "_seconds", "_endpoint", "_kind")

_SECRET_VALUES: Final = re.compile(
    r"""
      \b(?:ia[a-z]|[a-z]{2,12})_[A-Za-z0-9_-]{40,}       # our own sessions, API tokens, codes, handles (ids.new_token)
    | \bia[sb]_[A-Za-z0-9_-]+                            # the two that matter most, whatever their length
    | \beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,4}    # JWS and JWE, also when cut off
    | \b(?:Bearer|Basic|DPoP)\s+[A-Za-z0-9._~+/=-]{6,}
    | (?<=://)[^/\s@'"]*:[^/\s@'"]*(?=@)                 # credentials in a URL
    | (?<=[?&\#])(?:code|state|nonce|[a-z_]*token(?:_hint)?|client_secret|assertion|code_verifier|password|logout_token)
      =[^&\s'"]+
    | -----BEGIN[ A-Z]*PRIVATE[ ]KEY-----.*
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_SUSPECT: Final = re.compile(r"_|eyj|\s|://|=|-----", re.IGNORECASE)
"""Every text in which `_SECRET_VALUES` finds something contains one of these, and few logged texts do."""
_MAX_KEPT_NAME: Final = 64
_CONTROL: Final = re.compile(r"[^\x20-\x7e]")


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is masked, independent of its value."""
    # Nearly all names are this service's own, and few; a long one comes from outside and is not cached.
    return _is_known_secret_name(name) if len(name) <= _MAX_KEPT_NAME else _is_secret_name(name)


def _is_secret_name(name: str) -> bool:
    folded = name.lower().replace("-", "_")
    if folded.endswith(_HARMLESS_ENDINGS):
        return False
    return folded in _SECRET_NAMES or any(part in folded for part in _SECRET_PARTS)


_is_known_secret_name = lru_cache(maxsize=1_024)(_is_secret_name)


def redact_text(text: str) -> str:
    """The text with secret-looking parts masked, cut to `MAX_TEXT_LENGTH`."""
    if len(text) <= MAX_TEXT_LENGTH and _SUSPECT.search(text) is None:
        return text
    # Cut first, generously: the pattern must not run over megabytes, and a secret must not become unrecognisable by the
    # cut.
    shown = _SECRET_VALUES.sub(MASK, text[: 4 * MAX_TEXT_LENGTH])
    if len(shown) > MAX_TEXT_LENGTH or len(text) > 4 * MAX_TEXT_LENGTH:
        return shown[:MAX_TEXT_LENGTH] + f"... [{len(text)} characters]"
    return shown


def redact(name: str, value: object, depth: int = 0) -> Any:
    """A value that is safe to write under this name: JSON types only, masked, bounded in size and depth."""
    if value is None or isinstance(value, bool):
        return value
    if is_secret_name(name):
        return MASK
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"[{len(value)} bytes]"
    if depth >= _MAX_DEPTH:
        return f"[{type(value).__name__}]"
    if isinstance(value, Mapping):
        pairs = list(value.items())[:_MAX_ITEMS]
        return {redact_text(str(key)): redact(str(key), item, depth + 1) for key, item in pairs}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(name, item, depth + 1) for item in list(value)[:_MAX_ITEMS]]
    return redact_text(_shown(value))


def _shown(value: object) -> str:
    if isinstance(value, BaseException):
        return type(value).__name__  # its message may quote the value
    try:
        return str(value)
    except Exception:  # a log line must not fail because of its content
        return f"[{type(value).__name__}]"


def escape_controls(text: str) -> str:
    r"""Make control, ANSI, bidirectional and other unprintable characters visible as `\xNN`; printable text stays.

    Without this a request path could forge log lines or drive the terminal of the person who reads them.
    """
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(lambda found: found[0] if found[0].isprintable() else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
