"""The HTTP requests that protocol code makes, and the responses that it checks; `upstream` sends them.

They depend on no HTTP library, so that an exchange of two requests can be tested without a socket.
"""

from collections.abc import Mapping

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request to a provider. `body` is complete; header names are lower case."""

    method: str
    url: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        # Headers and body carry client secrets, codes and refresh tokens (I3).
        return f"Request({self.method} {self.url.partition('?')[0]})"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Any complete HTTP answer, a 500 included. Header names are lower case; `body` is decoded and capped."""

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"
