"""The pages of the first run: the first tenant, and then its first provider or its first local admin.

They are on the public host, where no tenant is.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, Conflict, NotFound
from identity_api.http import HTTPResponse
from identity_api.setup import first_run
from identity_api.setup.provider import SetupDeps
from identity_api.web.http.capability_links import CapabilityLink
from identity_api.web.http.errors import Problem, problem_of
from identity_api.web.http.origins import admit_own_form
from identity_api.web.http.parameters import WebRequest, deps_of, form_of
from identity_api.web.http.request_context import context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.setup.rendering import show, visit_of

_PATH: Final = "/setup/first"
LINK: Final = CapabilityLink(
    name="first-run", token_kind=first_run.KIND, page=_PATH, kept_seconds=3_600, ended=first_run.ended
)
Typed = dict[str, str]
Work = Callable[[SetupDeps, str, Typed], Awaitable[str]]
"""What a form does, with the link's token; where it leads."""


@get(f"{_PATH}/{{token:str}}", name="first-run-link")
async def link(request: WebRequest, token: FromPath[str]) -> Response[Any]:
    """The link."""
    try:
        return LINK.keep(context_of(request.scope), token)
    except NotFound as error:
        return to_litestar(_refusal(request, error))


@get(_PATH, name="first-run")
async def page(request: WebRequest) -> Response[Any]:
    """The step that is next."""
    found = await _opened(request)
    return to_litestar(found if isinstance(found, HTTPResponse) else _shown(request, found[1], {}))


async def _make_tenant(deps: SetupDeps, token: str, typed: Typed) -> str:
    await first_run.make_tenant(deps, token, typed.get("slug", "").strip(), typed.get("name", "").strip())
    return _PATH


async def _begin_provider(deps: SetupDeps, token: str, typed: Typed) -> str:
    return await first_run.begin_provider(deps, token, typed.get("slug", "").strip(), typed.get("label", "").strip())


async def _make_admin(deps: SetupDeps, token: str, typed: Typed) -> str:
    return await first_run.make_admin(deps, token, typed.get("username", ""))


_FORMS: Final[tuple[tuple[str, Work], ...]] = (
    ("tenant", _make_tenant),
    ("provider", _begin_provider),
    ("admin", _make_admin),
)


def _form_handler(path: str, work: Work) -> HTTPRouteHandler:
    async def handle(request: WebRequest) -> Response[Any]:
        context = context_of(request.scope)
        admit_own_form(context, request.scope)
        found = await _opened(request)
        if isinstance(found, HTTPResponse):
            return to_litestar(found)
        token, tenant = found
        typed = await form_of(request)
        try:
            address = await work(deps_of(request).setup, token, typed)
        except (BadInput, Conflict) as error:
            again = await _opened(request)
            tenant = None if isinstance(again, HTTPResponse) else again[1]
            return to_litestar(_shown(request, tenant, typed, problem=problem_of(error)))
        except NotFound as error:  # another browser was faster
            return to_litestar(_refusal(request, error))
        if address != _PATH:
            LINK.forget(context)
        return redirect(address)

    return post(f"{_PATH}/{path}", name=f"first-run-{path}", status_code=303)(handle)


async def _opened(request: WebRequest) -> tuple[str, Tenant | None] | HTTPResponse:
    """The link's token and tenant; the page that says that it does not work."""
    deps, context = deps_of(request), context_of(request.scope)
    try:
        return await LINK.opened(deps, context, request.scope, lambda token: first_run.tenant_of(deps.database, token))
    except NotFound as error:
        return _refusal(request, error)


def _shown(request: WebRequest, tenant: Tenant | None, typed: Typed, *, problem: Problem | None = None) -> HTTPResponse:
    name = "first_tenant" if tenant is None else "first_way"
    return show(name, visit_of(request, typed=typed), problem=problem, tenant=tenant)


def _refusal(request: WebRequest, error: NotFound) -> HTTPResponse:
    return show("first_ended", visit_of(request), status=404, code=error.code)


def first_run_handlers() -> list[HTTPRouteHandler]:
    """Every page and form of the first run."""
    return [link, page, *[_form_handler(*one) for one in _FORMS]]
