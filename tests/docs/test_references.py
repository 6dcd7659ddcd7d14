"""A number that code, tests or documents refer to is defined by a document of the project."""

import ast
import re
import subprocess
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, text_of

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


def test_the_layers_that_are_drawn_are_those_that_are_checked() -> None:
    [contract] = re.findall(r"^layers =\n((?: +.+\n)+)", text_of(".importlinter"), re.MULTILINE)
    [drawn] = [block for block in blocks("docs/architecture.md", "") if "use cases" in block]
    words = re.findall(r"\w+", drawn)
    layers = [re.findall(r"\w+", line) for line in contract.splitlines()]
    assert [room for layer in layers for room in layer if room not in words] == []
    places = [[words.index(room) for room in layer] for layer in layers]
    assert all(max(upper) < min(lower) for upper, lower in pairwise(places))


def names_something(reference: str, path: str) -> bool:
    """Whether a dotted name is a module of ours, from the package or from the file's own folder, and what is in it."""
    first, *rest = reference.split(".")
    for base in (ROOT / "identity_api", (ROOT / path).parent):
        place = base / first
        for index, name in enumerate([*rest, ""]):
            module, package = place.with_suffix(".py"), place / "__init__.py"
            source = module if module.is_file() else package
            if not source.is_file():
                break
            if not name or (source == module and _has(source, name)):
                return True
            if source == package and not (place / name).is_dir() and not (place / f"{name}.py").is_file():
                if _has(source, name):
                    return True
                break
            place = place / rest[index]
    return False


def _has(source: Path, name: str) -> bool:
    return name in _names_of(source)


@cache
def _names_of(source: Path) -> set[str]:
    """What a module defines: functions, classes, values and attributes; of a package also what it hands on."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                found.add(name)
            case ast.ImportFrom(names=names) if source.name == "__init__.py":
                found |= {one.asname or one.name for one in names}
            case _:
                pass
    return found


def is_about_ours(reference: str) -> bool:
    """Whether a dotted name begins with a room of the package, or names a class or constant of no installed package."""
    ours = {path.stem for path in (ROOT / "identity_api").iterdir() if path.suffix == ".py" or path.is_dir()}
    first, *_, last = reference.split(".")
    return first in ours or (last[0].isupper() and find_spec(first) is None)


def is_anywhere(reference: str) -> bool:
    """Whether a module of this name, in whichever room, has what the reference ends with."""
    *_, module, name = reference.split(".")
    return any(_has(source, name) for source in (ROOT / "identity_api").rglob(f"{module}.py"))


def test_a_module_that_is_referred_to_exists() -> None:
    unknown = {
        (path, reference)
        for path, text in texts().items()
        if path.endswith(".py") and path.startswith("identity_api/")
        for reference in re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)(?:\([^`]*\))?`", text)
        if is_about_ours(reference) and not names_something(reference, path) and not is_anywhere(reference)
    }
    assert unknown == set()


def test_what_names_nothing_is_noticed() -> None:
    assert names_something("oidc.logout_token.LOGOUT_EVENT", "identity_api/app.py")
    assert not names_something("oidc.logout_token.LOGOUT_EVENTS", "identity_api/app.py")
    assert not names_something("oidc.logout_tokens", "identity_api/app.py")
    assert not names_something("sessions.finish", "identity_api/app.py"), "a word of a docstring is no name"


def described(docstring: str) -> set[str]:
    """The arguments that a docstring says something of."""
    _, _, after = docstring.partition("Args:\n")
    section = re.split(r"\n(?=\S)", after)[0]
    return {name for names in re.findall(r"^    (\w+(?:, \w+)*):", section, re.MULTILINE) for name in names.split(", ")}


def test_an_argument_that_a_docstring_describes_exists() -> None:
    unknown = {
        (path, node.name, name)
        for path, text in texts().items()
        if path.endswith(".py") and "Args:" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for name in described(ast.get_docstring(node) or "")
        if name not in {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
    }
    assert unknown == set()
    assert described("Do it.\n\nArgs:\n    one, other: what.\n        More: of it.\n\nRaises:\n    Wrong: so.") == {
        "one",
        "other",
    }
