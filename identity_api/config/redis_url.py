"""The URL of Redis Sentinels: read at the start, and again where connections are made."""

from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

SENTINEL_SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
_SENTINEL_PORT: Final = 26_379


class SentinelURL(NamedTuple):
    """`SCHEME://LOGIN@PLACES/PATH?QUERY`, each part as it is written."""

    scheme: str
    login: str
    places: str
    path: str
    query: str


def parts_of(url: str) -> SentinelURL:
    """Split at the separators. `urlsplit` refuses several places with an IPv6 address among them in newer Pythons."""
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    login, _, places = authority.rpartition("@")
    return SentinelURL(scheme, login, places, path.strip("/"), query)


def sentinels_of(url: str) -> tuple[list[tuple[str, int]], str]:
    """The Sentinels' addresses, and the primary's name.

    Raises:
        ValueError: there is none.
    """
    parts = parts_of(url)
    hosts = []
    for place in parts.places.split(","):
        one = urlsplit(f"//{place}")
        if not one.hostname:
            raise ValueError("a Sentinel has no host name")
        hosts.append((one.hostname, one.port or _SENTINEL_PORT))
    name = unquote(parts.path.partition("/")[0])
    if not name:
        raise ValueError("the name of the primary is missing: redis+sentinel://HOST:26379,HOST:26379/NAME")
    return hosts, name
