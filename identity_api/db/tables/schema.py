"""What the database records about its own schema."""

from piccolo.columns import Text
from piccolo.table import Table

from identity_api.db.tables.columns import text


class SchemaCompatibility(Table, tablename="schema_compatibility"):
    """Which code works with a migration: read by an older version, which does not have the migration's file."""

    migration = Text(primary_key=True, default=None)
    works_with = text()
    """The newest migration that the oldest such code knows."""
