"""The notation for the location of a claim.

It is a path, as in the previous systems: `id_token / groups`, `access_token / resource_access / app / roles`.
Its end can declare a shape other than a list of texts or one text:

    access_token / resource_access /     an object whose names are the values
    userinfo / roles / [,]               one text, cut at its commas
    userinfo / roles / [ ]               one text, cut at its blanks
    userinfo / roles / [""]              one text that is a JSON list of texts
    userinfo / groups / [name]           a list of objects with the value in `name`

A slash with a space beside it separates. Only a text without any such slash is cut at every slash, so
`id_token/groups` works, and a namespaced claim stays whole in `id_token / https://example.com/roles`.

Or it is a JMESPath expression over the whole document: `userinfo / jmespath:groups[?type=='team'].name` (see `expression`).
"""

import re
from collections.abc import Sequence
from typing import Final

from identity_api.claims.errors import ClaimPathInvalid
from identity_api.claims.expression import check_expression
from identity_api.claims.source import EXPRESSION_MARK, ClaimSource, Document, Shape

MAX_PATH_DEPTH: Final = 10
_MAX_TEXT_LENGTH: Final = 500
_SPACED_SLASH = re.compile(r"\s+/\s*|\s*/\s+|/$")
_EXPRESSION = re.compile(r"\s*([a-z_]+)\s*/\s*" + EXPRESSION_MARK + r"(.*)", re.DOTALL)
_SHAPES: Final = {",": Shape.COMMAS, " ": Shape.BLANKS, '""': Shape.JSON}
_DECLARED_END = re.compile(r"\[([^\[\]]+)\]")


def parse_claim_source(text: str) -> ClaimSource:
    """Read one location, which must name its document.

    Raises:
        ClaimPathInvalid: with a sentence that says what is wrong.
    """
    if len(text) > _MAX_TEXT_LENGTH or not text.isprintable():
        raise ClaimPathInvalid(f"A claim's location has at most {_MAX_TEXT_LENGTH} printable characters.")
    if found := _EXPRESSION.fullmatch(text):
        expression = found[2].strip()
        check_expression(expression)
        return ClaimSource(_document(found[1]), (), expression=expression)
    stripped = text.strip()
    parts = _SPACED_SLASH.split(stripped) if _has_spaced_slash(stripped) else stripped.split("/")
    document = _document(parts[0])
    path, shape, member = _declared_end(parts[1:])
    if not path or not all(path):
        raise ClaimPathInvalid(
            "A name is missing between two slashes. Where a name contains a slash, put spaces around the others."
        )
    if len(path) > MAX_PATH_DEPTH:
        raise ClaimPathInvalid(f"A claim's location has at most {MAX_PATH_DEPTH} names.")
    return ClaimSource(document, tuple(path), shape, member)


def parse_claim_sources(texts: Sequence[str], *, for_groups: bool = False) -> tuple[ClaimSource, ...]:
    """Read an ordered list of locations; the first that holds the claim wins.

    A bare claim name such as `email`, or a bare expression, means the ID Token, then UserInfo. The access token is for
    somebody else (OIDC Core section 2), so it is accepted for groups only, as are declared shapes.

    Raises:
        ClaimPathInvalid: a location is malformed, or not allowed for this claim, or there is none.
    """
    sources: list[ClaimSource] = []
    for text in texts:
        if "/" in text and not text.lstrip().startswith(EXPRESSION_MARK):
            sources.append(parse_claim_source(text))
        else:
            names = (Document.ID_TOKEN, Document.USERINFO)
            sources.extend(parse_claim_source(f"{document} / {text}") for document in names)
    if not sources:
        raise ClaimPathInvalid("At least one location is needed.")
    is_for_groups = [source.document is Document.ACCESS_TOKEN or source.shape is not Shape.PLAIN for source in sources]
    if any(is_for_groups) and not for_groups:
        raise ClaimPathInvalid("The access token, whole objects and lists can be sources of groups only.")
    return tuple(dict.fromkeys(sources))


def _document(name: str) -> Document:
    try:
        return Document(name)
    except ValueError:
        names = ", ".join(Document)
        raise ClaimPathInvalid(f"A claim's location begins with one of {names} and a slash.") from None


def _declared_end(parts: list[str]) -> tuple[list[str], Shape, str | None]:
    """The path without the end that declares a shape, and what it declares."""
    if parts and parts[-1] == "":
        return parts[:-1], Shape.KEYS, None
    declared = _DECLARED_END.fullmatch(parts[-1]) if parts else None
    if declared is None:
        return parts, Shape.PLAIN, None
    if declared[1] in _SHAPES:
        return parts[:-1], _SHAPES[declared[1]], None
    return parts[:-1], Shape.MEMBERS, declared[1].strip()


def _has_spaced_slash(text: str) -> bool:
    return re.search(r"\s/|/\s", text) is not None
