"""What an operator's check reads: the server, and work that is overdue. Not bound to a tenant."""

from datetime import datetime

import msgspec

from identity_api.db.audit import unsealed_seconds
from identity_api.db.database import Connection


class ServerFacts(msgspec.Struct, frozen=True):
    """The server's version (as `server_version_num`, 180001 for 18.1), its name for it, and its clock."""

    version: int
    version_text: str
    clock: datetime


async def server(connection: Connection) -> ServerFacts:
    """One statement, so that its round trip bounds the error of the clock."""
    row = await connection.fetchrow(
        """
        select current_setting('server_version_num')::int as version, current_setting('server_version') as version_text,
            clock_timestamp() as clock
        """
    )
    assert row is not None  # it reads no table
    return ServerFacts(**row)


async def try_write(connection: Connection) -> None:
    """Run an update that changes no row. Raises asyncpg's error if rights or a standby forbid it."""
    await connection.execute("update tenant set name = name where false")
    await connection.execute("delete from login_attempt where false")


async def oldest_unsealed_seconds(connection: Connection) -> float:
    """For how long the oldest audit event has waited to be sealed; 0 if none waits."""
    waiting = await unsealed_seconds(connection)
    return max(0.0, *waiting.values(), 0.0)
