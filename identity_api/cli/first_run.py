"""Tells the link of the first run, once, where the process's log goes. The log itself would mask the token."""

import sys

import msgspec

from identity_api.setup.first_run import Offered

_HINT = "If it is lost, `identity-api first-run` makes another."


def tell(offered: Offered | None, *, as_json: bool) -> None:
    """Write the link to standard error; nothing where none is offered."""
    if offered is None:
        return
    ends = f"{offered.expires_at:%Y-%m-%d %H:%M} UTC"
    if as_json:
        line = {"level": "warning", "event": "first_run.offered", "url": offered.url, "until": ends, "hint": _HINT}
        text = msgspec.json.encode(line).decode()
    else:
        bar = "=" * 78
        text = (
            f"{bar}\nThere is no tenant yet. Open this link to make the first one and its first admin:\n\n"
            f"    {offered.url}\n\nIt works until {ends}. {_HINT}\n{bar}"
        )
    print(text, file=sys.stderr, flush=True)
