"""A database of its own, copied from a migrated one, as the command line's tests make it."""

from tests.cli.conftest import template, url

__all__ = ["template", "url"]
