"""Times on the account page: in UTC, and in the reader's own time zone where the page's script runs."""

from datetime import UTC, datetime

from markupsafe import Markup


def in_words(moment: datetime | None) -> str:
    """A time for people, in UTC."""
    return "never" if moment is None else f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def when(moment: datetime | None) -> Markup | str:
    """The same as an element that the script can write anew."""
    if moment is None:
        return in_words(moment)
    return Markup('<time datetime="{}">{}</time>').format(moment.astimezone(UTC).isoformat(), in_words(moment))
