"""Step one of a callback: which login is this the answer to, and did it begin in this browser? (I4)

Nothing is used up before all of it fits: a callback that an attacker sends through a victim's browser, or at another
provider's address, must neither sign anybody in nor spoil a login under way.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from identity_api.db import attempts, providers
from identity_api.db.attempts import Attempt
from identity_api.db.providers import Provider
from identity_api.ids import token_hash
from identity_api.oidc.authorization import MAX_STATE_LENGTH, CallbackParameters, parse_callback
from identity_api.oidc.errors import InvalidCallback
from identity_api.sessions.cookies import binding_name, host_of, is_bound
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.failures import count, recorded
from identity_api.sessions.launch import callback_origin, ensure_current
from identity_api.sessions.parts import Arrival, LoginParts


class Matched(msgspec.Struct, frozen=True):
    """A callback and the login it answers, begun in this browser.

    `fault` says what is wrong with the parameters beside the state: such a callback uses the login up and fails.
    """

    attempt: Attempt
    provider: Provider
    parameters: CallbackParameters | None
    fault: InvalidCallback | None
    binding: str
    """Name of the cookie that is of no use after this."""

    def __repr__(self) -> str:
        return f"Matched({self.attempt!r})"


async def match(parts: LoginParts, arrival: Arrival) -> Matched:
    """Find the attempt by `state`, and compare provider address and browser.

    Raises:
        LoginFailed: CALLBACK_INVALID, STATE_UNKNOWN, CALLBACK_MISPLACED, BROWSER_MISMATCH, LOGIN_USED, LOGIN_EXPIRED,
            PROVIDER_DISABLED. Nothing has been used up.
    """
    try:
        parameters, fault = parse_callback(arrival.pairs), None
        state: str | None = parameters.state
    except InvalidCallback as error:
        parameters, fault, state = None, error, _only_state(arrival.pairs)
    if state is None:
        raise _unknown(LoginFailed("CALLBACK_INVALID", reason=fault.blame if fault else None))
    async with parts.database.reading() as connection:
        attempt = await attempts.by_state(connection, token_hash(state))
        provider = None
        if attempt is not None and attempt.provider_id is not None:
            provider = await providers.get(connection, attempt.tenant_id, attempt.provider_id)
    if attempt is None or provider is None:
        raise _unknown(LoginFailed("STATE_UNKNOWN"))
    async with recorded(parts, attempt, provider):
        _check(attempt, provider, arrival)
    return Matched(attempt, provider, parameters, fault, binding_name(callback_origin(attempt), attempt.id))


def _check(attempt: Attempt, provider: Provider, arrival: Arrival) -> None:
    # Host and path, never scheme or port: behind a proxy those are not what the browser saw.
    expected = urlsplit(attempt.redirect_url)
    if (host_of(arrival.host), arrival.path or "/") != (host_of(attempt.redirect_url), expected.path or "/"):
        raise LoginFailed("CALLBACK_MISPLACED")
    if not is_bound(arrival.cookies, callback_origin(attempt), attempt.id, attempt.callback_binding_hash):
        raise LoginFailed("BROWSER_MISMATCH")
    # Before "used": disabling a provider uses its attempts up, and the person is to hear the reason.
    ensure_current(attempt, provider)
    if attempt.consumed_at is not None:
        raise LoginFailed("LOGIN_USED")
    if attempt.is_expired:
        raise LoginFailed("LOGIN_EXPIRED")


def _only_state(pairs: Sequence[tuple[str, str]]) -> str | None:
    """The state of a callback that is otherwise unusable, if it has exactly one."""
    found = [value for name, value in pairs if name == "state"]
    return found[0] if len(found) == 1 and 0 < len(found[0]) <= MAX_STATE_LENGTH else None


def _unknown(failure: LoginFailed) -> LoginFailed:
    count(failure)
    return failure
