"""Every statement of the package is one that PostgreSQL accepts on the migrated schema.

Statements are text, which no type checker reads. They are found in the source, so that one that no other test runs is found
too: the first argument of every call of a connection, put together from the constants of its module and the plain
assignments before it.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec
import pytest

from identity_api.db.database import Database
from tests.docs.pages import ROOT

CALLS: Final = frozenset(("fetch", "fetchrow", "fetchval", "execute", "executemany", "cursor"))
_CALL: Final = re.compile(rf"onnection\.(?:{'|'.join(sorted(CALLS))})\(")
_SQL: Final = re.compile(r"\s*(select|insert|update|delete|with|lock)\b", re.IGNORECASE)
BY_ARGUMENT: Final = frozenset(
    (
        "identity_api.db.attempts._is_first",
        "identity_api.db.audit_reading.newest",
        "identity_api.db.audit_reading.page",
        "identity_api.db.erasure._empty",
        "identity_api.db.health.writing",
        "identity_api.db.listings.existing",
        "identity_api.db.provider_changes.remove",
        "identity_api.db.sessions._with_wanted",
        "identity_api.db.providers.write",
        "identity_api.db.user_read_model._read",
        "identity_api.db.user_read_model.count_users",
        "identity_api.db.user_read_model.estimate_users",
        "identity_api.db.sealed.count_other",
        "identity_api.db.sealed.headers",
        "identity_api.db.sealed.other",
        "identity_api.db.sealed.replace",
        "identity_api.db.sql_migration.run",
        "identity_api.db.tenant_limits.count",
    )
)
"""Functions that put their statement together from arguments, or send two at once. Each is run by tests of its own."""


def modules() -> list[str]:
    """Every module whose source speaks to a connection."""
    found = []
    for path in sorted((ROOT / "identity_api").rglob("*.py")):
        if "graphql/engine" not in path.as_posix() and _CALL.search(path.read_text("utf-8")):
            found.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


class Call(msgspec.Struct, frozen=True):
    """Where a statement is sent: the function, the text (None where the source alone does not say it), and what is bound."""

    function: str
    text: str | None
    arguments: tuple[str, ...] = ()
    """Source of each; none where the statement is handed on to what sends it."""


def calls(module: ModuleType) -> Iterator[Call]:
    """Every statement of the module."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.AsyncFunctionDef):
            name = f"{module.__name__}.{function.name}"
            for call in ast.walk(function):
                if is_statement(call):
                    assert isinstance(call, ast.Call)
                    yield Call(
                        name, text_of(call, function, module), tuple([ast.unparse(one) for one in call.args[1:]])
                    )
                elif isinstance(call, ast.Call):  # for a function of the module that runs it
                    texts = [
                        one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    ]
                    yield from [Call(name, text) for text in texts if _SQL.match(text)]
    for name, value in vars(module).items():  # statements that are run one after the other
        for one in value if isinstance(value, tuple) else ():
            if isinstance(one, str) and _SQL.match(one):
                yield Call(f"{module.__name__}.{name}", one)


def statements(module: ModuleType) -> Iterator[tuple[str, str | None]]:
    """(function, statement); None where the source alone does not say it."""
    for call in calls(module):
        yield call.function, call.text


def is_statement(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CALLS
        and isinstance(node.func.value, ast.Name | ast.Attribute)
        and ast.unparse(node.func.value).endswith("onnection")
        and bool(node.args)
    )


def text_of(call: Any, function: ast.AsyncFunctionDef, module: ModuleType) -> str | None:
    """The statement, as the function would send it with every argument absent."""
    known: dict[str, Any] = {**vars(module), **dict.fromkeys([one.arg for one in function.args.args], None)}
    known |= dict.fromkeys([one.arg for one in function.args.kwonlyargs], None)
    for step in function.body:
        if step.lineno < call.lineno and isinstance(step, ast.Assign | ast.AnnAssign):
            try:
                exec(compile(ast.Module([step], []), "<assignment>", "exec"), known)  # the project's own source
            except Exception:
                continue
    try:
        value = eval(compile(ast.Expression(call.args[0]), "<statement>", "eval"), known)
    except Exception:
        return None
    return value if isinstance(value, str) else None


@pytest.mark.asyncio
@pytest.mark.parametrize("name", modules())
async def test_every_statement_is_accepted_by_the_schema(name: str, database: Database) -> None:
    refused = []
    async with database.reading() as connection:
        for function, statement in statements(importlib.import_module(name)):
            if statement is not None and function not in BY_ARGUMENT:
                try:
                    await connection.prepare(statement)
                except Exception as error:
                    refused.append(f"{function}: {error}")
    assert not refused, "\n".join(refused)


def test_hardly_a_statement_is_out_of_reach() -> None:
    found = [one for name in modules() for one in statements(importlib.import_module(name))]
    assert len(found) > 250
    assert {function for function, statement in found if statement is None} <= BY_ARGUMENT
    assert {function for function, _ in found} >= BY_ARGUMENT
