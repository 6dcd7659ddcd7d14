"""The routes of the set-up: the link, one page with a step of its own, and the forms of the steps.

GET  /setup/{token}     the link (`web.http.capability_links`)
GET  /setup             the furthest step, or `?step=` for one before it
POST /setup/{form}      what a step does; it redirects to the next one, or shows the step with what is wrong
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from identity_api.config import Secret
from identity_api.db.setup_links import Step
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.http import HTTPResponse
from identity_api.sessions.cookies import is_secure
from identity_api.sessions.login.deps import Cookie
from identity_api.setup import groups, provider
from identity_api.setup.links import TOKEN_PREFIX, Setup, ended_link, open_link
from identity_api.setup.provider import STEPS, SetupDeps
from identity_api.web.console.routes import LANGUAGE_COOKIE
from identity_api.web.http import cookies
from identity_api.web.http.capability_links import CapabilityLink, require_shown
from identity_api.web.http.errors import Problem, problem_of
from identity_api.web.http.origins import admit_own_form
from identity_api.web.http.parameters import WebRequest, deps_of, form_pairs, query_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.routes.login import tenant_of
from identity_api.web.setup.first_run import first_run_handlers
from identity_api.web.setup.rendering import CATALOGUE, show, visit_of
from identity_api.web.setup.views import View, view_of

LINK: Final = CapabilityLink(
    name="setup", token_kind=TOKEN_PREFIX, page="/setup", kept_seconds=86_400, ended=ended_link
)
_YEAR_SECONDS: Final = 31_536_000


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A request with a link that works."""

    deps: SetupDeps
    context: RequestContext
    setup: Setup
    typed: dict[str, str]
    several: tuple[str, ...]
    """The values of `permission`, which may be there several times."""


Made = Step | tuple[str, View]
"""Which step comes next; or the page that shows a result, and what it shows besides the step's own view."""
Work = Callable[[Opened], Awaitable[Made]]


@get("/setup/{token:str}", name="setup-link")
async def link(request: WebRequest, token: FromPath[str]) -> Response[Any]:
    """The link."""
    context = context_of(request.scope)
    tenant_of(context)
    try:
        return LINK.keep(context, token)
    except NotFound as error:
        return to_litestar(_refusal(request, error))


@get("/setup", name="setup")
async def page(request: WebRequest) -> Response[Any]:
    """The furthest step, or an earlier one."""
    opened = await _opened(request)
    if isinstance(opened, HTTPResponse):
        return to_litestar(opened)
    reached = opened.setup.link.step
    wanted = query_of(request).get("step")
    is_before = wanted in STEPS and STEPS.index(wanted) <= STEPS.index(reached)
    step = cast("Step", wanted) if is_before else reached
    return to_litestar(await _shown(request, opened, step))


@get("/setup/done", name="setup-done")
async def done(request: WebRequest) -> Response[Any]:
    """The provider is enabled. Tells nothing that is not on the login page."""
    context = context_of(request.scope)
    tenant_of(context)
    return to_litestar(show("done", visit_of(request), sign_in=context.origin + context.local("/login?choose=1")))


@post("/setup/language", name="setup-language", status_code=303)
async def language(request: WebRequest) -> Response[Any]:
    """Keep a language for this browser."""
    context = context_of(request.scope)
    admit_own_form(context, request.scope)
    typed = dict(await form_pairs(request))
    chosen = typed.get("language")
    if chosen not in CATALOGUE:
        raise NotFound("There is no such language.")
    kept = Cookie(name=LANGUAGE_COOKIE, value=chosen, max_age_seconds=_YEAR_SECONDS, secure=is_secure(context.origin))
    context.set_cookies.append(cookies.set_cookie(kept))
    step = typed.get("step")
    if step == "first":
        return redirect("/setup/first")
    return redirect(context.local("/setup") + (f"?step={step}" if step in STEPS else ""))


async def _choose_vendor(opened: Opened) -> Made:
    await provider.choose_vendor(opened.deps, opened.setup, opened.typed.get("vendor", ""))
    return "register"


async def _connect(opened: Opened) -> Made:
    secret = opened.typed.get("client_secret")
    typed = provider.Typed(
        values={name: value.strip() for name, value in opened.typed.items() if name != "client_secret"},
        client_id=opened.typed.get("client_id", "").strip(),
        client_secret=Secret(secret) if secret else None,
    )
    await provider.connect(opened.deps, opened.setup, typed)
    return "test"


async def _run_test(opened: Opened) -> Made:
    tested, login_url = await provider.run_test(opened.deps, opened.setup)
    return "test", {"tested": tested, "login_url": login_url, "report": None, "has_signed_in": False}


async def _choose_groups(opened: Opened) -> Made:
    if await provider.choose_groups(opened.deps, opened.setup, opened.typed.get("place", "")):
        return "test"
    await provider.reach(opened.deps, opened.setup, "mappings")
    return "mappings"


