"""The browsers of the flows."""

from tests.flows.conftest import browser, other_browser

__all__ = ["browser", "other_browser"]
