"""Add parameters to an endpoint that the browser is redirected to. RFC 6749 section 3.1."""

from collections.abc import Mapping, Set
from urllib.parse import parse_qsl, urlencode

from identity_api.oidc.errors import InvalidMetadata


def add_query(endpoint: str, parameters: Mapping[str, str | None], *, ours: Set[str], blame: str) -> str:
    """Append `parameters` to an endpoint, whose own query is kept (Azure AD B2C's `?p=policy`); None is left out.

    Args:
        endpoint: as checked by `discovery`, so without a fragment.
        ours: names that the endpoint itself must not set, because a parameter may not be sent twice.
        blame: the metadata member that the endpoint comes from.

    Raises:
        InvalidMetadata: the endpoint sets a parameter that this service sets.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    _, question_mark, query = endpoint.partition("?")
    if any(name in given or name in ours for name, _ in parse_qsl(query, keep_blank_values=True)):
        raise InvalidMetadata("The endpoint's address sets a parameter that the request sets itself.", claim=blame)
    separator = "?" if not question_mark else "" if query.endswith("&") or not query else "&"
    # errors="replace": a lone surrogate in a hint must not make a login fail with an exception.
    return endpoint + separator + urlencode(given, errors="replace")
