"""Browsers for the stories. The product that they visit is the fixture `product` of tests/conftest.py."""

from collections.abc import Iterator

import pytest

from tests.flows.acme import HOSTS, declare
from tests.flows.browser import Browser
from tests.flows.product import Product


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


@pytest.fixture(scope="session")
def acme(product: Product) -> str:
    """The origin of the tenant acme; globex is there as well (see `tests.flows.acme`)."""
    declare(product)
    return product.at(HOSTS["acme"])
