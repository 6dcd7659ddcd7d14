"""Logins and sessions: from the start of a login to the authentication of each request.

A login is five calls, each one HTTP request, each with at most one transaction at a time and no provider call inside it:

    login.prepare     a LoginRequest -> the attempt, and a handle for 60 s
    login.launch      the handle -> an AuthorizationRedirect: bound to the browser, which is redirected to the provider
    login.finish      a CallbackRequest -> a LoginResult: the callback, in five named steps
    login.complete    a one-time code -> a LoginResult: on the session's host, where the callback was elsewhere
    token.redeem      a frontend's one-time code -> a BearerToken

The web layer sets the cookies of `AuthorizationRedirect` and `LoginResult`: `set_cookies` and `clear_cookies` (see
`cookies`), then redirects to `location`. `LoginFailed` has `code`, `status` and `clear_cookies`; its `reason` is for the
operator's log and the audit.

    authenticate.authenticate(connection, token, idle_seconds=...) -> Authenticated | None     one statement
    authenticate.needs_touch(authenticated) / touch(connection, authenticated)                 after the answer is written
    logout.logout             a person ends a session, and the provider's if possible: where the browser goes next
    logout.backchannel        the provider ends a login by a logout token
    logout.frontchannel       the provider ends a session by a page that the browser loads
    introspect                a token is introspected by a service client (RFC 7662)
    clients                   service clients and API tokens, for the operator
"""
