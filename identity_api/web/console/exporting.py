"""Lists as files for a spreadsheet: the audit, and the mappings as the table that an import takes."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from identity_api.change_sets.table import as_table
from identity_api.spreadsheets import as_cell

MOST: Final = 5_000
"""Events in one file; a longer time is exported in parts, or with `identity-api audit export`."""
PAGE: Final = 100
_COLUMNS: Final = (
    "at",
    "action",
    "actor",
    "user",
    "names",
    "changes",
    "details",
    "reason",
    "request",
    "address",
    "sequence",
)


def as_csv(events: Sequence[Mapping[str, Any]]) -> bytes:
    """A table in UTF-8 with a byte order mark, which spreadsheets need; no part of a cell is a formula."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for event in events:
        writer.writerow([as_cell(value) for value in _row(event)])
    return file.getvalue().encode("utf-8-sig")


def _row(event: Mapping[str, Any]) -> list[str]:
    changes = [f"{one['setting']}: {one['old']} -> {one['new']}" for one in event["changes"]]
    return [
        event["at"],
        event["action"],
        event["actorName"],
        event["user"]["username"] if event["user"] else "",
        _pairs(event["names"]),
        "; ".join(changes),
        _pairs(event["details"]),
        event["reason"] or "",
        event["requestId"] or "",
        event["address"] or "",
        str(event["sequence"] or ""),
    ]


def _pairs(found: Sequence[Mapping[str, str]]) -> str:
    return "; ".join([f"{one['name']}: {one['value']}" for one in found])


def mappings_as_csv(mappings: Sequence[Mapping[str, Any]]) -> bytes:
    """The table that an import takes back without a change, with a byte order mark as well."""
    rows = [
        (
            one["pattern"],
            one["match"],
            one["provider"]["slug"] if one["provider"] else "",
            sorted([permission["name"] for permission in one["permissions"]]),
            one["enabled"],
        )
        for one in mappings
    ]
    return as_table(rows).encode("utf-8-sig")
