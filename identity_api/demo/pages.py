"""The demo provider's pages as responses: templates, and the headers that keep other sites out of them."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.response import Redirect

from identity_api.demo.authorization import AuthorizationRequest, answer_url
from identity_api.demo.errors import ReturnAddress
from identity_api.demo.people import People

FOLDER = Path(__file__).parent / "templates"

_templates = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True)

_SUBMIT = "document.forms[0].submit()"
_SUBMIT_HASH = b64encode(hashlib.sha256(_SUBMIT.encode()).digest()).decode()

# No form-action here: browsers apply it to the redirect after a form too, and sign-in ends with one to the client.
_POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    # Not no-referrer: browsers would then send `Origin: null` with this provider's own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def page(template: str, *, status: int = 200, policy: str = _POLICY, **values: Any) -> Response[str]:
    """A page of the demo provider. The template escapes every value."""
    return Response(
        _templates.get_template(template).render(**values),
        status_code=status,
        media_type=MediaType.HTML,
        headers={**_HEADERS, "Content-Security-Policy": policy},
    )


def sign_in_page(request: AuthorizationRequest, people: People) -> Response[str]:
    """Everybody as a button; the person of the `login_hint` comes first and has the focus."""
    hinted = people.hinted(request.login_hint)
    everyone = sorted(people.all(), key=lambda person: person.username != hinted)
    return page(
        "sign_in.html",
        people=everyone,
        removed={person.username for person in everyone if people.is_removed(person.username)},
        hinted=hinted,
        client_id=request.client.client_id,
        # One field, so that no parameter of the client can pass for one of the demo provider's.
        request=urlencode(request.parameters),
    )


def people_page(
    people: People, *, notice: str | None = None, problem: str | None = None, draft: tuple[str, str] = ("", "")
) -> Response[str]:
    """The table of people. `draft` is (username, text) of groups that could not be read, shown again for correction."""
    return page(
        "people.html",
        status=400 if problem else 200,
        policy=f"{_POLICY}; form-action 'self'",
        people=people.all(),
        removed={person.username for person in people.all() if people.is_removed(person.username)},
        notice=notice,
        problem=problem,
        draft=draft,
    )


def message_page(title: str, message: str, *, status: int = 200) -> Response[str]:
    return page("message.html", status=status, title=title, message=message)


def authorization_response(address: ReturnAddress, answer: Mapping[str, str]) -> Response[Any]:
    """The answer to the client: a redirect, or a form that posts itself (Form Post Response Mode section 2)."""
    if address.response_mode == "form_post":
        policy = f"{_POLICY}; script-src 'sha256-{_SUBMIT_HASH}'"
        return page("form_post.html", policy=policy, action=address.redirect_uri, answer=answer, script=_SUBMIT)
    # 303: a browser must not post the choice of person on to the client (RFC 9700 section 4.12).
    return Redirect(answer_url(address, answer), status_code=303, headers={"Cache-Control": "no-store"})
