"""Errors of the edge, and the one table that maps each error of the service to HTTP.

    HTTPRefusal         a request that breaks HTTP or a bound of this service: .status
    ├── Unauthenticated     401; says which credential, and whether the session's cookie is to be cleared
    └── TooManyRequests     429 with Retry-After

A program gets `application/problem+json` (RFC 9457) with a stable `code`, one sentence and the request's id; a browser
in a login gets a page with the same. Neither ever gets a traceback, a type or a provider's text.
"""

import math
from http import HTTPStatus
from typing import Final

from litestar.exceptions import HTTPException

from identity_api.errors import (
    BadInput,
    CannotWrite,
    Conflict,
    IdentityAPIError,
    NotFound,
    Overloaded,
    Refused,
    Unavailable,
)
from identity_api.http import HTTPResponse
from identity_api.oidc.errors import ProtocolError
from identity_api.sessions.errors import LoginFailed
from identity_api.telemetry import get_logger
from identity_api.upstream.errors import TargetRefused, UpstreamError
from identity_api.web.http.response import encode_json

_log = get_logger(__name__)


class HTTPRefusal(IdentityAPIError):
    """A request that is refused with this status and these headers."""

    def __init__(self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.headers = headers or {}


_UNAUTHENTICATED: Final = {
    ("Bearer", False): "Sign in first.",
    ("Bearer", True): "The session or token is not valid.",
    ("Basic", False): "Name and secret of a service client are missing.",
    ("Basic", True): "The service client's name or secret is wrong, or it has ended.",
}
"""By the scheme that is asked for, and whether a credential came."""


class Unauthenticated(HTTPRefusal):
    """No credential, or one that is not valid (RFC 6750 section 3)."""

    def __init__(self, *, code: str = "UNAUTHENTICATED", scheme: str = "Bearer", presented: bool = False) -> None:
        challenge = f'{scheme} realm="identity-api"'
        if presented and scheme == "Bearer":
            challenge += ', error="invalid_token"'
        super().__init__(401, code, _UNAUTHENTICATED[scheme, presented], headers={"WWW-Authenticate": challenge})


class TooManyRequests(HTTPRefusal):
    """A rate limit refused; `retry_after_seconds` says when the same request would be allowed."""

    def __init__(self, retry_after_seconds: float) -> None:
        wait = max(1, math.ceil(retry_after_seconds))
        super().__init__(
            429, "TOO_MANY_REQUESTS", f"Too many requests. Try again in {wait} s.", headers={"Retry-After": str(wait)}
        )


_BY_CLASS: Final[tuple[tuple[type[IdentityAPIError], int], ...]] = (
    (BadInput, 400),
    (Refused, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
    (TargetRefused, 502),
    (UpstreamError, 502),
    (ProtocolError, 400),
)
_ROUTING: Final = {
    404: ("NOT_FOUND", "There is nothing at this address."),
    405: ("METHOD_NOT_ALLOWED", "This address does not support this method."),
    413: ("BODY_TOO_LARGE", "The body is too large."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The body's content type is not supported here."),
}


class Problem:
    """An error in HTTP: status, stable code, a sentence for people, headers."""

    __slots__ = ("code", "headers", "message", "status")

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}

    def as_json(self, request_id: str) -> HTTPResponse:
        """The problem for a program."""
        body = {
            "status": self.status,
            "title": HTTPStatus(self.status).phrase,
            "code": self.code,
            "message": self.message,
            "request_id": request_id,
        }
        return HTTPResponse(
            self.status, {**self.headers, "content-type": "application/problem+json"}, encode_json(body)
        )


def problem_of(error: BaseException) -> Problem:
    """The HTTP form of an error. An unexpected error is logged here, once, and becomes a 500."""
    match error:
        case HTTPRefusal():
            return Problem(error.status, error.code, error.message, error.headers)
        case LoginFailed():
            headers = {"Retry-After": "5"} if error.status == 503 else {}
            return Problem(error.status, error.code, error.message, headers)
        case Unavailable():
            wait = str(max(1, error.retry_after_seconds))
            told = isinstance(error, (Overloaded, CannotWrite))
            sentence = error.message if told else "The service is not available for a moment."
            return Problem(503, error.code, sentence, {"Retry-After": wait})
        case IdentityAPIError():
            for kind, status in _BY_CLASS:
                if isinstance(error, kind):
                    return Problem(status, error.code, error.message)
        case TimeoutError():
            _log.warning("http.timed_out", exc_info=error)
            return Problem(503, "UNAVAILABLE", "The service is not available for a moment.", {"Retry-After": "1"})
        case HTTPException() if error.status_code < 500:
            return _routing_problem(error)
    _log.error("http.failed", exc_info=error)
    return Problem(500, "INTERNAL", "Something went wrong on our side. The request's id helps to find it.")


def _routing_problem(error: HTTPException) -> Problem:
    """A refusal of the framework. Its own texts quote the request, so they are replaced."""
    status = error.status_code
    code, message = _ROUTING.get(status, ("BAD_REQUEST", "The request is not understood."))
    allowed = [value for name, value in (error.headers or {}).items() if name.lower() == "allow"]
    return Problem(status if status in _ROUTING else 400, code, message, {"Allow": allowed[0]} if allowed else None)