async def _map(opened: Opened) -> Made:
    given = groups.Given(opened.typed.get("group", ""), opened.several)
    if opened.typed.get("action") != "save":
        return "mappings", {"effect": await groups.preview_mapping(opened.deps, opened.setup, given)}
    await groups.add_mapping(opened.deps, opened.setup, given)
    return "mappings"


async def _unmap(opened: Opened) -> Made:
    try:
        mapping_id = UUID(opened.typed.get("mapping", ""))
    except ValueError:
        raise NotFound("There is no such mapping at this provider.") from None
    await groups.remove_mapping(opened.deps, opened.setup, mapping_id)
    return "mappings"


def _going_on(to: Step) -> Work:
    async def work(opened: Opened) -> Made:
        if to == "groups" and not provider.has_signed_in(await provider.report(opened.deps, opened.setup)):
            raise Refused("No test login has worked with these settings yet.", code="SETUP_NOT_TESTED")
        await provider.reach(opened.deps, opened.setup, to)
        return to

    return work


_FORMS: Final[tuple[tuple[str, Step, Work], ...]] = (
    ("vendor", "vendor", _choose_vendor),
    ("registered", "register", _going_on("connect")),
    ("connect", "connect", _connect),
    ("test", "test", _run_test),
    ("tested", "test", _going_on("groups")),
    ("groups", "groups", _choose_groups),
    ("mappings", "mappings", _map),
    ("mappings/remove", "mappings", _unmap),
    ("mapped", "mappings", _going_on("enable")),
)
"""Each form: its address below `/setup`, the step that it is on, and what it does."""


def _form_handler(path: str, step: Step, work: Work) -> HTTPRouteHandler:
    async def handle(request: WebRequest) -> Response[Any]:
        opened = await _opened(request, is_form=True)
        if isinstance(opened, HTTPResponse):
            return to_litestar(opened)
        try:
            made = await work(opened)
        except (BadInput, Refused, Conflict, NotFound) as error:
            again = await _opened(request, typed=opened)  # the step may have changed something before it failed
            if isinstance(again, HTTPResponse):
                return to_litestar(again)
            return to_litestar(await _shown(request, again, step, problem=problem_of(error)))
        if isinstance(made, tuple):
            return to_litestar(await _shown(request, opened, step, more=made[1]))
        return redirect(opened.context.local(f"/setup?step={made}"))

    return post(f"/setup/{path}", name=f"setup-{path.replace('/', '-')}", status_code=303)(handle)


@post("/setup/enable", name="setup-enable", status_code=303)
async def enable(request: WebRequest) -> Response[Any]:
    """Enable the provider: the end of the set-up, and of its link."""
    opened = await _opened(request, is_form=True)
    if isinstance(opened, HTTPResponse):
        return to_litestar(opened)
    context = opened.context
    try:
        await provider.enable(opened.deps, opened.setup)
    except (Refused, Conflict) as error:
        return to_litestar(await _shown(request, opened, "enable", problem=problem_of(error)))
    except NotFound as error:  # another browser with the same link was faster
        return to_litestar(_refusal(request, error))
    LINK.forget(context)
    return redirect(context.local("/setup/done"))


async def _opened(request: WebRequest, *, is_form: bool = False, typed: Opened | None = None) -> Opened | HTTPResponse:
    """What the browser's link opens; the page that says that it opens nothing."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    if is_form:
        admit_own_form(context, request.scope)
    try:
        _, setup = await LINK.opened(
            deps, context, request.scope, lambda token: open_link(deps.database, tenant.id, token)
        )
    except NotFound as error:
        return _refusal(request, error)
    if typed is not None:
        return msgspec.structs.replace(typed, setup=setup)
    opened = Opened(deps=deps.setup, context=context, setup=setup, typed={}, several=())
    if not is_form:
        return opened
    try:
        require_shown(query_of(request).get("link"), str(setup.link.id))
    except Conflict as error:
        return await _shown(request, opened, setup.link.step, problem=problem_of(error))
    pairs = await form_pairs(request)
    several = tuple([value for name, value in pairs if name == "permission"])
    return msgspec.structs.replace(opened, typed=dict(pairs), several=several)


async def _shown(
    request: WebRequest, opened: Opened, step: Step, *, problem: Problem | None = None, more: View | None = None
) -> HTTPResponse:
    visit = msgspec.structs.replace(
        visit_of(request),
        step=step,
        reached=opened.setup.link.step,
        typed={name: value for name, value in opened.typed.items() if name != "client_secret"},
    )
    view = {**await view_of(step, opened.deps, opened.setup), **(more or {})}
    return show(step, visit, problem=problem, several=opened.several, link=opened.setup.link, **view)


def _refusal(request: WebRequest, error: NotFound) -> HTTPResponse:
    return show("ended", visit_of(request), status=404, code=error.code)


def setup_handlers() -> list[HTTPRouteHandler]:
    """Every page and form."""
    return [page, done, language, enable, link, *[_form_handler(*one) for one in _FORMS], *first_run_handlers()]
