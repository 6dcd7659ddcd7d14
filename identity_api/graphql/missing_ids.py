"""Ids of an input that name nothing, told all at once and beside the input's other problems.

A use case stops at the first thing that it does not find. Only then the other ids of the input are looked up too: an input
without a fault costs no statement for it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import strawberry
from strawberry.utils.str_converters import to_camel_case

from identity_api.errors import BadInput, Located, NotFound, SeveralProblems
from identity_api.graphql import ids
from identity_api.graphql.context import Context


class _Leaf(NamedTuple):
    """A value of the input, where it is, and whether it is an id."""

    path: str
    value: Any
    is_id: bool


async def told_with_missing(context: Context, given: Any, error: BadInput | NotFound) -> BadInput | NotFound:
    """The error of a use case, with every id of the input that names nothing in this tenant."""
    leaves = list(_leaves(given))
    missing = await _missing(context, [leaf for leaf in leaves if leaf.is_id])
    known = list(error.problems) if isinstance(error, SeveralProblems) else [Located(error.field or "", error)]
    if not missing:
        return error
    kept = [one for one in known if not _is_one_of(one, missing)]
    taken = {one.path for one in kept}
    found = kept + [Located(path, one) for path, one in missing.items() if path not in taken]
    if len(found) == 1:
        return next(iter(missing.values()))
    places = {leaf.path: number for number, leaf in enumerate(leaves)}
    return SeveralProblems(sorted(found, key=lambda one: _place(places, one.path)))


async def _missing(context: Context, leaves: list[_Leaf]) -> dict[str, NotFound]:
    wanted = {leaf.path: found for leaf in leaves if (found := ids.parse(leaf.value)) is not None}
    async with context.reading() as connection:
        there = await ids.existing(connection, context.tenant_id, set(wanted.values()))
    return {path: ids.not_found(one.kind, field=path) for path, one in wanted.items() if one not in there}


def _is_one_of(known: Located, missing: dict[str, NotFound]) -> bool:
    """Whether the problem is what was found missing, told by the use case without its place."""
    if not isinstance(known.error, NotFound) or known.error.code != NotFound.default_code:
        return False
    path = ".".join([to_camel_case(one) for one in known.path.split(".")])
    return not path or any(one == path or one.startswith(f"{path}.") for one in missing)


def _place(places: dict[str, int], path: str) -> int:
    """Where in the input a problem is; what is of a whole input object comes before its members."""
    shown = ".".join([to_camel_case(one) for one in path.split(".")])
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
        yield _Leaf(path, given, isinstance(given, str) and _innermost(of) is strawberry.ID)


def _innermost(of: Any) -> Any:
    while hasattr(of, "of_type"):
        of = of.of_type
    return of
