"""How much of the tables a statement reads, as PostgreSQL counts it, for arguments of a data set.

A statement is looked at as it is planned for any arguments, which is how the product's connections plan, and as it is planned
for its own, which is how Citus plans, and what concerns thousands of rows. That needs a prepared statement: `explain` of a plain
one always plans for what is bound to it.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

Plan = Literal["custom", "generic"]
"""For its arguments, or for any."""


class Caught(Exception):
    """Instead of running a statement."""


class Catching:
    """A connection that runs nothing and remembers what it was to run."""

    statement: str
    arguments: tuple[Any, ...]

    async def fetch(self, statement: str, *arguments: Any) -> None:
        self.statement, self.arguments = statement, arguments
        raise Caught

    fetchrow = fetchval = fetch


Run = Callable[[Any], Awaitable[object]]
"""A function of `db`, handed a connection."""


async def caught(run: Run) -> tuple[str, tuple[Any, ...]]:
    """The statement that a function would send, and what it would bind."""
    catching = Catching()
    try:
        await run(catching)
    except Caught:
        return catching.statement, catching.arguments
    raise AssertionError("it sent nothing")


class Read(msgspec.Struct, frozen=True):
    """What one execution looked at."""

    pages: int
    rows: dict[str, int]
    """By table, those that a filter threw away included."""
    answered: int
    """Rows that came back."""
    plan: dict[str, Any]

    @property
    def all_rows(self) -> int:
        """Of every table."""
        return sum(self.rows.values())

    @property
    def worst_scan(self) -> str:
        """Of its scans, the one that read most: how, by which index and with which condition."""
        scans = [node for node in nodes(self.plan) if "Relation Name" in node or "Index Name" in node]
        worst = max(scans, key=lambda node: node["Shared Hit Blocks"] + node["Shared Read Blocks"])
        told = ("Node Type", "Relation Name", "Index Name", "Index Cond", "Filter")
        return ", ".join([str(worst[name]) for name in told if name in worst])


async def read_by(connection: Connection, statement: str, arguments: Sequence[Any], plan: Plan) -> Read:
    """What an execution of the statement looks at; what it writes is taken back."""
    await connection.execute(f"prepare looked_at as {statement}")
    transaction = connection.transaction()
    await transaction.start()
    try:
        return await _look(connection, arguments, plan)
    finally:
        await transaction.rollback()
        await connection.execute("deallocate looked_at")


async def read_of(connection: Connection, run: Run, plan: Plan) -> Read:
    """What the statement of a function looks at."""
    return await read_by(connection, *await caught(run), plan)


async def _look(connection: Connection, arguments: Sequence[Any], plan: Plan) -> Read:
    bound = ", ".join([literal(one) for one in arguments])
    run = f"execute looked_at ({bound})" if arguments else "execute looked_at"
    await connection.execute(f"set local plan_cache_mode = force_{plan}_plan")
    row = await connection.fetchrow(f"explain (analyze, buffers, timing off, format json) {run}")
    assert row is not None
    root = msgspec.json.decode(row[0])[0]["Plan"]
    found: Counter[str] = Counter()
    for node in nodes(root):
        if "Relation Name" in node and node["Node Type"] != "ModifyTable":
            removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            found[node["Relation Name"]] += round((node["Actual Rows"] + removed) * node["Actual Loops"])
    return Read(root["Shared Hit Blocks"] + root["Shared Read Blocks"], dict(found), round(root["Actual Rows"]), root)


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every node of a plan."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def literal(value: Any) -> str:
    """The value as text in a statement, whose type the place decides."""
    return "null" if value is None else "'" + _text(value).replace("'", "''") + "'"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        quoted = [_text(one).replace("\\", "\\\\").replace('"', '\\"') for one in value]
        return "{" + ",".join([f'"{one}"' for one in quoted]) + "}"
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


class Sample(msgspec.Struct, frozen=True):
    """A person of the large tenant, with a row of each table, preferably of this person."""

    rows: dict[str, dict[str, Any]]
    named: dict[str, UUID]
    """Groups and permissions of the tenant by name."""

    def id(self, table: str, *, name: str | None = None) -> UUID:
        """Of the table's row, or of the one of that name."""
        found: UUID = self.rows[table]["id"] if name is None else self.named[name]
        return found

    @classmethod
    async def of(cls, connection: Connection, tenant_id: UUID, username: str, tables: Sequence[str]) -> "Sample":
        person = await connection.fetchrow(
            "select u.id as user_id, i.id as identity_id from app_user u"
            " join identity i on i.tenant_id = $1 and i.user_id = u.id where u.tenant_id = $1 and u.username = $2",
            tenant_id,
            username,
        )
        assert person is not None
        rows: dict[str, dict[str, Any]] = {}
        for table in tables:
            columns = await connection.fetch(
                "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0", table
            )
            names = {row[0] for row in columns}
            whose = {"app_user": "id", "identity": "id", "identity_sync": "id"}.get(table)
            order = "".join(
                f"{column} = '{person[column]}' desc, " for column in ("identity_id", "user_id") if column in names
            )
            if whose:
                key = "user_id" if table == "app_user" else "identity_id"
                order = f"{whose} = '{person[key]}' desc, "
            # Then what concerns everybody, since ids are random, and which row came first would be so too.
            for source, (column, name, value) in _COMMON.items():
                if source == table:
                    order += f"{name} = '{value}' desc, "
                elif column in names:
                    order += f"{column} in (select id from {source} where tenant_id = $1 and {name} = '{value}') desc, "
            row = await connection.fetchrow(
                f"select * from {table} whole where tenant_id = $1 order by {order}{_WITHOUT_IDS} limit 1", tenant_id
            )
            rows[table] = dict(row) if row is not None else {}
        rows["tenant"] = {"id": tenant_id}
        named = await connection.fetch(
            "select name, id from provider_group where tenant_id = $1"
            " union all select name, id from permission where tenant_id = $1",
            tenant_id,
        )
        return cls(rows, {row["name"]: row["id"] for row in named})

    def value(self, statement: str, source: str, kind: str) -> Any:
        """What to bind: `source` is how the code calls it, `kind` the type that PostgreSQL expects."""
        if kind.endswith("[]"):
            one = self.value(statement, source, kind[:-2])
            return [] if one is None else [one]
        if kind in _NUMBERS:
            return _NAMED_NUMBERS.get(name_of(source), 50)
        if kind == "bool":
            return True
        if kind in ("json", "jsonb") or (kind == "text" and "json" in source):
            return "{}"
        found = self._column(re.findall(r"\b(?:from|join|into|update|using)\s+(\w+)", statement), name_of(source))
        if kind == "text" and isinstance(found, UUID):
            return str(found)
        return found if isinstance(found, type(_OTHERWISE[kind])) else _OTHERWISE[kind]

    def _column(self, tables: Sequence[str], name: str) -> Any:
        for table in tables:
            if name in self.rows.get(table, ()):
                return self.rows[table][name]
        entity = _ENTITIES.get(name.removesuffix("_id").removesuffix("_ids"))
        if entity is not None:
            return self.rows[entity].get("id")
        for table in tables:
            if name in ("row_id", "ids", "uuid7") and self.rows.get(table):
                return self.rows[table].get("id")
        return _TEXTS.get(name)


