"""Cells of tables (CSV) that people open in a spreadsheet, which computes what looks like a formula."""

import re
from collections.abc import Iterable, Sequence
from csv import writer
from io import StringIO
from typing import Final

_COMPUTED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet would compute; the last four are full-width."""
_CELL: Final = r"(?<![^;\t\r\n])"
"""Where a cell begins: also inside of one, for a spreadsheet whose language separates by semicolons."""
_SIGNS: Final = re.escape("".join(_COMPUTED))
_BEGINS: Final = re.compile(rf"{_CELL}(?=[{_SIGNS}])")
_MARKED: Final = re.compile(rf"{_CELL}(?=[{_SIGNS}'])")
_MARKS: Final = re.compile(rf"^'|{_CELL}'(?=[{_SIGNS}'])")


def as_cell(text: str) -> str:
    """A text for people as a cell of which no spreadsheet computes a part: an apostrophe stands before what it would compute."""
    return _BEGINS.sub("'", text)


def cell_of(text: str) -> str:
    """A value as such a cell. An apostrophe of its own in these places is doubled, so that `text_of` gives the value back."""
    return _MARKED.sub("'", text)


def text_of(cell: str) -> str:
    """What a cell stands for: the apostrophe before it, or before what would be computed inside of it, is no part of it."""
    return _MARKS.sub("", cell)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of values under a line of column names."""
    text = StringIO(newline="")
    lines = writer(text, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([[cell_of(one) for one in row] for row in rows])
    return text.getvalue()
