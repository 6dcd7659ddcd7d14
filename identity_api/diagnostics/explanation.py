"""The shape of an explanation."""

import tomllib
from importlib.resources import files
from typing import NamedTuple


class Explanation(NamedTuple):
    """`meaning`: what the code says. `remedy`: what to do, for an administrator. Both are whole sentences."""

    meaning: str
    remedy: str


Table = dict[str, Explanation]


def table(rows: dict[str, tuple[str, str]]) -> Table:
    """Rows as they are written down."""
    return {code: Explanation(meaning, remedy) for code, (meaning, remedy) in rows.items()}


def read_table(file: str) -> Table:
    """The rows of all tables of a file beside this module."""
    found = tomllib.loads((files("identity_api.diagnostics") / file).read_text("utf-8"))
    return table({code: (meaning, remedy) for rows in found.values() for code, (meaning, remedy) in rows.items()})
