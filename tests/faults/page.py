"""docs/faults.md: each fault, how it is made, what must hold, the tests that show it, and what the last run saw.

The faults are in `catalogue`. A test says which it shows with `@pytest.mark.faults(number)`. What was seen is in
`seen.json` beside this file, written by `make test-faults`.
"""

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.faults.catalogue import FAULTS

ROOT = Path(__file__).parents[2]
_SEEN = Path(__file__).with_name("seen.json")
_PAGE = ROOT / "docs/faults.md"

_HEAD = """\
# Faults

What happens to the service and to people's permissions when a process is killed, a network fails, a disk is full, a clock
is wrong or a provider misbehaves. Each fault has a number and a name, and is made for real: processes of `identity-api
worker` and `identity-api serve` that are killed with SIGKILL or stopped with SIGSTOP, a PostgreSQL and a Valkey of the
test's own, a provider that answers over HTTP and holds requests at chosen points, and a TCP proxy between them that cuts,
pauses and drips.

`make test-faults` runs them with few repetitions, `FULL=1 make test-faults` with the counts named under "must hold". Either
writes this page. "Seen" is what the last run saw on the machine that ran it; times there include that machine's load.
"""


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a test came to."""

    outcome: str
    seen: str
    full: bool = False
    """Whether with the catalogue's counts."""


def tests_of_faults() -> dict[int, list[str]]:
    """Fault number -> the ids of its tests, read from the marks in the sources."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for function in ast.parse(path.read_text("utf-8")).body:
            if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef):
                for number in _marked(function):
                    found[number].append(f"{path.relative_to(ROOT).as_posix()}::{function.name}")
    return found


def _marked(function: ast.AsyncFunctionDef | ast.FunctionDef) -> list[int]:
    marks = [
        mark
        for mark in function.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.faults"
    ]
    return [argument.value for mark in marks for argument in mark.args if isinstance(argument, ast.Constant)]


def problems() -> list[str]:
    """Faults without a test, and tests of faults that the catalogue does not have."""
    tests, known = tests_of_faults(), {fault.number for fault in FAULTS}
    missing = [f"F{number} has no test in tests/faults" for number in sorted(known - tests.keys())]
    return missing + [
        f"tests/faults shows F{number}, which the catalogue lacks" for number in sorted(tests.keys() - known)
    ]


def write(results: Mapping[str, Seen]) -> None:
    """Add the results of a run to those of earlier ones, and write the page."""
    known = {
        test.partition("::")[0] + "::" + test.partition("::")[2]
        for tests in tests_of_faults().values()
        for test in tests
    }
    merged = {**_stored(), **results}
    kept = {test: one for test, one in sorted(merged.items()) if test.partition("[")[0] in known}
    _SEEN.write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
    _PAGE.write_text(faults_markdown(), "utf-8")


def faults_markdown() -> str:
    """The whole page."""
    tests, stored = tests_of_faults(), _stored()
    parts = [_HEAD]
    for fault in FAULTS:
        parts.append(f"\n## F{fault.number} {fault.name}\n\n")
        parts.append(f"- **Made by:** {fault.made_by}\n- **Must hold:** {fault.must_hold}\n")
        for test in tests.get(fault.number, []):
            parts.append(_test(test, stored))
    return "".join(parts)


def _test(test: str, stored: Mapping[str, Seen]) -> str:
    path, _, name = test.partition("::")
    lines = [f"- **Test:** [`{name}`](../{path})\n"]
    for id_, one in stored.items():
        if id_.partition("[")[0] == test:
            counts = " (full counts)" if one.full else ""
            said = one.seen or "nothing to count"
            outcome = {"passed": "Seen", "skipped": "Not run", "failed": "Failed"}[one.outcome]
            variant = f" `{id_.partition('[')[2].removesuffix(']')}`" if "[" in id_ else ""
            lines.append(f"  - {outcome}{counts}{variant}: {said}\n")
    return "".join(lines)


def _stored() -> dict[str, Seen]:
    if not _SEEN.exists():
        return {}
    stored: dict[str, Any] = msgspec.json.decode(_SEEN.read_bytes())
    return {
        test: Seen(outcome=one["outcome"], seen=one["seen"], full=one.get("full", False))
        for test, one in stored.items()
    }
