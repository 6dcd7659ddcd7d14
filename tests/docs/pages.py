"""The documents of the repository, cut into the pieces that tests look at."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def pages(*places: str) -> list[str]:
    """Paths, relative to the repository, of what the patterns match."""
    found = sorted({path for place in places for path in ROOT.glob(place)})
    return [path.relative_to(ROOT).as_posix() for path in found]


def text_of(page: str) -> str:
    """The page."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, *languages: str) -> list[str]:
    """The fenced blocks of these languages, in their order."""
    return [content for language, content in _FENCE.findall(text_of(page)) if language in languages]


def links(page: str) -> list[str]:
    """Where the page leads within the repository."""
    found = _LINK.findall(_FENCE.sub("", text_of(page)))
    return [link for link in found if not link.startswith(("https://", "http://", "mailto:"))]


def anchors(page: str) -> set[str]:
    """The names that headings of the page can be linked by."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(_FENCE.sub("", text_of(page)))
    }


def in_one_line(text: str) -> str:
    """The text with every run of blanks and line ends as one blank, to find sentences across line ends."""
    return " ".join(text.split())
