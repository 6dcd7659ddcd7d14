"""Merge a preset with explicit settings into the fields of a provider declaration."""

from collections.abc import Mapping
from typing import Any

from identity_api.errors import BadInput
from identity_api.providers.presets import (
    adfs,
    apple,
    auth0,
    authelia,
    authentik,
    azure_b2c,
    cognito,
    dex,
    discord,
    entra,
    github,
    gitlab,
    google,
    jumpcloud,
    keycloak,
    linkedin,
    okta,
    onelogin,
    pingfederate,
    slack,
    zitadel,
)
from identity_api.providers.presets.preset import SETTINGS, Preset

_MODULES = (
    adfs,
    apple,
    auth0,
    authelia,
    authentik,
    azure_b2c,
    cognito,
    dex,
    discord,
    entra,
    github,
    gitlab,
    google,
    jumpcloud,
    keycloak,
    linkedin,
    okta,
    onelogin,
    pingfederate,
    slack,
    zitadel,
)
PRESETS: Mapping[str, Preset] = {module.PRESET.name: module.PRESET for module in _MODULES}

_OWN_FIELDS = ("preset_values", "preset_alternatives")


def apply_preset(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the fields of a provider declaration with those of the named preset.

    Args:
        fields: as declared. `preset_values` has the preset's parameters by name, `preset_alternatives` the names of the
            alternatives chosen; both are removed here. Without `preset` the fields are returned as they are.

    Raises:
        BadInput: there is no such preset, parameter or alternative, or a parameter is missing or malformed; `.field`.
    """
    name = fields.get("preset")
    if name is None:
        for own in _OWN_FIELDS:
            if own in fields:
                raise BadInput("This is for providers with a preset.", field=own)
        return dict(fields)
    preset = PRESETS.get(name) if isinstance(name, str) else None
    if preset is None:
        raise BadInput(f"The presets are {', '.join(sorted(PRESETS))}.", field="preset")
    values = _values(preset, fields.get("preset_values", {}))
    said = {one: getattr(preset, one) for one in SETTINGS if getattr(preset, one) is not None}
    settings = said | _chosen(preset, fields.get("preset_alternatives", ()))
    explicit = {one: value for one, value in fields.items() if one not in _OWN_FIELDS and value is not None}
    if isinstance(explicit.get("client_id"), str):
        # Some vendors want it in a scope, or as the name of a resource.
        values |= {"client_id": explicit["client_id"]}
    if explicit.get("protocol", settings["protocol"]) == "oidc":
        settings.pop("endpoints")  # an OpenID Provider publishes its own
    implied = {one: _filled(value, values) for one, value in settings.items() if one not in explicit}
    for parameter in preset.parameters:
        if any(_mentions(value, parameter.name) for value in implied.values()):
            raise BadInput(
                f"{preset.label} needs {parameter.label}, such as {parameter.example}.", field="preset_values"
            )
    return implied | explicit


def _values(preset: Preset, given: object) -> dict[str, str]:
    parameters = {parameter.name: parameter for parameter in preset.parameters}
    if not isinstance(given, Mapping):
        raise BadInput("The values of a preset are a table.", field="preset_values")
    read: dict[str, Any] = {
        name: parameters[name].read(value) if name in parameters else value for name, value in given.items()
    }
    for name, value in read.items():
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise BadInput(f"The values of the preset {preset.name} are: {known}.", field=f"preset_values.{name}")
        if not parameters[name].accepts(value):
            label, example = parameters[name].label, parameters[name].example
            raise BadInput(f"{label} is written like {example}.", field=f"preset_values.{name}")
    return read


def _chosen(preset: Preset, names: Any) -> dict[str, Any]:
    alternatives = {alternative.name: alternative for alternative in preset.alternatives}
    is_list = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    if not is_list or not alternatives.keys() >= set(names):
        known = ", ".join(alternatives) or "none"
        raise BadInput(f"The alternatives of the preset {preset.name} are: {known}.", field="preset_alternatives")
    return {field: value for name in names for field, value in alternatives[name].settings.items()}


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """The setting with its parameters filled in. Entra's `{tenantid}` is no parameter and stays."""
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace("{" + name + "}", text)
        return value
    if isinstance(value, dict):
        return {name: _filled(one, values) for name, one in value.items()}
    return tuple(_filled(one, values) for one in value) if isinstance(value, tuple) else value


def _mentions(value: Any, parameter: str) -> bool:
    if isinstance(value, str):
        return "{" + parameter + "}" in value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return any(_mentions(one, parameter) for one in parts)
