"""The texts of pages, one file for each language, and the choice of the language.

A language is complete or absent: a test compares the keys and the placeholders of every text. To add one, put its file
into `catalogue/`, of the console and of the set-up.
"""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

DEFAULT: Final = "en"
_RANGE: Final = re.compile(r"\s*([A-Za-z]{1,8})[A-Za-z0-9-]*\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*")


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = str(value)
    return found


Catalogue = Mapping[str, Mapping[str, str]]
"""Language -> key -> text. A text has placeholders such as `{name}`."""


def catalogue_of(package: str) -> dict[str, dict[str, str]]:
    """The texts in a package's folder `catalogue`."""
    return {
        file.name.removesuffix(".toml"): _flat(tomllib.loads(file.read_text("utf-8")))
        for file in sorted((files(package) / "catalogue").iterdir(), key=lambda one: one.name)
        if file.name.endswith(".toml")
    }


CATALOGUE: Final = catalogue_of("identity_api.web.console")


class Texts:
    """The texts in one language."""

    def __init__(self, language: str, catalogue: Catalogue = CATALOGUE) -> None:
        self.language = language
        self._texts = catalogue[language]

    def __call__(self, key: str, **values: object) -> str:
        """The text with its placeholders filled in. The result is plain text, which a template escapes.

        Raises:
            KeyError: there is no such text.
        """
        text = self._texts[key]
        return text.format_map(values) if values else text

    def code(self, family: str, code: str) -> str:
        """The text for a code of the API; the code itself if the catalogue has no text for it."""
        return self._texts.get(f"{family}.{code}", code)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self._texts


def choose(accept_language: str | None, chosen: str | None, catalogue: Catalogue = CATALOGUE) -> Texts:
    """The language that the user has chosen, otherwise the best match for their browser (RFC 9110 section 12.5.4).

    Args:
        accept_language: the header.
        chosen: the user's earlier choice; a language that the catalogue does not have is ignored.
        catalogue: the texts to choose from.
    """
    if chosen is not None and chosen in catalogue:
        return Texts(chosen, catalogue)
    wanted: list[tuple[float, str]] = []
    for part in (accept_language or "")[:500].split(","):
        found = _RANGE.fullmatch(part)
        if found is not None and found[1].lower() in catalogue:
            wanted.append((float(found[2] or 1), found[1].lower()))
    best = max(wanted, key=lambda one: one[0], default=(0.0, DEFAULT))
    return Texts(best[1] if best[0] > 0 else DEFAULT, catalogue)
