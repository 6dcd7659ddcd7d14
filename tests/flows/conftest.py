"""Browsers for the stories. The product that they visit is the fixture `product` of tests/conftest.py."""

from collections.abc import Iterator

import pytest

from tests.flows.browser import Browser


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser that has been nowhere yet."""
    with Browser() as fresh:
        yield fresh


@pytest.fixture
def other_browser() -> Iterator[Browser]:
    """Somebody else's."""
    with Browser() as fresh:
        yield fresh
