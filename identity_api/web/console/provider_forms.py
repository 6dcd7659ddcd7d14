"""The API input of the provider forms."""

from collections.abc import Mapping
from typing import Any

from identity_api.web.console.rules import SEVERAL, whole_number


def creating(typed: Mapping[str, str]) -> dict[str, Any]:
    """A new provider, which is not on the login page before it is enabled."""
    given = {
        "slug": typed.get("slug", ""),
        "label": typed.get("label") or typed.get("slug", ""),
        "issuer": typed.get("issuer", ""),
        "clientId": typed.get("client_id", ""),
        "clientSecret": typed.get("client_secret"),
        "enabled": False,
    }
    return {"input": {**given, **_lists(typed)}}


def inviting(typed: Mapping[str, str]) -> dict[str, Any]:
    """A set-up link for a new provider."""
    days = typed.get("days", "")
    return {
        "input": {
            "slug": typed.get("slug", ""),
            "label": typed.get("label", ""),
            "permissions": [one for one in typed.get("permissions", "").split(SEVERAL) if one],
            "days": int(days) if days.isascii() and days.isdecimal() and len(days) < 10 else 0,
        }
    }


def updating(typed: Mapping[str, str]) -> dict[str, Any]:
    """The settings that the page has; the others stay."""
    given = {"id": typed["id"], "label": typed.get("label", "")}
    return {"input": {**given, "version": whole_number(typed.get("version")), **_lists(typed)}}


def storing(typed: Mapping[str, str]) -> dict[str, Any]:
    """A new client secret, beside the one that it replaces."""
    return {"input": {"id": typed["id"], "clientSecret": typed.get("client_secret", "")}}


def naming(typed: Mapping[str, str]) -> dict[str, Any]:
    """The provider alone."""
    return {"input": {"id": typed["id"]}}


def _lists(typed: Mapping[str, str]) -> dict[str, Any]:
    """Scopes separated by spaces, and places of the groups separated by commas; an empty field keeps its default."""
    found = {
        "scopes": typed.get("scopes", "").split(),
        "groupsClaim": [one.strip() for one in typed.get("groups", "").split(",") if one.strip()],
    }
    return {name: value for name, value in found.items() if value}
