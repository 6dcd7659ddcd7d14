"""The tenant of each task of this process, and the tenants with a request under way. For one event loop."""

import time
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Final, NamedTuple
from uuid import UUID


class _Work:
    """One request, or one job; `is_counted` while a request is under way."""

    __slots__ = ("is_counted", "tenant_id")

    def __init__(self, tenant_id: UUID | None = None) -> None:
        self.tenant_id = tenant_id
        self.is_counted = False

    def __enter__(self) -> None:
        self.is_counted = True
        _work.set(self)

    def __exit__(self, *_: object) -> None:
        _count(self.tenant_id, -1)
        _note_end(self.tenant_id)
        self.is_counted = False


LATELY_SECONDS: Final = 0.1
"""A request still counts for so long after its end, so that a client with consecutive requests counts between them."""

_work: ContextVar[_Work | None] = ContextVar("work", default=None)
_under_way: dict[UUID, int] = {}


class _Ended(NamedTuple):
    """When a tenant's last request ended, by `time.monotonic`."""

    tenant_id: UUID | None
    at: float


_NEVER: Final = _Ended(None, float("-inf"))
_latest = [_NEVER, _NEVER]
"""The two tenants whose requests ended last, the latest first."""


def serving() -> AbstractContextManager[None]:
    """Wrap one request; `work_for` sets its tenant once it is known."""
    return _Work()


def work_for(tenant_id: UUID | None) -> None:
    """From now on this task, and those that it starts, work for this tenant; None before the tenant is known."""
    work = _work.get()
    if work is None or not work.is_counted:
        _work.set(_Work(tenant_id))
        return
    if tenant_id == work.tenant_id:
        return
    _count(work.tenant_id, -1)
    _count(tenant_id, 1)
    work.tenant_id = tenant_id


def worked_for() -> UUID | None:
    """The tenant that this task works for, if it is known."""
    work = _work.get()
    return None if work is None else work.tenant_id


def is_shared() -> bool:
    """Whether requests of more than one tenant are or were recently under way; for work without a request, of any
    tenant.
    """
    work = _work.get()
    is_request = work is not None and work.is_counted
    if len(_under_way) > is_request:
        return True
    is_own = work is not None and is_request and _latest[0].tenant_id == work.tenant_id
    return time.monotonic() - _latest[is_own].at < LATELY_SECONDS


def _note_end(tenant_id: UUID | None) -> None:
    if tenant_id is None:
        return
    other = _latest[_latest[0].tenant_id == tenant_id]
    _latest[:] = [_Ended(tenant_id, time.monotonic()), other]


def _count(tenant_id: UUID | None, difference: int) -> None:
    if tenant_id is None:
        return
    count = _under_way.get(tenant_id, 0) + difference
    if count:
        _under_way[tenant_id] = count
    else:
        del _under_way[tenant_id]
