"""One handler for every page and every form of the console.

A form is a POST with the session's cookie, which only a page of this service can send (`web.http.origins`). The page
that it redirects to shows the result, so that going back or reloading repeats nothing.
"""

from collections.abc import Coroutine, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from litestar import Response, get, post, route
from litestar.handlers import HTTPRouteHandler

from identity_api.db.audit_origin import Origin, changes_come_from
from identity_api.errors import IdentityAPIError, NotFound, Refused, Unavailable
from identity_api.http import HTTPResponse
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.login.deps import Cookie
from identity_api.sessions.login.return_to import own_path
from identity_api.web.console.asking import Problem, ask, problem_of, told
from identity_api.web.console.exporting import MOST, PAGE, as_csv, mappings_as_csv
from identity_api.web.console.forms import FORMS, Form
from identity_api.web.console.pages import BY_NAME, PAGES, Page, audit_filter, navigation
from identity_api.web.console.rendering import SCRIPTS, TOLD_ONCE, VERSIONS, Visit, show, show_refusal
from identity_api.web.console.rules import SEVERAL
from identity_api.web.console.texts import CATALOGUE, choose
from identity_api.web.http import authentication, cookies, headers
from identity_api.web.http.change_reason import checked
from identity_api.web.http.errors import HTTPRefusal, Unauthenticated
from identity_api.web.http.errors import problem_of as http_problem_of
from identity_api.web.http.parameters import WebRequest, deps_of, form_pairs, pairs_of, query_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import redirect, to_litestar

LANGUAGE_COOKIE: Final = "language"
_NOT_IN_ADDRESS: Final = frozenset((*TOLD_ONCE, "digest", "reason", "table", "client_secret"))
"""Values that are shown once, are too long, or are secret."""
_PREVIEWS: Final = {"previews": "preview", "deletes": "deletion"}
"""The variables that ask for previews, and the fields that have them."""
_YEAR_SECONDS: Final = 31_536_000
_MEDIA_TYPE: Final = "text/javascript; charset=utf-8"


@route("/console", http_method=["GET", "HEAD"], name="console")
async def console(request: WebRequest) -> Response[Any]:
    """Redirect to the first page in this user's navigation."""
    context = context_of(request.scope)
    found = await _optional(request)
    if found is None:
        return _to_login(request)
    for page in navigation(found.permissions):
        return redirect(context.local(page.path))
    raise Refused("The console is for admins; you hold no permission for it.")


@post("/console/language", name="console-language", status_code=303)
async def choose_language(request: WebRequest) -> Response[Any]:
    """Keep a language for this browser."""
    context = context_of(request.scope)
    await _required(request)
    typed = dict(await form_pairs(request))
    back = own_path(typed.get("return_to", context.local("/console")))
    language = typed.get("language")
    if language not in CATALOGUE:
        raise NotFound("There is no such language.")
    kept = Cookie(name=LANGUAGE_COOKIE, value=language, max_age_seconds=_YEAR_SECONDS, secure=context.scheme == "https")
    context.set_cookies.append(cookies.set_cookie(kept))
    return redirect(back)


@get("/static/console/{name:str}", name="console-script")
async def script(request: WebRequest) -> Response[Any]:
    """A script of the console."""
    name = request.path_params["name"]
    if name not in SCRIPTS:
        raise NotFound("There is nothing at this address.")
    is_versioned = query_of(request).get("v") == VERSIONS[name]
    caching = "public, max-age=31536000, immutable" if is_versioned else "no-cache"
    return to_litestar(HTTPResponse(200, {"content-type": _MEDIA_TYPE, "cache-control": caching}, SCRIPTS[name]))


@get("/console/audit.csv", name="console-audit-export")
async def export_audit(request: WebRequest) -> Response[Any]:
    """The audit that the page shows, as a file; at most `MOST` events, the newest."""
    found = await _optional(request)
    if found is None:
        return _to_login(request)
    wanted = audit_filter(_typed(pairs_of(request.scope["query_string"])))
    return _file("audit.csv", as_csv(await _all_of(request, found, "audit", "auditEvents", filter=wanted)))


