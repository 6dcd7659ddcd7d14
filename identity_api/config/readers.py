"""Readers: turn one raw setting, a text from the environment or a TOML value, into its typed value.

A reader raises ValueError with what is needed, and never repeats what was given: a password pasted into the wrong
setting must not reach a log.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from identity_api.config.key_ring import KeyRing, parse_key_ring
from identity_api.config.redis_url import SENTINEL_SCHEMES, parts_of, sentinels_of
from identity_api.config.secret import Secret
from identity_api.errors import ConfigurationError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")
_PLACEHOLDERS = re.compile(r"<.*>|(change|replace|fill)[-_ ]?(me|it|this|in)[!0-9]*|todo|placeholder|x{3,}", re.I)
_HOST = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,255}")
_LIST_ENTRY = re.compile(r"[\x21-\x7e]{1,300}")


@dataclass(frozen=True, slots=True)
class Reader:
    """`read(raw, from_text)` gives the value; `kind` is the name of the type in the documentation."""

    kind: str
    read: Callable[[object, bool], Any]


def whole_number(minimum: int, maximum: int) -> Reader:
    """An integer within bounds, both included."""

    def read(raw: object, from_text: bool) -> int:
        if from_text and isinstance(raw, str) and _WHOLE_NUMBER.fullmatch(raw.strip()):
            raw = int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool) or not minimum <= raw <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum} is needed")
        return raw

    return Reader("whole number", read)


def choice(*options: str) -> Reader:
    """One of a few words, exactly as written."""

    def read(raw: object, _from_text: bool) -> str:
        if not isinstance(raw, str) or raw not in options:
            raise ValueError(f"one of {', '.join(options)} is needed")
        return raw

    return Reader(" or ".join(f"`{option}`" for option in options), read)


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError("a text is needed")
    text = raw.strip()
    if not text:
        raise ValueError("it is set but empty; leave it out, or give it a value")
    if not text.isprintable() or len(text) > 4_096:
        raise ValueError("a text of at most 4096 printable characters is needed")
    return text


def _read_list(raw: object, from_text: bool) -> tuple[str, ...]:
    entries: object = re.split(r"[\s,]+", raw.strip(", \t\r\n")) if from_text and isinstance(raw, str) else raw
    if entries == [""]:
        return ()
    if not isinstance(entries, list) or not all(
        isinstance(entry, str) and _LIST_ENTRY.fullmatch(entry) for entry in entries
    ):
        raise ValueError("a list of texts without spaces is needed (in the environment separated by commas)")
    return tuple(entries)


def _read_networks(raw: object, from_text: bool) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(entry) for entry in _read_list(raw, from_text))
    except ValueError:
        raise ValueError("a list of networks like 10.0.0.0/8 or addresses is needed") from None


def _read_host(raw: object, _from_text: bool) -> str:
    text = _text(raw)
    if not _HOST.fullmatch(text):
        raise ValueError("a host name or an address is needed")
    return text


def _read_path(raw: object, _from_text: bool) -> Path:
    return home_expanded(_text(raw)).absolute()


def home_expanded(text: str) -> Path:
    """The path, with `~` and `~name` expanded to home directories.

    Raises:
        ValueError: there is no such user, or no home.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("whose home directory `~` means is not known") from None


def is_loopback(host: str) -> bool:
    """Whether a host name or literal address always means this machine."""
    if host in {"localhost", "localhost."} or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _read_web_url(raw: object) -> tuple[str, str, str]:
    """Scheme, authority (lower case) and path of an http(s) URL without credentials, query and fragment."""
    text = _text(raw)
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("a URL is needed") from None
    if parts.scheme not in {"http", "https"} or not host or "\\" in text or " " in text:
        raise ValueError("an http or https URL is needed")
    if parts.username is not None or parts.password is not None or "?" in text or "#" in text:
        raise ValueError("a URL without user, query and fragment is needed")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("https is needed unless the host is this machine")
    return parts.scheme, parts.netloc.lower(), parts.path


def _read_origin(raw: object, _from_text: bool) -> str:
    scheme, authority, path = _read_web_url(raw)
    if path not in {"", "/"}:
        raise ValueError("a URL without a path is needed")
    # Browsers leave the default port out of Origin, so it must not be part of the compared value.
    authority = authority.removesuffix(":443" if scheme == "https" else ":80")
    return f"{scheme}://{authority}"


def _read_endpoint(raw: object, _from_text: bool) -> str:
    scheme, authority, path = _read_web_url(raw)
    return f"{scheme}://{authority}{path}"


def connection_url(*schemes: str) -> Reader:
    """A URL that may hold a password; kept as Secret."""

    def read(raw: object, _from_text: bool) -> Secret:
        text = _text(raw)
        needed = " or ".join(f"{scheme}://" for scheme in schemes)
        try:
            parts = urlsplit(text)
            _port = parts.port
        except ValueError:
            raise ValueError(
                "its host or port cannot be read; in a username or a password /, ?, # and @ are written %2F, %3F, %23 and %40"
            ) from None
        if parts.scheme not in schemes or not (parts.netloc or parts.path):
            raise ValueError(f"a URL that begins with {needed} is needed")
        if parts.password is not None and _PLACEHOLDERS.fullmatch(unquote(parts.password)):
            raise ValueError("its password is a placeholder")
        return Secret(text)

    return Reader(f"URL (`{'://`, `'.join(schemes)}://`)", read)


_REDIS_SCHEMES = ("redis", "rediss", "unix")


def _read_redis_url(raw: object, from_text: bool) -> Secret:
    text = _text(raw)
    scheme = text.partition("://")[0]
    if scheme in ("redis+cluster", "rediss+cluster"):
        raise ValueError(
            "a Redis Cluster is not used: the queue changes several keys at once. Name one server, or Sentinels for one that"
            " is replaced when it fails (redis+sentinel://)"
        )
    if scheme not in SENTINEL_SCHEMES:
        needed = (*_REDIS_SCHEMES, *SENTINEL_SCHEMES)
        read: Secret = connection_url(*needed).read(text, from_text)
        return read
    sentinels_of(text)
    login = unquote(parts_of(text).login.partition(":")[2])
    if _PLACEHOLDERS.fullmatch(login):
        raise ValueError("its password is a placeholder")
    return Secret(text)


def _read_key_ring(raw: object, _from_text: bool) -> KeyRing:
    try:
        return parse_key_ring(_text(raw))
    except ConfigurationError as error:
        raise ValueError("; ".join(error.problems)) from None


REDIS_URL = Reader(
    "URL (`redis://`, `rediss://`, `unix://`, `redis+sentinel://`, `rediss+sentinel://`)", _read_redis_url
)
TEXT_LIST = Reader("list", _read_list)
NETWORKS = Reader("list of networks", _read_networks)
HOST = Reader("host name or address", _read_host)
PATH = Reader("path", _read_path)
ORIGIN = Reader("URL", _read_origin)
ENDPOINT = Reader("URL", _read_endpoint)
KEY_RING = Reader("`id:base64,id:base64`", _read_key_ring)
