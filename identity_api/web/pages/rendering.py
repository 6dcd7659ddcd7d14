"""Render pages: HTML that works without JavaScript, with everything escaped (Jinja2, autoescape) and one style file.

A text from a provider or a browser is shown only if it is a person's own data on their own page.
"""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, Literal

import jinja2
import msgspec
from markupsafe import Markup, escape

from identity_api.accounts.password_rules import MIN_LENGTH
from identity_api.accounts.second_factor import TOTPEnrolment
from identity_api.db.providers import Provider
from identity_api.http import HTTPResponse
from identity_api.sessions.errors import LoginFailed
from identity_api.web.http.errors import Problem
from identity_api.web.http.request_context import RequestContext
from identity_api.web.http.security_headers import FOLLOWS_CHANGES, LEADS_ELSEWHERE
from identity_api.web.pages.account import AccountView
from identity_api.web.pages.account_times import when
from identity_api.web.pages.icons import MARK, icon_address
from identity_api.web.pages.onboarding import ChecklistView
from identity_api.web.pages.qr_code import qr_code

_HTML: Final = "text/html; charset=utf-8"
_HEADINGS: Final = {
    401: "Please sign in",
    403: "You cannot go on here",
    404: "There is nothing here",
    429: "One moment, please",
    500: "Something went wrong",
    503: "Not available for a moment",
}
_LOGIN_HEADINGS: Final = {
    400: "The sign-in did not succeed",
    403: "You cannot sign in here",
    502: "The sign-in service has a problem",
    503: "The sign-in service has a problem",
    504: "The sign-in service does not answer",
}

STYLE: Final = (files("identity_api.web.pages") / "static" / "style.css").read_bytes()
STYLE_VERSION: Final = hashlib.sha256(STYLE).hexdigest()[:16]
ACCOUNT_SCRIPT: Final = (files("identity_api.web.pages") / "static" / "account.js").read_bytes()
ACCOUNT_SCRIPT_VERSION: Final = hashlib.sha256(ACCOUNT_SCRIPT).hexdigest()[:16]


def with_code(text: str) -> Markup:
    """A sentence of ours as HTML: what it has between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one has no end
        return escape(text)
    return Markup().join(
        [Markup("<code>{}</code>").format(one) if at % 2 else escape(one) for at, one in enumerate(parts)]
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("identity_api.web.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"when": when, "qr_code": qr_code, "with_code": with_code}
    environment.globals["mark"] = MARK
    environment.globals["style"] = f"/static/style.css?v={STYLE_VERSION}"
    environment.globals["account_script"] = f"/static/account.js?v={ACCOUNT_SCRIPT_VERSION}"
    return environment


_TEMPLATES: Final = _environment()


class Button(msgspec.Struct, frozen=True):
    """A way to sign in, on the login page."""

    label: str
    address: str
    icon: str | None

    @property
    def initial(self) -> str:
        """Stands in for an icon."""
        return self.label[:1].upper()


def button_of(provider: Provider, address: str) -> Button:
    """The button of a provider."""
    return Button(provider.label, address, icon_address(provider.icon))


class LocalForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the login page for a local password, or, where `held` is set, for the code that goes with one."""

    carried: Mapping[str, str]
    """Where the sign-in shall lead, as hidden fields."""
    username: str = ""
    problem: str | None = None
    held: str | None = None

    def __repr__(self) -> str:
        return "LocalForm()"


def login_page(
    context: RequestContext,
    buttons: Sequence[Button],
    *,
    notice: str | None = None,
    local: LocalForm | None = None,
    leave: Button | None = None,
    status: int = 200,
) -> HTTPResponse:
    """Ways to sign in: buttons, and a form where the tenant has passwords; and the way back to the frontend without it."""
    page = _page("login.html", context, buttons=buttons, notice=notice, local=local, leave=leave)
    headers = {**page.headers, "content-security-policy": LEADS_ELSEWHERE} if local is not None else page.headers
    return HTTPResponse(status, headers, page.body)


def password_page(
    context: RequestContext, username: str, *, problem: str | None = None, status: int = 200
) -> HTTPResponse:
    """The page on which somebody chooses a password with a one-time token."""
    page = _page("password.html", context, username=username, problem=problem, shortest=MIN_LENGTH)
    return HTTPResponse(status, page.headers, page.body)


def invitation_page(
    context: RequestContext,
    username: str,
    *,
    button: Button | None,
    by_password: bool,
    problem: str | None = None,
    status: int = 200,
) -> HTTPResponse:
    """The page of an invitation: a form for the first password, or the provider's button, which may be switched off."""
    page = _page(
        "invitation.html",
        context,
        username=username,
        button=button,
        by_password=by_password,
        problem=problem,
        shortest=MIN_LENGTH,
    )
    return HTTPResponse(status, page.headers, page.body)


def break_glass_page(context: RequestContext, *, problem: str | None = None, status: int = 200) -> HTTPResponse:
    """The page on which somebody types a break-glass code."""
    page = _page("break_glass.html", context, problem=problem)
    return HTTPResponse(status, page.headers, page.body)


class ProofForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form in which a signed-in person proves again who they are."""

    username: str
    carried: Mapping[str, str]
    """Where the proof shall lead, as hidden fields."""
    asks_code: bool
    problem: str | None


def proof_page(
    context: RequestContext,
    form: ProofForm | None,
    buttons: Sequence[Button],
    *,
    leave: Button,
    is_own: bool,
    status: int,
) -> HTTPResponse:
    """Ways to a new proof: the password, and providers that can authenticate their people again.

    Args:
        context: of the request.
        form: for the password; None for somebody without one.
        buttons: the providers.
        leave: the way back without a proof.
        is_own: a page of this service asked. Otherwise the policy lets the form redirect to a frontend's origin.
        status: of the answer.
    """
    page = _page("proof.html", context, form=form, buttons=buttons, leave=leave)
    headers = page.headers if is_own else {**page.headers, "content-security-policy": LEADS_ELSEWHERE}
    return HTTPResponse(status, headers, page.body)


class CredentialsView(msgspec.Struct, frozen=True):
    """What somebody has to sign in with here."""

    username: str
    has_password: bool
    has_second_factor: bool


class CredentialsProblem(msgspec.Struct, frozen=True):
    """Why an action was refused, shown beside its form."""

    form: Literal["password", "factor", "code"]
    field: str | None
    """The id of the field that is wrong, in that form."""
    text: str


def credentials_page(
    context: RequestContext,
    credentials: CredentialsView,
    *,
    notice: str | None,
    problem: CredentialsProblem | None,
    enrolment: TOTPEnrolment | None,
    confirms: bool = False,
) -> HTTPResponse:
    """One's own password and second factor, with forms to change them.

    Args:
        context: of the request.
        credentials: what there is.
        notice: what has been done.
        problem: why it has not.
        enrolment: a new second factor, to be shown once.
        confirms: ask for its code once more, without showing it again.
    """
    page = _page(
        "credentials.html",
        context,
        credentials=credentials,
        notice=notice,
        problem=problem,
        enrolment=enrolment,
        confirms=confirms,
        shortest=MIN_LENGTH,
    )
    return HTTPResponse(400 if problem else 200, page.headers, page.body)


def account_page(
    context: RequestContext,
    account: AccountView,
    credentials: CredentialsView | None = None,
    *,
    demo_provider: str | None = None,
) -> HTTPResponse:
    """The account page. A script keeps it up to date; without JavaScript it reloads itself.

    Args:
        context: of the request.
        account: the content.
        credentials: None where the tenant has no passwords.
        demo_provider: where the demo's people are changed; None outside the demo.
    """
    page = _page("account.html", context, account=account, credentials=credentials, demo_provider=demo_provider)
    return HTTPResponse(page.status, {**page.headers, "content-security-policy": FOLLOWS_CHANGES}, page.body)


def onboarding_page(context: RequestContext, checklist: ChecklistView) -> HTTPResponse:
    """The onboarding checklist: how far single sign-on has been set up."""
    page = _page("onboarding.html", context, checklist=checklist)
    return HTTPResponse(page.status, {**page.headers, "content-security-policy": LEADS_ELSEWHERE}, page.body)


def tested_page(context: RequestContext) -> HTTPResponse:
    """A test login has ended."""
    return _page("tested.html", context)


def error_page(context: RequestContext, problem: Problem, failed: LoginFailed | None) -> HTTPResponse:
    """A refusal for a person: what happened, what to do, and the request's id.

    Args:
        context: of the request.
        problem: the error to show.
        failed: the login that failed, if it was one: it says where to begin again.
    """
    onward = _onward(context, problem, failed)
    heading = _LOGIN_HEADINGS.get(problem.status) if failed else None
    heading = heading or _HEADINGS.get(problem.status, "That does not work here")
    page = _page("error.html", context, problem=problem, heading=heading, onward=onward)
    return HTTPResponse(problem.status, {**problem.headers, **page.headers}, page.body)


def _onward(context: RequestContext, problem: Problem, failed: LoginFailed | None) -> list[Button]:
    """Where a person goes from a refusal: to a new sign-in after a failed one, otherwise to the console or their account."""
    if failed is not None and failed.begin_again is not None:
        return [Button("Sign in again", failed.begin_again, None)]
    if context.tenant is None:
        return []
    if failed is not None:
        return [Button("Sign in again", context.local("/login?choose=1"), None)]
    if problem.status == 401:
        return [Button("Sign in", context.local("/login?choose=1"), None)]
    account = Button("Go to your account", context.local("/account"), None)
    return (
        [Button("Go to the console", context.local("/console"), None), account] if context.sees_console else [account]
    )


def _page(name: str, context: RequestContext, **values: Any) -> HTTPResponse:
    tenant = context.tenant.name if context.tenant else None
    html = _TEMPLATES.get_template(name).render(context=context, tenant_name=tenant, **values)
    return HTTPResponse(200, {"content-type": _HTML}, html.encode())
