"""Global object identification (Relay): one opaque `ID` for every object that `node(id)` can return.

    id = base64url(two letters for the type | the 16 bytes of the row's UUID)      24 characters, no padding

An id is neither a secret nor a right: its object is always looked up within the session's tenant (I2). An id of another
type, of another tenant, of no object, and a malformed id all get the same answer, `NOT_FOUND`.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final, Literal, NamedTuple, get_args
from uuid import UUID

import strawberry

from identity_api.db import listings
from identity_api.db.database import Connection
from identity_api.errors import NotFound, Problems

Kind = Literal[
    "User",
    "Identity",
    "Group",
    "GroupMapping",
    "Permission",
    "Provider",
    "Session",
    "Webhook",
    "Proposal",
    "ApiToken",
    "ServiceClient",
    "Frontend",
]
"""The types that implement `Node`."""

_LETTERS: Final[dict[Kind, bytes]] = {
    "User": b"us",
    "Identity": b"id",
    "Group": b"gr",
    "GroupMapping": b"gm",
    "Permission": b"pe",
    "Provider": b"pr",
    "Session": b"se",
    "Webhook": b"wh",
    "Proposal": b"po",
    "ApiToken": b"at",
    "ServiceClient": b"sc",
    "Frontend": b"fe",
}
_KINDS: Final = {letters: kind for kind, letters in _LETTERS.items()}
assert set(_LETTERS) == set(get_args(Kind))
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{24}")


@strawberry.interface(description="Something with a global id, which `node(id)` can answer.")
class Node:
    """See the module's docstring."""

    id: strawberry.ID = strawberry.field(description="An opaque id, which never changes.")


def plain(text: str) -> UUID:
    """The id of something that `node(id)` does not know, as its list has it; one that names nothing if it cannot be read."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


class GlobalID(NamedTuple):
    """A parsed id. Says nothing about whether there is such a row."""

    kind: Kind
    row_id: UUID


def encoder(kind: Kind) -> Callable[[UUID | str], str]:
    """A function from row ids of one type to global ids; text is a UUID as PostgreSQL writes it."""
    letters = _LETTERS[kind]

    def encode(row_id: UUID | str) -> str:
        raw = row_id.bytes if isinstance(row_id, UUID) else bytes.fromhex(row_id.replace("-", ""))
        # What `urlsafe_b64encode` does, without its two calls: a page of users has hundreds of ids.
        return binascii.b2a_base64(letters + raw, newline=False).translate(_URL_SAFE).decode("ascii")

    return encode


def global_id(kind: Kind, row_id: UUID | str) -> str:
    """The global id of a row."""
    return encoder(kind)(row_id)


def parse(value: str) -> GlobalID | None:
    """The type and row that an id names; None if `global_id` did not make it."""
    if not _SHAPE.fullmatch(value):
        return None
    raw = base64.urlsafe_b64decode(value)
    kind = _KINDS.get(raw[:2])
    return kind and GlobalID(kind, UUID(bytes=raw[2:]))


def row_id(value: str, kind: Kind) -> UUID:
    """The row that an id of this type names.

    Raises:
        NotFound: it is of another type, or malformed; the same answer as for a row that does not exist.
    """
    found = parse(value)
    if found is None or found.kind != kind:
        raise not_found(kind)
    return found.row_id


def row_ids(problems: Problems, path: str, values: Sequence[str], kind: Kind) -> list[UUID]:
    """The rows that ids of a list name; what names nothing is kept with its place in the list, which begins at 0."""
    return [problems.read(f"{path}.{place}", partial(row_id, value, kind)) for place, value in enumerate(values)]


_NAMES: Final = {
    "GroupMapping": "group mapping",
    "ApiToken": "API token",
    "ServiceClient": "service client",
    "Node": "thing",
}


def not_found(kind: Kind | Literal["Node"], *, field: str | None = None) -> NotFound:
    """The error for every id that names nothing in this tenant."""
    return NotFound(f"There is no such {_NAMES.get(kind, kind.lower())}.", field=field)


_TABLES: Final[dict[Kind, listings.Table]] = {
    "User": "app_user",
    "Provider": "provider",
    "Group": "provider_group",
    "GroupMapping": "group_mapping",
    "Permission": "permission",
}
"""Of the types of which an input or a filter may name several things, or one beside other values."""


async def check_exists(connection: Connection, tenant_id: UUID, kind: Kind, row_id: UUID) -> None:
    """Distinguish an empty page from a filter that names nothing.

    Raises:
        NotFound: the tenant has no such row.
    """
    if not await existing(connection, tenant_id, {GlobalID(kind, row_id)}):
        raise not_found(kind)


async def existing(connection: Connection, tenant_id: UUID, named: Collection[GlobalID]) -> set[GlobalID]:
    """Those of these ids that name something in the tenant, and those whose table is not looked into."""
    found = {one for one in named if one.kind not in _TABLES}
    for kind, table in _TABLES.items():
        if row_ids := [one.row_id for one in named if one.kind == kind]:
            there = await listings.existing(connection, tenant_id, table, row_ids)
            found |= {GlobalID(kind, row_id) for row_id in there}
    return found
