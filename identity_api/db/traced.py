"""A span for each statement, while this process sends traces (OpenTelemetry, semantic conventions for database spans)."""

import re
from functools import lru_cache
from typing import Final

from asyncpg.connection import LoggedQuery

from identity_api.telemetry import record_span

_VERB: Final = re.compile(r"\b(insert|update|delete|select|lock|set)\b")
_TABLE: Final = re.compile(r"\b(?:from|join|into|update|lock table)\s+(?:only\s+)?([a-z_]{3,})(?![a-z_]*\()")
_NAMED: Final = re.compile(r"\b([a-z_]+)(?:\s*\([^()]*\))?\s+as\s+(?:materialized\s+|not\s+materialized\s+)?\(")
_MOST_TABLES: Final = 4


def trace_statement(record: LoggedQuery) -> None:
    """Record the statement as a span within what it was sent for. The span has its summary and no value.

    asyncpg calls this in the context of the statement's sender, right after the statement has ended.
    """
    attributes = {"db.system.name": "postgresql", "db.query.summary": summary(record.query)}
    if record.exception is not None:
        attributes["error.type"] = getattr(record.exception, "sqlstate", None) or type(record.exception).__qualname__
    record_span("db.statement", record.elapsed, **attributes)


@lru_cache(maxsize=1_000)
def summary(statement: str) -> str:
    """The operation and its tables: `update session`, `select app_user, permission_grant`."""
    text = statement.lower()
    # What changes rows says more than the `select` around it.
    verbs = _VERB.findall(text)
    first = verbs[0] if verbs else text.split(None, 1)[0].rstrip(";")
    verb = next((one for one in verbs if one in ("insert", "update", "delete")), first)
    named = set(_NAMED.findall(text))
    tables = [table for table in dict.fromkeys(_TABLE.findall(text)) if table not in named and table not in _NOT_TABLES]
    more = ", ..." if len(tables) > _MOST_TABLES else ""
    return f"{verb} {', '.join(tables[:_MOST_TABLES])}{more}".rstrip()


_NOT_TABLES: Final = frozenset({"unnest", "lateral", "select", "set", "skip", "of", "nothing"})
