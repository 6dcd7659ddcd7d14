"""An OpenID Provider in a process of its own that answers too much: `python -m tests.web.hostile_provider` prints its port.

The issuer's path names what it does, `http://127.0.0.1:<port>/<behaviour>/<anything>`. There is no sign-in page: the code
of a callback is the login's nonce, which is all that a token has to know of a login.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
import zlib
from itertools import product
from string import ascii_letters, digits
from typing import Any
from urllib.parse import parse_qs

from identity_api.demo.keys import SigningKeys, new_signing_key

KEYS = SigningKeys([new_signing_key()])
MEBIBYTE = 1024 * 1024
SHORT = ["".join(pair) for pair in product(ascii_letters + digits, repeat=2)]
NUMBERED = [f"g{number:05}" for number in range(10_000)]
DEEP = "[" * 100_000


def bomb(mebibytes: int = 64) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([packer.compress(bytes(MEBIBYTE)) for _ in range(mebibytes)]) + packer.flush()


BOMB = bomb()

CLAIMS: dict[str, dict[str, Any]] = {
    "token-over-16-kib": {"padding": "x" * 13_000},
    "groups-10000": {"groups": NUMBERED},
    "groups-2001": {"groups": SHORT[:2_001]},
    "groups-2000": {"groups": SHORT[:2_000]},
    "groups-long-entry": {"groups": ["engineering", "x" * 10_240]},
    "groups-nested": {"groups": [["engineering"], {"a": "engineering"}]},
    "groups-elsewhere": {"groups": ["engineering"], "_claim_names": {"groups": "s"}, "_claim_sources": {"s": {}}},
}
BODIES: dict[str, bytes] = {
    "mebibyte": b'{"access_token": "' + b"x" * MEBIBYTE + b'"}',
    "ten-mebibytes": b" " * (10 * MEBIBYTE),
    "nested": b'{"a": ' + DEEP.encode(),
    "many-members": json.dumps({f"m{number}": number for number in range(15_000)}).encode(),
    "long-number": b'{"expires_in": ' + b"9" * 200_000 + b"}",
    "many-keys": json.dumps({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}] * 5_000}).encode(),
    "huge-key": json.dumps({"keys": [{"kty": "RSA", "n": "A" + "_" * 150_000, "e": "AQAB"}]}).encode(),
    "many-groups": json.dumps({"sub": "somebody", "groups": NUMBERED}).encode(),
}


FOREVER = {
    "endless": (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65_536 + b"\r\n", 0.0),
    "endless-head": (b"", b"X-A: " + b"v" * 500 + b"\r\n", 0.0),
    "drip": (b"Content-Length: 100000\r\n\r\n", b" ", 0.005),
}
"""What comes first, what comes again and again, and the seconds between."""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, EOFError):
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            _, behaviour, name, *what = lines[0].split(" ")[1].split("/")
            issuer = f"http://{headers['host']}/{behaviour}/{name}"
            await answer(writer, behaviour, what[-1], issuer, parse_qs(body.decode()))
            await writer.drain()
    writer.close()


async def answer(
    writer: asyncio.StreamWriter, behaviour: str, what: str, issuer: str, form: dict[str, list[str]]
) -> None:
    place = what if what in ("token", "jwks", "userinfo") else "discovery"
    fault = behaviour.removeprefix(f"{place}-") if behaviour.startswith(f"{place}-") else ""
    if fault in FOREVER:
        start, piece, pause = FOREVER[fault]
        writer.write(b"HTTP/1.1 200 OK\r\n" + start)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
    if fault == "gzip-bomb":
        respond(writer, BOMB, "Content-Encoding: gzip")
    elif fault in BODIES:
        respond(writer, BODIES[fault])
    else:
        respond(writer, json.dumps(content(place, behaviour, issuer, form)).encode())


def respond(writer: asyncio.StreamWriter, body: bytes, *extra: str) -> None:
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", *extra]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def content(place: str, behaviour: str, issuer: str, form: dict[str, list[str]]) -> dict[str, Any]:
    """What an honest provider says there, but for the claims."""
    if place == "discovery":
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
    if place == "jwks":
        return KEYS.published()
    if place == "userinfo":
        return {"sub": "somebody", "groups": ["engineering"]}
    now = int(time.time())
    claims = {"iss": issuer, "sub": "somebody", "aud": form["client_id"][0], "iat": now, "exp": now + 300}
    claims |= {"nonce": form["code"][0], "preferred_username": "somebody", "groups": ["engineering"]}
    claims |= CLAIMS.get(behaviour, {})
    if behaviour.startswith("userinfo-"):
        claims.pop("groups")
    return {"access_token": "a" * 32, "token_type": "Bearer", "id_token": KEYS.sign(claims)}


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # for whoever started this
    # Ends with the process that started it, whose end closes this pipe.
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
