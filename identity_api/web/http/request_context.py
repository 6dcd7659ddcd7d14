"""The context of one request, computed once at the edge and read by all handlers.

Handlers never read `Host`, `X-Forwarded-*` or the peer's address themselves: if a header were read twice, two checks could
be made on different hosts.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from identity_api.db.tenants import Tenant
from identity_api.ids import uuid7

_KEY: Final = "identity_api.request_context"


class RequestContext(msgspec.Struct):
    """One request. `scheme`, `authority` and `address` are as the browser sees them, behind trusted proxies."""

    method: str
    path: str
    """As it was asked for, with the tenant's prefix."""
    request_id: str = msgspec.field(default_factory=lambda: uuid7().hex)
    started: float = msgspec.field(default_factory=time.monotonic)
    scheme: str = "http"
    authority: str = ""
    """Host in lower case, with the port unless it is the scheme's own."""
    host: str = ""
    """The same without a port."""
    address: str = "unknown"
    """Who is asking, as one key for rate limits: an IPv4 address, or an IPv6 network of 64 bits."""
    peer_is_local: bool = False
    """The connection comes from a private or loopback address, and carries no forwarded headers."""
    is_entered: bool = False
    """The tenant has been looked for."""
    tenant: Tenant | None = None
    """Where an anonymous visitor enters (I2); gives no right to read anything."""
    path_prefix: str = ""
    """`/t/{tenant}`, or nothing on a tenant's own host."""
    route: str = "none"
    """The template of the route that answered: the only form of the path that is logged or counted."""
    wants_page: bool = False
    sees_console: bool = False
    """A page of the console was asked for by somebody to whom it shows something: an error page leads back to it."""
    is_before_first_run: bool = False
    """A page was asked for at an address without a tenant, and there is no tenant at all."""
    is_logged: bool = True
    """Off for one of a flood of equal requests: they are counted, and the log of the first of them is enough."""
    allowed_origin: str | None = None
    """The frontend that may read the answer (CORS), once that is established."""
    set_cookies: list[str] = []
    afterwards: list[Callable[[], Awaitable[None]]] = []
    """What is done once the answer has been written; a failure there is logged and changes nothing."""

    @property
    def origin(self) -> str:
        """The origin of this service's pages, as this browser sends it."""
        return f"{self.scheme}://{self.authority}"

    def local(self, path: str) -> str:
        """A path of this service, for a link or redirect within the same tenant."""
        return self.path_prefix + path


def put_context(scope: Any, context: RequestContext) -> None:
    """Attach the context to an ASGI scope."""
    scope[_KEY] = context


def context_of(scope: Any) -> RequestContext:
    """The context of the request with this ASGI scope."""
    context: RequestContext = scope[_KEY]
    return context
