"""The interfaces of four vendors that list somebody's groups, on one loopback port, as their documentation has them.

    POST /v1.0/me/getMemberObjects                                 Microsoft Graph: ids, all at once
    GET  /user/teams                                               GitHub: pages by number, `Link`
    GET  /v1/groups/-/memberships:searchTransitiveGroups           Google: pages by token in the body
    GET  /api/v1/users/me/groups                                   Okta: pages by cursor, `Link`

What is not documented is refused: another method, a missing scope of the query, another token.
"""

import json
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import parse_qs, quote

import msgspec

from tests.openid_provider.http_server import ThreadedServer

TOKEN = "a token of alice"
LABEL = "cloudidentity.googleapis.com/groups.discussion_forum"
Reply = tuple[int, dict[str, str], Any]


class Fault(msgspec.Struct, kw_only=True):
    """What goes wrong from which page on."""

    page: int
    status: int = 500
    body: bytes | None = None
    """Sent instead of the page, with status 200."""
    link: str | None = None
    """Sent instead of the next page's address."""


class Vendors:
    """The server at `base`; `groups` is what the person of the token is in, `page_size` how many come at a time.

    `token` is the only one that is accepted; None accepts any.
    """

    def __init__(self) -> None:
        self._server = ThreadedServer()
        self.base = f"http://127.0.0.1:{self._server.port}"
        self.reset()

    def reset(self, groups: Sequence[str] = (), *, page_size: int = 100, fault: Fault | None = None) -> None:
        """As if nobody had asked yet."""
        self.groups, self.page_size, self.fault = list(groups), page_size, fault
        self.token: str | None = TOKEN
        self.asked: list[str] = []

    @property
    def port(self) -> int:
        return self._server.port

    def __enter__(self) -> Self:
        self._server.start(self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        self.asked.append(f"{scope['method']} {scope['path']}")
        if self.token is not None and headers.get("authorization") != f"Bearer {self.token}":
            status, more, said = 401, {}, {"message": "Bad credentials"}
        else:
            status, more, said = self._route(f"{scope['method']} {scope['path']}", query, body)
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        lines = [(name.encode(), value.encode()) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": content})

    def _route(self, asked: str, query: dict[str, str], body: bytes) -> Reply:
        page = len(self.asked)
        if self.fault is not None and page >= self.fault.page and self.fault.link is None:
            return (200, {}, self.fault.body) if self.fault.body is not None else (self.fault.status, {}, {})
        match asked:
            case "POST /v1.0/me/getMemberObjects":
                assert json.loads(body) == {"securityEnabledOnly": False}
                return 200, {}, {"@odata.context": f"{self.base}/$metadata", "value": self.groups}
            case "GET /user/teams":
                number = int(query.get("page", "1"))
                teams = [_team(name) for name in self._slice(number)]
                return 200, self._link(number, f"{self.base}/user/teams?per_page=100&page={number + 1}"), teams
            case "GET /v1/groups/-/memberships:searchTransitiveGroups":
                assert query["query"] == f"member_key_id == 'alice@acme.example' && '{LABEL}' in labels"
                number = int(query.get("pageToken", "page-1").removeprefix("page-"))
                found = [{"group": f"groups/{name}", "groupKey": {"id": name}} for name in self._slice(number)]
                said: dict[str, Any] = {"memberships": found} if found else {}
                return 200, {}, {**said, "nextPageToken": f"page-{number + 1}"} if self._more(number) else said
            case "GET /api/v1/users/me/groups":
                number = int(query.get("after", "1"))
                here = f'<{self.base}/api/v1/users/me/groups?limit=200>; rel="self"'
                link = self._link(number, f"{self.base}/api/v1/users/me/groups?after={number + 1}&limit=200")
                both = f"{here}, {link['link']}" if link else here
                found = [{"id": quote(name), "profile": {"name": name}} for name in self._slice(number)]
                return 200, {"link": both}, found
        return 404, {}, {"message": "Not Found"}

    def _slice(self, number: int) -> list[str]:
        return self.groups[(number - 1) * self.page_size : number * self.page_size]

    def _more(self, number: int) -> bool:
        return number * self.page_size < len(self.groups)

    def _link(self, number: int, address: str) -> dict[str, str]:
        if self.fault is not None and self.fault.link is not None:
            address = self.fault.link
        return {"link": f'<{address}>; rel="next"'} if self._more(number) else {}


def _team(name: str) -> dict[str, Any]:
    organisation, _, slug = name.partition("/")
    return {"id": 1, "name": slug.title(), "slug": slug, "organization": {"login": organisation, "id": 7}}
