"""Renders the set-up pages: every value is escaped (Jinja2, autoescape), and no script or style is inline."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import jinja2
import msgspec

from identity_api.db.setup_links import Step
from identity_api.diagnostics import explain_finding
from identity_api.http import HTTPResponse
from identity_api.setup.provider import NO_GROUPS, STEPS
from identity_api.setup.vendors import OTHER
from identity_api.web.console.rendering import POLICY, VERSIONS
from identity_api.web.console.routes import LANGUAGE_COOKIE
from identity_api.web.console.texts import Texts, catalogue_of, choose
from identity_api.web.http import cookies, headers
from identity_api.web.http.errors import Problem
from identity_api.web.http.parameters import WebRequest
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.pages.icons import MARK
from identity_api.web.pages.rendering import STYLE_VERSION
from identity_api.web.setup.vendor_steps import steps_of

CATALOGUE: Final = catalogue_of("identity_api.web.setup")
_SCRIPT: Final = "console.js"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("identity_api.web.setup"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "mark": MARK,
        "style": f"/static/style.css?v={STYLE_VERSION}",
        "script": f"/static/console/{_SCRIPT}?v={VERSIONS[_SCRIPT]}",
        "languages": tuple(CATALOGUE),
        "no_groups": NO_GROUPS,
        "steps_of": steps_of,
        "other": OTHER,
        "explain_finding": explain_finding,
    }
    return environment


_TEMPLATES: Final = _environment()


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """The context of a page, besides what it shows."""

    context: RequestContext
    texts: Texts
    step: Step | None = None
    """Of the page; None for a page that is none of the steps."""
    reached: Step = "vendor"
    typed: Mapping[str, str] = {}
    """Fields as they were sent, without a secret."""


def visit_of(request: WebRequest, *, typed: Mapping[str, str] | None = None) -> Visit:
    """The context of a page that is none of the steps."""
    chosen = cookies.cookies_of(request.scope).get(LANGUAGE_COOKIE)
    texts = choose(headers.first(request.scope, b"accept-language"), chosen, CATALOGUE)
    return Visit(context=context_of(request.scope), texts=texts, typed=typed or {})


def show(name: str, visit: Visit, *, problem: Problem | None = None, status: int = 200, **view: Any) -> HTTPResponse:
    """The page of this name.

    Args:
        name: of the template.
        visit: the context.
        problem: why the form failed.
        status: of the answer, if nothing failed.
        view: what the template shows.
    """
    context = visit.context
    html = _TEMPLATES.get_template(f"{name}.html").render(
        view,
        t=visit.texts,
        local=context.local,
        # A browser keeps the link that it opened last; a form says of which one its page was.
        form=lambda path: context.local(path) + (f"?link={view['link'].id}" if "link" in view else ""),
        tenant_name=context.tenant.name if context.tenant else None,
        step=visit.step,
        steps=STEPS,
        reached=STEPS.index(visit.reached),
        typed=defaultdict(str, visit.typed),
        problem=problem,
    )
    headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": POLICY}
    return HTTPResponse(problem.status if problem else status, headers, html.encode())
