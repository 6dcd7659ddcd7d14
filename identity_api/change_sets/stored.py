"""Changes as JSON, for a proposal that is made later."""

from collections.abc import Callable, Sequence
from typing import Any, Final, get_args
from uuid import UUID

import msgspec

from identity_api.change_sets.changes import Change, Reference
from identity_api.claims import MatchKind

_TYPES: Final[dict[str, Any]] = {one.__name__: one for one in get_args(Change)}


def encode(changes: Sequence[Change]) -> str:
    """The changes as a JSON list; a value that a change leaves as it is, is left out or null."""
    return msgspec.json.encode([{"change": type(one).__name__, **msgspec.to_builtins(one)} for one in changes]).decode()


def decode(text: str) -> list[Change]:
    """What `encode` has written."""
    return [_read(one) for one in msgspec.json.decode(text, type=list[dict[str, Any]])]


def _read(stored: dict[str, Any]) -> Change:
    values = {name: _value(name, value) for name, value in stored.items() if name != "change"}
    change: Change = _TYPES[stored["change"]](**values)
    return change


def _value(name: str, value: Any) -> Any:
    return value if value is None else _READERS.get(name, _same)(value)


def _same(value: Any) -> Any:
    return value


def _reference(value: str) -> Reference:
    """A name has a colon, an id has none."""
    return value if ":" in value else UUID(value)


def _references(values: Sequence[str]) -> tuple[Reference, ...]:
    return tuple([_reference(one) for one in values])


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "provider_id": UUID,
    "mapping_id": UUID,
    "user_id": UUID,
    "match": MatchKind,
    "permission": _reference,
    "permissions": _references,
}
