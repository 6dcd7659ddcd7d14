"""Which parts of a user a selection needs, so that only these are read.

A field that is not listed here needs everything. A field that is skipped counts as selected.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from identity_api.db.user_columns import Part
from identity_api.graphql.context import Info

NAMES: Final = frozenset(
    ("__typename", "id", "username", "displayLabel", "enabled", "disabledAt", "email", "hasPassword", "sessions",
     "apiTokens", "hasSecondFactor", "lockedUntil", "history")
)  # fmt: skip
"""Fields of `User` that its columns answer, or a statement of their own."""

DATES: Final = frozenset(("emailVerified", "createdAt", "activeAt"))
"""Those that the other columns answer."""

BRIEF: Final[Mapping[str, frozenset[str]]] = {
    "permissions": frozenset(("__typename", "name", "reasons")),
    "reasons": frozenset(("__typename", "source", "group")),
    "group": frozenset(("__typename", "name")),
}
"""Fields of a permission, its reasons and their groups that need only part of the grant."""

Fragments = Mapping[str, FragmentDefinitionNode]


MANY: Final = 1_000
"""The most fields of documents that are cached."""
_known: OrderedDict[tuple[object, ...], tuple[Sequence[FieldNode], Part]] = OrderedDict()
"""With the nodes themselves, so that their ids stay unique. Equal nodes may refer to different fragments."""


def part_of(info: Info, *path: str) -> Part:
    """The selected parts of the users that the field returns, or that are below it under these names."""
    raw = info._raw_info
    key = (*path, *map(id, raw.field_nodes))
    known = _known.get(key)
    if known is not None:
        return known[1]
    nodes: Iterable[FieldNode] = raw.field_nodes
    for name in path:
        nodes = [one for one in _below(nodes, raw.fragments) if one.name.value == name]
    part = _part(_below(nodes, raw.fragments), raw.fragments)
    _known[key] = (raw.field_nodes, part)
    if len(_known) > MANY:
        _known.popitem(last=False)
    return part


def _part(selected: Iterable[FieldNode], fragments: Fragments) -> Part:
    are_dated = are_held = False
    for one in selected:
        name = one.name.value
        if name in DATES:
            are_dated = True
        elif name == "permissions" and _is_brief(one, fragments):
            are_held = True
        elif name not in NAMES:
            return "everything"
    if are_held:
        return "permissions and dates" if are_dated else "permissions"
    return "names and dates" if are_dated else "names"


def with_permissions(part: Part) -> Part:
    """The part that has what decides the permissions as well."""
    return _WITH_PERMISSIONS.get(part, part)


_WITH_PERMISSIONS: Final[Mapping[Part, Part]] = {
    "names": "permissions",
    "names and dates": "permissions and dates",
}


def _is_brief(node: FieldNode, fragments: Fragments) -> bool:
    allowed = BRIEF[node.name.value]
    return all(
        one.name.value in allowed and (one.name.value not in BRIEF or _is_brief(one, fragments))
        for one in _below([node], fragments)
    )


def _below(nodes: Iterable[FieldNode], fragments: Fragments) -> Iterator[FieldNode]:
    """The selected fields below these, including those in fragments for any type."""
    for node in nodes:
        if node.selection_set is not None:
            yield from _fields(node.selection_set, fragments)


def _fields(selected: SelectionSetNode, fragments: Fragments) -> Iterator[FieldNode]:
    for one in selected.selections:
        if isinstance(one, FieldNode):
            yield one
        elif isinstance(one, InlineFragmentNode):
            yield from _fields(one.selection_set, fragments)
        elif isinstance(one, FragmentSpreadNode):
            yield from _fields(fragments[one.name.value].selection_set, fragments)
