"""Errors in the form of OAuth 2.0 (RFC 6749 section 5.2), at the endpoints for such clients.

The body has `error` and `error_description`, and also the members of every other problem: `code`, `message`, `status` and
`request_id`. RFC 7009 section 2.2.1 and RFC 7662 section 2.3 use the same form.
"""

import re
from typing import Final

from identity_api.http import HTTPResponse
from identity_api.sessions.login.frontend_errors import described
from identity_api.web.http.errors import Problem
from identity_api.web.http.response import encode_json

IS_OAUTH: Final = re.compile(r"(?:/t/[^/]+)?/v1/(?:auth/token|auth/revoke|introspect)")
_BY_CODE: Final = {
    "CODE_INVALID": "invalid_grant",
    "OTHER_PERSON": "invalid_grant",
    "CLIENT_MISMATCH": "unauthorized_client",
    "SCOPE_REQUIRED": "unauthorized_client",
    "UNSUPPORTED_GRANT_TYPE": "unsupported_grant_type",
    "UNSUPPORTED_TOKEN_TYPE": "unsupported_token_type",
}
_BY_STATUS: Final = {401: "invalid_client", 429: "temporarily_unavailable", 503: "temporarily_unavailable"}


def error_of(problem: Problem) -> str:
    """The error code of RFC 6749 (or of RFC 7009) that the problem is."""
    default = "server_error" if problem.status >= 500 else "invalid_request"
    return _BY_CODE.get(problem.code) or _BY_STATUS.get(problem.status, default)


def oauth_answer(problem: Problem, request_id: str) -> HTTPResponse:
    """The problem for a client of OAuth 2.0."""
    body = {
        "error": error_of(problem),
        "error_description": described(problem.message),
        "status": problem.status,
        "code": problem.code,
        "message": problem.message,
        "request_id": request_id,
    }
    return HTTPResponse(problem.status, {**problem.headers, "content-type": "application/json"}, encode_json(body))
