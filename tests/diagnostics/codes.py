"""Every code in the source that somebody can meet, found by how it is written there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import identity_api

ROOT: Final = Path(identity_api.__file__).parent
NOT_MET: Final = ("demo", "embedded", "cli", "config", "queue.py", "tenants/importing", "diagnostics",
    "db/migration_errors.py",
)  # fmt: skip
"""Other ways to fail have other texts: a demo, a start, a command, a file."""

# Calls whose argument at this place is a code.
_POSITIONS: Final = {
    "LoginFailed": 0,
    "Declined": 0,
    "judging": 0,
    "HTTPRefusal": 1,
    "render": 1,
    "fail": 1,
    "warn": 1,
    "skipped": 1,
}
_REASONS: Final = {"Ended": 0, "Transient": 0}
_CODE: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_REASON: Final = re.compile(r"[a-z]+(_[a-z]+)*")


def codes() -> set[str]:
    """Codes of errors and findings."""
    return {code for tree in _trees() for code in _in(tree) if _CODE.fullmatch(code)}


def codes_in(place: Path) -> set[str]:
    """The same of one file, or of a folder's."""
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    return {code for file in files for code in _in(ast.parse(file.read_text("utf-8"))) if _CODE.fullmatch(code)}


def texts() -> set[str]:
    """Every text in the source where codes can be met, written as one or beginning like one with a colon."""
    found = {node.value for tree in _trees() for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {text.partition(":")[0] for text in found if isinstance(text, str)}


def sync_reasons() -> set[str]:
    """Reasons of ours for a sync that did not confirm somebody."""
    found: set[str] = set()
    for path in (ROOT / "sync", ROOT / "oidc"):
        for file in path.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    name = _name(node)
                    values = [keyword.value for keyword in node.keywords if keyword.arg == "reason" and name == "Stale"]
                    if name in _REASONS and node.args:
                        values.append(node.args[_REASONS[name]])
                    found.update(text for value in values for text in _texts(value) if _REASON.fullmatch(text))
    return found


def _trees() -> Iterator[ast.Module]:
    for file in sorted(ROOT.rglob("*.py")):
        if not file.relative_to(ROOT).as_posix().startswith(NOT_MET):
            yield ast.parse(file.read_text("utf-8"))


def _in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "default_code" for target in targets):
                yield from _texts(node.value)
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from _texts(keyword.value)
            place = _POSITIONS.get(_name(node))
            if place is not None and len(node.args) > place:
                yield from _texts(node.args[place])
        elif isinstance(node, ast.arguments):
            named = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            defaults = [None] * (len(node.posonlyargs + node.args) - len(node.defaults)) + list(node.defaults)
            for argument, default in zip(named, [*defaults, *node.kw_defaults], strict=True):
                if argument.arg == "code" and default is not None:
                    yield from _texts(default)


def _name(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _texts(value: ast.expr) -> Iterator[str]:
    """The constants that an expression may be: itself, or the branches of a choice."""
    match value:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=first, orelse=second):
            yield from (*_texts(first), *_texts(second))
        case ast.BoolOp(values=values):
            yield from (text for one in values for text in _texts(one))
