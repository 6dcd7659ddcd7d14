"""Check a request's head before anything is looked up: size, address, path and content coding.

Every path of this service is plain ASCII without escapes, so one pattern is enough: paths with `//`, `%2e%2e`, `;`, `%00`,
backslashes or dot segments do not match it.
"""

import re
from typing import Any, Final

from identity_api.web.http import headers
from identity_api.web.http.errors import HTTPRefusal

MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 16_384
MAX_URL_BYTES: Final = 8_192
MAX_CALLBACK_URL_BYTES: Final = 24_576
"""With a code of `oidc.authorization.MAX_CODE_LENGTH` in it. Proxies often stop at 8 KiB of their own accord."""
_CALLBACK: Final = re.compile(rb"/|.*/callback")
_PATH: Final = re.compile(rb"/|(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+/?")


def check_head(scope: Any) -> None:
    """Refuse heads that no honest client sends.

    Raises:
        HTTPRefusal: 431, 414, 404, 400 (`LENGTH_AMBIGUOUS`) or 415.
    """
    lines = scope["headers"]
    if len(lines) > MAX_HEADERS or sum([len(name) + len(value) for name, value in lines]) > MAX_HEADER_BYTES:
        raise HTTPRefusal(431, "HEADERS_TOO_LARGE", "The request has too many or too large headers.")
    raw_path = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
    raw_path = raw_path.partition(b"?")[0]  # some servers leave the query on
    longest = MAX_CALLBACK_URL_BYTES if _CALLBACK.fullmatch(raw_path) else MAX_URL_BYTES
    length = len(raw_path) + len(scope["query_string"]) + 1
    if length > longest:
        raise HTTPRefusal(414, "URL_TOO_LONG", f"The address has {length} bytes; at most {longest} are read.")
    if not _PATH.fullmatch(raw_path):
        raise HTTPRefusal(404, "NOT_FOUND", "There is nothing at this address.")
    if headers.first(scope, b"transfer-encoding") and headers.first(scope, b"content-length"):
        # RFC 9112 section 6.1: a proxy that chose the other length sees other requests in these bytes.
        raise HTTPRefusal(400, "LENGTH_AMBIGUOUS", "The request has two lengths.", headers={"Connection": "close"})
    coding = headers.first(scope, b"content-encoding")
    if coding is not None and coding.strip().lower() not in {"", "identity"}:
        # The size of a compressed body does not bound the cost of reading it.
        raise HTTPRefusal(415, "CONTENT_CODING_UNSUPPORTED", "Bodies are sent without a content encoding.")
