"""Delete rows that are not needed any more.

These are logins that ended long ago, old dead tokens, sessions that ended a month ago, and changes older than the week
that followers have to read them. Users, grants and the audit are never deleted.
"""

from identity_api.db import (
    client_keys,
    erasure,
    invitations,
    logout_handles,
    logout_tokens,
    outbox,
    password_tokens,
    password_tries,
    provider_tests,
    setup_links,
    webhooks,
)
from identity_api.db.database import Connection

BATCH = 1_000


async def forget_attempts(connection: Connection) -> int:
    """Remove up to `BATCH` login attempts that expired an hour ago, with their handles and one-time codes.

    Until then a late callback is told that its login expired, rather than that there never was one.
    """
    return _count(
        await connection.execute(
            """
            delete from login_attempt where (tenant_id, id) in (
                select tenant_id, id from login_attempt where expires_at < now() - interval '1 hour' limit $1)
            """,
            BATCH,
        )
    )


async def forget_sessions(connection: Connection) -> int:
    """Remove up to `BATCH` sessions that expired 30 days ago, however they ended. The audit keeps the events."""
    return _count(
        await connection.execute(
            """
            delete from session where (tenant_id, id) in (
                select tenant_id, id from session where absolute_until < now() - interval '30 days' limit $1)
            """,
            BATCH,
        )
    )


async def forget_refresh_tokens(connection: Connection) -> int:
    """Remove up to `BATCH` refresh tokens that have been dead for 30 days: each login leaves one behind."""
    return _count(
        await connection.execute(
            """
            delete from refresh_token where (tenant_id, id) in (
                select tenant_id, id from refresh_token where dead_at < now() - interval '30 days' limit $1)
            """,
            BATCH,
        )
    )


async def forget_logout_tokens(connection: Connection) -> int:
    """Remove up to `BATCH` logout tokens that no rule would accept again."""
    return await logout_tokens.forget(connection, BATCH)


async def forget_client_keys(connection: Connection) -> int:
    """Remove up to `BATCH` retired keys of this service: an unused private key is only a risk."""
    return await client_keys.forget(connection, BATCH)


async def forget_password_tokens(connection: Connection) -> int:
    """Remove tokens for setting a password that ended a day ago; all of them at once, since admins make each by hand."""
    return await password_tokens.delete_old(connection)


async def forget_provider_tests(connection: Connection) -> int:
    """Remove up to `BATCH` test logins whose time has passed, with their reports."""
    return await provider_tests.forget(connection, BATCH)


async def forget_setup_links(connection: Connection) -> int:
    """Remove up to `BATCH` set-up links that expired a month ago."""
    return await setup_links.forget(connection, BATCH)


async def forget_invitations(connection: Connection) -> int:
    """Remove up to `BATCH` invitations that expired a month ago."""
    return await invitations.forget(connection, BATCH)


async def forget_logout_handles(connection: Connection) -> int:
    """Remove up to `BATCH` handles for signing out at a provider that nobody has opened."""
    return await logout_handles.forget(connection, BATCH)


async def forget_password_tries(connection: Connection) -> int:
    """Remove up to `BATCH` counts of wrong passwords of sources that have not tried for a day."""
    return await password_tries.forget(connection, BATCH)


async def forget_changes(connection: Connection) -> int:
    """Remove up to `BATCH` changes of the outbox that are a week old, read or not."""
    return await outbox.forget(connection, BATCH)


async def forget_deliveries(connection: Connection) -> int:
    """Remove up to `BATCH` attempts at webhooks from the log that are a week old."""
    return await webhooks.forget_deliveries(connection, BATCH)


async def forget_erased_anchors(connection: Connection) -> int:
    """Remove up to `BATCH` digests of anchors of people who were erased a month ago."""
    return await erasure.forget_anchors(connection, BATCH)


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
