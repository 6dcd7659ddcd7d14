"""The end of logins: one handler for every form of callback address, and `/auth/complete`.

A callback's `state` determines its attempt, provider and tenant, never its address; the address only has to be the one
that the provider was given. Redirect URIs that were registered for the seed systems keep working.
"""

from typing import Any

from litestar import Response, get, post

from identity_api.errors import BadInput
from identity_api.providers.urls import CALLBACK_PATHS
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.complete import complete
from identity_api.sessions.login.deps import BrowserRequest, CallbackRequest, LoginResult
from identity_api.sessions.login.finish import finish
from identity_api.web.http import cookies
from identity_api.web.http.login_failures import login_failed
from identity_api.web.http.parameters import WebRequest, deps_of, form_pairs, pairs_of, query_of
from identity_api.web.http.request_context import context_of
from identity_api.web.http.response import redirect

CALLBACK_MARKS = frozenset({"code", "error", "id_token", "access_token", "response"})
_PATHS = [path.replace("}", ":str}") for path in CALLBACK_PATHS]


@get(_PATHS, name="callback")
async def callback(request: WebRequest) -> Response[Any]:
    """The provider's answer in the query."""
    return await end_login(request)


@post([*_PATHS, "/"], name="callback-form", status_code=303)
async def callback_form(request: WebRequest) -> Response[Any]:
    """The provider's answer in a form (`response_mode=form_post`)."""
    return await end_login(request)


async def end_login(request: WebRequest) -> Response[Any]:
    """Finish a login with the parameters that arrived. Raises LoginFailed."""
    deps, context = deps_of(request), context_of(request.scope)
    context.wants_page = context.wants_page or request.headers.get("accept") in (None, "*/*")
    brought = cookies.cookies_of(request.scope)
    await deps.limits.callback(context.address, [value for name, value in brought.items() if "login-" in name])
    try:
        pairs = await _pairs(request)
        posted_from = request.headers.get("origin") if request.method == "POST" else None
        arrival = CallbackRequest(
            host=context.host, path=context.path, pairs=pairs, cookies=brought, posted_from=posted_from
        )
        return _finished(request, await finish(deps.login, arrival))
    except LoginFailed as failure:
        await login_failed(deps, context, failure)
        raise


@get("/auth/complete", name="complete")
async def complete_login(request: WebRequest) -> Response[Any]:
    """Take over, on the session's host, a login whose callback was on another host."""
    deps, context = deps_of(request), context_of(request.scope)
    brought = cookies.cookies_of(request.scope)
    await deps.limits.callback(context.address, [value for name, value in brought.items() if "login-" in name])
    try:
        browser = BrowserRequest(host=context.host, cookies=brought)
        return _finished(request, await complete(deps.login, query_of(request).get("code", ""), browser))
    except LoginFailed as failure:
        await login_failed(deps, context, failure)
        raise


async def _pairs(request: WebRequest) -> list[tuple[str, str]]:
    try:
        if request.method == "POST":
            return await form_pairs(request)
        return pairs_of(request.scope["query_string"])
    except BadInput as error:
        raise LoginFailed("CALLBACK_INVALID") from error


def _finished(request: WebRequest, finished: LoginResult) -> Response[Any]:
    cookies.apply(context_of(request.scope).set_cookies, finished.set_cookies, finished.clear_cookies)
    return redirect(finished.location)
