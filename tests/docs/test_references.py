"""A number that code, tests or documents refer to is defined by a document of the project."""

import re
import subprocess
from functools import cache

import pytest

from tests.docs.pages import ROOT, text_of

_HERE = "tests/docs/test_references.py"
_NUMBERS = r"\d+(?:(?:, | and |, and | to |-|_)\d+)*(?!\d)"


@cache
def texts() -> dict[str, str]:
    """Every text that people read, by its path; the change log tells what was, and is left out."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    kinds = (".py", ".md", ".graphql", ".toml", ".html", ".sql")
    return {
        path: (ROOT / path).read_text("utf-8")
        for path in listed.splitlines()
        if path.endswith(kinds) and path not in (_HERE, "CHANGELOG.md") and (ROOT / path).is_file()
    }


def numbers_in(text: str, reference: str) -> set[int]:
    """The numbers after each `reference` (a pattern), lists ("19, 20 and 22") and ranges ("13-15", "13 to 15") included."""
    found: set[int] = set()
    for listed in re.findall(f"{reference}({_NUMBERS})", text):
        for first, last in re.findall(r"(\d+)(?: to |-)(\d+)", listed):
            found |= set(range(int(first), int(last) + 1))
        found |= {int(one) for one in re.findall(r"\d+", listed)}
    return found


def referred(reference: str) -> dict[int, set[str]]:
    """Which numbers the texts refer to, and where."""
    found: dict[int, set[str]] = {}
    for path, text in texts().items():
        for number in numbers_in(text, reference):
            found.setdefault(number, set()).add(path)
    return found


@pytest.mark.parametrize(
    ("page", "anchor", "reference"),
    [
        ("docs/promises.md", r'id="promise-(\d+)"', r"\b[Pp]romises?[ _]"),
        ("docs/bad-inputs.md", r'id="bad-input-(\d+)"', r"[Bb]ad[ _]inputs?[ _]"),
        ("docs/faults.md", r"^## F(\d+) ", r"(?<![\w.])F(?=[1-9]\d?\b)"),
        ("docs/invariants.md", r"^### I(\d+) ", r"(?<![\w.])I(?=[1-9]\b)"),
    ],
)
def test_a_number_that_is_referred_to_is_defined(page: str, anchor: str, reference: str) -> None:
    defined = {int(number) for number in re.findall(anchor, text_of(page), re.MULTILINE)}
    assert len(defined) >= 8, "The page defines its numbers in another form."
    unknown = {number: paths for number, paths in referred(reference).items() if number not in defined}
    assert unknown == {}


@pytest.mark.parametrize(
    "reference",
    [
        r"\b[Dd]esign(?:'s)?,?(?: section)? \d",
        r"\bdecision R\d",
        r"\b[Rr]ules? R\d",
        r"\breliability(?:\.md)? \d",
        r"\bseed rows?\b",
        r"\bspike(?:\.md|/)",
    ],
)
def test_nothing_refers_to_a_document_that_is_not_here(reference: str) -> None:
    assert [path for path, text in texts().items() if re.search(reference, text)] == []


def test_a_path_that_a_page_names_exists() -> None:
    """Paths in backticks, of the package and of the tests; a directory may be named without its slash."""
    pages = ("docs/invariants.md", "docs/promises.md", "docs/bad-inputs.md", "docs/security.md", "docs/architecture.md")
    named = {path for page in pages for path in re.findall(r"`((?:identity_api|tests)/[\w./]*)`", text_of(page))}
    assert len(named) > 50
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
