"""Pages to change one's own password and second factor (S0-05): the same as GraphQL's mutations, without JavaScript.

    GET  /account/credentials             what is set up, and the forms
    POST /account/password                change the password: current, password, repeated; code with a second factor
    POST /account/second-factor           begin: current; answers with the key for the authenticator
    POST /account/second-factor/confirm   code
    POST /account/second-factor/remove    current, code

Each needs the password, or a code of a key that was shown after the password was given: a session alone changes nothing.
"""

from collections.abc import Awaitable
from typing import Any, Literal, TypeVar

from litestar import Response, get, post

from identity_api.accounts.errors import CredentialsRefused
from identity_api.accounts.known_browsers import cookie_value
from identity_api.accounts.local_passwords import change_password
from identity_api.accounts.second_factor import TOTPEnrolment, confirm_totp, enrol_totp, remove_totp
from identity_api.db import local_accounts
from identity_api.errors import BadInput, Conflict, IdentityAPIError, NotFound, Refused
from identity_api.permissions.delegation import Actor
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.cookies import known_browser_cookie
from identity_api.web.deps import WebDeps
from identity_api.web.http import authentication, cookies
from identity_api.web.http.limits import SignInAddress
from identity_api.web.http.parameters import WebRequest, deps_of, form_of, query_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.pages.rendering import CredentialsProblem, CredentialsView, credentials_page

T = TypeVar("T")

PAGE = "/account/credentials"
_WRONG = "Your current password is wrong, or there were too many tries. Check it, or wait for some minutes."
_DONE = {
    "password": "Your password has been changed. You are signed in nowhere else with the old one.",
    "second_factor": "From now on signing in with your password asks for a code. You are signed in nowhere else by it alone.",
    "removed": "Signing in with your password asks for no code any more.",
}


async def credentials_of(deps: WebDeps, found: Authenticated) -> CredentialsView | None:
    """What somebody has; None where the tenant has no passwords."""
    async with deps.database.reading() as connection:
        if not (await local_accounts.policy(connection, found.tenant_id)).local_sign_in:
            return None
        guards = await local_accounts.guards(connection, found.tenant_id, [found.user.id])
    has_factor = found.user.id in guards and guards[found.user.id].has_second_factor
    return CredentialsView(found.user.username, found.user.circumstances.has_password, has_factor)


@get(PAGE, name="credentials")
async def credentials(request: WebRequest) -> Response[Any]:
    """What is set up, and the forms."""
    deps, context = deps_of(request), context_of(request.scope)
    found = await authentication.optional(deps, request.scope)
    if found is None:
        return redirect(context.local("/login"))
    return await _page(deps, context, found, notice=_DONE.get(query_of(request).get("done", "")))


@post("/account/password", name="change-password", status_code=303)
async def password_changed(request: WebRequest) -> Response[Any]:
    """Change the password; this session continues."""
    deps, context, found, form = await _begin(request)
    if form.get("password") != form.get("repeated"):
        differ = CredentialsProblem("password", "repeated", "The two passwords differ. Type the same one twice.")
        return await _page(deps, context, found, problem=differ)
    changing = change_password(
        deps.accounts,
        _actor(found),
        form.get("current", ""),
        form.get("password", ""),
        session_id=found.session_id,
        code=_code(form),
    )
    return await _done(deps, context, found, changing, "password")


@post("/account/second-factor", name="second-factor", status_code=200)
async def second_factor_begun(request: WebRequest) -> Response[Any]:
    """Show the key of a new second factor, once."""
    deps, context, found, form = await _begin(request)
    issuer = context.tenant.name if context.tenant else found.tenant_slug
    beginning = enrol_totp(deps.accounts, _actor(found), form.get("current", ""), issuer=issuer)
    try:
        enrolment = await _counted(deps, context, beginning)
    except (CredentialsRefused, Conflict) as error:
        return await _page(deps, context, found, problem=_problem(error, "factor"))
    return await _page(deps, context, found, enrolment=enrolment)