@get("/console/mappings.csv", name="console-mappings-export")
async def export_mappings(request: WebRequest) -> Response[Any]:
    """Every mapping, as the table that an import takes."""
    found = await _optional(request)
    if found is None:
        return _to_login(request)
    return _file("mappings.csv", mappings_as_csv(await _all_of(request, found, "mappings", "groupMappings")))


async def _required(request: WebRequest) -> Authenticated:
    """As `authentication.require`; an error page then leads back to what the console still shows this user."""
    found = await authentication.require(deps_of(request), request.scope)
    context_of(request.scope).sees_console = bool(navigation(found.permissions))
    return found


async def _optional(request: WebRequest) -> Authenticated | None:
    """The same for who may not be signed in."""
    try:
        return await _required(request)
    except Unauthenticated:
        return None


async def _all_of(
    request: WebRequest, found: Authenticated, document: str, field: str, **variables: Any
) -> list[dict[str, Any]]:
    """The nodes of a list, page by page; at most `MOST`.

    Raises:
        HTTPRefusal: the filter names nothing.
    """
    nodes: list[dict[str, Any]] = []
    after: str | None = None
    while len(nodes) < MOST:
        data = await ask(
            deps_of(request), context_of(request.scope), found, document, {"first": PAGE, "after": after, **variables}
        )
        if data["refused"] is not None:
            raise HTTPRefusal(404, data["refused"].code, data["refused"].message)
        nodes += [edge["node"] for edge in data[field]["edges"]]
        after = data[field]["pageInfo"]["endCursor"]
        if not data[field]["pageInfo"]["hasNextPage"]:
            break
    return nodes


def _file(name: str, content: bytes) -> Response[Any]:
    lines = {"content-type": "text/csv; charset=utf-8", "content-disposition": f'attachment; filename="{name}"'}
    return to_litestar(HTTPResponse(200, lines, content))


def _page_handler(page: Page) -> HTTPRouteHandler:
    async def handle(request: WebRequest) -> Response[Any]:
        found = await _optional(request)
        if found is None:
            return _to_login(request)
        query = _typed(pairs_of(request.scope["query_string"]))
        return to_litestar(await _told(request, found, page, _shown(request, found, page, query)))

    return route(page.path, http_method=["GET", "HEAD"], name=f"console-{page.name}")(handle)


def _preview_handler(page: Page) -> HTTPRouteHandler:
    async def handle(request: WebRequest) -> Response[Any]:
        found = await _required(request)
        typed = _typed(await form_pairs(request))
        return to_litestar(await _told(request, found, page, _shown(request, found, page, typed)))

    return post(page.path, name=f"console-{page.name}-preview", status_code=200)(handle)


def _form_handler(form: Form) -> HTTPRouteHandler:
    async def handle(request: WebRequest) -> Response[Any]:
        context, page = context_of(request.scope), BY_NAME[form.page]
        found = await _required(request)
        typed = _typed(await form_pairs(request))
        answer, problem = await _sent(request, found, form, typed)
        if problem is not None or form.leads_to is None:
            shown = _shown(request, found, page, typed, answer=answer, problem=problem)
            return to_litestar(await _told(request, found, page, shown))
        outcome = answer["outcome"]
        made = {} if form.made is None else {"made": outcome[form.made[0]][form.made[1]]}
        once = urlencode({"done": form.name, **form.told(outcome)})
        return redirect(context.local(f"{_filled(form.leads_to, {**request.path_params, **made})}?{once}"))

    return post(form.path, name=f"console-{form.name}", status_code=303)(handle)


async def _sent(
    request: WebRequest, found: Authenticated, form: Form, typed: Mapping[str, str]
) -> tuple[dict[str, Any], Problem | None]:
    """The answer to a form, and why it was not done: also that a part of the service does not answer."""
    context = context_of(request.scope)
    try:
        with changes_come_from(Origin(context.request_id, context.address, checked(typed.get("reason", "")))):
            variables = form.variables({**typed, **request.path_params})
            answer = await ask(deps_of(request), context, found, form.document, variables)
    except IdentityAPIError as error:
        return {}, told(error)
    return answer, problem_of(answer)


