"""The obvious way: Strawberry's own Litestar controller over the same tables, one DataLoader an edge, no session check.

What a capable developer writes first. It stands beside the product as the measure of what its read path is worth.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import asyncpg
import strawberry
from litestar import Litestar
from strawberry.dataloader import DataLoader
from strawberry.litestar import make_graphql_controller

_pool: Any = None
TENANT = os.environ.get("BENCH_TENANT", "")


@strawberry.type
class Identity:
    id: strawberry.ID
    state: str
    subject: str


@strawberry.type
class Named:
    name: str


@strawberry.type
class User:
    id: strawberry.ID
    username: str
    display_label: str
    email: str | None

    @strawberry.field
    async def identities(self, info: strawberry.Info) -> list[Identity]:
        return await info.context["identities"].load(self.id)

    @strawberry.field
    async def groups(self, info: strawberry.Info) -> list[Named]:
        return await info.context["groups"].load(self.id)

    @strawberry.field
    async def permissions(self, info: strawberry.Info) -> list[Named]:
        return await info.context["permissions"].load(self.id)


@strawberry.type
class UserEdge:
    cursor: str
    node: User


@strawberry.type
class UserConnection:
    edges: list[UserEdge]


def _user(row: Any) -> User:
    return User(id=str(row["id"]), username=row["username"], display_label=row["display_label"], email=row["email"])


_USER = "select id, username, display_label, email from app_user where tenant_id = $1"


@strawberry.type
class Query:
    @strawberry.field
    async def users(self, first: int = 50, after: str | None = None) -> UserConnection:
        rows = await _pool.fetch(
            f"{_USER} and ($2::uuid is null or id > $2) order by id limit $3", TENANT, after, first
        )
        return UserConnection(edges=[UserEdge(cursor=str(row["id"]), node=_user(row)) for row in rows])

    @strawberry.field
    async def user(self, id: strawberry.ID) -> User | None:
        row = await _pool.fetchrow(f"{_USER} and id = $2", TENANT, id)
        return _user(row) if row else None


async def _grouped(sql: str, keys: Sequence[str], make: Any) -> list[list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in await _pool.fetch(sql, TENANT, list(keys)):
        found[str(row["user_id"])].append(make(row))
    return [found[key] for key in keys]


async def _identities(keys: list[str]) -> list[list[Identity]]:
    sql = "select id, user_id, state, subject from identity where tenant_id = $1 and user_id = any($2::uuid[])"
    return await _grouped(
        sql, keys, lambda row: Identity(id=str(row["id"]), state=row["state"], subject=row["subject"])
    )


async def _groups(keys: list[str]) -> list[list[Named]]:
    sql = """
        select i.user_id, g.name from identity i
        join identity_group ig on ig.tenant_id = $1 and ig.identity_id = i.id
        join provider_group g on g.tenant_id = $1 and g.id = ig.group_id
        where i.tenant_id = $1 and i.user_id = any($2::uuid[])
    """
    return await _grouped(sql, keys, lambda row: Named(name=row["name"]))


async def _permissions(keys: list[str]) -> list[list[Named]]:
    sql = """
        select distinct g.user_id, p.name from permission_grant g
        join permission p on p.tenant_id = $1 and p.id = g.permission_id
        where g.tenant_id = $1 and g.user_id = any($2::uuid[]) and g.revoked_at is null
    """
    return await _grouped(sql, keys, lambda row: Named(name=row["name"]))


async def _context() -> dict[str, Any]:
    return {
        "identities": DataLoader(_identities),
        "groups": DataLoader(_groups),
        "permissions": DataLoader(_permissions),
    }


async def _open() -> None:
    global _pool
    _pool = await asyncpg.create_pool(os.environ["IDENTITY_DATABASE_URL"], min_size=4, max_size=16)


def create_app() -> Litestar:
    """The whole of it."""
    controller = make_graphql_controller(strawberry.Schema(Query), path="/graphql", context_getter=_context)
    return Litestar([controller], on_startup=[_open], openapi_config=None)
