"""Change sets on pages: the undo of an event, and mappings imported from a table."""

from collections.abc import Mapping
from typing import Any


def undoing(given: Mapping[str, str]) -> dict[str, Any]:
    """The set that undoes an event."""
    return {"input": {"changes": [{"undo": {"event": given.get("event", "")}}]}}


def importing(given: Mapping[str, str]) -> dict[str, Any]:
    """The set that makes the mappings what the table says. None is requested while there is no table."""
    table = given.get("table", "")
    return {"input": {"changes": [{"importGroupMappings": {"table": table}}]}, "previews": bool(table.strip())}


def told(made: Mapping[str, Any]) -> dict[str, str]:
    """How many mappings an import has made and changed, and the event that undoes it as a whole."""
    actions = [one["action"] for one in made["changes"]]
    counted = {"made": actions.count("mapping.created"), "changed": actions.count("mapping.updated")}
    return {**{name: str(number) for name, number in counted.items()}, "undo": made["event"]}


def exactly(change_set: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The same set with the digest of its preview."""
    return {"input": {**change_set["input"], "asPreviewed": given.get("digest", "")}}
