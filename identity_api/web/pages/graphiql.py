"""The GraphiQL page and its files, all from this service's origin: no CDN, no inline script, nothing to build at run time.

`GET /graphql` without a bearer token must not have a query. With one it is answered 405, so that a link can never send a
query with a person's cookie. The page sends its queries by POST to its own address with the session's cookie and the
header `Identity-Request: 1`.
"""

import hashlib
from importlib.resources import files
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

ASSETS_PATH: Final = "/static/graphiql"
# Litestar adds the charset to text types.
_MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css"}
# In the order in which the page needs them.
_SCRIPTS: Final = ("react.production.min.js", "react-dom.production.min.js", "graphiql.min.js", "page.js")
_STYLES: Final = ("graphiql.min.css", "page.css")

# The hash is the one style element that GraphiQL adds: it keeps the page from scrolling behind an open dialog.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GraphiQL</title>
<link rel="icon" href="data:,">
{styles}
{scripts}
</head>
<body>
<p id="hint" role="status" hidden></p>
<div id="graphiql"><noscript>GraphiQL needs JavaScript. Queries are sent by POST to this address.</noscript></div>
</body>
</html>
"""


class Asset(msgspec.Struct, frozen=True):
    """One static file in memory."""

    content: bytes
    media_type: str
    version: str
    """The first 32 hexadecimal digits of the content's SHA-256."""


def load_assets() -> dict[str, Asset]:
    """The files the page refers to, by name; 1.3 MB, read once when the application is built."""
    folder = files("identity_api.web.pages") / "static" / "graphiql"
    assets = {}
    for name in (*_SCRIPTS, *_STYLES):
        content = (folder / name).read_bytes()
        media_type = _MEDIA_TYPES[name[name.rindex(".") :]]
        assets[name] = Asset(content, media_type, hashlib.sha256(content).hexdigest()[:32])
    return assets


def render_page(assets: dict[str, Asset]) -> bytes:
    """The page; each file's address carries its version, so that it can be cached for ever."""
    addresses = {name: f"{ASSETS_PATH}/{name}?v={asset.version}" for name, asset in assets.items()}
    styles = "\n".join(f'<link rel="stylesheet" href="{addresses[name]}">' for name in _STYLES)
    scripts = "\n".join(f'<script src="{addresses[name]}" defer></script>' for name in _SCRIPTS)
    return _PAGE.format(styles=styles, scripts=scripts).encode()


def graphiql_handlers(*page_paths: str) -> list[HTTPRouteHandler]:
    """Handlers for the page at `page_paths` (by default `/graphql`) and for its files below `/static/graphiql`.

    The caller adds the POST handler of the same path. Neither needs a session: the page holds no data, and says when
    the session is missing.
    """
    assets = load_assets()
    page_content = render_page(assets)
    page_version = hashlib.sha256(page_content).hexdigest()[:32]

    @get(list(page_paths) or ["/graphql"], name="graphiql", sync_to_thread=False, include_in_schema=False)
    def graphiql_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        if _is_query(request):
            return _method_not_allowed()
        headers = {
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
            "Vary": "Accept",
        }
        return _cached(request, page_content, "text/html", page_version, headers)

    @get(f"{ASSETS_PATH}/{{name:str}}", name="graphiql-asset", sync_to_thread=False, include_in_schema=False)
    def graphiql_asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        asset = assets.get(name)
        if asset is None:
            raise NotFoundException
        versioned = request.query_params.get("v") == asset.version
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if versioned else "no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        return _cached(request, asset.content, asset.media_type, asset.version, headers)

    return [graphiql_page, graphiql_asset]


def _is_query(request: Request[Any, Any, Any]) -> bool:
    accept = request.headers.get("accept", "*/*").lower()
    wants_page = "text/html" in accept or "*/*" in accept
    return "query" in request.query_params or not wants_page


def _method_not_allowed() -> Response[bytes]:
    problem = {
        "status": 405,
        "title": "GraphQL is asked with POST; a query with a bearer token also with GET.",
        "code": "METHOD_NOT_ALLOWED",
    }
    headers = {"Allow": "GET, POST", "Cache-Control": "no-store"}
    return Response(
        msgspec.json.encode(problem), status_code=405, media_type="application/problem+json", headers=headers
    )


def _cached(
    request: Request[Any, Any, Any], content: bytes, media_type: str, version: str, headers: dict[str, str]
) -> Response[bytes]:
    """The content, or 304 if the client has it (RFC 9110 section 13.1.2)."""
    headers = {**headers, "ETag": f'"{version}"'}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if f'"{version}"' in known or "*" in known:
        return Response(b"", status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
