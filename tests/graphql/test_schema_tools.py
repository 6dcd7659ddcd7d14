"""schema.graphql as the tools of its readers see it: graphql-eslint's rules, and graphql-inspector's breaking changes."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from graphql import build_schema, find_breaking_changes

from tests.release import PREVIOUS_VERSION, UNRELEASED

ROOT = Path(__file__).parents[2]
INTEROP = ROOT / "tests" / "interop"
NODE = shutil.which("node")
PACKAGES = ("@graphql-eslint/eslint-plugin", "@graphql-inspector/core", "eslint")
pytestmark = [
    pytest.mark.skipif(NODE is None, reason="Node is not installed"),
    pytest.mark.skipif(
        not all((INTEROP / "node_modules" / name).is_dir() for name in PACKAGES),
        reason="npm packages are missing; run: npm ci --prefix tests/interop",
    ),
]

SCHEMA = (ROOT / "schema.graphql").read_text("utf-8")
ACCEPTED: Final = {
    # The word for the name that a user has, not `name` with the type before it.
    ("@graphql-eslint/no-typename-prefix", 'Field "username" starts with the name of the parent type "User"'),
}
"""What graphql-eslint finds and is right only by the letter: its rule and message."""


def node(*arguments: str | Path, cwd: Path) -> Any:
    """What a program writes to standard output, as JSON."""
    command = [str(NODE), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def problems(folder: Path) -> set[tuple[str, str]]:
    """What graphql-eslint finds in `schema.graphql` of the folder."""
    eslint = INTEROP / "node_modules" / "eslint" / "bin" / "eslint.js"
    [file] = node(eslint, "--config", INTEROP / "eslint.config.mjs", "--format", "json", "schema.graphql", cwd=folder)
    return {(one["ruleId"], one["message"]) for one in file["messages"]}


def breaking(folder: Path, before: str, after: str) -> list[str]:
    """The places of what graphql-inspector calls breaking."""
    for name, text in (("before", before), ("after", after)):
        (folder / name).write_text(text, "utf-8")
    return [
        one["path"] for one in node(INTEROP / "schema_changes.mjs", folder / "before", folder / "after", cwd=folder)
    ]


def edited(*changes: tuple[str, str]) -> str:
    """The schema with some places changed."""
    text = SCHEMA
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def test_graphql_eslint_has_nothing_to_say_of_the_schema() -> None:
    assert problems(ROOT) == ACCEPTED


def test_graphql_eslint_would_find_what_breaks_its_rules(tmp_path: Path) -> None:
    worse = SCHEMA.replace('"""The user who is signed in, and what they may do."""\ntype Viewer', "type Viewer")
    worse = worse.replace("Which users to list; null lists all.", "x").replace(
        "  hasSecondFactor:", "  HasSecondFactor:"
    )
    worse += "\ntype Lonely {\n  a: Int\n}\n"
    (tmp_path / "schema.graphql").write_text(worse, "utf-8")
    found = {rule.removeprefix("@graphql-eslint/") for rule, _ in problems(tmp_path) - ACCEPTED}
    assert {"require-description", "naming-convention", "no-unreachable-types"} <= found


def test_the_schema_breaks_no_client_of_the_previous_version(tmp_path: Path) -> None:
    """Before there is one, of what is committed."""
    previous = (ROOT / PREVIOUS_VERSION).read_text("utf-8").strip()
    base = "HEAD" if previous == UNRELEASED else previous
    shown = subprocess.run(
        ["git", "show", f"{base}:schema.graphql"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if shown.returncode:
        pytest.skip(f"git does not have schema.graphql of {base}")
    assert breaking(tmp_path, shown.stdout, SCHEMA) == []


def test_what_breaks_a_client_is_told_by_its_place(tmp_path: Path) -> None:
    """As `make release-check` does, which needs no Node."""
    broken = edited(
        ("  hasSecondFactor: Boolean!\n", "  other: Boolean!\n"),
        ("  lockedUntil: DateTime\n", "  lockedUntil: String\n"),
        ("  holderCount(\n", '  holderCount(\n    "New." x: Int!\n'),
        ("  NOTHING_LEFT\n", "  OTHER\n"),
    )
    places = ["ChangeSetWarningKind.NOTHING_LEFT", "Query.holderCount.x", "User.hasSecondFactor", "User.lockedUntil"]
    assert sorted(breaking(tmp_path, SCHEMA, broken)) == places
    assert len(find_breaking_changes(build_schema(SCHEMA), build_schema(broken))) == len(places)


def test_what_clients_can_live_with_is_not_told(tmp_path: Path) -> None:
    fit = edited(
        ("  hasSecondFactor: Boolean!\n", '  hasSecondFactor: Boolean!\n  "New." other: Int\n'),
        ("  lockedUntil: DateTime\n", '  lockedUntil: DateTime @deprecated(reason: "Old.")\n'),
    )
    assert breaking(tmp_path, SCHEMA, fit) == []
