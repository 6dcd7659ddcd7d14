"""The tenant of each task of this process, and the tenants with a request under way. For one event loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID


class _Work:
    """One request, or one job; `is_counted` while a request is under way."""

    __slots__ = ("is_counted", "tenant_id")

    def __init__(self, tenant_id: UUID | None, *, is_counted: bool = False) -> None:
        self.tenant_id = tenant_id
        self.is_counted = is_counted


_work: ContextVar[_Work | None] = ContextVar("work", default=None)
_under_way: dict[UUID, int] = {}


@contextmanager
def serving() -> Iterator[None]:
    """Around one request, whose tenant `work_for` tells once it is known."""
    work = _Work(None, is_counted=True)
    _work.set(work)
    try:
        yield
    finally:
        _count(work.tenant_id, -1)
        work.is_counted = False


def work_for(tenant_id: UUID | None) -> None:
    """What this task, and those that it starts, asks for from now on is this tenant's; None before that is known."""
    work = _work.get()
    if work is None or not work.is_counted:
        _work.set(_Work(tenant_id))
        return
    _count(work.tenant_id, -1)
    _count(tenant_id, 1)
    work.tenant_id = tenant_id


def worked_for() -> UUID | None:
    """The tenant that this task works for, where that is known."""
    work = _work.get()
    return None if work is None else work.tenant_id


def is_shared() -> bool:
    """Whether requests of more than one tenant are under way; for work that is no request, whether any is."""
    work = _work.get()
    return len(_under_way) > (work is not None and work.is_counted)


def _count(tenant_id: UUID | None, difference: int) -> None:
    if tenant_id is None:
        return
    count = _under_way.get(tenant_id, 0) + difference
    if count:
        _under_way[tenant_id] = count
    else:
        del _under_way[tenant_id]
