"""The floor: one indexed read of the read model's rows, handed on as they are, by a bare ASGI application.

No session, no rules, no selection. Nothing that reads the same rows over HTTP in this process can be faster.
"""

import os
from typing import Any
from urllib.parse import parse_qs

import asyncpg

TENANT = os.environ.get("BENCH_TENANT", "")
_PAGE = """
    select u.id::text, u.username, u.display_label, u.email, r.facts from app_user u
    join user_read r on r.tenant_id = u.tenant_id and r.id = u.id
    where u.tenant_id = $1 and u.id > $2 order by u.id limit $3
"""
_pool: Any = None


async def _no_reset(connection: Any) -> None:
    pass


async def app(scope: Any, receive: Any, send: Any) -> None:
    """GET /?after=UUID&first=N."""
    global _pool
    if scope["type"] == "lifespan":
        await receive()
        url = os.environ["IDENTITY_DATABASE_URL"]
        _pool = await asyncpg.create_pool(url, min_size=4, max_size=16, reset=_no_reset)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    asked = parse_qs(scope["query_string"].decode())
    async with _pool.acquire() as connection:
        rows = await connection.fetch(_PAGE, TENANT, asked["after"][0], int(asked["first"][0]))
    body = "\n".join(["\t".join([value or "" for value in row]) for row in rows]).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def create_app() -> Any:
    """For the server's factory option."""
    return app
