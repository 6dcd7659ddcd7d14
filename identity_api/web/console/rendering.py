"""Renders the pages of the console: every value is escaped (Jinja2, autoescape), and no script or style is inline."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
import msgspec
from markupsafe import Markup

from identity_api.db.audit import UNTOLD
from identity_api.diagnostics import explain_failure, explain_finding
from identity_api.http import HTTPResponse
from identity_api.providers.presets import PRESETS
from identity_api.web.console.asking import Problem
from identity_api.web.console.charts import bars, shares
from identity_api.web.console.pages import Page, navigation
from identity_api.web.console.provider_forms import SETTINGS
from identity_api.web.console.rules import SEVERAL, whole_number
from identity_api.web.console.texts import CATALOGUE, Texts
from identity_api.web.http.request_context import RequestContext
from identity_api.web.http.security_headers import CONTENT_SECURITY_POLICY
from identity_api.web.pages.icons import MARK
from identity_api.web.pages.rendering import STYLE_VERSION

POLICY: Final = f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'"
"""Scripts call only this service's origin; forms post only to it."""

UNSHOWN_DETAILS: Final = UNTOLD | {"change_set", "events"}
"""Details of an event that say nothing to people here: also what holds a set together."""
UNSHOWN_SETTINGS: Final = frozenset(("version", "managed_by", "open", "live"))
"""Changes that say nothing to people: what the name of the action says already."""
TOLD_ONCE: Final = ("done", "made", "changed", "undo")
"""What a form has led to, how many it has made and changed, and the event by which it is undone."""
_ONCE: Final = (*TOLD_ONCE, "digest", "reason", "id")
SCRIPTS: Final = {
    name: (files("identity_api.web.console") / "static" / name).read_bytes() for name in ("htmx.min.js", "console.js")
}
VERSIONS: Final = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in SCRIPTS.items()}


def when(moment: str | None) -> Markup:
    """A moment from the API, for people: in UTC, and in the reader's time zone if the script runs."""
    if moment is None:
        return Markup('<span class="muted">-</span>')
    at = datetime.fromisoformat(moment).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(moment, f"{at:%Y-%m-%d %H:%M} UTC")


def listed(value: str) -> str:
    """A value of an event; a list of texts without the signs of JSON."""
    try:
        found = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
    return ", ".join(found) if isinstance(found, list) and all(isinstance(one, str) for one in found) else value


def without(given: Mapping[str, str], *names: str) -> dict[str, str]:
    """The given values, without these names, empty ones and what is told once: for an address that changes one value."""
    return {name: value for name, value in given.items() if value and name not in names and name not in TOLD_ONCE}


def with_several(given: Mapping[str, str], **changed: str) -> list[tuple[str, str]]:
    """The given and the changed values; each value of a repeated field is a pair of its own."""
    return carried({**without(given, *_ONCE), **changed}, *without(given, *_ONCE), *changed)


def carried(given: Mapping[str, str], *names: str) -> list[tuple[str, str]]:
    """These fields as they were given, for a form or an address that passes them on."""
    wanted = dict.fromkeys(names)
    return [(name, part) for name in wanted for part in lines(given.get(name, ""))]


def whole(given: Mapping[str, str], *names: str) -> list[tuple[str, str]]:
    """These fields as they were given, with their lines."""
    return [(name, given[name]) for name in names if given.get(name)]


def lines(value: str) -> list[str]:
    """The values of a field that may be given several times."""
    return [part for part in value.split(SEVERAL) if part]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("identity_api.web.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "mark": MARK,
        "style": f"/static/style.css?v={STYLE_VERSION}",
        "scripts": [f"/static/console/{name}?v={version}" for name, version in VERSIONS.items()],
        "languages": tuple(CATALOGUE),
    }
    environment.globals |= {
        "without": without,
        "with_several": with_several,
        "carried": carried,
        "lines": lines,
        "whole": whole,
    }
    environment.globals |= {"unshown_details": UNSHOWN_DETAILS, "unshown_settings": UNSHOWN_SETTINGS}
    environment.globals |= {
        "presets": PRESETS,
        "settings": SETTINGS,
        "explain_finding": explain_finding,
        "explain_failure": explain_failure,
    }
    environment.globals |= {"bars": bars, "shares": shares}
    environment.filters |= {"when": when, "query": urlencode, "listed": listed}
    return environment


_TEMPLATES: Final = _environment()


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """The context of a page, besides its data."""

    context: RequestContext
    texts: Texts
    permissions: frozenset[str]
    username: str
    given: Mapping[str, str]
    """Parts of the address and fields of a form, as they were given."""
    address: str
    """The address of this page, with its query: where a step-up or a change of language returns."""


def show(page: Page, visit: Visit, data: Mapping[str, Any], *, problem: Problem | None = None) -> HTTPResponse:
    """The page with its data.

    Args:
        page: which.
        visit: the user, and what they requested.
        data: the answer of the API.
        problem: why the form failed.
    """
    return _rendered(f"{page.name}.html", page, visit, data, problem=problem)


def show_refusal(page: Page, visit: Visit, problem: Problem, headers: Mapping[str, str]) -> HTTPResponse:
    """Why the page cannot be shown, within the console.

    Args:
        page: which.
        visit: the user, and what they requested.
        problem: why.
        headers: what the refusal says to the browser.
    """
    shown = _rendered("_refused.html", page, visit, {"request_id": visit.context.request_id}, problem=problem)
    return HTTPResponse(shown.status, {**headers, **shown.headers}, shown.body)


def _rendered(
    template: str, page: Page, visit: Visit, data: Mapping[str, Any], *, problem: Problem | None
) -> HTTPResponse:
    text, context = visit.texts, visit.context
    done = f"done.{visit.given.get('done', '')}"
    html = _TEMPLATES.get_template(template).render(
        data,
        t=text,
        page=page,
        navigation=navigation(visit.permissions),
        local=context.local,
        tenant_name=context.tenant.name if context.tenant else None,
        may=visit.permissions.__contains__,
        username=visit.username,
        given=defaultdict(str, visit.given),
        address=visit.address,
        notice=text(done, **_counted(visit.given)) if text.has(done) else None,
        problem=problem,
        step_up=_step_up(problem, visit.address),
    )
    headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": POLICY}
    return HTTPResponse(problem.status if problem else 200, headers, html.encode())


def _counted(given: Mapping[str, str]) -> dict[str, int]:
    return {name: whole_number(given.get(name)) for name in ("made", "changed")}


def _step_up(problem: Problem | None, address: str) -> str | None:
    """The URL of the step-up, which returns to this page."""
    if problem is None or problem.step_up_url is None:
        return None
    return f"{problem.step_up_url}?{urlencode({'return_to': address})}"
