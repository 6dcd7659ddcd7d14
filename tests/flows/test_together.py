"""Suites that must not be spread over test processes are not: what is marked so is in the table that is obeyed."""

import re
from pathlib import Path

from tests.conftest import TOGETHER

TESTS = Path(__file__).parents[1]
MARK = re.compile(r"""xdist_group\(["'](\w+)["']\)""")


def test_whatever_is_marked_to_run_together_is_in_the_table() -> None:
    found = {}
    for path in TESTS.rglob("test_*.py"):
        named = set(MARK.findall(path.read_text("utf-8")))
        if named:
            place = f"tests/{path.relative_to(TESTS).as_posix()}"
            found[place] = (named, {group for start, group in TOGETHER.items() if place.startswith(start)})
    assert found
    assert {place: pair for place, pair in found.items() if pair[0] != pair[1]} == {}
