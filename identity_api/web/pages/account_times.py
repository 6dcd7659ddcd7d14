"""Moments on the account page."""

from datetime import datetime


def in_words(moment: datetime | None) -> str:
    """A moment for people; in UTC, as we do not know where they are."""
    return "never" if moment is None else f"{moment.day} {moment:%B %Y, %H:%M} UTC"
