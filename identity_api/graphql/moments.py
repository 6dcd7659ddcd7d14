"""Moments that a client gives."""

from datetime import UTC, datetime

from identity_api.errors import BadInput


def aware(given: datetime, field: str) -> datetime:
    """The moment, in UTC.

    Raises:
        BadInput: it has no offset, or is in no year from 1 to 9999 of UTC.
    """
    if given.tzinfo is None:
        raise BadInput("Add the offset from UTC, or Z.", field=field)
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise BadInput("Name a moment of the years 1 to 9999 in UTC.", field=field) from None
