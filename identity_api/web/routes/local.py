"""Signing in with a local password: the form of the login page, and the same as JSON (S0-05).

    POST /auth/local/login    username, password; code; frontend, return_to, delivery, code_challenge, state

A browser's sign-in must come from a page of this service (`Origin`, or `Sec-Fetch-Site: same-origin`): there is no cookie
yet that another site could misuse, but it could sign the browser in to another person's account.
"""

from typing import Any

import msgspec
from litestar import Response, post

from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginResult
from identity_api.sessions.login.password_login import LocalSignIn, sign_in
from identity_api.web.deps import WebDeps
from identity_api.web.http import cookies
from identity_api.web.http.limits import SignInAddress
from identity_api.web.http.origins import admit_own_form
from identity_api.web.http.parameters import FORM, WebRequest, deps_of, form_of, is_of, json_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import json_response, redirect
from identity_api.web.pages.pending_second_factor import hold, take
from identity_api.web.pages.rendering import LocalForm
from identity_api.web.routes.login import CARRIED, beginning_of, refused_page, tenant_of

_ASKED_AGAIN = frozenset({"CREDENTIALS_REFUSED", "SECOND_FACTOR_REQUIRED", "SECOND_FACTOR_REFUSED"})
"""What somebody who typed it can put right on the same page."""


class LocalLogin(msgspec.Struct, frozen=True, kw_only=True):
    """What the person typed, and where the sign-in leads."""

    username: str
    password: str
    code: str | None = None
    frontend: str | None = None
    return_to: str | None = None
    delivery: str | None = None
    code_challenge: str | None = None
    state: str | None = None
    reauth: str | None = None

    def __repr__(self) -> str:
        return "LocalLogin()"


@post("/auth/local/login", name="local-login", status_code=303)
async def local_login(request: WebRequest) -> Response[Any]:
    """Sign in, and redirect to where the frontend gets the result. A program sends JSON and gets `{"location"}`."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    admit_own_form(context, request.scope)
    if not is_of(request, FORM):
        context.wants_page = False
        finished = await _sign_in(request, deps, context, tenant, await json_of(request, LocalLogin))
        return json_response({"location": finished.location})
    form = await form_of(request)
    typed = _typed(deps, tenant, form)
    try:
        finished = await _sign_in(request, deps, context, tenant, typed)
    except LoginFailed as error:
        if not context.wants_page or error.code not in _ASKED_AGAIN:
            raise
        again = _again(deps, tenant, typed, form.get("held"), error)
        return await refused_page(deps, context, tenant, again, status=error.status if again.problem else 200)
    return redirect(finished.location)


async def _sign_in(
    request: WebRequest, deps: WebDeps, context: RequestContext, tenant: Tenant, typed: LocalLogin
) -> LoginResult:
    given = LocalSignIn(
        username=typed.username,
        password=typed.password,
        # Codes are shown, and typed, in two groups of three digits.
        code="".join(typed.code.split()) if typed.code is not None else None,
        beginning=beginning_of(context, None, _carried(typed)),
        cookies=cookies.cookies_of(request.scope),
        address=context.address,
    )
    finished = await sign_in(deps.local, tenant, given, address=SignInAddress(deps.limits, context.address))
    cookies.apply(context.set_cookies, finished.set_cookies, finished.clear_cookies)
    if finished.known_browser is not None:
        context.set_cookies.append(cookies.set_cookie(finished.known_browser))
    return finished


def _typed(deps: WebDeps, tenant: Tenant, form: dict[str, str]) -> LocalLogin:
    """The form's content; username and password may come from the sealed field (`pending_second_factor`)."""
    username, password = form.get("username"), form.get("password")
    if "held" in form:
        held = take(deps.accounts.vault, tenant.id, form["held"], deps.accounts.clock())
        if held is None:
            raise LoginFailed("LOGIN_EXPIRED")
        username, password = held.username, held.password
    if username is None or password is None:
        raise BadInput("Username and password are both needed.", field="username" if username is None else "password")
    return LocalLogin(
        username=username,
        password=password,
        code=form.get("code"),
        **{name: form[name] for name in CARRIED if name in form},
    )


def _carried(typed: LocalLogin) -> dict[str, str]:
    """Where the sign-in leads: the parameters that the page was requested with."""
    wanted = msgspec.structs.asdict(typed)
    return {name: wanted[name] for name in CARRIED if wanted[name] is not None}


def _again(deps: WebDeps, tenant: Tenant, typed: LocalLogin, held: str | None, error: LoginFailed) -> LocalForm:
    """The form again: from the start, or only for the code."""
    carried = _carried(typed)
    if error.code == "CREDENTIALS_REFUSED":
        return LocalForm(carried=carried, username=typed.username, problem=error.message)
    if held is None:
        held = hold(deps.accounts.vault, tenant.id, typed.username, typed.password, deps.accounts.clock())
    problem = error.message if error.code == "SECOND_FACTOR_REFUSED" else None
    return LocalForm(carried=carried, username=typed.username, problem=problem, held=held)
