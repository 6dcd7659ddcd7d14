"""What ends a migration, as a sentence that names the migration."""

import asyncpg

from identity_api.errors import IdentityAPIError, Unavailable

LOCK_SECONDS = 10
"""How long a migration waits for a table that other statements use. Statements that come after it wait with it."""

_LOST = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
FAILURES = (*_LOST, asyncpg.PostgresError)
"""Every way in which a statement of a migration ends that this module can tell."""


class MigrationFailed(IdentityAPIError):
    """A migration's statements were refused by the database; the transaction of that migration was rolled back."""

    default_code = "MIGRATION_FAILED"


def told(migration: str, error: BaseException) -> IdentityAPIError:
    """The error of a migration whose statement ended with one of `FAILURES`.

    Args:
        migration: its id and description.
    """
    undone = "Nothing of it was done, and migrations before it are kept."
    if isinstance(error, asyncpg.LockNotAvailableError):
        return Unavailable(
            f"Migration {migration} waited {LOCK_SECONDS} seconds for a table that other statements use. {undone}"
            " Run it again."
        )
    if isinstance(error, _LOST):
        return Unavailable(f"The database stopped answering during migration {migration}. Run it again.")
    assert isinstance(error, asyncpg.PostgresError)
    return MigrationFailed(f"Migration {migration} failed: {_words(error)}. {undone}")


def refused(error: BaseException) -> IdentityAPIError:
    """The error of what is done around the migrations: their list, which a role without rights cannot make, and commits."""
    if isinstance(error, _LOST):
        return Unavailable("The database stopped answering during the migrations. Run it again: none is run twice.")
    assert isinstance(error, asyncpg.PostgresError)
    return MigrationFailed(f"The database refuses the migrations: {_words(error)}. Nothing was done.")


def _words(error: asyncpg.PostgresError) -> str:
    """The server's message with its code and where it applies; not its detail, which quotes rows."""
    places = [error.as_dict().get(name) for name in ("table_name", "column_name", "constraint_name")]
    where = "".join([f", {place}" for place in places if place])
    return f"{str(error.args[0]).rstrip('.')} ({error.sqlstate}{where})"
