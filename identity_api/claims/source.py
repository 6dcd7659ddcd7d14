"""The location of a claim: the document, the path or expression in it, and the shape of the groups there.

`location` parses the notation; `groups` and `profile` interpret the values found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from identity_api.claims.expression import ExpressionFailed, evaluate, names_in

__all__ = [
    "ABSENT",
    "DECLARED_ENDS",
    "EXPRESSION_MARK",
    "Absent",
    "ClaimSource",
    "Claims",
    "Document",
    "Documents",
    "ExpressionFailed",
    "NotAnObject",
    "Shape",
    "find",
    "look_up",
]

EXPRESSION_MARK: Final = "jmespath:"

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


class Shape(StrEnum):
    """In which shape the values are there. Anything but `PLAIN` is declared, never guessed."""

    PLAIN = "PLAIN"
    """A list of texts, or one text, which is one value whatever is in it."""
    KEYS = "KEYS"
    """An object whose names are the values."""
    COMMAS = "COMMAS"
    """One text, cut at its commas."""
    BLANKS = "BLANKS"
    """One text, cut at its blanks."""
    JSON = "JSON"
    """One text, which is a JSON list of texts."""
    MEMBERS = "MEMBERS"
    """A list of objects; the value is in the member that `ClaimSource.member` names."""


DECLARED_ENDS: Final = {Shape.KEYS: " /", Shape.COMMAS: " / [,]", Shape.BLANKS: " / [ ]", Shape.JSON: ' / [""]'}
"""How each is written behind the path."""


@dataclass(frozen=True, slots=True)
class ClaimSource:
    """One place to look for a claim: a path, or an expression with an empty path. `str()` is the normal way to write it."""

    document: Document
    path: tuple[str, ...]
    shape: Shape = Shape.PLAIN
    member: str | None = None
    expression: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """The claims it begins with: the first name of a path, any name of an expression."""
        return frozenset(self.path[:1]) if self.expression is None else names_in(self.expression)

    def may_be(self, name: str) -> bool:
        """Whether the value may be what a claim of that name says. An expression that mentions the name may."""
        return self.path[-1] == name if self.expression is None else name in names_in(self.expression)

    def __str__(self) -> str:
        if self.expression is not None:
            return f"{self.document.value} / {EXPRESSION_MARK}{self.expression}"
        end = f" / [{self.member}]" if self.shape is Shape.MEMBERS else DECLARED_ENDS.get(self.shape, "")
        return " / ".join((self.document.value, *self.path)) + end


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


def find(claims: Claims, source: ClaimSource) -> object:
    """The value at the place, or `ABSENT`, or `NotAnObject` or `ExpressionFailed` where the claims are not as declared."""
    if source.expression is not None:
        value = evaluate(source.expression, claims)
        return ABSENT if value is None else value
    return look_up(claims, source.path)


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