def name_of(source: str) -> str:
    """`[one.user_id for one in ended]` -> `user_id`; `list(user_ids)` -> `user_id`; `change.id` -> `change_id`."""
    source = re.sub(r"^\[(.*?) for .*\]$", r"\1", source)
    source = re.sub(r" (?:if|and|or) .*$", "", source)
    match = re.search(r"(?:(\w+)\.)?(\w+)\)*(?: \+ 1)?$", source.replace("()", ""))
    if match is None:
        return source
    owner, name = match[1], match[2]
    if name == "id" and owner not in (None, "one"):
        return f"{owner}_id"
    return name.removesuffix("s") if name.endswith("_ids") else name


_COMMON: Final = {
    "provider_group": ("group_id", "name", "everyone"),
    "group_mapping": ("mapping_id", "pattern", "everyone"),
    "permission": ("permission_id", "name", "perm:p0"),
}
"""What of each kind reaches everybody of the large tenant: the column of others that names it, and by what it is found."""
_WITHOUT_IDS: Final = r"regexp_replace(whole::text, '[0-9a-f]{8}-[0-9a-f-]{27}|\\x[0-9a-f]+', '', 'g')"
_ENTITIES: Final = {
    "user": "app_user",
    "identity": "identity",
    "provider": "provider",
    "group": "provider_group",
    "mapping": "group_mapping",
    "permission": "permission",
    "grant": "permission_grant",
    "attempt": "login_attempt",
    "session": "session",
    "change": "mapping_change",
    "event": "audit_event",
}
_TEXTS: Final = {"prefix": "user12", "name": "group-7", "names": "group-7", "host": "x.example", "actor": "sync"}
_NUMBERS: Final = ("int2", "int4", "int8", "float8", "numeric")
_NAMED_NUMBERS: Final = {"seconds": 0, "days": 30, "generation": 1, "sequence": 1}
_OTHERWISE: Final[Mapping[str, Any]] = {
    "uuid": UUID(int=1),
    "text": "no-such-value",
    "varchar": "no-such-value",
    "bytea": b"\x01",
    "timestamptz": datetime.fromisoformat("2026-11-01T00:00:00+00:00"),
}
