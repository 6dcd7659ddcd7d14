"""docs/compatibility.md: what five existing systems do, row by row, and which tests here show it.

A row counts as shown where a test names its id (`S2-29`, or a range `S3-33..S3-39`) in its name, its docstring or a comment
beside it. What a module's docstring names is what the module is about, and shows nothing. Nothing here judges whether the
test is a good one; it says where to look.
"""

import ast
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
DIFFERENT = {
    "S0-03": "OpenID Connect, and plain OAuth 2.0 as well, which another of these systems has (S2-01); no SAML",
    "S0-04": "a tenant's own admins set up their providers, through GraphQL",
    "S0-26": "a tenant's own admins edit what a group gives, through GraphQL; what is taken away is out of force at once",
    "S0-55": "a test login in the browser of the tenant's own admin; it shows which claims come, and signs nobody in",
    "S2-09": "PKCE is always on; a form that switches it off is accepted with a notice",
    "S2-10": "the check of signature, audience and issuer cannot be switched off; a form that does is refused by name",
    "S2-11": "nor for a provider that is set up wrongly: the self-test says what is wrong with it",
    "S2-35": "off unless a form switches it on: a name is not a proof of who somebody is",
    "S3-17": "read key by key into typed settings; what means nothing here is named in a notice and ignored",
    "S3-01": "part of the one edition there is, under the Apache License 2.0",
    "S4-48": "read with every login: a change counts from the next one on",
    "S4-49": "a new key or document is fetched when it is needed, or by `refreshProviderMetadata`; no restart",
    "S4-52": "the same request, with a `state` of the frontend's own where the token comes in the fragment; the address it "
    "answers is ours, so that the login is bound to the browser that opens it",
}
"""Rows that are answered differently on purpose, and how."""

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
        for row in named_rows(_without_docstring(path.read_text("utf-8"))):
            found[row].append(path.relative_to(ROOT).as_posix())
    return found


def _without_docstring(source: str) -> str:
    docstring = ast.get_docstring(ast.parse(source), clean=False)
    return source.replace(docstring, "", 1) if docstring else source


def _answer(row: str, shown: dict[str, list[str]]) -> str:
    """How and where a row is answered."""
    where = ", ".join([f"[{Path(one).stem}](../{one})" for one in shown.get(row, [])[:3]])
    if row in DIFFERENT:
        return f"answered differently: {DIFFERENT[row]}" + (f" ({where})" if where else "")
    return where or "not yet"


def compatibility_markdown() -> str:
    """The whole page."""
    shown = places()
    rows = [line.split("\t") for line in ROWS.read_text("utf-8").splitlines()]
    count = len([row for row in rows if row[0] in shown])
    different = len([row for row in rows if row[0] in DIFFERENT])
    parts = [
        "# What five existing systems do, and where it is shown here\n\n"
        "Generated from the tests by `make schema`: a row is *shown* where a test names its id. Kinds: B behaviour, O option,\n"
        "C claim or field, U address, E error, G promise, X a gap of that system.\n\n"
        f"{count} of {len(rows)} rows are shown by a test, {different} of them answered differently on purpose. The others are"
        " not claimed.\n"
    ]
    for system, name in SYSTEMS.items():
        parts.append(f"\n## {system}: {name}\n\n| row | kind | what | shown by |\n| --- | --- | --- | --- |\n")
        for row, kind, what in rows:
            if row.startswith(system):
                parts.append(f"| {row} | {kind} | {what} | {_answer(row, shown)} |\n")
    return "".join(parts)
