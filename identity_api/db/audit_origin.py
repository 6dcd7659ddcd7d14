"""The origin of a request's changes: set once at the HTTP edge, read when events are written and sessions begin."""

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


class changes_come_from:  # used as a function
    """Events recorded within, also by called tasks, have this origin."""

    __slots__ = ("_before", "_origin")

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def __enter__(self) -> None:
        self._before = _current.set(self._origin)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._before)
