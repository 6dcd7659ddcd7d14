"""Read the parameters of a request: query, form or JSON, each parameter once.

A parameter that comes twice is refused: two parsers that choose differently are a vulnerability (RFC 6749 section 3.1
forbids it as well).
"""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from identity_api.errors import BadInput
from identity_api.web.deps import WebDeps
from identity_api.web.http import headers
from identity_api.web.http.errors import HTTPRefusal

WebRequest = Request[Any, Any, Any]
Shape = TypeVar("Shape", bound=msgspec.Struct)

FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 50


def deps_of(request: WebRequest) -> WebDeps:
    """The edge's parts, which the application was built with."""
    deps: WebDeps = request.app.state.deps
    return deps


def pairs_of(encoded: bytes) -> list[tuple[str, str]]:
    """Decoded parameters in order, doubles included.

    Raises:
        BadInput: not UTF-8, or more than 50 parameters.
    """
    try:
        text = encoded.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise BadInput("The parameters cannot be read.", code="PARAMETERS_INVALID") from None


def query_of(request: WebRequest) -> dict[str, str]:
    """The query's parameters.

    Raises:
        BadInput: `PARAMETERS_INVALID`, also for one that comes twice.
    """
    return query_parameters(request.scope["query_string"])


def query_parameters(query_string: bytes) -> dict[str, str]:
    """The parameters of a raw query, each once. Raises as `query_of` does."""
    return _once(pairs_of(query_string))


async def form_pairs(request: WebRequest) -> list[tuple[str, str]]:
    """The parameters of a form, in order.

    Raises:
        HTTPRefusal: 415, if the body is no form.
        BadInput: `PARAMETERS_INVALID`.
    """
    return _form_pairs(request.scope, await request.body())


def _form_pairs(scope: Any, body: bytes) -> list[tuple[str, str]]:
    content_type = headers.first(scope, b"content-type")
    if not body and content_type is None:
        return []  # an explicitly empty body
    if media_type_of(content_type) != FORM:
        raise HTTPRefusal(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be a form here.")
    return pairs_of(body)


def form_parameters(scope: Any, body: bytes) -> dict[str, str]:
    """The parameters of a form that has been read, each once. Raises as `form_pairs` does."""
    return _once(_form_pairs(scope, body))


async def form_of(request: WebRequest) -> dict[str, str]:
    """The parameters of a form, each once. Raises as `form_pairs` does."""
    return _once(await form_pairs(request))


async def json_of(request: WebRequest, shape: type[Shape]) -> Shape:
    """The JSON body as a struct.

    Raises:
        HTTPRefusal: 415, if the body is not JSON.
        BadInput: it does not fit the struct; names the member.
    """
    if _media_type(request) != "application/json":
        raise HTTPRefusal(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be JSON here.")
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except msgspec.ValidationError as error:
        raise BadInput(f"The body does not fit: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("The body is not JSON in UTF-8.") from None


def is_of(request: WebRequest, media_type: str) -> bool:
    """Whether the body says that it is of this type."""
    return _media_type(request) == media_type


def media_type_of(content_type: str | None) -> str:
    """The type that the header names, without its parameters; empty if there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def _media_type(request: WebRequest) -> str:
    return media_type_of(headers.first(request.scope, b"content-type"))


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadInput("A parameter is given twice.", code="PARAMETERS_INVALID")
    return found
