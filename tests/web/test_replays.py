"""The memory of used logout tokens, and a body that is looked at before the route reads it."""

from uuid import uuid4

import pytest

from identity_api.web.http import logout_replays
from identity_api.web.http.body import BoundedBody
from identity_api.web.http.logout_replays import Replays
from identity_api.web.http.ttl_cache import MAX_AGE_SECONDS

TENANT, PROVIDER = uuid4(), uuid4()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_exactly_the_noted_bytes_are_known_for_a_second() -> None:
    clock = Clock()
    held = Replays(monotonic=clock)
    held.note(TENANT, PROVIDER, "a.b.c")
    assert held.may_know(TENANT, PROVIDER)
    assert held.knows(TENANT, PROVIDER, "a.b.c")
    assert not held.knows(TENANT, PROVIDER, "a.b.d")
    assert not held.knows(TENANT, uuid4(), "a.b.c")
    assert not held.knows(uuid4(), PROVIDER, "a.b.c")
    assert not held.may_know(TENANT, uuid4())
    clock.now += MAX_AGE_SECONDS
    assert not held.knows(TENANT, PROVIDER, "a.b.c")
    assert not held.may_know(TENANT, PROVIDER)


def test_the_memory_is_bounded_and_loses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logout_replays, "_MAX_KEYS", 3)
    held = Replays(monotonic=Clock())
    for number in range(5):
        held.note(TENANT, PROVIDER, str(number))
    assert [held.knows(TENANT, PROVIDER, str(number)) for number in range(5)] == [False, False, True, True, True]


@pytest.mark.asyncio
@pytest.mark.parametrize("length", [None, b"6"])
async def test_a_body_that_was_looked_at_is_read_once_more_from_the_beginning(length: bytes | None) -> None:
    chunks = [b"abc", b"", b"def"]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    announced = [] if length is None else [(b"content-length", length)]
    body = BoundedBody({"headers": announced}, receive, 100)
    assert await body.peek() == b"abcdef"
    assert await body.read() == b"abcdef"


@pytest.mark.asyncio
async def test_an_announced_body_that_is_complete_is_not_waited_for() -> None:
    """The server's last, empty event says nothing new; without a length only it says that the body is complete."""
    asked = 0

    async def receive() -> dict[str, object]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"abc" if asked == 1 else b"", "more_body": asked < 3}

    assert await BoundedBody({"headers": [(b"content-length", b"3")]}, receive, 100).read() == b"abc"
    assert asked == 1
    asked = 0
    assert await BoundedBody({"headers": []}, receive, 100).read() == b"abc"
    assert asked == 3
