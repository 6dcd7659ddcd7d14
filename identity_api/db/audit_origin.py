"""The origin of a request's changes: set once at the HTTP edge, read when events are written and sessions begin."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec


class Origin(msgspec.Struct, frozen=True):
    """The origin of one request; all None for a worker, and for the command line."""

    request_id: str | None = None
    """As the answer and the log lines have it."""
    address: str | None = None
    """The address that limits count: an IPv4 address, or an IPv6 network of 64 bits."""
    reason: str | None = None
    """The reason, in the actor's words."""
    user_agent: str | None = None
    """The header, as it was sent: only for `sessions.device`."""


_UNKNOWN = Origin()
_current: ContextVar[Origin] = ContextVar("audit_origin", default=_UNKNOWN)


def current_origin() -> Origin:
    """Where the change that is being made comes from."""
    return _current.get()


@contextmanager
def changes_come_from(origin: Origin) -> Iterator[None]:
    """Events recorded within, also by called tasks, have this origin."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)
