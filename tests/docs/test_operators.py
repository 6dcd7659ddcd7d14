"""What documents tell to run exists: targets of make, modules, and tests with their paths."""

import re
from importlib.util import find_spec

import pytest

from tests.docs.pages import ROOT, pages, text_of

PAGES = [page for page in pages("*.md", "docs/**/*.md") if page != "CHANGELOG.md"]
_TARGETS = set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.MULTILINE))
_MAKE = re.compile(r"`make ([a-z./-]+)")
_MODULE = re.compile(r"python -m ([a-z_.]+)")
_PLACE = re.compile(r"`[^`\n]*?\b((?:tests|deploy|requirements)/(?!\.env)[\w./@-]*\w)")


def missing(text: str) -> list[str]:
    """What the text tells to run, or where it says that something is, and which is not there."""
    found = [f"make {one}" for one in _MAKE.findall(text) if one not in _TARGETS and not one.startswith(".venv/")]
    found += [
        f"python -m {one}"
        for one in _MODULE.findall(text)
        if one not in ("pytest", "pip", "venv") and not find_spec(one)
    ]
    return found + [one for one in _PLACE.findall(text) if not (ROOT / one).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_tells_to_run_exists(page: str) -> None:
    assert missing(text_of(page)) == []


def test_what_does_not_exist_is_noticed() -> None:
    """So that the test above can fail."""
    assert missing("`make dist`, `.venv/bin/python -m pytest -n 0 tests/upgrade`, `python -m benchmarks.tenants`") == []
    for wrong in ("`make cake`", "`python -m benchmarks.cakes`", "`pytest tests/cakes`"):
        assert len(missing(wrong)) == 1


@pytest.mark.parametrize(
    "part",
    [
        "image",
        "compose",
        "chart",
        "units",
        "nginx",
        "dashboard",
        "alerts",
        "runbook",
        "backup",
        "upgrade",
        "scaling",
        "SBOM",
    ],
)
def test_every_part_for_operators_has_a_command(part: str) -> None:
    table = text_of("docs/for-operators.md").split("## What there is\n")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if part.lower() in line.lower()]
    assert any("`make " in row or "`.venv/bin/python -m " in row or "the same command" in row for row in rows)
