"""Whether this process is about to stop: it still answers, and asks every client to close its connection.

A connection that the server closes while a client sends its next request loses that request. So before the end each answer
says `Connection: close` (RFC 9112 section 9.6), and readiness says no, until clients and balancers have gone elsewhere.
"""

import signal
from types import FrameType

NUMBER = signal.SIGUSR1
"""What the supervisor tells its processes, some seconds before it ends them."""


class _Draining:
    is_begun = False


_STATE = _Draining()


def is_draining() -> bool:
    """Whether this process has been told that it will end."""
    return _STATE.is_begun


def listen_for_draining() -> None:
    """From now on the signal begins the draining of this process. Called in its main thread."""
    signal.signal(NUMBER, _begin)


def _begin(_number: int, _frame: FrameType | None) -> None:
    _STATE.is_begun = True
