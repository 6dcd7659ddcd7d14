"""The same provider and relying party as the demo's tests."""

from tests.demo.conftest import http, party, provider

__all__ = ["http", "party", "provider"]
