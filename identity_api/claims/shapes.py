"""The shape of a groups claim: a list of texts, or the shape that its location declares. A wrong shape is not guessed at;
the error suggests the likely one.

Errors name a value by its JSON type and by the number of the entry, never by its content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from identity_api.claims.source import ClaimSource, ExpressionFailed, NotAnObject, Shape

_decode = msgspec.json.Decoder().decode
_MAX_TEXT: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries as texts; `normalised_from` says in which form they came if it was not a list of texts."""

    texts: list[str]
    normalised_from: str = ""


@dataclass(frozen=True, slots=True)
class Misshapen:
    """The value, or the entry that `detail` names, does not have the declared shape."""

    detail: str
    is_of_one_entry: bool = False


def entries_of(value: object, source: ClaimSource) -> Entries | Misshapen:
    """The entries of the declared shape. Without a declared one a single text is one group, whatever is in it."""
    match source.shape, value:
        case Shape.KEYS, Mapping():
            return Entries(list(value), "the names of an object")
        case Shape.COMMAS, str():
            # An empty text lists nothing. An empty part between two commas does not: something is missing there.
            parts = value.split(",") if value.strip() else []
            return Entries([part.strip() for part in parts], "a text with commas")
        case Shape.BLANKS, str():
            return Entries(value.split(), "a text with blanks")
        case Shape.JSON, str():
            return _decoded(value)
        case Shape.MEMBERS, list():
            return _members(value, source.member or "")
        case Shape.PLAIN, str():
            return Entries([value], "a single text")
        case Shape.PLAIN, list():
            return _texts(value)
    return Misshapen(shape_of(value))


def probable_shape(text: str) -> Shape | None:
    """What a text that counts as one group probably is; None if it looks like one group. For people to decide."""
    if isinstance(_decoded(text), Entries):
        return Shape.JSON
    if "," in text:
        return Shape.COMMAS
    return Shape.BLANKS if len(text.split()) > 1 else None


def _decoded(text: str) -> Entries | Misshapen:
    try:
        value = _decode(text) if text.lstrip().startswith("[") and len(text) <= _MAX_TEXT else None
    except (msgspec.DecodeError, RecursionError):
        value = None
    if not isinstance(value, list):
        return Misshapen("a text that is no JSON list")
    entries = _texts(value)
    return entries if isinstance(entries, Misshapen) else Entries(entries.texts, "a JSON list in a text")


def _texts(value: list[object]) -> Entries | Misshapen:
    texts = [entry for entry in value if isinstance(entry, str)]
    if len(texts) == len(value):
        return Entries(texts)
    if not texts and None not in value:
        return Misshapen(shape_of(value))
    number, odd = next((number, entry) for number, entry in enumerate(value, 1) if not isinstance(entry, str))
    return Misshapen(f"entry {number} of {len(value)} is {shape_of(odd)}", is_of_one_entry=True)


def _members(value: list[object], member: str) -> Entries | Misshapen:
    texts: list[str] = []
    for number, entry in enumerate(value, 1):
        text = entry.get(member) if isinstance(entry, Mapping) else None
        if not isinstance(text, str):
            return Misshapen(f"entry {number} of {len(value)} has no text in the declared member", bool(texts))
        texts.append(text)
    return Entries(texts, "the members of objects")


def shape_of(value: Any) -> str:
    """The JSON type of a value, without its content."""
    match value:
        case NotAnObject(depth):
            return f"something other than an object after name {depth}"
        case ExpressionFailed(detail):
            return detail
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list with entries other than texts" if value else "a list"
        case _:
            return "an object"
