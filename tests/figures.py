"""The figures that keep the code small: run by `make check`, which prints them.

Files and functions have a longest length, no file imports itself by way of others, statements are written in `db/` alone,
and there are no more exemptions from the checks than there were, each with its reason. What is too long is split; a number
here goes down, never up.
"""

import ast
import io
import re
import statistics
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
TYPE_IGNORES = 10
"""Exemptions from mypy in `identity_api`, which is what mypy reads: elsewhere one would exempt from nothing."""
NOQA = 30
"""Exemptions from ruff in `identity_api`."""
NOQA_IN_TESTS = 12

_CALLS = frozenset(("fetch", "fetchrow", "fetchval", "execute", "executemany", "cursor", "copy_records_to_table"))
_SQL = re.compile(r"\s*(select|insert into|update|delete from|with|lock)\s", re.IGNORECASE)
_EXEMPTION = re.compile(r"# (type: ignore(?:\[[a-z-]+\])?|noqa(?:: [A-Z]+\d+(?:, ?[A-Z]+\d+)*)?)(.*)")
_REASON = re.compile(r"\s*(?:#|--?)\s*\S.{4,}")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the project, read once."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Where it is, from the project's folder."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        """Its name in an import."""
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def functions(self) -> list[tuple[Function, int]]:
        """Every function, with its length in lines."""
        return [
            (node, (node.end_lineno or node.lineno) - node.lineno + 1)
            for node in ast.walk(self.tree)
            if isinstance(node, Function)
        ]


def read(folder: str) -> list[Source]:
    """The Python files below a folder."""
    texts = {path: path.read_text("utf-8") for path in sorted((ROOT / folder).rglob("*.py"))}
    return [Source(path, text, ast.parse(text)) for path, text in texts.items()]


def too_long(sources: list[Source]) -> Iterator[str]:
    """Files that are longer than `LONGEST_FILE`."""
    for source in sources:
        lines = source.text.count("\n")
        if lines > LONGEST_FILE:
            yield f"{source.name}: {lines} lines; {LONGEST_FILE} are the most"


def long_functions(sources: list[Source]) -> Iterator[str]:
    """Functions that are longer than `LONGEST_FUNCTION`."""
    for source in sources:
        for node, lines in source.functions:
            if lines > LONGEST_FUNCTION:
                yield f"{source.name}:{node.lineno}: {node.name} has {lines} lines; {LONGEST_FUNCTION} are the most"


def imports(source: Source, modules: frozenset[str]) -> Iterator[str]:
    """The modules of ours that a file imports anywhere in it."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from [alias.name for alias in node.names if alias.name in modules]
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from [name if name in modules else node.module for name in names]


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules of which each reaches each other, by Tarjan's algorithm, and modules that import themselves."""
    found: list[list[str]] = []
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> None:
        index[module] = lowest[module] = len(index)
        stack.append(module)
        for target in sorted(graph[module]):
            if target not in index:
                visit(target)
            if target in stack:
                lowest[module] = min(lowest[module], lowest[target])
        if lowest[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1 or module in graph[module]:
                found.append(sorted(group))

    for module in graph:
        if module not in index:
            visit(module)
    return found


def import_cycles(sources: list[Source]) -> Iterator[str]:
    """Files that import themselves by way of others."""
    modules = frozenset(source.module for source in sources)
    graph = {source.module: set(imports(source, modules)) for source in sources}
    for group in cycles(graph):
        yield f"these import each other: {', '.join(group)}"


def statements_outside(sources: list[Source]) -> Iterator[str]:
    """SQL that stands in no file of `db/`."""
    for source in sources:
        if source.name.startswith("identity_api/db/"):
            continue
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                continue
            statement = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
            is_sql = isinstance(statement, ast.Constant) and _SQL.match(str(statement.value))
            if node.func.attr in _CALLS and (is_sql or "onnection" in ast.unparse(node.func.value)):
                yield f"{source.name}:{node.lineno}: a statement outside db/"


def exemptions(source: Source) -> Iterator[tuple[str, int, bool]]:
    """(kind, line, whether it says its reason) of each exemption from a check."""
    if "# noqa" not in source.text and "# type: " not in source.text:
        return
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and (found := _EXEMPTION.search(token.string)):
            yield found[1].split(":")[0], token.start[0], bool(_REASON.match(found[2]))


def counted(sources: list[Source], most: dict[str, int], where: str) -> Iterator[str]:
    """Exemptions without a reason, and kinds of which there are more than `most` says."""
    count: Counter[str] = Counter()
    for source in sources:
        for kind, line, has_reason in exemptions(source):
            count[kind] += 1
            if not has_reason:
                yield f"{source.name}:{line}: this exemption does not say its reason"
    for kind, limit in most.items():
        if count[kind] > limit:
            yield f"{where}: {count[kind]} times `{kind}`; {limit} are the most"


def main() -> int:
    product, tests = read("identity_api"), read("tests")
    problems = [
        *too_long(product),
        *too_long(tests),
        *long_functions(product),
        *import_cycles(product),
        *statements_outside(product),
        *counted(product, {"type": TYPE_IGNORES, "noqa": NOQA}, "identity_api"),
        *counted(tests, {"type": 0, "noqa": NOQA_IN_TESTS}, "tests"),
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    lengths = [lines for source in product for _, lines in source.functions]
    print(
        f"{len(product)} files of {max(source.text.count(chr(10)) for source in product)} lines at most, {len(lengths)} "
        f"functions of {max(lengths)} at most and {statistics.median(lengths):g} in the middle; {TYPE_IGNORES} exemptions "
        f"from mypy, {NOQA} from ruff."
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
