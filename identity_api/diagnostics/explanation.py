"""The shape of an explanation."""

from typing import NamedTuple


class Explanation(NamedTuple):
    """`meaning`: what the code says. `remedy`: what to do, for an administrator. Both are whole sentences."""

    meaning: str
    remedy: str


Table = dict[str, Explanation]


def table(rows: dict[str, tuple[str, str]]) -> Table:
    """Rows as they are written down."""
    return {code: Explanation(meaning, remedy) for code, (meaning, remedy) in rows.items()}
