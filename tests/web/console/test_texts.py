"""The catalogue of texts: complete in every language, and with nothing in it that no page shows."""

import re
from importlib.resources import files

import pytest

from identity_api.web.console.forms import FORMS
from identity_api.web.console.pages import PAGES
from identity_api.web.console.texts import CATALOGUE, choose

FOLDER = files("identity_api.web.console")
TEMPLATES = "".join(file.read_text("utf-8") for file in (FOLDER / "templates").iterdir())
FAMILIES = set(re.findall(r't\.code\("(\w+)"', TEMPLATES)) | {"language", "title", "done"}


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", sorted(set(CATALOGUE) - {"en"}))
def test_a_language_has_every_text_with_the_same_places(language: str) -> None:
    assert CATALOGUE[language].keys() == CATALOGUE["en"].keys()
    wrong = [key for key, text in CATALOGUE[language].items() if places(text) != places(CATALOGUE["en"][key])]
    assert wrong == []


def test_every_text_that_a_page_names_is_there_and_every_text_is_used() -> None:
    named = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)?)"', TEMPLATES))
    stems = tuple(re.findall(r't\("([a-z_.]+)" ~', TEMPLATES))
    called = set(re.findall(r'\bt\("([a-z_.]+)"[,)]', TEMPLATES))
    called |= {page.title for page in PAGES} | {form.done for form in FORMS if form.leads_to}
    assert called - CATALOGUE["en"].keys() == set()
    unused = {
        key for key in CATALOGUE["en"] if key.split(".")[0] not in FAMILIES and not key.startswith(stems or ("-",))
    }
    assert unused - named == set()


@pytest.mark.parametrize(
    ("header", "chosen", "language"),
    [
        (None, None, "en"),
        ("de", None, "de"),
        ("de;q=0", None, "en"),
        ("DE-at", None, "de"),
        ("en;q=0.3, de;q=0.9", None, "de"),
        ("en, de", None, "en"),
        ("*;q=0.5, \x00,,;q=,de;q=9", None, "en"),
        ("de", "en", "en"),
        ("en", "xx", "en"),
    ],
)
def test_the_best_language_that_a_browser_asks_for(header: str | None, chosen: str | None, language: str) -> None:
    assert choose(header, chosen).language == language
