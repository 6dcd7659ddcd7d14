"""Step one of a callback: find its login, and check that the login began in this browser (I4).

Nothing is used up before everything fits: a callback that an attacker sends through a victim's browser, or to another
provider's address, must neither sign anybody in nor break a login under way.

Decision: if a callback cannot be used, and the browser has a session, it is redirected to the return URL of the login.
Context: reloading, the back button and many tabs produce callbacks that are used up, or whose binding is gone, for people
who are signed in. Consequences: nobody is signed in by it and nothing is read from it; the return URL was checked when the
login began, and any link could name it as well. A missing binding is still recorded.
"""

from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

from identity_api.db import attempts
from identity_api.db.attempts import Attempt
from identity_api.db.providers import Provider
from identity_api.ids import token_key
from identity_api.oidc.authorization import (
    KNOWN_ERRORS,
    MAX_STATE_LENGTH,
    OTHER_ERROR,
    CallbackParameters,
    parse_callback,
)
from identity_api.oidc.errors import InvalidCallback
from identity_api.oidc.provider_error_text import codes_in_pairs
from identity_api.sessions.authenticate import authenticate
from identity_api.sessions.cookies import binding_name, host_of, is_bound, session_cookie_name
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import CallbackRequest, LoginDeps, LoginResult
from identity_api.sessions.login.failures import count, recorded
from identity_api.sessions.login.launch import callback_origin, ensure_current


class Matched(msgspec.Struct, frozen=True):
    """A callback and its login, which began in this browser.

    `fault` is the fault of the parameters other than the state: such a callback uses the login up and fails.
    """

    attempt: Attempt
    provider: Provider
    parameters: CallbackParameters | None
    fault: InvalidCallback | None
    binding: str
    """Name of the cookie that is not needed any more."""

    def __repr__(self) -> str:
        return f"Matched({self.attempt!r})"


async def match(deps: LoginDeps, arrival: CallbackRequest) -> Matched | LoginResult:
    """Find the attempt by `state`, and compare provider address and browser.

    Returns:
        `LoginResult` if there is nothing to finish and the browser has a live session of the tenant.

    Raises:
        LoginFailed: CALLBACK_INVALID, STATE_UNKNOWN, PROVIDER_REFUSED (an error that belongs to no login),
            CALLBACK_MISPLACED, BROWSER_MISMATCH, LOGIN_USED, LOGIN_EXPIRED, PROVIDER_DISABLED. Nothing has been used up.
    """
    try:
        parameters, fault = parse_callback(arrival.pairs), None
        state: str | None = parameters.state
    except InvalidCallback as error:
        parameters, fault, state = None, error, _only_state(arrival.pairs)
    if state is None:
        raise _unknown(
            arrival, LoginFailed("CALLBACK_INVALID", reason=fault.blame if fault else None), lacks="no_state"
        )
    async with deps.database.reading() as connection:
        found = await attempts.by_state(connection, *token_key(state))
    if found is None:
        raise _unknown(arrival, LoginFailed("STATE_UNKNOWN"), lacks="unknown_state")
    attempt, provider = found
    if await _goes_on(deps, attempt, provider, arrival):
        return LoginResult(kind="CONTINUED", location=attempt.return_to)
    async with recorded(deps, attempt, provider):
        _check(attempt, provider, arrival)
    return Matched(attempt, provider, parameters, fault, binding_name(callback_origin(attempt), attempt.id))


async def _goes_on(deps: LoginDeps, attempt: Attempt, provider: Provider, arrival: CallbackRequest) -> bool:
    """Whether the callback is of no use, and this browser has a live session of its tenant."""
    is_spent, is_ours = attempt.consumed_at is not None, _is_bound(attempt, arrival)
    is_plain = attempt.delivery == "cookie" and attempt.test_id is None and _is_placed(attempt, arrival)
    if not is_plain or (is_ours and not is_spent):
        return False
    token = arrival.cookies.get(session_cookie_name(attempt.session_origin, attempt.path_prefix))
    if token is None:
        return False
    async with deps.database.reading() as connection:
        found = await authenticate(connection, token, idle_seconds=deps.limits.session_idle_seconds)
    if found is None or found.tenant_id != attempt.tenant_id:
        return False
    if not is_spent:
        with suppress(LoginFailed):
            async with recorded(deps, attempt, provider):
                raise LoginFailed("BROWSER_MISMATCH", reason="signed_in")
    return True


def _is_placed(attempt: Attempt, arrival: CallbackRequest) -> bool:
    # Host and path, never scheme or port: behind a proxy those are not what the browser saw.
    expected = urlsplit(attempt.redirect_url)
    return (host_of(arrival.host), arrival.path or "/") == (host_of(attempt.redirect_url), expected.path or "/")


def _is_bound(attempt: Attempt, arrival: CallbackRequest) -> bool:
    return is_bound(arrival.cookies, callback_origin(attempt), attempt.id, attempt.callback_binding_hash)


def _check(attempt: Attempt, provider: Provider, arrival: CallbackRequest) -> None:
    if not _is_placed(attempt, arrival):
        raise LoginFailed("CALLBACK_MISPLACED")
    if not _is_bound(attempt, arrival):
        # The first callback clears the binding: a later one without it is a used callback, and not one of another
        # browser.
        raise LoginFailed("BROWSER_MISMATCH" if attempt.consumed_at is None else "LOGIN_USED")
    # Before "used": disabling a provider uses its attempts up, and the person should see the real reason.
    ensure_current(attempt, provider)
    if attempt.consumed_at is not None:
        raise LoginFailed("LOGIN_USED")
    if attempt.is_expired:
        raise LoginFailed("LOGIN_EXPIRED")


def _only_state(pairs: Sequence[tuple[str, str]]) -> str | None:
    """The state of a callback that is otherwise unusable, if it has exactly one."""
    found = [value for name, value in pairs if name == "state"]
    return found[0] if len(found) == 1 and 0 < len(found[0]) <= MAX_STATE_LENGTH else None


def _unknown(arrival: CallbackRequest, failure: LoginFailed, *, lacks: str) -> LoginFailed:
    """The failure of a callback that belongs to no login: the provider's error, if the callback has one.

    Providers leave `state` out of errors that they find before they have read the request. The sender is unknown, so
    the error decides nothing: it is shown and recorded, and no login begins by itself.
    """
    errors = [value for name, value in arrival.pairs if name == "error" and value]
    has_code = any(name == "code" for name, _ in arrival.pairs)
    if len(errors) == 1 and not has_code:
        error = errors[0] if errors[0] in KNOWN_ERRORS else OTHER_ERROR
        failure = LoginFailed("PROVIDER_REFUSED", reason=f"{error}:{lacks}")
    failure.said = codes_in_pairs(arrival.pairs)
    count(failure)
    return failure
