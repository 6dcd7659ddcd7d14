"""Versions below which a library has a hole that reaches us (promise 56)."""

from importlib.metadata import version

import pytest
from packaging.version import Version


@pytest.mark.parametrize(
    ("package", "floor"),
    [
        ("strawberry-graphql", "0.323.2"),
        ("litestar", "2.20.0"),
        ("joserfc", "1.7.3"),
        ("redis", "4.5.4"),
        ("piccolo", "1.1.1"),
    ],
)
def test_a_library_is_not_older_than_its_last_known_hole(package, floor):
    assert Version(version(package)) >= Version(floor)


def test_graphql_core_has_the_fixes_of_its_line():
    installed = Version(version("graphql-core"))
    assert installed >= Version("3.3.2") or Version("3.2.14") <= installed < Version("3.3")
