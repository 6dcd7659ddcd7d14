"""Every table has an entry in the documentation that says what ends its rows, so that none grows unnoticed."""

import re
from collections import Counter

from identity_api.db.tables import TABLES
from tests.docs.pages import text_of


def tables_told() -> Counter[str]:
    """The names in the first column."""
    section = text_of("docs/scaling.md").split("### What ends each table's rows\n")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return Counter(name for cell in first_cells for name in re.findall(r"`(\w+)`", cell))


def test_each_table_is_told_once() -> None:
    assert tables_told() == Counter(table._meta.tablename for table in TABLES)
