"""Change sets on pages: the undo of an event, and mappings imported from a table."""

import csv
from collections.abc import Mapping
from typing import Any, Final

GLOB: Final = "glob"
_HEADER: Final = ("group", "pattern")


def undoing(given: Mapping[str, str]) -> dict[str, Any]:
    """The set that undoes an event."""
    return {"input": {"changes": [{"undo": {"event": given.get("event", "")}}]}}


def importing(given: Mapping[str, str]) -> dict[str, Any]:
    """The set that makes a mapping from each line of the table. None is requested while there is no line."""
    changes = [{"createGroupMapping": one} for one in _rules(given.get("table", ""), given.get("provider") or None)]
    return {"input": {"changes": changes}, "previews": bool(changes)}


def exactly(change_set: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The same set with the digest of its preview."""
    return {"input": {**change_set["input"], "asPreviewed": given.get("digest", "")}}


def _rules(table: str, provider: str | None) -> list[dict[str, Any]]:
    """A mapping for each line `group, permissions, glob`; permissions are names between spaces or commas, `glob` is optional."""
    found: list[dict[str, Any]] = []
    for parts in csv.reader(table.splitlines(), skipinitialspace=True):
        cells = [cell.strip() for cell in parts]
        if not any(cells) or (not found and cells[0].lower() in _HEADER):
            continue
        is_glob = len(cells) > 2 and cells[-1].lower() == GLOB
        names = [name for cell in (cells[1:-1] if is_glob else cells[1:]) for name in cell.split()]
        match = "GLOB" if is_glob else "EXACT"
        found.append({"pattern": cells[0], "permissions": names, "match": match, "provider": provider})
    return found
