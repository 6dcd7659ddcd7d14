"""Raw headers of an ASGI scope, read without merging: a header that comes twice must be noticed."""

from collections.abc import Iterable
from typing import Any


def values(scope: Any, name: bytes) -> list[str]:
    """Every value of the header (`name` in lower case), in order, one per line that was sent."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def first(scope: Any, name: bytes) -> str | None:
    """The first value of the header, or None."""
    for key, value in scope["headers"]:
        if key == name:
            decoded: str = value.decode("latin-1")
            return decoded
    return None


def members(lines: Iterable[str]) -> list[str]:
    """The members of a comma-separated header, over all its lines, without empty ones (RFC 9110 section 5.6.1)."""
    return [member.strip() for line in lines for member in line.split(",") if member.strip()]
