"""A provider for load: token endpoint, UserInfo, metadata and keys, for any number of issuers `/p0`, `/p1`, ...

A code is `code.<number>.<nonce>`, which whoever plays the browser makes up; only its ID Token is signed when it is asked for.

Tokens are signed once for each person and set of groups, before the measurement, so that its core is free for answers. It
rotates strictly where a mode says so: a refresh token that is presented again is dead, and counted as lost.
"""

import asyncio
import random
import sys
import time
from typing import cast
from urllib.parse import parse_qs

import joserfc.jwk
import msgspec
import uvloop
from joserfc import jws

CLIENT_ID, CLIENT_SECRET = "client", "a secret of this benchmark"
GROUPS, GROUPS_EACH = 400, 5


class Mode(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider answers."""

    rotates: bool = False
    has_id_tokens: bool = True
    moving: int = 0
    """Every so-manieth person has other groups at each refresh; 0 for nobody."""
    seconds: tuple[float, float] | None = None
    """Between which bounds an answer takes; at once if None."""
    failing: float = 0.0
    """Share of refreshes that are answered with 503, and change nothing."""
    rate: int | None = None
    """Refreshes a second; the others are answered with 429 and `Retry-After`."""
    retry_after: int = 5


class Begin(msgspec.Struct):
    """From now on answer so, for people of these numbers: for each issuer from which number to which."""

    mode: Mode
    people: list[tuple[int, int, int]]


class Counts(msgspec.Struct):
    """What was asked for since the mode began."""

    refreshes: int = 0
    refused: int = 0
    lost: int = 0
    """Refresh tokens that were presented again."""


def groups_of(number: int, *, moved: bool = False) -> list[str]:
    """The groups of a person."""
    return [f"group-{(number * 7 + (k + moved) * 61) % GROUPS}" for k in range(GROUPS_EACH)]


class Provider:
    """What the issuers know."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.key = joserfc.jwk.RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        self.mode, self.counts = Mode(), Counts()
        self.generations: dict[int, int] = {}
        self.id_tokens: dict[tuple[int, bool], str] = {}
        self.moved: set[int] = set()
        self.window = (0, 0)

    def begin(self, asked: Begin) -> None:
        """Take on a mode, and sign what will be asked for."""
        self.mode, self.counts = asked.mode, Counts()
        for issuer, first, last in asked.people if asked.mode.has_id_tokens else []:
            for number in range(first, last):
                self.id_token(issuer, number, moved=False)
                if self._moves(number):
                    self.id_token(issuer, number, moved=True)

    def _moves(self, number: int) -> bool:
        return self.mode.moving > 0 and number % self.mode.moving == 0

    def id_token(self, issuer: int, number: int, *, moved: bool) -> str:
        found = self.id_tokens.get((number, moved))
        if found is None:
            found = self.id_tokens[number, moved] = self._signed(issuer, number, moved=moved)
        return found

    def profile(self, number: int, *, moved: bool) -> dict[str, object]:
        name = f"user{number}"
        return {
            "sub": name,
            "preferred_username": name,
            "name": f"User Number {number}",
            "email": f"{name}@example.com",
            "email_verified": True,
            "groups": groups_of(number, moved=moved),
        }

    def refresh(self, issuer: int, form: dict[str, list[str]]) -> tuple[int, object, str]:
        """Status, body and further headers of the answer."""
        mode, counts = self.mode, self.counts
        counts.refreshes += 1
        if mode.rate is not None and self._is_beyond(mode.rate):
            counts.refused += 1
            return 429, {"error": "slow_down"}, f"retry-after: {mode.retry_after}\r\n"
        if mode.failing and random.random() < mode.failing:
            return 503, {"error": "temporarily_unavailable"}, ""
        _, number_text, generation = form["refresh_token"][0].split(".")
        number, current = int(number_text), self.generations.get(int(number_text), 0)
        if mode.rotates and int(generation) != current:
            counts.lost += 1
            return 400, {"error": "invalid_grant"}, ""
        body: dict[str, object] = {"access_token": f"at.{number}", "token_type": "Bearer", "expires_in": 300}
        if mode.rotates:
            self.generations[number] = current + 1
            body["refresh_token"] = f"rt.{number}.{current + 1}"
        if self._moves(number):
            self.moved ^= {number}
        if mode.has_id_tokens:
            body["id_token"] = self.id_token(issuer, number, moved=number in self.moved)
        return 200, body, ""

    def exchange(self, issuer: int, code: str) -> tuple[int, object, str]:
        """The tokens of a login (Core 3.1.3.3); every one has a refresh token of its own, which replaces the one before."""
        _, number_text, nonce = code.split(".", 2)
        number = int(number_text)
        self.generations[number] = self.generations.get(number, 0) + 1
        body = {"access_token": f"at.{number}", "token_type": "Bearer", "expires_in": 300}
        body |= {
            "refresh_token": f"rt.{number}.{self.generations[number]}",
            "id_token": self._signed(issuer, number, nonce=nonce),
        }
        return 200, body, ""

    def _signed(self, issuer: int, number: int, *, moved: bool = False, **further: object) -> str:
        now = int(time.time())
        claims = {**self.profile(number, moved=moved), "iss": f"{self.base}/p{issuer}", "aud": CLIENT_ID}
        claims |= {"iat": now, "exp": now + 86_400, **further}
        return jws.serialize_compact({"alg": "RS256", "kid": "k1"}, msgspec.json.encode(claims), self.key)

    def _is_beyond(self, rate: int) -> bool:
        second, used = self.window
        now = int(time.monotonic())
        self.window = (now, used + 1 if now == second else 1)
        return self.window[1] > rate

    def answer(self, path: str, head: bytes, body: bytes) -> tuple[int, object, str]:
        """What is answered at once, or after the time that the mode says."""
        if path == "/begin":
            self.begin(msgspec.json.decode(body, type=Begin))
            return 200, {}, ""
        if path == "/counts":
            return 200, self.counts, ""
        _, place, what = path.split("/", 2)
        issuer = int(place[1:])
        if what == "token":
            form = parse_qs(body.decode())
            return self.exchange(issuer, form["code"][0]) if "code" in form else self.refresh(issuer, form)
        if what == "userinfo":
            number = int(head.split(b"Bearer at.", 1)[1].split(b"\r\n", 1)[0])
            return 200, self.profile(number, moved=number in self.moved), ""
        if what == "jwks":
            return 200, {"keys": [self.key.as_dict(private=False)]}, ""
        return 200, self.metadata(f"{self.base}/p{issuer}"), ""

    @staticmethod
    def metadata(issuer: str) -> dict[str, object]:
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }


class Connection(asyncio.Protocol):
    """One connection: a request at a time, answered and kept."""

    transport: asyncio.Transport

    def __init__(self, provider: Provider) -> None:
        self.provider, self.received = provider, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.received[:end]
        named = head.lower().find(b"content-length:")
        length = int(head[named + 15 :].split(b"\r\n", 1)[0]) if named >= 0 else 0
        if len(self.received) < end + 4 + length:
            return
        body, self.received = self.received[end + 4 : end + 4 + length], self.received[end + 4 + length :]
        path = head.split(b" ", 2)[1].decode()
        status, content, headers = self.provider.answer(path, head, body)
        seconds = self.provider.mode.seconds
        if seconds is None or not path.endswith("/token"):
            self.send(status, content, headers)
        else:
            asyncio.get_running_loop().call_later(random.uniform(*seconds), self.send, status, content, headers)

    def send(self, status: int, content: object, headers: str) -> None:
        body = msgspec.json.encode(content)
        head = f"HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\n{headers}content-length: {len(body)}\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)


async def serve(port: int) -> None:
    """Answer until the process is ended."""
    provider = Provider(port)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(provider), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
