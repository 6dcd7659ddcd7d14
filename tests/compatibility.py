"""docs/compatibility.md: what five existing systems do, row by row, how each was seen to work by use, and which tests name it.

A row works if somebody did at the running service what a person of that system does, and saw what they expect:
`compatibility_seen.tsv` says what was done (`worked`), or that it was looked at and is another way on purpose (`differs`).
What is not there is not claimed. Beside it stand the tests that name the row: those with its id (`S2-29`, or a range
`S3-33..S3-39`) in a name, a docstring or a comment. What a module's docstring names is what the module is about, and shows
nothing.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS = Path(__file__).with_name("compatibility_rows.tsv")
SEEN = Path(__file__).with_name("compatibility_seen.tsv")

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


def seen() -> dict[str, tuple[str, str]]:
    """Row id -> `worked` or `differs`, and what was done. Ids are written `S0-01,04-06`."""
    found: dict[str, tuple[str, str]] = {}
    for line in SEEN.read_text("utf-8").splitlines():
        ids, verdict, told = line.split("\t")
        system, _, numbers = ids.partition("-")
        for part in numbers.split(","):
            first, _, last = part.partition("-")
            for number in range(int(first), int(last or first) + 1):
                row = f"{system}-{number:02d}"
                assert row not in found, f"{row} is there twice"
                found[row] = (verdict, told)
    return found


def _by_use(row: str, used: dict[str, tuple[str, str]]) -> str:
    """How the row was seen, or that it was not."""
    verdict, told = used.get(row, ("", ""))
    if verdict == "differs" or row in DIFFERENT:
        how = DIFFERENT.get(row, "")
        return "; ".join([one for one in (f"**another way**: {how}" if how else "**another way**", told) if one])
    return told or "not seen by use"


def _by_tests(row: str, shown: dict[str, list[str]]) -> str:
    return ", ".join([f"[{Path(one).stem}](../{one})" for one in shown.get(row, [])[:3]]) or "none"


def compatibility_markdown() -> str:
    """The whole page."""
    shown, used = places(), seen()
    rows = [line.split("\t") for line in ROWS.read_text("utf-8").splitlines()]
    different = {row[0] for row in rows if row[0] in DIFFERENT or used.get(row[0], ("",))[0] == "differs"}
    worked = len([row for row in rows if row[0] in used and row[0] not in different])
    parts = [
        "# What five existing systems do, and how it was seen here\n\n"
        "Generated by `make schema`. A row works if somebody did at the running service what a person of that system does, and\n"
        "saw what they expect; *seen by use* says what was done. *Tests* are those that name the row. Kinds: B behaviour, O\n"
        "option, C claim or field, U address, E error, G promise, X a gap of that system.\n\n"
        f"Of {len(rows)} rows {worked} were seen to work by use, and {len(different)} are another way on purpose. The other"
        f" {len(rows) - worked - len(different)} are not claimed:\nmost of them need a vendor's own service or console.\n"
    ]
    for system, name in SYSTEMS.items():
        parts.append(
            f"\n## {system}: {name}\n\n| row | kind | what | seen by use | tests |\n| --- | --- | --- | --- | --- |\n"
        )
        for row, kind, what in rows:
            if row.startswith(system):
                parts.append(f"| {row} | {kind} | {what} | {_by_use(row, used)} | {_by_tests(row, shown)} |\n")
    return "".join(parts)
