"""A login that failed, told to the frontend that asked for it (RFC 6749 section 4.1.2.1), at the return URL it registered.

Only an address that was found valid when the login began is ever used, and only for what speaks of this login in this
browser: a callback that belongs to another browser, a handle that was used before and the like stay on our own page.
"""

import re
from typing import Final
from urllib.parse import urlencode

from identity_api.db.attempts import Attempt, NewAttempt

_UNSAID: Final = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


def issuer_of(attempt: Attempt | NewAttempt) -> str:
    """Who answers the frontend, so that it can tell our answer from another server's (RFC 9207)."""
    return attempt.session_origin + attempt.path_prefix


def described(sentence: str) -> str:
    """The sentence in the characters that `error_description` may have (RFC 6749 sections 4.1.2.1 and 5.2)."""
    return _UNSAID.sub("'", sentence)


def error_address(
    url: str,
    error: str,
    description: str,
    *,
    state: str | None,
    issuer: str,
    code: str,
    request_id: str | None = None,
    in_fragment: bool = False,
) -> str:
    """A registered return URL with an error.

    Args:
        url: compared with what is registered by the caller.
        error: of RFC 6749 section 4.1.2.1.
        description: a sentence of ours.
        state: the frontend's own.
        issuer: ours (RFC 9207).
        code: our own code of the same, as `error_code`.
        request_id: finds the request in the log and in `loginFailures`.
        in_fragment: behind `#`, where that is how the result would have come.
    """
    parameters = {
        "error": error,
        "error_description": described(description),
        "error_code": code,
        "request_id": request_id,
        "state": state,
        "iss": issuer,
    }
    encoded = urlencode({name: value for name, value in parameters.items() if value is not None})
    mark = "#" if in_fragment else "&" if "?" in url else "?"
    return f"{url}{mark}{encoded}"
