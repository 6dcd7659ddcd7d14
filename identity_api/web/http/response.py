"""HTTP responses, and their conversion for the framework."""

from typing import Final

import msgspec
from litestar import Response

from identity_api.http import HTTPResponse

encode_json: Final = msgspec.json.Encoder(order="deterministic").encode


def to_litestar(response: HTTPResponse) -> Response[bytes]:
    """For a handler of the framework."""
    # The content type travels with the other headers: the framework would add a second charset to it.
    return Response(response.body, status_code=response.status, headers=response.headers)


def json_response(value: object, status: int = 200) -> Response[bytes]:
    """A JSON response that must not be cached."""
    return to_litestar(HTTPResponse(status, {"content-type": "application/json"}, encode_json(value)))


def redirect(location: str) -> Response[bytes]:
    """303 See Other: the browser goes there with GET, whatever the method of the request."""
    return to_litestar(HTTPResponse(303, {"location": location}))
