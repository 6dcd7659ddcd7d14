"""How an HTTP response is handed to the framework."""

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
    """JSON that nobody keeps."""
    return to_litestar(HTTPResponse(status, {"content-type": "application/json"}, encode_json(value)))


def redirect(location: str) -> Response[bytes]:
    """See other: the browser goes there with GET, whatever it came with."""
    return to_litestar(HTTPResponse(303, {"location": location}))
