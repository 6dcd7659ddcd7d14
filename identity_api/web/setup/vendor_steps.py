"""What is to be done in a vendor's console, in the language of the page."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final

from identity_api.providers.presets import Preset

TRANSLATED: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "de": tomllib.loads((files("identity_api.web.setup") / "vendor_steps.de.toml").read_text("utf-8"))
}
"""Language -> preset -> steps; English is in the presets."""


def steps_of(preset: Preset, language: str) -> tuple[str, Sequence[str]]:
    """The language that there is, and the steps in it."""
    found = TRANSLATED.get(language, {}).get(preset.name)
    return ("en", preset.steps) if found is None else (language, found)
