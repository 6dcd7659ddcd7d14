"""The cause of a login's end as a provider's error text describes it: only for people to read.

RFC 6749 section 5.2 has one code (`invalid_grant`) both for a person who was removed and for a token that was unused for
too long. Some vendors tell the two apart in `error_description`, each in its own way; the patterns are for these:
https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes, Keycloak (`TokenManager`), Okta, Auth0.
The text decides nothing (`provider_error_text`). A text that matches no pattern, or more than one, gives no cause.
"""

import re
from enum import StrEnum
from typing import Final


class LoginEndCause(StrEnum):
    """The cause of a login's end in a provider's text."""

    REMOVED = "REMOVED"
    INACTIVE = "INACTIVE"
    SESSION_ENDED = "SESSION_ENDED"
    CREDENTIALS_CHANGED = "CREDENTIALS_CHANGED"
    NOT_TOLD = "NOT_TOLD"


_PERSON: Final = r"\b(?:user|account|subject|member|owner)\b[^.:;]{0,40}?"
_PATTERNS: Final = {
    LoginEndCause.SESSION_ENDED: re.compile(
        r"\bsession\b[^.:;]{0,30}\b(?:not active|not found|ended|terminated|expired|does(?:n't| not) exist)\b"
        r"|\b(?:logged|signed) out\b"
    ),
    LoginEndCause.REMOVED: re.compile(
        rf"aadsts(?:50057|50034|500341|50105|51004)\b|\b(?:unknown|no such|disabled|deleted|removed|suspended|blocked) user\b"
        rf"|{_PERSON}\b(?:disabled|deleted|removed|gone|suspended|blocked|locked|inactive|deactivated|not active|not found"
        r"|not enabled|does not exist|no longer exists)\b"
    ),
    LoginEndCause.CREDENTIALS_CHANGED: re.compile(
        r"aadsts50173\b|\bpassword\b[^.:;]{0,30}\b(?:changed?|reset|expired)\b"
    ),
    LoginEndCause.INACTIVE: re.compile(
        r"aadsts(?:700082|700084|70043)\b|\b(?:inactivity|idle|not been used|unused)\b"
        r"|\btoken\b[^.:;]{0,30}\b(?:not active|(?:has |is )?expired|too old)\b"
    ),
}
_EITHER: Final = re.compile(r"\b(?:or|and/or)\b[^.:;]{0,20}\b(?:expired|revoked|invalid)\b|\binvalid, expired\b")
"""Texts for every case (`Token has been expired or revoked`) give no cause."""


def login_end_cause(said: str | None) -> LoginEndCause:
    """The cause that the text gives.

    Args:
        said: the provider's text; None if there was none, or it is no longer stored.
    """
    text = (said or "").casefold()
    if _EITHER.search(text):
        return LoginEndCause.NOT_TOLD
    return next((cause for cause, pattern in _PATTERNS.items() if pattern.search(text)), LoginEndCause.NOT_TOLD)
