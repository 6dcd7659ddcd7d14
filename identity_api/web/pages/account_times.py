"""Format times on the account page."""

from datetime import datetime


def in_words(moment: datetime | None) -> str:
    """A time for people; in UTC, as their time zone is unknown."""
    return "never" if moment is None else f"{moment.day} {moment:%B %Y, %H:%M} UTC"
