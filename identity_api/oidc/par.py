"""Pushed authorization requests: this service sends the request to the provider, the browser carries only its URI. RFC 9126.

So nobody in between can read or change the request. The `request_uri` is valid once, for seconds: the request is pushed
when the browser is about to leave, and pushed once more if the provider does not know the URI any more.
"""

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from identity_api.oidc.authorization import KNOWN_ERRORS, PROTECTED_PARAMETERS
from identity_api.oidc.client_auth import ClientAuthentication
from identity_api.oidc.documents import (
    MAX_URL_LENGTH,
    DocumentError,
    read_json_object,
    retry_after_seconds,
    seconds_of,
)
from identity_api.oidc.errors import InvalidPushedResponse, PushedRequestRefused, PushedRequestUnavailable
from identity_api.oidc.messages import Answer, Request
from identity_api.oidc.provider_error_text import words_in_answer
from identity_api.oidc.redirects import add_query
from identity_api.oidc.token_endpoint import MISCONFIGURATION_ERRORS, TEMPORARY_ERRORS, error_code, form_request

MAX_LIFETIME_SECONDS = 600
"""A whole login may take this long (I4); a longer lifetime has no use."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[\x21-\x7E]+")  # RFC 3986 section 3: a scheme and something
_KNOWN_ERRORS = KNOWN_ERRORS | MISCONFIGURATION_ERRORS | TEMPORARY_ERRORS


class PushedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the provider holds. `expires_in_seconds` counts from when the answer was received."""

    request_uri: str
    expires_in_seconds: int

    def __repr__(self) -> str:
        return f"PushedRequest(expires_in_seconds={self.expires_in_seconds})"


def pushed_authorization_request(
    endpoint: str, *, client: ClientAuthentication, parameters: Mapping[str, str], now: datetime
) -> Request:
    """Push a request (section 2.1). The client authenticates as at the token endpoint.

    Args:
        endpoint: `ProviderMetadata.pushed_authorization_request_endpoint`.
        parameters: from `authorization.authorization_parameters`.
        now: aware UTC time, for a client that authenticates with a JWT.
    """
    return form_request(endpoint, client, dict(parameters), now)


def read_pushed_response(answer: Answer, now: datetime) -> PushedRequest:
    """The name of the pushed request (section 2.2). 200 counts like 201, since some providers answer so.

    Raises:
        PushedRequestRefused: a 4xx answer; `.error` is known to us or `other`.
        PushedRequestUnavailable: 5xx, 429, or a redirect, which is not followed.
        InvalidPushedResponse: 2xx without a usable `request_uri` or `expires_in`; `.claim` names it.
    """
    if answer.status == 429 or not 200 <= answer.status < 500 or 300 <= answer.status < 400:
        wait_seconds = retry_after_seconds(answer.headers.get("retry-after"), now)
        raise PushedRequestUnavailable(status=answer.status, retry_after_seconds=wait_seconds)
    if answer.status >= 400:
        message = "The provider did not accept the pushed request."
        error, said = error_code(answer, _KNOWN_ERRORS), words_in_answer(answer)
        raise PushedRequestRefused(message, status=answer.status, error=error, said=said)
    try:
        document = read_json_object(answer.body)
    except DocumentError as error:
        message = f"The provider's answer to a pushed request is {error}."
        raise InvalidPushedResponse(message, status=answer.status) from error
    request_uri = document.get("request_uri")
    if not isinstance(request_uri, str) or len(request_uri) > MAX_URL_LENGTH or not _URI.fullmatch(request_uri):
        raise _unusable(answer, "request_uri")
    lifetime_seconds = seconds_of(document.get("expires_in"), at_most=MAX_LIFETIME_SECONDS)
    if not lifetime_seconds:
        raise _unusable(answer, "expires_in")
    return PushedRequest(request_uri=request_uri, expires_in_seconds=lifetime_seconds)


def pushed_authorization_url(endpoint: str, *, client_id: str, pushed: PushedRequest) -> str:
    """The URL to send the browser to (section 4): `client_id` and `request_uri`, and no other parameter of this
    service.

    Args:
        endpoint: the authorization endpoint; its own query is kept.

    Raises:
        InvalidMetadata: the endpoint's own query sets a protected parameter.
    """
    parameters = {"client_id": client_id, "request_uri": pushed.request_uri}
    return add_query(endpoint, parameters, ours=PROTECTED_PARAMETERS, blame="authorization_endpoint")


def _unusable(answer: Answer, name: str) -> InvalidPushedResponse:
    message = f"The provider's answer to a pushed request has no usable {name}."
    return InvalidPushedResponse(message, status=answer.status, claim=name)
