"""A short name for what somebody signs in with: "Firefox (Linux)", from the `User-Agent` header (RFC 9110 section 10.1.5).

The header is the browser's own claim and proves nothing. Only names of the two tables below come out, so that nothing of
what was sent is stored or shown.
"""

import re
from typing import Final

_READ_CHARS: Final = 512
_BROWSERS: Final = (
    ("Edg|EdgA|EdgiOS", "Edge"),
    ("OPR|OPT|OPX", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox|FxiOS", "Firefox"),
    ("Chrome|HeadlessChrome|CriOS", "Chrome"),
    (r"Version/[\d.]+ (?:Mobile/\w+ )?Safari", "Safari"),
)
"""Products as they stand before a slash. Most browsers also name the ones that they want to be taken for: those come last,
and Safari counts only as it writes itself."""
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
"""Android also says that it is Linux."""
_BROWSER: Final = tuple([(re.compile(rf"\b(?:{words})/\d"), name) for words, name in _BROWSERS])
_SYSTEM: Final = tuple([(re.compile(rf"\b{word}\b"), name) for word, name in _SYSTEMS])


def device_of(user_agent: str | None) -> str | None:
    """Browser and system, or the one of the two that is known.

    Returns:
        At most 40 characters; None if the header names neither, or there is none.
    """
    said = (user_agent or "")[:_READ_CHARS]
    browser = next((name for pattern, name in _BROWSER if pattern.search(said)), None)
    system = next((name for pattern, name in _SYSTEM if pattern.search(said)), None)
    return f"{browser} ({system})" if browser and system else browser or system
