"""Enums of the schema, with a description for every value."""

from enum import StrEnum
from typing import Any

import pytest

from identity_api.graphql.enums import enum_type


class Size(StrEnum):
    """Two of them."""

    SMALL = "SMALL"
    LARGE = "LARGE"


def test_each_value_has_its_own_description() -> None:
    made: Any = enum_type("A size.", {"LARGE": "Much.", "SMALL": "Little."})(Size)
    found = {value.name: value.description for value in made.__strawberry_definition__.values}
    assert found == {"SMALL": "Little.", "LARGE": "Much."}


@pytest.mark.parametrize("values", [{"SMALL": "Little."}, {"SMALL": "Little.", "LARGE": "Much.", "HUGE": "More."}])
def test_descriptions_that_do_not_fit_the_values_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(LookupError, match="Size"):
        enum_type("A size.", values)(Size)
