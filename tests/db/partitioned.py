"""The schema with every tenant's table split by tenant, as a distributed PostgreSQL would split it, on a plain one."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.migration_files import MIGRATIONS
from identity_api.db.tables import TABLES

PARTS = 8
SHARED = {"schema_compatibility", "tenant", "tenant_host", "first_run", "service_client"}
"""Not a tenant's own: the schema itself, tenants, what says which tenant a request is for, the link of an installation without
a tenant, and programs for several tenants."""
OF_TENANTS = sorted({table._meta.tablename for table in TABLES} - SHARED)

_TABLE = re.compile(r"^(create table (\w+) \(\n.*?\n\))( with \([^)\n]*\))?;$", re.MULTILINE | re.DOTALL)
_PART = re.compile(r"(\w+)_part\d")


def schema() -> str:
    """The migrations' statements, with each tenant's table partitioned by hash of `tenant_id`."""
    scripts = [path.read_text("utf-8") for path in sorted(MIGRATIONS.glob("identity_api_*.sql"))]
    return _TABLE.sub(_split, "\n".join(scripts))


def _split(match: re.Match[str]) -> str:
    statement, table, storage = match[1], match[2], match[3] or ""
    if table in SHARED:
        return match[0]
    parts = [
        f"create table {table}_part{number} partition of {table} for values with (modulus {PARTS}, remainder {number}){storage};"
        for number in range(PARTS)
    ]
    return "\n".join([f"{statement} partition by hash (tenant_id);", *parts])


async def tables_in_parts(connection: Connection, statement: str) -> dict[str, int]:
    """Of how many parts of each tenant's table the statement's plan would read, for arguments of its types."""
    prepared = await connection.prepare(statement)
    arguments = [some(one.name, place) for place, one in enumerate(prepared.get_parameters())]
    rows = await connection.fetch(f"explain (format json) {statement}", *arguments)
    found: dict[str, set[str]] = {}
    for node in _nodes(msgspec.json.decode(rows[0][0])[0]["Plan"]):
        match = _PART.fullmatch(node.get("Relation Name", ""))
        if match:
            found.setdefault(match[1], set()).add(match[0])
    return {table: len(parts) for table, parts in found.items()}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def some(kind: str, place: int) -> Any:
    """A value of that type, another in each place."""
    if kind.endswith("[]"):
        return [some(kind[:-2], place)]
    return _VALUES[kind](place)


_VALUES: dict[str, Any] = {
    "uuid": lambda place: UUID(int=place + 1),
    "text": lambda place: str(UUID(int=place + 1)),
    "bytea": lambda place: bytes([place]),
    "bool": lambda place: True,
    "int2": int,
    "int4": int,
    "int8": int,
    "float8": float,
    "timestamptz": lambda place: datetime(2026, 1, 1 + place, tzinfo=UTC),
    "numeric": int,
    "jsonb": lambda place: "{}",
    "json": lambda place: "{}",
}
