"""docs/configuration.md comes from the table (code and documentation from one source)."""

from pathlib import Path

import pytest

from identity_api.config import configuration_markdown, settings_table

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_document_is_what_the_table_says():
    assert DOCUMENT.read_text(encoding="utf-8") == configuration_markdown(), "run `make schema`"


@pytest.mark.parametrize("setting", settings_table(), ids=lambda setting: setting.name)
def test_every_setting_has_one_row_with_its_bounds(setting):
    (row,) = [line for line in configuration_markdown().splitlines() if line.startswith(f"| `{setting.variable}` |")]
    assert row.count("|") == 6
    assert setting.minimum is None or f"{setting.minimum} to {setting.maximum}" in row
    assert setting.is_secret == ("**Secret.**" in row)


def test_every_default_is_within_its_bounds():
    for setting in settings_table():
        if setting.minimum is not None:
            assert setting.minimum <= setting.default <= setting.maximum
