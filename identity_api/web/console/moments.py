"""Dates that are chosen on a page, as moments for the API."""

from datetime import UTC, date, datetime, timedelta


def day(text: str | None) -> datetime | None:
    """The start of that day in UTC; None for an empty value or an invalid day."""
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return datetime(found.year, found.month, found.day, tzinfo=UTC)


def day_after(text: str | None) -> datetime | None:
    """The end of that day, which is the start of the next one."""
    found = day(text)
    return found + timedelta(days=1) if found is not None and found.year < date.max.year else found
