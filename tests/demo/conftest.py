"""A running provider and a relying party per test; nothing is shared, so tests may change whatever they like."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from tests.demo.relying_party import RelyingParty
from tests.openid_provider import RunningProvider


@pytest.fixture
def provider() -> Iterator[RunningProvider]:
    with RunningProvider() as running:
        yield running


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        yield client


@pytest.fixture
def party(provider: RunningProvider, http: httpx.AsyncClient) -> RelyingParty:
    return RelyingParty(provider, http)
