"""Where a claim is: in which document, and at which path in it.

Written as the systems before this one wrote it: `id_token / groups`, `access_token / resource_access / app / roles`.
A slash at the end means "this is an object, and its keys are the values": `access_token / resource_access /`.

A slash separates where there is a space beside it. Only a text without any such slash is cut at every slash, so
`id_token/groups` can be written, and a namespaced claim stays whole in `id_token / https://example.com/roles`.
A path that begins with `jmespath:` is reserved for expressions and refused until they exist.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from identity_api.mapping.errors import ClaimPathInvalid

MAX_PATH_DEPTH: Final = 10
_MAX_TEXT_LENGTH: Final = 500
_SPACED_SLASH = re.compile(r"\s+/\s*|\s*/\s+|/$")

Claims = Mapping[str, Any]


class Document(StrEnum):
    """A document of claims that a provider gave in one exchange."""

    ID_TOKEN = "id_token"  # noqa: S105  # the name of a document
    USERINFO = "userinfo"
    ACCESS_TOKEN = "access_token"  # noqa: S105  # the name of a document


@dataclass(frozen=True, slots=True)
class Documents:
    """The verified claims of one exchange; None where a document did not come.

    The caller has checked signatures, and that `iss` and `sub` agree. `access_token_unreadable` says that an access
    token came but is no JWS by the provider's keys for this issuer and subject; `access_token` is then None.
    """

    id_token: Claims | None = None
    userinfo: Claims | None = None
    access_token: Claims | None = None
    access_token_unreadable: bool = False

    def get(self, document: Document) -> Claims | None:
        """The claims of one document, or None."""
        claims: Claims | None = getattr(self, document.value)
        return claims

    def all_present(self) -> tuple[Claims, ...]:
        """The documents that came."""
        return tuple(claims for claims in (self.id_token, self.userinfo, self.access_token) if claims is not None)


@dataclass(frozen=True, slots=True)
class ClaimSource:
    """One place to look for a claim. `str()` gives the normal way of writing it."""

    document: Document
    path: tuple[str, ...]
    whole_object: bool = False

    def __str__(self) -> str:
        return " / ".join((self.document.value, *self.path)) + (" /" if self.whole_object else "")


class Absent:
    """The type of ABSENT."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
"""Nothing there. JSON null counts as nothing: providers write it for "has none"."""


@dataclass(frozen=True, slots=True)
class NotAnObject:
    """The path could not be followed: at `depth` there is something other than an object."""

    depth: int


def look_up(claims: Claims, path: Sequence[str]) -> object:
    """Follow a path. Gives the value, `ABSENT`, or `NotAnObject` where the path leads through a list or a text."""
    value: object = claims
    for depth, name in enumerate(path):
        if not isinstance(value, Mapping):
            return NotAnObject(depth)
        value = value.get(name)
        if value is None:
            return ABSENT
    return value


def parse_claim_source(text: str) -> ClaimSource:
    """Read one location, which must name its document.

    Raises:
        ClaimPathInvalid: with a sentence that says what is wrong.
    """
    if len(text) > _MAX_TEXT_LENGTH or not text.isprintable():
        raise ClaimPathInvalid(f"A claim's location has at most {_MAX_TEXT_LENGTH} printable characters.")
    stripped = text.strip()
    parts = _SPACED_SLASH.split(stripped) if _has_spaced_slash(stripped) else stripped.split("/")
    whole_object = len(parts) > 1 and parts[-1] == ""
    document_name, *path = parts[:-1] if whole_object else parts
    try:
        document = Document(document_name)
    except ValueError:
        names = ", ".join(Document)
        raise ClaimPathInvalid(f"A claim's location begins with one of {names} and a slash.") from None
    if not path or not all(path):
        raise ClaimPathInvalid(
            "A name is missing between two slashes. Where a name contains a slash, put spaces around the others."
        )
    if path[0].startswith("jmespath:"):
        raise ClaimPathInvalid("JMESPath expressions are not supported.", code="CLAIM_PATH_UNSUPPORTED")
    if len(path) > MAX_PATH_DEPTH:
        raise ClaimPathInvalid(f"A claim's location has at most {MAX_PATH_DEPTH} names.")
    return ClaimSource(document, tuple(path), whole_object)


def parse_claim_sources(texts: Sequence[str], *, for_groups: bool = False) -> tuple[ClaimSource, ...]:
    """Read an ordered list of locations; the first that holds the claim wins.

    A bare claim name such as `email` means the ID Token, then UserInfo. The access token is for somebody else (OIDC
    Core section 2), so it is accepted for groups only, as are whole objects.

    Raises:
        ClaimPathInvalid: a location is malformed, or not allowed for this claim, or there is none.
    """
    sources: list[ClaimSource] = []
    for text in texts:
        if "/" in text:
            sources.append(parse_claim_source(text))
        else:
            names = (Document.ID_TOKEN, Document.USERINFO)
            sources.extend(parse_claim_source(f"{document} / {text}") for document in names)
    if not sources:
        raise ClaimPathInvalid("At least one location is needed.")
    if not for_groups and any(source.document is Document.ACCESS_TOKEN or source.whole_object for source in sources):
        raise ClaimPathInvalid("The access token and whole objects can be sources of groups only.")
    return tuple(dict.fromkeys(sources))


def _has_spaced_slash(text: str) -> bool:
    return re.search(r"\s/|/\s", text) is not None