async def _told(
    request: WebRequest, found: Authenticated, page: Page, shown: Coroutine[Any, Any, HTTPResponse]
) -> HTTPResponse:
    """The page; if it cannot be shown, a page of the console that says why, to whom the console shows anything."""
    try:
        return await shown
    except IdentityAPIError as error:
        if not navigation(found.permissions):
            raise
        return show_refusal(
            page, _visit(request, found, page, request.path_params), told(error), http_problem_of(error).headers
        )


def _visit(request: WebRequest, found: Authenticated, page: Page, given: Mapping[str, str]) -> Visit:
    context = context_of(request.scope)
    return Visit(
        context=context,
        texts=choose(
            headers.first(request.scope, b"accept-language"), cookies.cookies_of(request.scope).get(LANGUAGE_COOKIE)
        ),
        permissions=found.permissions,
        username=found.user.username,
        given=given,
        address=_address(context, page, given, request.path_params),
    )


async def _shown(
    request: WebRequest,
    found: Authenticated,
    page: Page,
    values: Mapping[str, str],
    *,
    answer: Mapping[str, Any] | None = None,
    problem: Problem | None = None,
) -> HTTPResponse:
    """The page; after a POST of its form, with the result or the problem."""
    given = {name: value for name, value in values.items() if value} | request.path_params
    data = await _data(request, found, page, page.variables(given))
    return show(page, _visit(request, found, page, given), {**(answer or {}), **data}, problem=problem)


async def _data(request: WebRequest, found: Authenticated, page: Page, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows. A preview that takes too long is refused like any other, and the page keeps what was typed."""
    deps, context = deps_of(request), context_of(request.scope)
    try:
        return await ask(deps, context, found, page.name, variables)
    except (HTTPRefusal, Unavailable) as error:
        late, previews = told(error), [name for name in _PREVIEWS if variables.get(name)]
        if not previews or late.status != 503:
            raise
        data = await ask(deps, context, found, page.name, {**variables, **dict.fromkeys(previews, False)})
        return {**data, **{_PREVIEWS[name]: None for name in previews}, "refused": late}


def _address(context: RequestContext, page: Page, given: Mapping[str, str], parts: Mapping[str, str]) -> str:
    """The page's own address with the given values, also after a POST of a form to another address."""
    path = _filled(page.path.replace(":str}", "}"), parts)
    kept = {name: value for name, value in given.items() if name not in parts and name not in _NOT_IN_ADDRESS}
    query = urlencode([(name, part) for name, value in kept.items() for part in value.split(SEVERAL)])
    return context.local(path) + (f"?{query}" if query else "")


def _filled(path: str, parts: Mapping[str, str]) -> str:
    return path.format_map({name: quote(value, safe="") for name, value in parts.items()})


def _to_login(request: WebRequest) -> Response[Any]:
    """Redirect to the login page, and back to this address afterwards. A script redirects the browser itself."""
    context = context_of(request.scope)
    query = request.scope["query_string"].decode("latin-1")
    here = context.path + (f"?{query}" if query else "")
    login = f"{context.local('/login')}?{urlencode({'return_to': here})}"
    if headers.first(request.scope, b"hx-request") is not None:
        return to_litestar(HTTPResponse(200, {"hx-redirect": login}))
    return redirect(login)


def _typed(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The fields that are not empty; repeated values are joined by line ends."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if value:
            found[name] = found[name] + SEVERAL + value if name in found else value
    return found


def console_handlers() -> list[HTTPRouteHandler]:
    """Every page and form."""
    pages = [_page_handler(page) for page in PAGES]
    pages += [_preview_handler(page) for page in PAGES if page.is_posted]
    return [
        console,
        choose_language,
        script,
        export_audit,
        export_mappings,
        *pages,
        *[_form_handler(form) for form in FORMS],
    ]
