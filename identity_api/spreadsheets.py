"""Cells of tables (CSV) that people open in a spreadsheet, which computes what looks like a formula."""

import re
from collections.abc import Iterable, Sequence
from csv import writer
from io import StringIO
from typing import Final

_COMPUTED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet would compute; the last four are full-width."""
_BEGINS: Final = re.compile(rf"(^|[;\t\r\n])(?=[{re.escape(''.join(_COMPUTED))}])")
"""Where one begins: also inside of a cell, for a spreadsheet whose language separates by semicolons."""


def as_cell(text: str) -> str:
    """A text for people as a cell of which no spreadsheet computes a part: an apostrophe stands before what it would compute."""
    return _BEGINS.sub(r"\1'", text)


def cell_of(text: str) -> str:
    """A value as a cell that no spreadsheet computes: it begins with an apostrophe then, which `text_of` takes away."""
    return f"'{text}" if text.startswith((*_COMPUTED, "'")) else text


def text_of(cell: str) -> str:
    """What a cell stands for: an apostrophe before it is no part of it."""
    return cell.removeprefix("'")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of values under a line of column names."""
    text = StringIO(newline="")
    lines = writer(text, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([[cell_of(one) for one in row] for row in rows])
    return text.getvalue()
