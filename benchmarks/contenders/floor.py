"""The floor: the same rows by the same plan, from the smallest handler that looks the session up.

It reads the rows that the product reads and hands them on as text: no rules, no selection, no GraphQL, no edge. What it
does not do is what the product costs beyond reading.

    GET /users?first=50&after=ID
    GET /users?first=100&prefix=user4                by username
    GET /users?first=50&after_name=user81234         by username
    GET /users?id=ID
"""

from typing import Any
from urllib.parse import parse_qs

from benchmarks.contenders.shared import SESSION, after_all_with, key_of, open_pool

NOBODY = b"Bearer ias_" + b"A" * 65
_pool: Any = None


def _page(condition: str, order: str, first: int) -> str:
    return f"""
        select u.id::text, u.username, u.display_label, u.email, r.facts, s.signed_in_until::text, s.groups_valid_until::text
        from (select id, username, display_label, email, username_folded from app_user
              where tenant_id = $1 and {condition} order by {order} limit {first + 1:d}) u
        join user_read r on r.tenant_id = $1 and r.id = u.id
        left join identity_sync s on s.tenant_id = $1 and s.user_id = u.id
        order by {order}
    """


def _asked(query: dict[str, list[str]]) -> tuple[str, list[str]]:
    if "id" in query:
        return _page("id = $2", "id", 0), query["id"]
    first = int(query["first"][0])
    if "prefix" in query:
        prefix = query["prefix"][0]
        condition = "username_folded >= $2 and username_folded < $3"
        return _page(condition, "username_folded", first), [prefix, after_all_with(prefix)]
    if "after_name" in query:
        return _page("username_folded > $2", "username_folded", first), query["after_name"]
    return _page("id > $2", "id", first), query["after"]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """One route, of ASGI alone."""
    global _pool
    if scope["type"] == "lifespan":
        await receive()
        _pool = await open_pool()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = dict(scope["headers"])
    tenant_id, hashed = key_of(headers.get(b"authorization", NOBODY).decode()[7:])
    async with _pool.acquire() as connection:
        who = await connection.fetchrow(SESSION, tenant_id, hashed)
        status = 200 if who is not None and who["reads_users"] else 401
        rows = await connection.fetch(*_bound(scope, tenant_id)) if status == 200 else []
    body = "\n".join(["\t".join([value or "" for value in row]) for row in rows]).encode()
    lines = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


def _bound(scope: Any, tenant_id: Any) -> tuple[Any, ...]:
    statement, arguments = _asked(parse_qs(scope["query_string"].decode()))
    return statement, tenant_id, *arguments


def create_app() -> Any:
    """For the server's factory option."""
    return app
