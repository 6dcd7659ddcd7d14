"""The URL of Redis Sentinels: read at the start, and again where connections are made."""

from typing import Final
from urllib.parse import unquote, urlsplit

SENTINEL_SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
_SENTINEL_PORT: Final = 26_379


def sentinels_of(url: str) -> tuple[list[tuple[str, int]], str]:
    """The Sentinels' addresses, and the primary's name.

    Raises:
        ValueError: there is none.
    """
    parts = urlsplit(url)
    hosts = []
    for place in parts.netloc.rpartition("@")[2].split(","):
        one = urlsplit(f"//{place}")
        if not one.hostname:
            raise ValueError("a Sentinel has no host name")
        hosts.append((one.hostname, one.port or _SENTINEL_PORT))
    name = unquote(parts.path.strip("/").partition("/")[0])
    if not name:
        raise ValueError("the name of the primary is missing: redis+sentinel://HOST:26379,HOST:26379/NAME")
    return hosts, name
