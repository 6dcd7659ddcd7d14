"""A small schema with every kind of field, for the engine's tests, and the rows behind it."""

import asyncio
import enum
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import strawberry
from strawberry.permission import BasePermission

from identity_api.errors import BadInput, Conflict
from identity_api.graphql.engine import AccessRule, build_schema


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class LeafRow(msgspec.Struct):
    name: Any = "Ada"
    maybe_text: Any = None
    key: Any = "k-1"
    number: Any = 7
    maybe_number: Any = None
    ratio: Any = 0.5
    flag: Any = True
    colour: Any = Colour.RED
    maybe_colour: Any = None
    unique: Any = UUID(int=7)
    moment: Any = datetime(2031, 2, 3, tzinfo=UTC)
    texts: Any = ("a", "b")
    maybe_texts: Any = None
    numbers: Any = (1, 2)
    grid: Any = ((1, 2), (3,))
    secret: Any = "s"
    owned: Any = "o"
    guarded: Any = "g"


class BranchRow(msgspec.Struct):
    name: Any = "branch"
    leaf: Any = msgspec.field(default_factory=LeafRow)
    maybe_leaf: Any = None
    leaves: Any = msgspec.field(default_factory=list)
    maybe_leaves: Any = None
    nested: Any = msgspec.field(default_factory=list)
    either: Any = msgspec.field(default_factory=LeafRow)
    anything: Any = msgspec.field(default_factory=list)
    branch: Any = None


class Guard(BasePermission):
    message = "guarded"

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return bool(info.context.may_see)


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Leaf(Named):
    maybe_text: str | None
    key: strawberry.ID
    number: int
    maybe_number: int | None
    ratio: float
    flag: bool
    colour: Colour
    maybe_colour: Colour | None
    unique: UUID
    moment: datetime
    texts: list[str]
    maybe_texts: list[str | None] | None
    numbers: list[int]
    grid: list[list[int]]
    secret: str = strawberry.field(extensions=[AccessRule(lambda _, context: context.may_see)])
    owned: str | None = strawberry.field(
        extensions=[AccessRule(lambda source, _: source.flag is True, code="NOT_OWNED")]
    )
    guarded: str | None = strawberry.field(permission_classes=[Guard])

    @strawberry.field
    def loud(self) -> str:
        return str(self.name).upper()

    @strawberry.field
    async def later(self) -> str | None:
        await asyncio.sleep(0)
        return self.maybe_text

    @classmethod
    def is_type_of(cls, value: Any, _: Any) -> bool:
        return isinstance(value, LeafRow)


@strawberry.type
class Branch(Named):
    leaf: Leaf
    maybe_leaf: Leaf | None
    leaves: list[Leaf]
    maybe_leaves: list[Leaf | None] | None
    nested: list[list[Leaf]]
    either: Annotated["Leaf | Branch", strawberry.union("Either")]
    anything: list[Named]
    branch: "Branch | None"

    @classmethod
    def is_type_of(cls, value: Any, _: Any) -> bool:
        return isinstance(value, BranchRow)


@strawberry.input
class Filter:
    text: str | None = None
    limit: int | None = None
    inner: "Filter | None" = None
    some: list[int] | None = None


class Context(msgspec.Struct):
    """A request's context: satisfies `GraphQLContext`."""

    row: Any = msgspec.field(default_factory=BranchRow)
    may_see: bool = True
    request_id: str = "request-1"
    introspection_allowed: bool = False
    cancelled: list[str] = msgspec.field(default_factory=list)


async def hang(context: Context, name: str) -> str:
    """Wait for ever, and note being cancelled."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        context.cancelled.append(name)
        raise
    return name


@strawberry.type
class Query:
    @strawberry.field
    async def branch(self, info: strawberry.Info) -> Branch:
        return info.context.row

    @strawberry.field
    def maybe_branch(self, info: strawberry.Info) -> Branch | None:
        return info.context.row

    @strawberry.field
    def branches(self, info: strawberry.Info) -> list[Branch]:
        return [info.context.row]

    @strawberry.field
    def echo(self, text: str, filter: Filter | None = None) -> str:
        return text

    @strawberry.field
    def page(self, first: int) -> int | None:
        if not 1 <= first <= 100:
            raise BadInput("Ask for 1 to 100 items.", field="first")
        return first

    @strawberry.field
    def by_colour(self, colour: Colour, key: UUID | None = None) -> str:
        return colour.name

    @strawberry.field
    def conflict(self) -> str | None:
        raise Conflict("Somebody was faster.")

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("SELECT secret FROM /etc/passwd")

    @strawberry.field
    async def slow(self, info: strawberry.Info) -> str | None:
        return await hang(info.context, "slow")

    @strawberry.field
    async def slow_too(self, info: strawberry.Info) -> str | None:
        return await hang(info.context, "slow_too")

    @strawberry.field
    async def own_timeout(self) -> str | None:
        raise TimeoutError("a database, not the request")

    @strawberry.field
    def unsendable(self) -> str | None:
        return "\ud800"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def change(self, info: strawberry.Info) -> Branch:
        return info.context.row


schema = build_schema(Query, Mutation)
