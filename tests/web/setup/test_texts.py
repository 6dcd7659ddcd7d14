"""The texts of the set-up: complete in both languages, and with nothing in them that no page shows."""

import re
from importlib.resources import files

from identity_api.setup.provider import STEPS
from identity_api.web.setup.rendering import CATALOGUE
from tests.web.console.test_texts import places

TEMPLATES = "".join(file.read_text("utf-8") for file in (files("identity_api.web.setup") / "templates").iterdir())
CODES = ("value.", "finding.", "language.", "step.")


def test_both_languages_have_every_text_with_the_same_places() -> None:
    assert CATALOGUE["de"].keys() == CATALOGUE["en"].keys()
    wrong = [key for key, text in CATALOGUE["de"].items() if places(text) != places(CATALOGUE["en"][key])]
    assert wrong == []


def test_every_text_that_a_page_names_is_there_and_every_text_is_used() -> None:
    named = set(re.findall(r'\bt\("([a-z_]+(?:\.[a-z_]+)?)"[,)]', TEMPLATES))
    assert named - CATALOGUE["en"].keys() == set()
    assert {f"step.{step}" for step in STEPS} <= CATALOGUE["en"].keys()
    assert {key for key in CATALOGUE["en"] if not key.startswith(CODES)} - named == set()