@post("/account/second-factor/confirm", name="second-factor-confirmed", status_code=303)
async def second_factor_confirmed(request: WebRequest) -> Response[Any]:
    """Confirm the second factor: from now on a sign-in needs a code."""
    deps, context, found, form = await _begin(request)
    code = "".join(form.get("code", "").split())
    try:
        confirming = confirm_totp(deps.accounts, _actor(found), code, session_id=found.session_id)
        account = await _counted(deps, context, confirming)
    except (CredentialsRefused, Conflict, NotFound) as error:
        is_wrong = isinstance(error, CredentialsRefused)
        problem = CredentialsProblem("code", "code", error.message) if is_wrong else _problem(error, "factor")
        return await _page(deps, context, found, problem=problem, confirms=is_wrong)
    value = cookie_value(deps.accounts.vault, found.tenant_id, account, cookies.cookies_of(request.scope))
    context.set_cookies.append(cookies.set_cookie(known_browser_cookie(context.origin, account.user_id, value)))
    return redirect(context.local(f"{PAGE}?done=second_factor"))


@post("/account/second-factor/remove", name="second-factor-removed", status_code=303)
async def second_factor_removed(request: WebRequest) -> Response[Any]:
    """Remove the second factor."""
    deps, context, found, form = await _begin(request)
    removing = remove_totp(deps.accounts, _actor(found), form.get("current", ""), _code(form))
    return await _done(deps, context, found, removing, "removed")


async def _begin(request: WebRequest) -> tuple[WebDeps, RequestContext, Authenticated, dict[str, str]]:
    deps = deps_of(request)
    found = await authentication.require(deps, request.scope)
    if found.kind == "API_TOKEN":
        raise Refused("An API token cannot do this. Sign in.", code="SESSION_NEEDED")
    return deps, context_of(request.scope), found, await form_of(request)


async def _done(
    deps: WebDeps, context: RequestContext, found: Authenticated, doing: Awaitable[None], what: str
) -> Response[Any]:
    try:
        await _counted(deps, context, doing)
    except (BadInput, CredentialsRefused, Conflict, NotFound) as error:
        return await _page(
            deps, context, found, problem=_problem(error, "password" if what == "password" else "factor")
        )
    return redirect(context.local(f"{PAGE}?done={what}"))


async def _counted(deps: WebDeps, context: RequestContext, doing: Awaitable[T]) -> T:
    """Try, with the address counted as at sign-in."""
    address = SignInAddress(deps.limits, context.address)
    await address.check()
    try:
        return await doing
    except CredentialsRefused:
        await address.failed()
        raise


async def _page(
    deps: WebDeps,
    context: RequestContext,
    found: Authenticated,
    *,
    notice: str | None = None,
    problem: CredentialsProblem | None = None,
    enrolment: TOTPEnrolment | None = None,
    confirms: bool = False,
) -> Response[Any]:
    view = await credentials_of(deps, found)
    if view is None:
        raise Refused("This organisation does not allow sign-in with a password.", code="LOCAL_SIGN_IN_OFF")
    page = credentials_page(context, view, notice=notice, problem=problem, enrolment=enrolment, confirms=confirms)
    return to_litestar(page)


def _problem(error: IdentityAPIError, form: Literal["password", "factor"]) -> CredentialsProblem:
    """The problem to show: a signed-in person typed no username, so it names only the password."""
    if isinstance(error, CredentialsRefused) and error.code != "CREDENTIALS_REFUSED":
        return CredentialsProblem(form, f"{form}-code", error.message)
    if isinstance(error, CredentialsRefused):
        return CredentialsProblem(form, "current" if form == "password" else "factor-password", _WRONG)
    # The rules of `password_rules` are about the new one.
    is_new_one = form == "password" and isinstance(error, BadInput)
    return CredentialsProblem(form, "password" if is_new_one else None, error.message)


def _code(form: dict[str, str]) -> str | None:
    return "".join(form.get("code", "").split()) or None


def _actor(found: Authenticated) -> Actor:
    return Actor(found.tenant_id, found.user.id, found.actor, found.permissions)
