"""The editor of group mappings: the page's address holds its values until they are saved. And what an invitation names.

So a preview is a link, going back loses nothing, and a user who has to sign in again (step-up) returns to what they
typed.
"""

from collections.abc import Mapping
from typing import Any, Final

SEVERAL: Final = "\n"
"""Between the values of a field that is given several times."""


def rule(given: Mapping[str, str]) -> dict[str, Any]:
    """The rule in the editor, as input of the API."""
    return {
        "pattern": given.get("pattern", ""),
        "match": "GLOB" if given.get("match") == "GLOB" else "EXACT",
        "permissions": [one for one in given.get("permissions", "").split(SEVERAL) if one],
        "provider": given.get("provider") or None,
        "enabled": given.get("enabled") != "no",
    }


def creating(given: Mapping[str, str]) -> dict[str, Any]:
    """The input of a new mapping."""
    return {"input": {**rule(given), "asPreviewed": given.get("digest") or None}}


def creating_in_set(given: Mapping[str, str]) -> dict[str, Any]:
    """A new mapping as the only change of a set."""
    return {"input": {"changes": [{"createGroupMapping": rule(given)}]}}


def updating(given: Mapping[str, str]) -> dict[str, Any]:
    """The input of a changed mapping."""
    return {"input": {**rule(given), **_named(given)}}


def deleting(given: Mapping[str, str]) -> dict[str, Any]:
    """The input of a deletion."""
    return {"input": _named(given)}


def inviting(given: Mapping[str, str]) -> dict[str, Any]:
    """The input of an invitation."""
    named = {name: given[name] for name in ("displayLabel", "email", "provider") if given.get(name)}
    return {
        "input": {
            "username": given.get("username", ""),
            **named,
            "permissions": [one for one in given.get("permissions", "").split(SEVERAL) if one],
            "days": whole_number(given.get("days")),
        }
    }


def whole_number(text: str | None) -> int:
    """The number that was typed; 0 for anything else, which the API refuses."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else 0


def days_or_none(text: str | None) -> int | None:
    """The number of days that was typed; None for an empty field."""
    return whole_number(text) if text else None


def _named(given: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": given.get("id", ""),
        "version": whole_number(given.get("version")),
        "asPreviewed": given.get("digest") or None,
    }


def new_mapping(given: Mapping[str, str]) -> dict[str, Any]:
    """The variables of the page of a new mapping."""
    return {**creating({**given, "digest": ""}), **_suggestions(given), "previews": "permissions" in given}


def mapping(given: Mapping[str, str]) -> dict[str, Any]:
    """The variables of the page of a mapping: the mapping, and the previews of its change or deletion."""
    deletes = "delete" in given
    plain = {**given, "digest": ""}
    return {
        "id": given.get("id", ""),
        "input": updating(plain)["input"],
        "deletion": deleting(plain)["input"],
        "deletes": deletes,
        "previews": "pattern" in given and not deletes,
        **_suggestions(given),
    }


def _suggestions(given: Mapping[str, str]) -> dict[str, Any]:
    """Groups whose names begin with the typed text."""
    pattern = given.get("pattern", "")
    return {"typed": pattern, "nothingTyped": not pattern, "provider": given.get("provider") or None}
