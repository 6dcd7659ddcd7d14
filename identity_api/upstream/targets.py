"""Parse the URL of an outbound request so strictly that no two parsers can disagree about it.

Only what RFC 3986 needs for an origin, a path and a query, in ASCII: no user information, no fragment, no backslash,
no blanks, no percent in the host. Names with other letters arrive in their ASCII form (RFC 5891).
"""

import re
from functools import lru_cache
from typing import NamedTuple

import yarl

from identity_api.upstream.errors import TargetRefused

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?"
    r"(?:[/?][\x21\x22\x24-\x5b\x5d-\x7e]*)?"
)
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Target(NamedTuple):
    """Where a request goes. `host` is lower case, without brackets; `url` is sent exactly as it was given."""

    url: yarl.URL
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """`scheme://host:port`, for error texts and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@lru_cache(maxsize=512)
def parse_target(url: str) -> Target:
    """Split a URL.

    Raises:
        TargetRefused: `scheme` if it is neither http nor https, `url` if it is not plainly written.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise TargetRefused("This URL may not be used for an outbound request.", reason="url")
    if found["scheme"] not in _DEFAULT_PORTS:
        raise TargetRefused("Only https may be used for an outbound request.", reason="scheme")
    port = int(found["port"]) if found["port"] else _DEFAULT_PORTS[found["scheme"]]
    host = found["host"].strip("[]").lower()
    try:
        # encoded=True: yarl otherwise rewrites %7E to ~, and a signed or registered URL must go out unchanged.
        read = yarl.URL(url, encoded=True)
        agrees = (read.raw_host or "").lower() == host and read.port == port and read.user is None
    except ValueError:
        agrees = False
    if not agrees or not 0 < port < 65536:
        raise TargetRefused("This URL may not be used for an outbound request.", reason="url")
    return Target(read, found["scheme"], host, port)
