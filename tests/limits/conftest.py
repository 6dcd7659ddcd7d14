"""A Valkey of these tests' own, so that some of them can stop it."""

from collections.abc import Iterator

import pytest

from identity_api.embedded.valkey import Valkey


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    server = Valkey()
    server.start()
    yield server.url
    server.stop()
