"""One HTTP request and one response as values (RFC 9110), for the edges, which do not know each other.

Whoever talks to the server makes the request and sends the response; what lies between knows no framework.
"""

from typing import Any

import msgspec


class HTTPRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose connection has been looked at. Absent headers are None; `body` may be cut off above its limit."""

    method: str
    request_id: str
    origin: str = ""
    """Of our own pages, as the browser sees it."""
    path_prefix: str | None = ""
    """`/t/{tenant}`, or nothing on a tenant's own host; None on the public host, where no tenant was entered."""
    content_type: str | None = None
    content_encoding: str | None = None
    accept: str | None = None
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HTTPRequest(method={self.method!r}, request_id={self.request_id!r})"


class HTTPResponse(msgspec.Struct, frozen=True):
    """Status, headers (names in any case, each once) and body. Cookies and common headers are added at the edge."""

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""

    async def send(self, send: Any) -> None:
        """To an ASGI `send`."""
        lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        lines.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": lines})
        await send({"type": "http.response.body", "body": self.body})
