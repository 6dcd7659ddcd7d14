"""How a list is printed: a table for people, `--json` for programs, `--csv` for spreadsheets."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar

import rich_click as click

F = TypeVar("F", bound=Callable[..., Any])
Form = Literal["json", "csv"] | None
"""None is the table."""


def in_forms(function: F) -> F:
    """The options of a command that lists something, as its argument `form`."""
    as_csv = click.option(
        "--csv", "form", flag_value="csv", help="Print CSV, in which no cell is computed by a spreadsheet."
    )
    return click.option("--json", "form", flag_value="json", help="Print JSON.")(as_csv(function))


def print_list(
    form: Form, name: str, found: Sequence[object], columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Print what was found.

    Args:
        name: of its member in the JSON document.
        rows: its cells, in the order of the columns; CSV has the same.
    """
    from identity_api.cli.output import print_json, print_table, print_text
    from identity_api.spreadsheets import table

    if form == "json":
        print_json({name: found})
    elif form == "csv":
        print_text(table(columns, rows))
    else:
        print_table(columns, rows)
