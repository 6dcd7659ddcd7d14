"""Name resolution in threads of its own."""

import asyncio
import socket
import threading

import pytest

from identity_api.upstream.resolver import SystemResolver


@pytest.mark.asyncio
async def test_an_address_is_its_own_answer():
    system = SystemResolver()
    assert list(await system("127.0.0.1", 443)) == ["127.0.0.1"]
    system.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["a" * 64 + ".test", "a..test", ".test"])
async def test_what_cannot_be_a_host_name_has_no_address(host):
    system = SystemResolver()
    with pytest.raises(OSError, match=r"."):
        await system(host, 443)
    system.close()


@pytest.mark.asyncio
async def test_a_slow_name_holds_one_thread_however_many_ask(monkeypatch):
    asked, began, go = [], threading.Event(), threading.Event()

    def slow(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(threading.current_thread().name)
        began.set()
        go.wait(5)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    system = SystemResolver(threads=2)
    tasks = [asyncio.create_task(system("slow.test", 443)) for _ in range(50)]
    assert await asyncio.to_thread(began.wait, 5)
    tasks[0].cancel()
    go.set()
    got = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(got[0], asyncio.CancelledError)
    assert got[1:] == [["127.0.0.1"]] * 49
    assert len(asked) == 1
    assert asked[0].startswith("resolver")
    system.close()
