"""The texts of the set-up: complete in both languages, and with nothing in them that no page shows."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from importlib.resources import files
from pkgutil import iter_modules

import pytest

from identity_api.providers import self_test
from identity_api.sessions.login import report
from identity_api.setup.provider import STEPS
from identity_api.setup.vendors import VENDORS
from identity_api.web.console.texts import CATALOGUE as CONSOLE
from identity_api.web.console.texts import Catalogue
from identity_api.web.setup.rendering import CATALOGUE
from identity_api.web.setup.vendor_steps import TRANSLATED
from tests.web.console.test_texts import places

TEMPLATES = "".join(file.read_text("utf-8") for file in (files("identity_api.web.setup") / "templates").iterdir())
CODES = ("value.", "finding.", "finding_step.", "language.", "step.")


@pytest.mark.parametrize("catalogue", [CATALOGUE, CONSOLE])
def test_every_step_of_a_test_of_a_provider_has_a_name_in_the_languages(catalogue: Catalogue) -> None:
    named = {f"finding_step.{step}" for step in steps_of_tests()}
    assert {key for key in catalogue["en"] if key.startswith("finding_step.")} == named


def steps_of_tests() -> Iterator[str]:
    """The first argument of every finding in the source: a text, a constant of the module, or a setting's claim."""
    yield "verdict"
    for module in (
        report,
        *[importlib.import_module(f"{self_test.__name__}.{one.name}") for one in iter_modules(self_test.__path__)],
    ):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("ok", "warn", "fail", "skipped")
            ):
                step = node.args[0]
                if isinstance(step, ast.Constant):
                    yield str(step.value)
                elif isinstance(step, ast.Name) and step.id.isupper():
                    yield getattr(module, step.id)
    yield from [f"{setting} claim" for setting in ("anchor", "username", "display", "email", "groups")]


def test_both_languages_have_every_text_with_the_same_places() -> None:
    assert CATALOGUE["de"].keys() == CATALOGUE["en"].keys()
    wrong = [key for key, text in CATALOGUE["de"].items() if places(text) != places(CATALOGUE["en"][key])]
    assert wrong == []


def test_every_step_of_every_vendor_is_there_in_german_with_the_same_names() -> None:
    steps = TRANSLATED["de"]
    assert steps.keys() == VENDORS.keys()
    for name, preset in VENDORS.items():
        assert len(steps[name]) == len(preset.steps), name
        for english, german in zip(preset.steps, steps[name], strict=True):
            code = re.findall(r"[A-Za-z]+_[a-z_]+|https?://[^\s\"]+|S256|POST", english)
            assert [one for one in code if one not in german] == [], (name, german)


def test_every_text_that_a_page_names_is_there_and_every_text_is_used() -> None:
    named = set(re.findall(r'\bt\("([a-z_]+(?:\.[a-z_]+)?)"[,)]', TEMPLATES))
    assert named - CATALOGUE["en"].keys() == set()
    assert {f"step.{step}" for step in STEPS} <= CATALOGUE["en"].keys()
    assert {key for key in CATALOGUE["en"] if not key.startswith(CODES)} - named == set()
