"""Report a failed login to the frontend that requested it (RFC 6749 section 4.1.2.1), at its registered return URL.

Only an address that was checked when the login began is used, and only for failures of this login in this browser: a
callback of another browser, a used handle and the like are shown on a page of this service.
"""

import re
from typing import Final
from urllib.parse import urlencode

from identity_api.db.attempts import Attempt, NewAttempt
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.return_to import DEFAULT_PATH
from identity_api.telemetry import current_request_id

_UNAVAILABLE: Final = frozenset({"PROVIDER_UNAVAILABLE", "PROVIDER_TIMED_OUT"})
_OURS: Final = frozenset(
    {
        "PROVIDER_MISCONFIGURED",
        "TOKEN_REFUSED",
        "USERINFO_REFUSED",
        "EXCHANGE_REFUSED",
        "ISSUER_MISMATCH",
        "CLAIM_UNUSABLE",
        "CALLBACK_INVALID",
    }
)
_ANOTHER_BROWSER: Final = frozenset(
    {"BROWSER_MISMATCH", "CALLBACK_MISPLACED", "CODE_UNKNOWN", "HANDLE_UNKNOWN", "STATE_UNKNOWN"}
)
_NOT_TOLD: Final = _ANOTHER_BROWSER | {"CODE_REFUSED", "LOGIN_USED"}
"""These failures may come from any browser, or from a repeated request, so none of them is reported to the frontend."""
SETUP_PATH: Final = "/setup"
_UNSAID: Final = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


def address_for(attempt: Attempt, failure: LoginFailed) -> str | None:
    """Where the browser goes with this failure; None if a page of this service shows it."""
    if not is_told(failure):
        return None
    if attempt.test_id is not None:
        # The report is on the set-up page. An admin's own test is reported where the admin began it, in another window.
        return attempt.return_to if attempt.return_to.endswith(SETUP_PATH) else None
    if attempt.frontend_id is None:
        return None
    return error_address(
        attempt.return_to,
        error_of(failure),
        failure.message,
        state=attempt.client_state,
        issuer=issuer_of(attempt),
        code=failure.code,
        request_id=current_request_id(),
        in_fragment=attempt.delivery == "fragment",
    )


def is_told(failure: LoginFailed) -> bool:
    """Whether the failure is reported to the frontend. A failure that any browser could cause is not."""
    return failure.code not in _NOT_TOLD


def begin_again(attempt: Attempt, failure: LoginFailed) -> str:
    """This service's login page with the parameters of the failed login: its frontend, state and challenge.

    A browser that did not begin the login gets none of them.
    """
    login = f"{attempt.session_origin}{attempt.path_prefix}/login"
    own_path = attempt.return_to.removeprefix(attempt.session_origin)
    if failure.code in _ANOTHER_BROWSER or own_path == f"{attempt.path_prefix}{DEFAULT_PATH}":
        return f"{login}?choose=1"
    asked = {
        "choose": "1",
        "frontend": attempt.frontend_slug,
        "return_to": own_path if attempt.frontend_id is None else attempt.return_to,
        "delivery": None if attempt.frontend_id is None else attempt.delivery,
        "code_challenge": attempt.client_challenge,
        "state": attempt.client_state,
        "reauth": "1" if attempt.reauthentication else None,
    }
    return f"{login}?{_encoded(asked)}"


def issuer_of(attempt: Attempt | NewAttempt) -> str:
    """The issuer of this service's answers, which the frontend can tell from another server's (RFC 9207)."""
    return attempt.session_origin + attempt.path_prefix


def described(sentence: str) -> str:
    """The sentence in the characters that `error_description` may have (RFC 6749 sections 4.1.2.1 and 5.2)."""
    return _UNSAID.sub("'", sentence)


def error_of(failure: LoginFailed) -> str:
    """The failure's code of RFC 6749."""
    if failure.code in _UNAVAILABLE:
        return "temporarily_unavailable"
    return "server_error" if failure.code in _OURS else "access_denied"


def success_address(url: str, *, state: str | None, issuer: str) -> str:
    """A registered return URL without a code or token in the address: with the frontend's state, if it gave one."""
    if state is None:
        return url
    return f"{url}{'&' if '?' in url else '?'}{_encoded({'state': state, 'iss': issuer})}"


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
        url: the caller has compared it with the registered ones.
        error: of RFC 6749 section 4.1.2.1.
        description: a sentence of this service.
        state: the frontend's own.
        issuer: this service's (RFC 9207).
        code: this service's code of the failure, as `error_code`.
        request_id: finds the request in the log and in `loginFailures`.
        in_fragment: after `#`, if the result would have come there.
    """
    parameters = {
        "error": error,
        "error_description": described(description),
        "error_code": code,
        "request_id": request_id,
        "state": state,
        "iss": issuer,
    }
    mark = "#" if in_fragment else "&" if "?" in url else "?"
    return f"{url}{mark}{_encoded(parameters)}"


def _encoded(parameters: dict[str, str | None]) -> str:
    return urlencode({name: value for name, value in parameters.items() if value is not None})
