"""Icons of providers on the login page: included ones, by the names of Material Design Icons (`mdi:microsoft`).

No icon is ever fetched from another host: that would tell the host who is about to sign in.
"""

import base64
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

_FILL: Final = "#7a7f8c"
"""Seen on a light page and on a dark one."""


def _address(svg: str) -> str:
    coloured = svg.replace("<svg ", f'<svg fill="{_FILL}" ', 1)
    return f"data:image/svg+xml;base64,{base64.b64encode(coloured.encode()).decode()}"


ICONS: Final[Mapping[str, str]] = {
    f"mdi:{file.name.removesuffix('.svg')}": _address(file.read_text("utf-8"))
    for file in (files("identity_api.web.pages") / "static" / "icons").iterdir()
    if file.name.endswith(".svg")
}
"""Name -> `data:` address."""


MARK: Final = (
    "data:image/svg+xml;base64,"
    + base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#1f5fd0"/>'
        b'<circle cx="16" cy="12" r="5" fill="#fff"/><path d="M6 27a10 9 0 0 1 20 0z" fill="#fff"/></svg>'
    ).decode()
)
"""What a browser shows on the tab. Without one it would ask for `/favicon.ico`."""


def icon_address(icon: str | None) -> str | None:
    """What a page can show for a provider's `icon`: one of ours, or the picture itself if it is written out; else None."""
    if icon is None or icon.startswith("data:image/"):
        return icon
    return ICONS.get(icon)
