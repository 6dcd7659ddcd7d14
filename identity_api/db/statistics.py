"""The planner's statistics of tables that are growing.

Without any, PostgreSQL takes a tenant for one row, and reads all of its rows where it should look one up. Autovacuum comes
once a minute, and by then a new installation may have thousands of people.
"""

from typing import Final

from identity_api.db.database import Connection

LEAST_ROWS: Final = 50
MOST_ROWS: Final = 20_000
"""A larger table has statistics that suit it, and autovacuum keeps them up."""


async def grown_tables(connection: Connection, *, least: int = LEAST_ROWS, most: int = MOST_ROWS) -> list[str]:
    """Tables of this role that have more than twice the rows of when they were analysed, as SQL identifiers, small ones first.

    A table whose rows come and go as fast, such as a queue, has not grown, however much is written.
    """
    rows = await connection.fetch(
        """
        select format('%I.%I', s.schemaname, s.relname) as name
        from pg_stat_user_tables s join pg_class c on c.oid = s.relid
        where s.schemaname = current_schema() and c.reltuples < $2::float8
            and s.n_live_tup > greatest($1::float8, 2 * c.reltuples)
            and pg_has_role(c.relowner, 'usage')
        order by s.n_live_tup
        """,
        float(least),
        float(most),
    )
    return [row["name"] for row in rows]


async def analyse(connection: Connection, table: str) -> None:
    """Gather the statistics of one of `grown_tables`; every plan that uses the table is made anew.

    Nothing is done while another worker, a migration or autovacuum has the table: to wait for autovacuum would end it, each
    time, and a table that is written to all the time would never be vacuumed.
    """
    await connection.execute(f"analyze (skip_locked) {table}")
