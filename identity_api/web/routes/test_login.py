"""The last page of a test login. It does not show the report, which is for the person who began the test."""

from typing import Any

from litestar import Response, get

from identity_api.sessions.login.dry_run import ENDED_PATH
from identity_api.web.http.parameters import WebRequest
from identity_api.web.http.request_context import context_of
from identity_api.web.http.response import to_litestar
from identity_api.web.pages.rendering import tested_page


@get(ENDED_PATH, name="tested", sync_to_thread=False)
def tested(request: WebRequest) -> Response[Any]:
    """On the host of the redirect URL, which may belong to no tenant."""
    return to_litestar(tested_page(context_of(request.scope)))
