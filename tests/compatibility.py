"""docs/compatibility.md: what five existing systems do, row by row, and which tests here show it.

A row counts as shown where a test names its id (`S2-29`, or a range `S3-33..S3-39`) in its name, its docstring or a comment
beside it. Nothing here judges whether the test is a good one; it says where to look.
"""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS = Path(__file__).with_name("compatibility_rows.tsv")

SYSTEMS = {
    "S0": "Re:infer SSO",
    "S1": "Federated Directory OIDC",
    "S2": "Infrahub SSO",
    "S3": "SysReptor generic OIDC",
    "S4": "Inference API OIDC",
}
_ID = re.compile(r"\bS(\d)-(\d\d)(?:\s*(?:\.\.\.?|to|-)\s*(?:S(\d)-)?(\d\d)\b)?")


def named_rows(text: str) -> set[str]:
    """The ids that a text names; ranges count for each of their rows."""
    found = set()
    for system, first, other_system, last in _ID.findall(text):
        if last and (not other_system or other_system == system):
            found |= {f"S{system}-{number:02d}" for number in range(int(first), int(last) + 1)}
        else:
            found.add(f"S{system}-{first}")
    return found


def places() -> dict[str, list[str]]:
    """Row id -> the test files that name it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for row in named_rows(path.read_text("utf-8")):
            found[row].append(path.relative_to(ROOT).as_posix())
    return found


def compatibility_markdown() -> str:
    """The whole page."""
    shown = places()
    rows = [line.split("\t") for line in ROWS.read_text("utf-8").splitlines()]
    count = len([row for row in rows if row[0] in shown])
    parts = [
        "# What five existing systems do, and where it is shown here\n\n"
        "Generated from the tests by `make schema`: a row is *shown* where a test names its id. Kinds: B behaviour, O option,\n"
        "C claim or field, U address, E error, G promise, X a gap of that system.\n\n"
        f"{count} of {len(rows)} rows are shown by a test. The others are not claimed.\n"
    ]
    for system, name in SYSTEMS.items():
        parts.append(f"\n## {system}: {name}\n\n| row | kind | what | shown by |\n| --- | --- | --- | --- |\n")
        for row, kind, what in rows:
            if row.startswith(system):
                where = ", ".join([f"[{Path(one).stem}](../{one})" for one in shown.get(row, [])[:3]])
                parts.append(f"| {row} | {kind} | {what} | {where or 'not yet'} |\n")
    return "".join(parts)
