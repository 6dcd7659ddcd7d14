"""Delete rows of logins and sessions that ended long ago, in small transactions."""

from collections.abc import Awaitable, Callable

from identity_api.db import clean_up as rows
from identity_api.db.database import Connection, Database

_FORGET = (
    rows.forget_attempts,
    rows.forget_sessions,
    rows.forget_refresh_tokens,
    rows.forget_logout_tokens,
    rows.forget_password_tokens,
    rows.forget_client_keys,
    rows.forget_provider_tests,
    rows.forget_setup_links,
    rows.forget_invitations,
    rows.forget_logout_handles,
    rows.forget_password_tries,
    rows.forget_changes,
    rows.forget_deliveries,
    rows.forget_erased_anchors,
)


async def clean_up(database: Database) -> int:
    """Remove expired logins, and sessions and tokens that ended 30 days ago; returns the number of rows."""
    total = 0
    for forget in _FORGET:
        total += await _all(database, forget)
    return total


async def _all(database: Database, forget: Callable[[Connection], Awaitable[int]]) -> int:
    total = 0
    forgotten = rows.BATCH
    while forgotten >= rows.BATCH:
        async with database.transaction() as connection:
            forgotten = await forget(connection)
        total += forgotten
    return total
