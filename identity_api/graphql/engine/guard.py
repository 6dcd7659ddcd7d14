"""Limits on a document's shape, measured before validation and in linear time.

Validation is not linear: its rule about overlapping fields compares pairs, so a thousand equal fields, well within the
token limit, cost seconds on older releases of graphql-core. Each fragment is measured once and counts wherever it is
spread, so fragments cannot hide anything (OWASP GraphQL cheat sheet: depth, amount and aliases).
"""

from typing import Final

import msgspec
from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from identity_api.errors import BadInput

MAX_CHARACTERS: Final = 32_768  # half a body; a comment or string is one token, however long
MAX_TOKENS: Final = 1_000  # comments included
MAX_FIELDS: Final = 250
MAX_ROOT_FIELDS: Final = 20
MAX_ALIASES: Final = 30
MAX_DIRECTIVES: Final = 20
MAX_DEPTH: Final = 10
# Introspection follows `ofType` nine levels down, and is answered from memory: no field of this schema is read below.
MAX_INTROSPECTION_DEPTH: Final = 16
# Levels of selection sets, fragments included. Also keeps `_Measure` far from the interpreter's recursion limit.
MAX_NESTING: Final = 40

_INTROSPECTION = frozenset({"__schema", "__type"})


class DocumentRefused(BadInput):
    """The document is larger or deeper than this service executes; the message names the limit."""

    default_code = "DOCUMENT_REFUSED"


class Measured(msgspec.Struct, frozen=True):
    """The most that a document can select, all its operations together, fragments counted at every spread.

    `fields` serves as the document's cost. `introspects` says whether `__schema` or `__type` is selected anywhere.
    """

    root_fields: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    introspection_depth: int = 0
    nesting: int = 0

    @property
    def introspects(self) -> bool:
        return self.introspection_depth > 0

    def beside(self, other: "Measured") -> "Measured":
        """Both together, side by side."""
        return Measured(
            self.root_fields + other.root_fields,
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
            max(self.depth, other.depth),
            max(self.introspection_depth, other.introspection_depth),
            max(self.nesting, other.nesting),
        )


def guard(document: DocumentNode) -> Measured:
    """Measure a parsed document; the token limit is the parser's (`MAX_TOKENS`).

    Raises:
        DocumentRefused: a limit is exceeded, or fragments form a circle.
    """
    measure = _Measure(document)
    total = Measured()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            total = total.beside(measure.definition(definition))
    for definition in document.definitions:
        # Fragments that no operation uses are validated too, and so is the first of two fragments with one name.
        if isinstance(definition, FragmentDefinitionNode) and not measure.knows(definition):
            total = total.beside(msgspec.structs.replace(measure.definition(definition), root_fields=0))
    _check(total)
    return total


def _check(total: Measured) -> None:
    for what, count, limit in (
        ("root fields", total.root_fields, MAX_ROOT_FIELDS),
        ("fields", total.fields, MAX_FIELDS),
        ("aliases", total.aliases, MAX_ALIASES),
        ("directives", total.directives, MAX_DIRECTIVES),
        ("levels", total.depth, MAX_DEPTH),
        ("levels of introspection", total.introspection_depth, MAX_INTROSPECTION_DEPTH),
    ):
        if count > limit:
            raise DocumentRefused(f"The document has more than {limit} {what}.")


class _Measure:
    def __init__(self, document: DocumentNode) -> None:
        fragments = [d for d in document.definitions if isinstance(d, FragmentDefinitionNode)]
        self.fragments = {fragment.name.value: fragment for fragment in fragments}
        # None while a fragment is being measured: meeting it again then is a circle.
        self.measured: dict[int, Measured | None] = {}

    def knows(self, definition: FragmentDefinitionNode) -> bool:
        return id(definition) in self.measured

    def definition(self, definition: ExecutableDefinitionNode, level: int = 0) -> Measured:
        key = id(definition)
        if key in self.measured:
            known = self.measured[key]
            if known is None:
                raise DocumentRefused("The document's fragments form a circle.")
            return known
        self.measured[key] = None
        directives = len(definition.directives or ())
        directives += sum(len(variable.directives or ()) for variable in definition.variable_definitions or ())
        found = Measured(directives=directives).beside(self.selection_set(definition.selection_set, level))
        self.measured[key] = found
        return found

    def selection_set(self, selection_set: SelectionSetNode | None, level: int) -> Measured:
        if selection_set is None:
            return Measured()
        found = Measured()
        for selection in selection_set.selections:
            found = found.beside(self.selection(selection, level + 1))
        if level > MAX_NESTING or found.nesting >= MAX_NESTING:
            raise DocumentRefused(f"The document nests more than {MAX_NESTING} selections.")
        return msgspec.structs.replace(found, nesting=found.nesting + 1)

    def selection(self, selection: SelectionNode, level: int) -> Measured:
        own = Measured(directives=len(selection.directives or ()))
        if level > MAX_NESTING:
            raise DocumentRefused(f"The document nests more than {MAX_NESTING} selections.")
        if isinstance(selection, FragmentSpreadNode):
            fragment = self.fragments.get(selection.name.value)  # an unknown name is validation's to report
            return own.beside(self.definition(fragment, level)) if fragment else own
        inner = self.selection_set(getattr(selection, "selection_set", None), level)
        if not isinstance(selection, FieldNode):
            return own.beside(inner)
        introspects = selection.name.value in _INTROSPECTION
        below = max(inner.depth, inner.introspection_depth)
        return Measured(
            root_fields=1,
            fields=inner.fields + 1,
            aliases=inner.aliases + (selection.alias is not None),
            directives=inner.directives + own.directives,
            depth=1 if introspects else inner.depth + 1,
            introspection_depth=below + 1 if introspects else inner.introspection_depth and below + 1,
            nesting=inner.nesting,
        )
