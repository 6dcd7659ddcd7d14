"""Ids of an input that name nothing, told all at once and beside the input's other problems.

A use case stops at the first thing that it does not find. Only then the other ids of the input are looked up too: an input
without a fault costs no statement for it.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import strawberry
from strawberry.utils.str_converters import to_camel_case

from identity_api.errors import BadInput, Located, NotFound, SeveralProblems
from identity_api.graphql import ids
from identity_api.graphql.context import Context
from identity_api.graphql.ids import Kind

_KINDS: Final[dict[str, Kind]] = {
    "user": "User",
    "provider": "Provider",
    "permission": "Permission",
    "permissions": "Permission",
}
"""What an id in a field of this name is to be. `id` is what the mutation is about: the use case begins with it."""


class _Leaf(NamedTuple):
    """A value of the input, where it is, and what it is to be the id of."""

    path: str
    value: Any
    kind: Kind | None


@asynccontextmanager
async def telling_missing(context: Context, given: Any) -> AsyncIterator[None]:
    """What is raised within is raised with every id of the input that names nothing in this tenant."""
    try:
        yield
    except (BadInput, NotFound) as error:
        raise await _with_missing(context, given, error) from error


async def _with_missing(context: Context, given: Any, error: BadInput | NotFound) -> BadInput | NotFound:
    leaves = list(_leaves(given))
    missing = await _missing(context, leaves)
    known = list(error.problems) if isinstance(error, SeveralProblems) else [Located(error.field or "", error)]
    told = {_shown(one.path) for one in known}
    more = [Located(path, one) for path, one in missing.items() if path not in told]
    found = [_placed(one, leaves) for one in known if not _stands_for(one, missing)] + more
    if found == known:
        return error
    if len(found) == 1 and not isinstance(error, SeveralProblems):
        return missing[more[0].path] if more else error
    places = {leaf.path: number for number, leaf in enumerate(leaves)}
    return SeveralProblems(sorted(found, key=lambda one: _place(places, one.path)))


async def _missing(context: Context, leaves: list[_Leaf]) -> dict[str, NotFound]:
    # A change of a set may name a permission, which has a colon.
    named = [leaf for leaf in leaves if leaf.kind is not None and not (leaf.kind == "Permission" and ":" in leaf.value)]
    wanted = {leaf.path: found for leaf in named if (found := ids.parse(leaf.value)) and found.kind == leaf.kind}
    async with context.reading() as connection:
        there = await ids.existing(connection, context.tenant_id, set(wanted.values()))
    return {
        leaf.path: ids.not_found(leaf.kind, field=leaf.path)
        for leaf in named
        if leaf.kind is not None and wanted.get(leaf.path) not in there
    }


def _stands_for(known: Located, missing: dict[str, NotFound]) -> bool:
    """Whether the problem is one of those that were found missing, told by the use case without its place."""
    path = _shown(known.path)
    return isinstance(known.error, NotFound) and any(
        one.message == known.error.message and (not path or place.startswith(f"{path}."))
        for place, one in missing.items()
    )


def _placed(known: Located, leaves: list[_Leaf]) -> Located:
    """A problem of the use case at the one value that it can be about, if there is one."""
    if not isinstance(known.error, NotFound):
        return known
    path, about = _shown(known.path), known.error.message
    found = [
        leaf.path
        for leaf in leaves
        if leaf.kind is not None
        and ids.not_found(leaf.kind).message == about
        and (not path or leaf.path.startswith(f"{path}."))
    ]
    if not found and not path:  # what the mutation is about
        found = [leaf.path for leaf in leaves if leaf.path == "id"]
    return Located(found[0], known.error) if len(found) == 1 else known


def _shown(path: str) -> str:
    return ".".join([to_camel_case(one) for one in path.split(".")])


def _place(places: dict[str, int], path: str) -> int:
    """Where in the input a problem is; what is of a whole input object comes before its members."""
    shown = _shown(path)
    if shown in places:
        return places[shown]
    return min((number for one, number in places.items() if one.startswith(f"{shown}.")), default=len(places))


def _leaves(given: Any, path: str = "", of: Any = None) -> Iterator[_Leaf]:
    if given is None or given is strawberry.UNSET:
        return
    fields = getattr(getattr(given, "__strawberry_definition__", None), "fields", None)  # enums have none
    if fields is not None:
        for field in fields:
            inner = ".".join(filter(None, (path, to_camel_case(field.python_name))))
            yield from _leaves(getattr(given, field.python_name), inner, field.type)
    elif isinstance(given, list):
        for number, one in enumerate(given):
            yield from _leaves(one, f"{path}.{number}", of)
    else:
        name = next((one for one in reversed(path.split(".")) if not one.isdigit()), "")
        yield _Leaf(
            path, given, _KINDS.get(name) if isinstance(given, str) and _innermost(of) is strawberry.ID else None
        )


def _innermost(of: Any) -> Any:
    while hasattr(of, "of_type"):
        of = of.of_type
    return of
