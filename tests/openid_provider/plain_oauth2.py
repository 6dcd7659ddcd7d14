"""An authorization server of plain OAuth 2.0 on loopback, which knows nothing of OpenID Connect (RFC 6749, RFC 7636).

Behaves as GitHub documents its own: no discovery, no ID Token, no refresh token, access tokens that do not expire; the
token endpoint answers in form encoding unless JSON is asked for, and with status 200 also when it refuses; people are
numbered. https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

import base64
import hashlib
import json
import secrets
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import msgspec

from tests.openid_provider.browser import CallbackRequest
from tests.openid_provider.http_server import ThreadedServer

CLIENT_ID = "plain-client"
REFUSED: dict[str, Any] = {"error": "bad_verification_code"}


class Asked(msgspec.Struct, kw_only=True):
    """One request that arrived. `fields` are of the query, or of the form for POST; secrets are the test's own."""

    method: str
    path: str
    fields: dict[str, str]
    accept: str


class PlainOAuth2:
    """The server at `base`, from `start` to `stop` or inside a `with` block.

    `people` maps a login name to the claims that UserInfo gives; change them at any time. `revoke` makes every access
    token of a person invalid, as an owner of the organisation or the person would.
    """

    def __init__(self, *, userinfo_method: Literal["GET", "POST"] = "GET") -> None:
        self._server = ThreadedServer()
        self.base = f"http://127.0.0.1:{self._server.port}"
        self.client_secret = secrets.token_urlsafe(24)
        self.userinfo_method = userinfo_method
        self.people: dict[str, dict[str, Any]] = {}
        self.asked: list[Asked] = []
        self._codes: dict[str, tuple[str, dict[str, str]]] = {}
        self._tokens: dict[str, str] = {}

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def endpoints(self) -> dict[str, str]:
        """As they are configured at a Relying Party."""
        return {name: f"{self.base}/{name}" for name in ("authorization", "token", "userinfo")}

    def start(self) -> Self:
        self._server.start(self._answer)
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def revoke(self, person: str) -> None:
        self._tokens = {token: whose for token, whose in self._tokens.items() if whose != person}

    def requests(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]

    async def sign_in(self, authorization_url: str, person: str) -> CallbackRequest:
        """Open the authorization page and consent as this person; how the browser comes back."""
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            assert (await client.get(authorization_url)).status_code == 200
            answer = await client.post(authorization_url, data={"person": person})
        url = answer.headers["location"]
        return CallbackRequest(method="GET", url=url, parameters=dict(parse_qsl(urlsplit(url).query)))

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"].decode()
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode()))
        form = dict(parse_qsl(body)) if scope["method"] == "POST" else {}
        asked = Asked(
            method=scope["method"], path=scope["path"], fields={**query, **form}, accept=headers.get("accept", "")
        )
        self.asked.append(asked)
        status, extra, content = self._route(asked, headers)
        lines = [(name.encode(), value.encode()) for name, value in extra.items()]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": content})

    def _route(self, asked: Asked, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        match asked.method, asked.path:
            case "GET", "/authorization":
                return 200, {"content-type": "text/html"}, b"<form method=post>Authorize?</form>"
            case "POST", "/authorization":
                return self._consent(asked.fields)
            case "POST", "/token":
                said = self._exchange(asked.fields)
                if "application/json" in asked.accept:
                    return 200, {"content-type": "application/json"}, json.dumps(said).encode()
                return 200, {"content-type": "application/x-www-form-urlencoded"}, urlencode(said).encode()
            case method, "/userinfo" if method == self.userinfo_method:
                scheme, _, token = headers.get("authorization", "").partition(" ")
                person = self._tokens.get(token) if scheme.lower() == "bearer" else None
                if person is None or person not in self.people:
                    return 401, {"content-type": "application/json"}, b'{"message": "Bad credentials"}'
                return 200, {"content-type": "application/json"}, json.dumps(self.people[person]).encode()
            case _, "/userinfo":
                return 405, {"allow": self.userinfo_method}, b""
        return 404, {}, b""

    def _consent(self, fields: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        assert fields["response_type"] == "code"
        assert fields["client_id"] == CLIENT_ID
        code = secrets.token_urlsafe(16)
        self._codes[code] = (fields["person"], fields)
        back = f"{fields['redirect_uri']}?{urlencode({'code': code, 'state': fields['state']})}"
        return 303, {"location": back}, b""

    def _exchange(self, fields: dict[str, str]) -> dict[str, Any]:
        """Every code works once, for the client and the redirect URI it was given for, with its verifier."""
        person, agreed = self._codes.pop(fields.get("code", ""), ("", {}))
        if not agreed or fields.get("redirect_uri") != agreed["redirect_uri"]:
            return REFUSED
        if (fields.get("client_id"), fields.get("client_secret")) != (CLIENT_ID, self.client_secret):
            return {"error": "incorrect_client_credentials"}
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != agreed["code_challenge"]:
            return REFUSED
        token = f"gho_{secrets.token_urlsafe(24)}"
        self._tokens[token] = person
        return {"access_token": token, "token_type": "bearer", "scope": agreed["scope"].replace(" ", ",")}
