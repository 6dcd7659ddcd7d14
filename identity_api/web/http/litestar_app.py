"""Build the web edge: the framework's routes inside, the common steps of every request around them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from litestar import Litestar, Response
from litestar.datastructures import State

from identity_api.web.console.routes import console_handlers
from identity_api.web.deps import WebDeps
from identity_api.web.http.http_application import HTTPApplication, render_error
from identity_api.web.http.parameters import WebRequest
from identity_api.web.http.request_context import context_of
from identity_api.web.http.response import to_litestar
from identity_api.web.routes import (
    authorize,
    break_glass,
    callback,
    credentials,
    health,
    invitation,
    local,
    login,
    oauth,
    onboarding,
    password,
    provider_keys,
    provider_logout,
    reauthenticate,
    session,
    test_login,
    third_party_login,
    v1,
)
from identity_api.web.setup.routes import setup_handlers

Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]

_HANDLERS = (
    login.root,
    login.login,
    login.provider_login,
    login.launch_login,
    local.local_login,
    reauthenticate.reauthenticate_page,
    reauthenticate.reauthenticate_by_password,
    password.open_link,
    password.choose,
    password.chosen,
    invitation.open_invitation,
    invitation.invitation,
    invitation.invitation_login,
    invitation.invitation_password,
    break_glass.break_glass,
    break_glass.break_glass_used,
    callback.callback,
    callback.callback_form,
    callback.complete_login,
    v1.api_login,
    v1.me,
    v1.check,
    v1.openapi,
    authorize.authorize,
    authorize.metadata,
    authorize.metadata_of_prefix,
    oauth.exchange_code,
    oauth.revoke_token,
    oauth.introspect_token,
    session.account,
    session.account_version,
    credentials.credentials,
    credentials.password_changed,
    credentials.second_factor_begun,
    credentials.second_factor_confirmed,
    credentials.second_factor_removed,
    onboarding.onboarding,
    session.end_session,
    session.sign_out,
    session.leave,
    session.signed_out,
    test_login.tested,
    provider_keys.provider_keys,
    provider_logout.backchannel_logout,
    provider_logout.frontchannel_logout,
    third_party_login.initiate,
    third_party_login.initiate_form,
    health.live,
    health.ready,
    health.metrics,
    health.style,
    health.account_script,
)


def build_web(deps: WebDeps, *, lifespan: Lifespan | None = None) -> HTTPApplication:
    """The web edge as an ASGI application.

    Args:
        deps: of the edge; `lifespan` opens what must be opened.
        lifespan: entered when the server starts, left when it stops.
    """
    routes = Litestar(
        route_handlers=[*_HANDLERS, *console_handlers(), *setup_handlers(), *deps.handlers],
        exception_handlers={Exception: _render},
        state=State({"deps": deps}),
        lifespan=[lifespan] if lifespan else [],
        openapi_config=None,
        logging_config=None,
        # Bounded at the edge, for the framework's routes and the GraphQL endpoint alike.
        request_max_body_size=None,
    )
    return HTTPApplication(routes, deps)


def _render(request: WebRequest, error: Exception) -> Response[Any]:
    return to_litestar(render_error(context_of(request.scope), error))
