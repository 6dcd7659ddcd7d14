"""Keeps other websites from submitting the demo provider's forms.

Loopback is reachable from every page open in the browser. A form of another site carries its own `Origin` and
`Sec-Fetch-Site`; a program sends neither, and its user controls the machine anyway. The list of allowed hosts in `app`
refuses names that only resolve to this machine (DNS rebinding).
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler


def require_same_origin(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard for every route that changes something for a browser.

    Raises:
        PermissionDeniedException: a browser says the request comes from elsewhere.
    """
    if connection.scope.get("method") in {"GET", "HEAD"}:
        return
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    own = f"{connection.scope['scheme']}://{connection.headers.get('host')}"
    if site not in {None, "same-origin"} or (origin is not None and origin != own):
        raise PermissionDeniedException("This button was pressed by another website.")
