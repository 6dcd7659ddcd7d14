"""`Identity-Reason`: the person's reason for a change, as free text, for the audit."""

from typing import Any, Final
from urllib.parse import unquote

from identity_api.claims.text import is_storable
from identity_api.web.http import headers
from identity_api.web.http.errors import HTTPRefusal

MAX_CHARACTERS: Final = 500
"""Of the reason, once it is decoded."""


def reason_of(scope: Any) -> str | None:
    """The reason that the request names; None if it names none.

    A header holds ASCII, so that other characters are percent-encoded UTF-8 (RFC 3986 section 2.1).

    Raises:
        HTTPRefusal: `REASON_REFUSED`, 400: more than one, too long, or with characters that cannot be stored or seen.
    """
    sent = headers.values(scope, b"identity-reason")
    if not sent:
        return None
    if len(sent) > 1:
        raise _refused()
    return checked(unquote(sent[0]))


def checked(text: str) -> str | None:
    """The reason without surrounding spaces; None if nothing is left.

    Raises:
        HTTPRefusal: as `reason_of`.
    """
    reason = text.strip()
    if len(reason) > MAX_CHARACTERS or not is_storable(reason) or not reason.isprintable():
        raise _refused()
    return reason or None


def _refused() -> HTTPRefusal:
    return HTTPRefusal(
        400,
        "REASON_REFUSED",
        f"Identity-Reason is one line of at most {MAX_CHARACTERS} characters, percent-encoded.",
    )
