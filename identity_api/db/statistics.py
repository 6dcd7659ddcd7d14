"""The planner's statistics of tables that are growing.

Without any, PostgreSQL takes a tenant for one row, and reads all of its rows where it should look one up. Autovacuum comes
once a minute, and by then a new installation may have thousands of people.
"""

from typing import Final

from identity_api.db.database import Connection

LEAST_ROWS: Final = 50
MOST_ROWS: Final = 20_000
"""A larger table has statistics that suit it, and autovacuum keeps them up."""

_ANALYSING: Final = 0x73746174  # "stat": the advisory lock of whoever analyses


async def grown_tables(connection: Connection, *, least: int = LEAST_ROWS, most: int = MOST_ROWS) -> list[str]:
    """Tables of this role in which more rows were written since they were analysed than there were, as SQL identifiers."""
    rows = await connection.fetch(
        """
        select format('%I.%I', s.schemaname, s.relname) as name
        from pg_stat_user_tables s join pg_class c on c.oid = s.relid
        where s.schemaname = current_schema() and c.reltuples < $2::float8
            and s.n_mod_since_analyze > greatest($1::float8, c.reltuples)
            and pg_has_role(c.relowner, 'usage')
        order by 1
        """,
        float(least),
        float(most),
    )
    return [row["name"] for row in rows]


async def analyse(connection: Connection, table: str) -> None:
    """Gather the statistics of one of `grown_tables`, in the caller's transaction, unless somebody else does.

    Every plan that uses the table is made anew.
    """
    if await connection.fetchval("select pg_try_advisory_xact_lock($1)", _ANALYSING):
        await connection.execute(f"analyze {table}")
