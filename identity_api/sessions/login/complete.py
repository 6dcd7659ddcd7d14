"""Complete: take over a finished login on the host that holds the session, if the callback was on another host.

The code is in the browser's address, so it is useless without the binding cookie that launch set on this host: an
attacker's code opened in a victim's browser signs nobody in.
"""

import msgspec

from identity_api.db import attempts, frontends, locks
from identity_api.ids import token_key
from identity_api.sessions.cookies import binding_name, host_of, is_bound
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.delivery import deliver, sign_in_of
from identity_api.sessions.login.deps import BrowserRequest, LoginDeps, LoginResult
from identity_api.sessions.login.failures import count, recorded


async def complete(deps: LoginDeps, code: str, request: BrowserRequest) -> LoginResult:
    """Hand the waiting login over to the browser that began it.

    Raises:
        LoginFailed: CODE_UNKNOWN; BROWSER_MISMATCH (and the code still works in the right browser); LOGIN_USED;
            LOGIN_EXPIRED; or why the login was ended meanwhile.
    """
    async with deps.database.reading() as connection:
        found = await attempts.by_code(connection, *token_key(code), "COMPLETE")
    if found is None:
        failure = LoginFailed("CODE_UNKNOWN")
        count(failure)
        raise failure
    attempt = found.attempt
    binding = binding_name(attempt.session_origin, attempt.id)
    async with recorded(deps, attempt, None):
        if host_of(request.host) != host_of(attempt.session_origin):
            raise LoginFailed("CODE_UNKNOWN", reason="other_host")
        if not is_bound(request.cookies, attempt.session_origin, attempt.id, attempt.session_binding_hash):
            raise LoginFailed("BROWSER_MISMATCH")
        if found.is_used:
            raise LoginFailed("LOGIN_USED", clear_cookies=(binding,))
        async with deps.database.transaction() as connection:
            # In the same order as code that ends logins: the frontend, the user, then the code.
            if not await frontends.hold(connection, attempt.tenant_id, attempt.frontend_id):
                raise LoginFailed("CODE_UNKNOWN", clear_cookies=(binding,))
            await locks.users(connection, attempt.tenant_id, [found.user_id])
            if not await attempts.use_code(connection, attempt.tenant_id, found.id):
                raise LoginFailed("LOGIN_EXPIRED", clear_cookies=(binding,))
            finished = await deliver(connection, deps, attempt, sign_in_of(deps, found), request.cookies)
    return msgspec.structs.replace(finished, clear_cookies=(binding,))
