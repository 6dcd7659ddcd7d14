"""The claims that came with a test login: places and JSON types, and never a claim's value. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from identity_api.claims import Document, Documents
from identity_api.diagnostics.findings import shown

MAX_SEEN: Final = 100
_DEEPEST: Final = 4
"""Names in a path; vendors nest roles three deep."""


class SeenClaim(msgspec.Struct, frozen=True, kw_only=True):
    """One claim. `place` is written as a location in the settings, such as `id_token / groups`."""

    place: str
    type: str
    may_be_groups: bool
    """It is a list of texts, or one text."""


def claims_seen(documents: Documents) -> tuple[SeenClaim, ...]:
    """Each claim at the top of each document, and inside objects each that may name groups; lists of texts come first.

    A place that cannot be written as a setting, as its name has unprintable characters, is left out.
    """
    found = [one for document in Document for one in _in_document(document, documents.get(document) or {})]
    found.sort(key=lambda one: (not one.type.startswith("a list"), not one.may_be_groups))
    return tuple(found[:MAX_SEEN])


def described(value: object) -> str:
    """The JSON type of a value and its size."""
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            kind = "texts" if _are_texts(value) else "values that are not all texts"
            return f"a list of {len(value)} {kind}"
        case Mapping():
            return f"an object with {len(value)} names"
    return "something that leads nowhere"


def _in_document(document: Document, claims: Mapping[str, Any]) -> Iterator[SeenClaim]:
    for path, value in _walk(claims, ()):
        place = " / ".join((document.value, *path))
        may_be_groups = isinstance(value, str) or (isinstance(value, list) and _are_texts(value))
        if shown(place) == place and (len(path) == 1 or may_be_groups):
            yield SeenClaim(place=place, type=described(value), may_be_groups=may_be_groups)


def _walk(claims: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in claims.items():
        path = (*above, name)
        yield path, value
        if isinstance(value, Mapping) and len(path) < _DEEPEST:
            yield from _walk(value, path)


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(one, str) for one in values)
