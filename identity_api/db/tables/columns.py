"""The kinds of columns. None has a hidden default: a row holds what a statement wrote."""

from piccolo.columns import UUID, Array, Boolean, Bytea, Column, Integer, Text, Timestamptz


def key() -> UUID:
    """The column that Piccolo, which has no composite keys, takes for the primary key; the whole key is in the migration."""
    return UUID(primary_key=True, default=None)


def reference(*, null: bool = False) -> UUID:
    """The id of another row."""
    return UUID(default=None, null=null)


def text(*, null: bool = False) -> Text:
    """Text of any length."""
    return Text(default=None, null=null)


def time(*, null: bool = False) -> Timestamptz:
    """A moment."""
    return Timestamptz(default=None, null=null)


def number(*, null: bool = False) -> Integer:
    """A whole number of 32 bits."""
    return Integer(default=None, null=null)


def flag() -> Boolean:
    """Yes or no, never null."""
    return Boolean(default=None)


def binary(*, null: bool = False) -> Bytea:
    """Bytes: a hash, or a sealed value."""
    return Bytea(default=None, null=null)


def array(of: Column) -> Array:
    """Several values in order, possibly none."""
    return Array(base_column=of, default=None)
