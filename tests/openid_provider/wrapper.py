"""An ASGI application around the provider: keeps the log, holds answers at gates, and spoils whole answers."""

import asyncio
import gzip
import itertools
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import msgspec

from tests.openid_provider.faults import Fault, Switches, When, current_exchange
from tests.openid_provider.log import Exchange, RequestLog, digest
from tests.openid_provider.misbehaving import MisbehavingProvider

BIG_BYTES = 8 * 1024 * 1024


class ConnectionDropped(Exception):
    """The server is to cut the connection without an answer."""


class Canned(msgspec.Struct, frozen=True):
    """An answer made in advance."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send: Any) -> None:
        headers = [(b"content-type", self.content_type.encode()), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def _oauth_error(status: int, error: str, description: str | None = None) -> Canned:
    members = {"error": error} if description is None else {"error": error, "error_description": description}
    return Canned(status, "application/json", msgspec.json.encode(members))


CANNED: dict[Fault, Canned] = {
    Fault.ERROR_500: Canned(500, "text/plain", b"internal error"),
    Fault.ERROR_502: Canned(502, "text/html", b"<h1>Bad gateway</h1>"),
    Fault.ERROR_503: Canned(503, "text/plain", b"try later"),
    Fault.TOO_MANY_REQUESTS: Canned(429, "application/json", b"{}", ((b"retry-after", b"7"),)),
    Fault.HTML_200: Canned(200, "text/html", b"<!doctype html><title>Please sign in</title>"),
    Fault.EMPTY_200: Canned(200, "application/json", b""),
    Fault.BROKEN_JSON_200: Canned(200, "application/json", b'{"access_token": "x", '),
    Fault.JSON_LIST_200: Canned(200, "application/json", b"[]"),
    Fault.REDIRECT: Canned(307, "text/plain", b"", ((b"location", b"http://127.0.0.1:9/elsewhere"),)),
    Fault.HUGE_BODY: Canned(200, "application/json", b" " * BIG_BYTES),
    Fault.GZIP_BOMB: Canned(
        200, "application/json", gzip.compress(b" " * BIG_BYTES, 9), ((b"content-encoding", b"gzip"),)
    ),
    Fault.INVALID_CLIENT: _oauth_error(401, "invalid_client"),
    Fault.INVALID_GRANT: _oauth_error(400, "invalid_grant"),
    Fault.PERSON_DISABLED: _oauth_error(400, "invalid_grant", "AADSTS50057: The user account is disabled."),
    Fault.TOKEN_UNUSED: _oauth_error(
        400, "invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity."
    ),
    Fault.INTERACTION_REQUIRED: _oauth_error(400, "interaction_required"),
    Fault.INVALID_REQUEST: _oauth_error(400, "invalid_request"),
    Fault.SERVER_ERROR_OF_OAUTH: _oauth_error(500, "server_error"),
    Fault.EMPTY_400: Canned(400, "text/plain", b""),
    Fault.BAD_REFRESH_TOKEN_200: _oauth_error(200, "bad_refresh_token"),
    Fault.INVALID_GRANT_200: _oauth_error(200, "invalid_grant"),
    Fault.UNAUTHORIZED: Canned(401, "text/plain", b"", ((b"www-authenticate", b'Bearer error="invalid_token"'),)),
}


class Wrapper:
    """See the module. A switch without a path spoils the token endpoint only."""

    def __init__(self, app: Any, provider: MisbehavingProvider, switches: Switches, log: RequestLog) -> None:
        self._app = app
        self._provider = provider
        self._switches = switches
        self._log = log

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        exchange = self._describe(scope, body)
        current_exchange.set(exchange)
        self._log.begin(exchange)
        status = 0
        try:
            await self._gates(exchange, "before")
            status = await self._answer(exchange, scope, body, send)
        finally:
            self._log.end(exchange, status)

    async def _answer(self, exchange: Exchange, scope: dict[str, Any], body: bytes, send: Any) -> int:
        if self._spoils(Fault.DROP_BEFORE, exchange):
            raise ConnectionDropped
        for fault, canned in CANNED.items():
            if self._spoils(fault, exchange):
                await canned.send(send)
                return canned.status
        start, content = await self._ask(scope, body)
        if self._spoils(Fault.DROP_AFTER, exchange):
            raise ConnectionDropped
        if self._spoils(Fault.ERROR_AFTER, exchange):
            await CANNED[Fault.ERROR_502].send(send)
            return 502
        await self._gates(exchange, "after")
        if self._spoils(Fault.DRIP, exchange):
            await _drip(start, send, (content[at : at + 1] for at in range(len(content))), seconds=0.5)
        if self._spoils(Fault.ENDLESS, exchange):
            await _drip(start, send, itertools.repeat(b" " * 4_096), seconds=0.05)
        await send(start)
        if any(gate.holds(exchange, "body") for gate in self._switches.gates):
            await send({"type": "http.response.body", "body": content[:1], "more_body": True})
            content = content[1:]
            await self._gates(exchange, "body")
        await send({"type": "http.response.body", "body": content})
        return int(start["status"])

    async def _ask(self, scope: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        await self._app(scope, receive, send)
        return said[0], b"".join(message.get("body", b"") for message in said[1:])

    async def _gates(self, exchange: Exchange, when: When) -> None:
        for gate in list(self._switches.gates):
            if gate.holds(exchange, when):
                await gate.pass_through()

    def _spoils(self, fault: Fault, exchange: Exchange) -> bool:
        return self._switches.strikes_answer(fault, exchange)

    def _describe(self, scope: dict[str, Any], body: bytes) -> Exchange:
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        exchange = Exchange(method=scope["method"], path=scope["path"], grant_type=form.get("grant_type"))
        exchange.client_id = form.get("client_id") or _basic_user(headers.get("authorization", ""))
        exchange.presented = digest(form.get("refresh_token") or form.get("code"))
        exchange.person = self._person(scope["path"], form, headers)
        return exchange

    def _person(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
        logins, now = self._provider.logins, self._provider.now()
        held: Any = None
        if path == "/authorize/decision":
            return form.get("person")
        if "refresh_token" in form:
            held = logins.find_family(form["refresh_token"])
        elif "code" in form:
            held = logins.find_code(form["code"])
        elif path == "/userinfo":
            held = logins.find_access_token(headers.get("authorization", "").partition(" ")[2], now)
        return None if held is None else str(held.login.username)


async def _drip(start: dict[str, Any], send: Any, deps: Iterable[bytes], *, seconds: float) -> None:
    """Send a body in parts, until it ends or nobody listens any more; then cut the connection."""
    headers = [line for line in start["headers"] if line[0].lower() != b"content-length"]
    await send({**start, "headers": headers})
    for part in deps:
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await asyncio.sleep(seconds)
    raise ConnectionDropped


def _basic_user(authorization: str) -> str | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return unquote_plus(b64decode(encoded).decode().partition(":")[0])
    except ValueError:
        return None
