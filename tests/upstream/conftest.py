"""One hostile server with several ports, the certificates it needs, and clients that may reach it."""

import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from tests.upstream.certificates import Certificate, issue
from tests.upstream.hostile import Hostile


@dataclass(frozen=True)
class Authority:
    """A trusted authority, another one, and files of certificates by what they are for."""

    pem: str
    other_pem: str
    server: str
    expired: str
    client: str


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder: Path = tmp_path_factory.mktemp("certificates")
    trusted: Certificate = issue("trusted")
    return Authority(
        pem=trusted.pem,
        other_pem=issue("other").pem,
        server=issue("server", by=trusted, hosts=("idp.test",)).save(folder / "server.pem"),
        expired=issue("expired", by=trusted, hosts=("idp.test",), days_valid=(-9, -1)).save(folder / "expired.pem"),
        client=issue("client", by=trusted).save(folder / "client.pem"),
    )


@pytest_asyncio.fixture
async def hostile() -> AsyncIterator[Hostile]:
    server = Hostile()
    yield server
    await server.aclose()


class Names:
    """A resolver with answers of its own; what a name leads to may change between two lookups."""

    def __init__(self) -> None:
        self.answers: dict[str, Iterator[Sequence[str]]] = {}
        self.fixed = {"idp.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host in self.answers:
            return next(self.answers[host])
        try:
            return self.fixed[host]
        except KeyError:
            raise OSError("no such name") from None


@pytest.fixture
def names() -> Names:
    return Names()


@pytest_asyncio.fixture
async def open_upstream(names: Names) -> AsyncIterator[Callable[..., Upstream]]:
    """Makes clients from an allow-list text; they are closed at the end."""
    opened: list[Upstream] = []

    def make(allow: str, **options: Any) -> Upstream:
        opened.append(Upstream(allow=AllowList.parse(allow), resolve=options.pop("resolve", names), **options))
        return opened[-1]

    yield make
    for upstream in opened:
        await upstream.aclose()


@pytest.fixture
def traced_memory() -> Iterator[Callable[[], int]]:
    """The first call begins to count, the next tells the peak since then, in bytes."""

    def peak() -> int:
        if not tracemalloc.is_tracing():
            tracemalloc.start()
        return tracemalloc.get_traced_memory()[1]

    yield peak
    tracemalloc.stop()
