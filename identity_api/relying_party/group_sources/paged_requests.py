"""Read a vendor's API page by page, within bounds; the access token is sent to one origin only."""

import asyncio
import re
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from identity_api.claims import Reason
from identity_api.upstream.httpx_client import code_of

MAX_SECONDS: Final = 8.0
"""For all pages together: a person waits, or a sync that has called three endpoints already."""
MAX_PAGES: Final = 20
PAGE_CAP_BYTES: Final = 1024 * 1024
_NEXT: Final = re.compile(r'<([^<>\s]+)>\s*;[^,<]*\brel="?next"?')


class SourceFailed(Exception):
    """No complete list came. `is_partial` if a part of it did, which must not be used; `detail` holds no text of the
    vendor.
    """

    def __init__(self, detail: str, *, is_partial: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.is_partial = is_partial

    @property
    def reason(self) -> Reason:
        """For the reading."""
        return Reason.SOURCE_INCOMPLETE if self.is_partial else Reason.SOURCE_UNAVAILABLE


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """The person and address of the requests, and their deadline. `ends_at` is of the running loop's clock.

    `access_token` is None if the provider gave none, and then there is no page.
    """

    client: httpx.AsyncClient
    base: str
    access_token: str | None
    ends_at: float

    def __repr__(self) -> str:
        return f"Ask({self.base!r})"

    async def page(
        self, url: str, *, number: int, body: bytes | None = None, accept: str = "application/json"
    ) -> httpx.Response:
        """One page; `number` counts from 1. A body makes it a POST.

        Raises:
            SourceFailed: no access token, too many pages, the time has run out, no answer, or another status than 200.
        """
        if self.access_token is None:
            raise SourceFailed("no_access_token")
        is_partial = number > 1
        left = self.ends_at - asyncio.get_running_loop().time()
        if number > MAX_PAGES or left <= 0:
            raise SourceFailed("too_many_pages" if left > 0 else "too_slow", is_partial=is_partial)
        headers = {"authorization": f"Bearer {self.access_token}", "accept": accept}
        if body is not None:
            headers["content-type"] = "application/json"
        method = "GET" if body is None else "POST"
        try:
            response = await self.client.request(method, url, content=body, headers=headers, timeout=left)
        except httpx.TransportError as error:
            raise SourceFailed(code_of(error), is_partial=is_partial) from error
        if response.status_code != 200:
            raise SourceFailed(f"status_{response.status_code}", is_partial=is_partial)
        return response

    def next_link(self, response: httpx.Response, *, number: int) -> str | None:
        """The address of the next page from the header `Link` (RFC 8288), if there is one.

        Raises:
            SourceFailed: it leads to another origin, where the access token must not go.
        """
        found = _NEXT.search(response.headers.get("link", ""))
        if found is None:
            return None
        here, there = urlsplit(self.base), urlsplit(found[1])
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise SourceFailed("next_page_elsewhere", is_partial=number > 0)
        return found[1]


def decoded(response: httpx.Response, kind: Any, *, number: int) -> Any:
    """The page as a value of this type.

    Raises:
        SourceFailed: it is not.
    """
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceFailed("not_understood", is_partial=number > 1) from error
