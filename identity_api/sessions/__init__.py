"""Logins and sessions: from "somebody wants to sign in" to "who is asking, and what may they do".

A login is five calls, each one HTTP request, each with at most one transaction at a time and no provider call inside it:

    prepare.prepare(deps, tenant, beginning) -> Prepared        makes the attempt and a handle for 60 s
    launch.launch(deps, handle, request) -> Launched            in the person's browser: binds it, leads to the provider
    finish.finish(deps, arrival) -> Finished                    the callback, in five named steps
    complete.complete(deps, code, request) -> Finished          on the session's host, where the callback was elsewhere
    token.redeem(deps, redemption) -> BearerToken               a frontend exchanges its one-time code

`request` is `deps.BrowserRequest(host, cookies)`; an arrival adds `path` and the decoded `pairs` of query or form. The
web sets what `AuthorizationRedirect` and `LoginResult` say: `set_cookies` and `clear_cookies` (see `cookies`), then redirects to
`location`. `LoginFailed` says `code`, `status` and `clear_cookies`; its `reason` is for the operator's log and the audit.

    authenticate.authenticate(connection, token, idle_seconds=...) -> Authenticated | None     one statement
    authenticate.needs_touch(authenticated) / touch(connection, authenticated)                 after the answer is written
    logout.logout(deps, authenticated, return_origin=..., path_prefix=...) -> SignedOut       where the browser goes
    logout.logout_page(database, tenant_id, pairs, kept_state) -> str | None                   and goes on from there
    backchannel.use_logout_token(deps, provider, tenant_slug, token) -> Outcome               the provider ends a login
    frontchannel.end_by_browser(deps, provider, tenant_slug, logout, session_token, unknown) -> BrowserLogout
    logout.sessions_of(connection, tenant_id, user_id), logout.end_session(database, ...)
    introspect.verify_service_client(connection, name, secret) -> ServiceClient | None
    introspect.introspect(connection, client, token, idle_seconds=...) -> dict                 RFC 7662
    clients.create_service_client(...), clients.create_api_token(...)                          for the operator

Beneath: `return_to` (where a login may end), `cookies` (names and bounds), `matching` (step one of finish), `provider_answer`
(steps three and four), `delivery` (what a finished login hands over), `provider_logout` (what ends when the provider says
so), `failures` (how one is recorded), `errors`, `deps`.
"""
