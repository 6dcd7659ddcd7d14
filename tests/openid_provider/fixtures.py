"""Fixtures for tests elsewhere: `from tests.openid_provider.fixtures import running_provider` in a conftest."""

from collections.abc import Iterator

import pytest

from tests.openid_provider.running import RunningProvider


@pytest.fixture
def running_provider() -> Iterator[RunningProvider]:
    """A provider of this test alone, with the demo people."""
    with RunningProvider() as provider:
        yield provider
