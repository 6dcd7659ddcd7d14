"""The API input of the provider forms."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from identity_api.providers.presets import PRESETS
from identity_api.web.console.rules import SEVERAL, whole_number

OTHER: Final = "other"
"""Any OpenID Provider, by its issuer."""


class Setting(msgspec.Struct, frozen=True):
    """A setting that the page of a provider shows and changes, by its name in the API."""

    name: str
    kind: Literal["names", "number", "choice", "yes_no"]
    choices: tuple[str, ...] = ()
    claim: str | None = None
    """Its name among the provider's `claims`, if it is one of them."""

    def value(self, provider: Mapping[str, Any]) -> str:
        """As the form has it."""
        found = provider["claims"][self.claim] if self.claim is not None else provider[self.name]
        match self.kind:
            case "names":
                return ", ".join(found)
            case "yes_no":
                return "yes" if found else "no"
        return "" if found is None else str(found)

    def read(self, text: str) -> Any:
        """What was typed, as the API takes it."""
        match self.kind:
            case "names":
                return [one.strip() for one in text.split(",") if one.strip()]
            case "yes_no":
                return text == "yes"
            case "number":
                return whole_number(text)
        return text


SETTINGS: Final = (
    Setting("usernameClaim", "names", claim="username"),
    Setting("displayClaim", "names", claim="display"),
    Setting("emailClaim", "names", claim="email"),
    Setting("absentGroups", "choice", ("UNKNOWN", "EMPTY")),
    Setting("syncMode", "choice", ("STRICT", "ADDITIVE", "NONE")),
    Setting("sync", "choice", ("REFRESH_TOKEN", "ACCESS_TOKEN", "OFF")),
    Setting("syncIntervalSeconds", "number"),
    Setting("outageGraceSeconds", "number"),
    Setting("unsyncedLeaseSeconds", "number"),
    Setting("maxRate", "number"),
    Setting("maxConcurrent", "number"),
    Setting("provisioning", "choice", ("JIT", "KNOWN_USERS", "LINKED_ONLY")),
    Setting("emailVerifiedRule", "choice", ("IGNORE", "REQUIRED", "TRUSTED")),
    Setting("reauthentication", "yes_no"),
)
"""What is folded on the page: everything that an admin adjusts later on, and nothing that says whose provider it is."""


def creating(typed: Mapping[str, str]) -> dict[str, Any]:
    """A new provider, which is not on the login page before it is enabled: of a vendor, or any by its issuer."""
    preset = PRESETS.get(typed.get("preset", ""))
    given = {
        "slug": typed.get("slug", ""),
        "label": typed.get("label") or (preset.label if preset else typed.get("slug", "")),
        "clientId": typed.get("client_id", ""),
        "clientSecret": typed.get("client_secret"),
        "enabled": False,
    }
    if preset is None:
        return {"input": {**given, "issuer": typed.get("issuer", ""), **_lists(typed)}}
    values = [{"name": one.name, "value": typed.get(one.name, "")} for one in preset.parameters]
    chosen = [one.name for one in preset.alternatives if typed.get(f"alternative_{one.name}") == "yes"]
    apple = {name: typed[name] for name in ("appleTeamId", "appleKeyId") if name in typed}
    vendor = {"preset": preset.name, "presetValues": values, "presetAlternatives": chosen}
    return {"input": {**given, **vendor, **apple}}


def inviting(typed: Mapping[str, str]) -> dict[str, Any]:
    """A set-up link for a new provider."""
    return {
        "input": {
            "slug": typed.get("slug", ""),
            "label": typed.get("label", ""),
            "permissions": [one for one in typed.get("permissions", "").split(SEVERAL) if one],
            "days": whole_number(typed.get("days")),
        }
    }


def updating(typed: Mapping[str, str]) -> dict[str, Any]:
    """The settings that the page has; the others stay."""
    given = {"id": typed["id"], "label": typed.get("label", "")}
    more = {one.name: one.read(typed[one.name]) for one in SETTINGS if typed.get(one.name)}
    return {"input": {**given, "version": whole_number(typed.get("version")), **_lists(typed), **more}}


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
