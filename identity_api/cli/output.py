"""Results on standard output: lines for people, one JSON document for programs."""

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from identity_api.cli.outcome import printable
from identity_api.cli.program import typeable

PIPED_WIDTH = 240
"""The width in characters, without a terminal."""


_UNSEEN: Final = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""What a terminal obeys or does not show, and JSON does not escape by itself."""


def print_json(document: Any) -> None:
    """One JSON document on one line. What could move a terminal's cursor is escaped, which JSON may do with any character."""
    import msgspec

    text = msgspec.json.encode(document).decode()
    print(_UNSEEN.sub(lambda one: f"\\u{ord(one[0]):04x}", text))


def print_text(text: str) -> None:
    """A text for a file, as it is; on a terminal, without characters that could move its cursor."""
    print(text if not sys.stdout.isatty() else "\n".join([printable(line) for line in text.split("\n")]), end="")


def print_lines(lines: Iterable[object]) -> None:
    """A line each; control characters cannot reach the terminal, and commands of this program are named as they can be
    typed.
    """
    for line in lines:
        print(printable(typeable(str(line))))


def moment(at: datetime) -> str:
    """A moment for people, in UTC and to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def print_notices(notices: Iterable[str]) -> None:
    """A line each on standard error: notices for people, not for programs."""
    for notice in notices:
        print(printable(f"notice: {notice}"), file=sys.stderr)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """A table for people."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    # Folded, never cut: a name that is cut off cannot be typed.
    table = Table(*[Column(name, overflow="fold") for name in columns], title=title, title_justify="left")
    for row in rows:
        # Text: square brackets in a name are not markup.
        table.add_row(*[Text(printable(cell)) for cell in row])
    Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table)
