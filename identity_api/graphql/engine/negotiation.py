"""Media types of GraphQL over HTTP: which ones a request may have, and which of the two response types it accepts.

Follows the GraphQL over HTTP specification, sections 4 and 6, and RFC 9110 sections 12.4.2 and 12.5.1. A request that
accepts anything, or has no `Accept`, gets `application/json`, as that specification requires for older clients.
"""

from functools import lru_cache
from typing import Final

RESPONSE_JSON: Final = "application/graphql-response+json"
JSON: Final = "application/json"


@lru_cache(maxsize=64)
def is_json_request(content_type: str) -> bool:
    """Whether a request's content type is `application/json` in UTF-8.

    Nothing else is ever read: forms, multipart and `text/plain` can be sent by another site's page without a preflight.
    """
    media_type, parameters = _parse(content_type)
    return media_type == JSON and parameters.get("charset", "utf-8") in ("utf-8", "utf8")


@lru_cache(maxsize=64)
def choose_answer_type(accept: str | None) -> str | None:
    """The media type to answer with, or None if the client accepts neither of the two.

    The highest quality wins; between equals the one that says more, `application/graphql-response+json`, wins if the
    client named it.
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = [_parse(part) for part in accept.split(",") if part.strip()]
    named, other = _quality(ranges, RESPONSE_JSON), _quality(ranges, JSON)
    if max(named[1], other[1]) <= 0:
        return None
    # Equal quality: a client that wrote the longer name knows it; a wildcard alone does not show that.
    return RESPONSE_JSON if named[1] > other[1] or (named[1] == other[1] and named[0] == 2) else JSON


def _quality(ranges: list[tuple[str, dict[str, str]]], media_type: str) -> tuple[int, float]:
    """(how exactly, quality) of the most specific range that matches: 2 named, 1 `application/*`, 0 `*/*`, -1 none."""
    best = (-1, 0.0)
    for pattern, parameters in ranges:
        specificity = {media_type: 2, "application/*": 1, "*/*": 0}.get(pattern, -1)
        if specificity > best[0]:
            best = (specificity, _weight(parameters.get("q", "1")))
    return best


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _parse(text: str) -> tuple[str, dict[str, str]]:
    media_type, *rest = text.split(";")
    parameters = {}
    for item in rest:
        name, _, value = item.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"').lower()
    return media_type.strip().lower(), parameters
