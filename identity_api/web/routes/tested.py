"""Where a test login's browser ends. The page says nothing of the test: the report is for whoever began it."""

from typing import Any

from litestar import Response, get

from identity_api.sessions.rehearse import ENDED_PATH
from identity_api.web.facts import facts_of
from identity_api.web.pages import tested_page
from identity_api.web.requests import WebRequest


@get(ENDED_PATH, name="tested", sync_to_thread=False)
def tested(request: WebRequest) -> Response[Any]:
    """On the host that the redirect URL is on, which may be no tenant's."""
    return tested_page(facts_of(request.scope)).to_response()
