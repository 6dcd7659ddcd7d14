"""Raw headers of an ASGI scope, read without merging: a header that comes twice must be noticed."""

from collections.abc import Iterable
from typing import Any, Final

_KEY: Final = "identity_api.headers"


def by_name(scope: Any) -> dict[bytes, list[bytes]]:
    """The values of each header, in order. Put together when it is first asked for: a request's headers do not change."""
    known: dict[bytes, list[bytes]] | None = scope.get(_KEY)
    if known is not None:
        return known
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        if name in found:
            found[name].append(value)
        else:
            found[name] = [value]
    scope[_KEY] = found
    return found


def values(scope: Any, name: bytes) -> list[str]:
    """Every value of the header (`name` in lower case), in order, one per line that was sent."""
    sent = by_name(scope).get(name)
    return [value.decode("latin-1") for value in sent] if sent is not None else []


def first(scope: Any, name: bytes) -> str | None:
    """The first value of the header, or None."""
    sent = by_name(scope).get(name)
    return sent[0].decode("latin-1") if sent is not None else None


def members(lines: Iterable[str]) -> list[str]:
    """The members of a comma-separated header, over all its lines, without empty ones (RFC 9110 section 5.6.1)."""
    return [member.strip() for line in lines for member in line.split(",") if member.strip()]
