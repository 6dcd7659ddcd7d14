"""Step-up: a signed-in person proves again who they are, before a sensitive action (S3-33), by password or at the provider.

    GET  /auth/reauthenticate    the available ways; `return_to` is where to come back to: a path of this service, or a
                                 registered address of a frontend of the session's tenant, which gets its `state` back
    POST /auth/reauthenticate    password and code, as a form or as JSON; a program gets `{"elevated_until"}`

A provider is asked by `/auth/{protocol}/{provider}/login?reauth=1` (S3-35), to which the page links.
"""

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post

from identity_api.accounts.errors import CredentialsRefused
from identity_api.db import tenants
from identity_api.db.step_up import ProvingProvider
from identity_api.errors import BadInput
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.cookies import session_cookie
from identity_api.sessions.login.frontend_errors import error_address, success_address
from identity_api.sessions.login.return_to import DEFAULT_PATH, decide_ending, own_path
from identity_api.sessions.step_up import Reauthenticated, Ways, reauthenticate, ways
from identity_api.web.deps import WebDeps
from identity_api.web.http import authentication, cookies
from identity_api.web.http.limits import SignInAddress
from identity_api.web.http.parameters import FORM, WebRequest, deps_of, form_of, is_of, json_of, query_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import json_response, redirect, to_litestar
from identity_api.web.pages.icons import icon_address
from identity_api.web.pages.rendering import Button, ProofForm, proof_page
from identity_api.web.routes.login import beginning_of

CARRIED = ("frontend", "return_to", "state")
"""What a frontend asks with; it travels through the page."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the person typed, and where to go afterwards."""

    password: str
    code: str | None = None
    return_to: str | None = None

    def __repr__(self) -> str:
        return "Proof()"


@get("/auth/reauthenticate", name="reauthenticate-page")
async def reauthenticate_page(request: WebRequest) -> Response[Any]:
    """The ways that this user has; to the login page, if nobody is signed in."""
    deps, context = deps_of(request), context_of(request.scope)
    found = await authentication.optional(deps, request.scope)
    asked = {name: value for name, value in query_of(request).items() if name in CARRIED}
    if found is None:
        return redirect(f"{context.local('/login')}{'?' if asked else ''}{urlencode(asked)}")
    return await _page(deps, context, found, await _way_back(deps, context, found, asked))


@post("/auth/reauthenticate", name="reauthenticate", status_code=303)
async def reauthenticate_by_password(request: WebRequest) -> Response[Any]:
    """Elevate the current session, if the password (and the code, if needed) is right."""
    deps, context = deps_of(request), context_of(request.scope)
    is_form = is_of(request, FORM)
    context.wants_page = context.wants_page and is_form
    found = await authentication.require(deps, request.scope)
    if not is_form:
        proven = await _prove(deps, context, found, await json_of(request, Proof))
        return json_response({"elevated_until": proven.until})
    form = await form_of(request)
    back = await _way_back(deps, context, found, form)
    if "password" not in form:
        raise BadInput("The password is missing.", field="password")
    # An empty field is a code that was not typed.
    proof = Proof(password=form["password"], code=form.get("code") or None)
    try:
        await _prove(deps, context, found, proof)
    except CredentialsRefused as error:
        if not context.wants_page:
            raise
        return await _page(deps, context, found, back, problem=error)
    return redirect(back.proven)


async def _prove(deps: WebDeps, context: RequestContext, found: Authenticated, proof: Proof) -> Reauthenticated:
    address = SignInAddress(deps.limits, context.address)
    await address.check()
    code = "".join(proof.code.split()) if proof.code is not None else None
    try:
        proven = await reauthenticate(deps.local, found, proof.password, code)
    except CredentialsRefused as error:
        if error.code != "SECOND_FACTOR_REQUIRED":
            await address.failed()
        raise
    if proven.token is not None:
        seconds = max(1, int((found.expires_at - found.at).total_seconds()))
        context.set_cookies.append(
            cookies.set_cookie(
                session_cookie(context.origin, context.path_prefix, proven.token, max_age_seconds=seconds)
            )
        )
    return proven


async def _page(
    deps: WebDeps,
    context: RequestContext,
    found: Authenticated,
    back: "WayBack",
    *,
    problem: CredentialsRefused | None = None,
) -> Response[Any]:
    offered: Ways = await ways(deps.database, found)
    asks_code = problem is not None and problem.code.startswith("SECOND_FACTOR")
    form = None
    if offered.password:
        form = ProofForm(
            username=found.user.username,
            carried=back.carried,
            asks_code=asks_code,
            problem=problem.message if problem else None,
        )
    buttons = [_button(context, provider, back) for provider in offered.providers]
    status = 400 if problem else 200
    return to_litestar(proof_page(context, form, buttons, leave=back.leave, is_own=back.is_own, status=status))


def _button(context: RequestContext, provider: ProvingProvider, back: "WayBack") -> Button:
    query = urlencode({"reauth": "1", **back.carried, **({} if back.is_own else {"delivery": "cookie"})})
    address = context.local(f"/auth/{provider.protocol}/{provider.slug}/login?{query}")
    return Button(provider.label, address, icon_address(provider.icon))


class WayBack(msgspec.Struct, frozen=True, kw_only=True):
    """Where the person goes: `proven` with a new proof, `leave` without one. `carried` are the parameters that asked for it."""

    proven: str
    leave: Button
    carried: dict[str, str]
    is_own: bool


async def _way_back(deps: WebDeps, context: RequestContext, found: Authenticated, asked: dict[str, str]) -> WayBack:
    """A path of this service, or exactly a registered address of a frontend of the session's tenant.

    Raises:
        BadInput: as `return_to.decide_ending`.
    """
    wanted = asked.get("return_to")
    if "frontend" not in asked and (wanted is None or wanted.startswith("/")):
        path = own_path(wanted) if wanted is not None else context.local(DEFAULT_PATH)
        leave = Button("Back to your account", context.local(DEFAULT_PATH), None)
        return WayBack(proven=path, leave=leave, carried={"return_to": path}, is_own=True)
    carried = {name: asked[name] for name in CARRIED if name in asked}
    beginning = beginning_of(context, None, {**carried, "delivery": "cookie"})
    async with deps.database.reading() as connection:
        target = decide_ending(beginning, await tenants.frontends(connection, found.tenant_id))
    issuer, state = context.origin + context.path_prefix, beginning.client_state
    refused = error_address(
        target.url,
        "access_denied",
        "The person gave no new proof.",
        state=state,
        issuer=issuer,
        code="STEP_UP_CANCELLED",
    )
    proven = success_address(target.url, state=state, issuer=issuer)
    return WayBack(proven=proven, leave=Button("Cancel", refused, None), carried=carried, is_own=False)
