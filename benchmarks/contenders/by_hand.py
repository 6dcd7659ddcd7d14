"""REST by hand: what a good Python developer writes without the product, on Litestar, asyncpg and msgspec.

One statement for the session and one for the answer, JSON put together by PostgreSQL, permissions in force worked out in
SQL. It has no GraphQL, no limits, no cookies and no origins, and shows dormant grants to nobody.
"""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import NotAuthorizedException, NotFoundException

from benchmarks.contenders.shared import SESSION, after_all_with, key_of, open_pool

_pool: Any = None

PERMISSIONS = """coalesce((
    select json_agg(json_build_object('name', p.name, 'source', g.source, 'groupName', pg.name) order by p.name, g.id)
    from permission_grant g join permission p on p.tenant_id = $1 and p.id = g.permission_id
    left join provider_group pg on pg.tenant_id = $1 and pg.id = g.group_id
    left join identity i on i.tenant_id = $1 and i.id = g.identity_id
    left join identity_sync s on s.tenant_id = $1 and s.id = g.identity_id
    left join provider pr on pr.tenant_id = $1 and pr.id = i.provider_id
    where g.tenant_id = $1 and g.user_id = u.id and g.revoked_at is null and (g.source = 'MANUAL'
        or (i.state not in ('REVOKED', 'QUARANTINED') and pr.enabled and s.groups_valid_until > now()))), '[]')::text
"""
IDENTITIES = """coalesce((
    select json_agg(json_build_object('id', i.id, 'state', i.state, 'subject', i.subject, 'provider', p.label) order by i.id)
    from identity i join provider p on p.tenant_id = $1 and p.id = i.provider_id
    where i.tenant_id = $1 and i.user_id = u.id), '[]')::text
"""
GROUPS = """coalesce((
    select json_agg(pg.name order by pg.name) from identity i
    join identity_group ig on ig.tenant_id = $1 and ig.identity_id = i.id
    join provider_group pg on pg.tenant_id = $1 and pg.id = ig.group_id
    where i.tenant_id = $1 and i.user_id = u.id), '[]')::text
"""
FLAT = f"u.id, u.username, u.display_label, u.email, {PERMISSIONS} as permissions"
NESTED = f"u.id, u.username, {IDENTITIES} as identities, {GROUPS} as groups"


class User(msgspec.Struct, rename="camel"):
    """A user of a page."""

    id: UUID
    username: str
    display_label: str
    email: str | None
    permissions: msgspec.Raw


class NestedUser(msgspec.Struct, rename="camel"):
    """A user with their identities and groups."""

    id: UUID
    username: str
    identities: msgspec.Raw
    groups: msgspec.Raw


class Page(msgspec.Struct, rename="camel"):
    """A page of users."""

    users: list[Any]
    has_next_page: bool


_encode = msgspec.json.Encoder().encode


def _answer(value: Any) -> Response[bytes]:
    return Response(_encode(value), media_type="application/json", headers={"cache-control": "no-store"})


def _user(row: Any) -> User:
    return User(row[0], row[1], row[2], row[3], msgspec.Raw(row[4]))


def _nested(row: Any) -> NestedUser:
    return NestedUser(row[0], row[1], msgspec.Raw(row[2]), msgspec.Raw(row[3]))


async def _session(request: Request[Any, Any, Any]) -> Any:
    who = await _pool.fetchrow(SESSION, *key_of(request.headers.get("authorization", "")[7:]))
    if who is None:
        raise NotAuthorizedException
    return who


@get("/users")
async def users(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A page by id or by username."""
    who = await _session(request)
    if not who["reads_users"]:
        raise NotAuthorizedException
    asked = request.query_params
    first, is_nested = min(int(asked.get("first", "50")), 100), "nested" in asked
    if prefix := asked.get("prefix"):
        condition, order = "username_folded >= $2 and username_folded < $3", "username_folded"
        arguments = [prefix, after_all_with(prefix)]
    elif (name := asked.get("after_name")) is not None:
        condition, order, arguments = "username_folded > $2", "username_folded", [name]
    else:
        condition, order, arguments = "id > $2", "id", [asked["after"]]
    rows = await _pool.fetch(
        f"select {NESTED if is_nested else FLAT} from (select * from app_user where tenant_id = $1 and {condition}"
        f" order by {order} limit {first + 1:d}) u order by u.{order}",
        who["tenant_id"],
        *arguments,
    )
    make = _nested if is_nested else _user
    return _answer(Page([make(row) for row in rows[:first]], len(rows) > first))


async def _one(tenant_id: UUID, user_id: Any) -> Response[bytes]:
    row = await _pool.fetchrow(
        f"select {FLAT} from app_user u where u.tenant_id = $1 and u.id = $2", tenant_id, user_id
    )
    if row is None:
        raise NotFoundException
    return _answer(_user(row))


@get("/users/{user_id:str}")
async def one(request: Request[Any, Any, Any], user_id: str) -> Response[bytes]:
    """One user."""
    who = await _session(request)
    if not who["reads_users"]:
        raise NotAuthorizedException
    return await _one(who["tenant_id"], user_id)


@get("/viewer")
async def viewer(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Oneself."""
    who = await _session(request)
    return await _one(who["tenant_id"], who["user_id"])


@post("/introspect", status_code=200)
async def introspect(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What a token stands for, asked by a service client."""
    name, _, secret = base64.b64decode(request.headers["authorization"][6:]).decode().partition(":")
    client = await _pool.fetchrow(
        "select secret_hash, tenant_ids from service_client where name = $1 and revoked_at is null", name
    )
    if client is None or not hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), client["secret_hash"]):
        raise NotAuthorizedException
    who = await _pool.fetchrow(SESSION, *key_of(parse_qs((await request.body()).decode())["token"][0]))
    if who is None or who["tenant_id"] not in client["tenant_ids"]:
        return _answer({"active": False})
    user = await _pool.fetchrow(
        f"select {FLAT} from app_user u where u.tenant_id = $1 and u.id = $2", who["tenant_id"], who["user_id"]
    )
    names = sorted({one["name"] for one in json.loads(user["permissions"])})
    return _answer({"active": True, "sub": user["id"], "username": user["username"], "permissions": names})


async def _start() -> None:
    global _pool
    _pool = await open_pool()


def create_app() -> Litestar:
    """For the server's factory option."""
    return Litestar([users, one, viewer, introspect], on_startup=[_start], openapi_config=None)
