"""Turns a selection on plain types into the source of one Python function that builds the answer's dicts.

*Plain* means: Strawberry fields that read an attribute and check access rules, whose types are leaves, objects or lists
of those. Everything else raises `NotPlain` while compiling, or while completing a value the function did not expect,
and is left to the ordinary execution. So no error, path or null propagation is implemented here a second time.

The executor's own `collect_subfields` decides what is selected (fragments, aliases, merging, `@skip`, `@include`:
GraphQL specification, section 6.3). Nothing a client wrote gets into the source except response names, which are
GraphQL names and are quoted.
"""

from collections.abc import Callable, Generator
from dataclasses import is_dataclass
from typing import Any, Final, Literal, NoReturn

import msgspec
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLLeafType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    Undefined,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.types.field import StrawberryField

from identity_api.graphql.engine.access import AccessRule

Completer = Callable[[Any, Any], Generator[None, None, Any]]
"""(value, context) -> work that pauses after each object of a list, of an inner one if it is long, and returns the completed
dict or list; raises anything at all to step aside."""

PlainType = GraphQLObjectType | GraphQLList[Any]

FIRST_INDENT = "    "
FEW = 20
"""Objects of an inner list that are completed without a pause."""

# Only these three can be tested by the Python type alone: Int needs its 32-bit check and Float its finiteness.
_EXACT_TYPE = {"String": "str", "ID": "str", "Boolean": "bool"}

WRITTEN_AS = "written_as"
"""In a field's `metadata`: a function from the row to the field's value as JSON, in the names of the schema, or None where
nobody wrote it. What is selected is read in one step, without a row for each object. It may have more members."""


class NotPlain(Exception):
    """This selection, or this value, is for the ordinary execution. A signal, no error of the project's tree."""


NOT_COMPILED: Final = (NotPlain, GraphQLError)
"""What says that a selection is not compiled. graphql-core raises its own where a variable of `@skip` or `@include` is null:
the ordinary execution raises it again, at the object where it belongs."""


def compile_completer(executor: Executor[Any], type_: PlainType, details: FieldDetailsList) -> Completer | None:
    """The compiled function for values of `type_` under these field nodes; None where the selection is not plain."""
    try:
        return _Compiler(executor).function(type_, details)
    except NOT_COMPILED:
        return None


class _Compiler:
    """Writes statements line by line; each method returns the expression that holds its part of the answer.

    Statements and not one nested expression, because a walrus may not stand in the iterable of a comprehension.
    """

    def __init__(self, executor: Executor[Any]) -> None:
        self.executor = executor
        self.names: dict[str, Any] = {"items": _items, "refuse": _refuse}
        self.preamble: list[str] = []
        self.lines: list[str] = []
        self.count = 0

    def function(self, type_: PlainType, details: FieldDetailsList) -> Completer:
        _only_skip_and_include(details)  # @stream stands on the list field itself
        result = self.branch(type_, details, "v", FIRST_INDENT)
        # Even where there is no list it must be a generator.
        lines = ["def complete(v, context):", *self.preamble, *self.lines, f"    return {result}", "    yield", ""]
        source = "\n".join(lines)
        # Made only of schema names, constant text and quoted GraphQL names (see the module's docstring).
        exec(compile(source, f"<completer of {type_}>", "exec"), self.names)  # noqa: S102 -- put together from the schema alone
        complete: Completer = self.names.pop("complete")
        return complete

    def object(self, type_: GraphQLObjectType, details: FieldDetailsList, value: str, indent: str) -> str:
        grouped, deferred, _ = self.executor.collect_subfields(type_, details)
        if deferred:
            raise NotPlain
        known, check = _checked(type_)
        self.emit(indent, f"if type({value}) not in {self.bind(known)}: {self.bind(check)}({value})")
        members = [f"{name!r}: {self.field(type_, nodes, value, indent)}" for name, nodes in grouped.items()]
        return "{" + ", ".join(members) + "}"

    def field(self, parent: GraphQLObjectType, details: FieldDetailsList, value: str, indent: str) -> str:
        name = details[0].node.name.value
        _only_skip_and_include(details)
        if name == "__typename":
            return repr(parent.name)
        definition = self.executor.schema.get_field(parent, name)
        if definition is None:
            raise NotPlain
        field = _plain_field(definition)
        for rule in field.extensions:
            assert isinstance(rule, AccessRule)
            everything = self.fresh()
            self.preamble.append(f"    {everything} = {self.bind(rule.allows_all)}(context)")
            self.emit(indent, f"if not ({everything} or {self.bind(rule.allows)}({value}, context)): refuse()")
        get = f"{value}.{field.python_name}"
        decode = _written_decoder(self.executor, definition.type, details) if WRITTEN_AS in field.metadata else None
        if decode is None:
            return self.value(definition.type, details, get, indent)
        written = self.assign(indent, f"{self.bind(field.metadata[WRITTEN_AS])}({value})")
        result = self.assign(indent, f"None if {written} is None else {self.bind(decode)}({written})")
        self.emit(indent, f"if {written} is None:")
        self.emit(indent, f"    {result} = {self.value(definition.type, details, get, indent + '    ')}")
        return result

    def value(self, type_: GraphQLOutputType, details: FieldDetailsList, get: str, indent: str) -> str:
        nullable, inner = unwrapped(type_)
        if is_leaf_type(inner):
            return self.leaf(inner, nullable, get)
        if not (is_list_type(inner) or is_object_type(inner)):
            raise NotPlain  # interfaces and unions come back in at their object types
        value = self.assign(indent, get)
        if not nullable:
            return self.branch(inner, details, value, indent)
        result = self.assign(indent, "None")
        self.emit(indent, f"if {value} is not None:")
        self.emit(indent, f"    {result} = {self.branch(inner, details, value, indent + '    ')}")
        return result

    def branch(self, type_: Any, details: FieldDetailsList, value: str, indent: str) -> str:
        if is_object_type(type_):
            return self.object(type_, details, value, indent)
        self.emit(indent, f"if type({value}) is not list: {value} = items({value})")
        item = self.fresh()
        nullable, inner = unwrapped(type_.of_type)
        if is_leaf_type(inner):
            return f"[{self.leaf(inner, nullable, item)} for {item} in {value}]"
        result = self.assign(indent, "[]")
        is_long = None if indent == FIRST_INDENT else self.assign(indent, f"len({value}) > {FEW}")
        self.emit(indent, f"for {item} in {value}:")
        self.emit(indent, f"    {result}.append({self.value(type_.of_type, details, item, indent + '    ')})")
        self.emit(indent, "    yield" if is_long is None else f"    if {is_long}: yield")
        return result

    def leaf(self, type_: GraphQLLeafType, nullable: bool, get: str) -> str:
        slow = self.bind(_leaf_completer(type_, nullable))
        if type_.name in _EXACT_TYPE:
            name, test = get, get
            if not get.isidentifier():
                name = self.fresh()
                test = f"({name} := {get})"
            return f"({name} if type({test}) is {_EXACT_TYPE[type_.name]} else {slow}({name}))"
        if is_enum_type(type_) and (names := _enum_names(type_)):
            return f"({self.bind(names)}.get({get}) or {slow}({get}))"
        return f"{slow}({get})"

    def emit(self, indent: str, line: str) -> None:
        self.lines.append(indent + line)

    def assign(self, indent: str, expression: str) -> str:
        if expression.isidentifier() and expression != "None":
            return expression
        name = self.fresh()
        self.emit(indent, f"{name} = {expression}")
        return name

    def fresh(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def bind(self, value: Any) -> str:
        self.count += 1
        self.names[f"k{self.count}"] = value
        return f"k{self.count}"


def unwrapped(type_: Any) -> tuple[bool, Any]:
    """Whether a value of the type may be null, and the type without that."""
    return (False, type_.of_type) if is_non_null_type(type_) else (True, type_)


def _only_skip_and_include(details: FieldDetailsList) -> None:
    for node, _, fragment_variables in details:
        if fragment_variables or any(d.name.value not in ("skip", "include") for d in node.directives or ()):
            raise NotPlain


def _plain_field(definition: GraphQLField) -> StrawberryField:
    """The Strawberry field behind a GraphQL field, if its resolver only checks rules and reads an attribute."""
    field = definition.extensions.get("strawberry-definition")
    if not isinstance(field, StrawberryField) or definition.args or field.base_resolver:
        raise NotPlain
    if type(field).get_result is not StrawberryField.get_result or field.default_resolver is not getattr:
        raise NotPlain
    # By the field's extensions, never by `resolve._is_default`: that one is true for a field with a permission class.
    if not all(type(extension) is AccessRule for extension in field.extensions):
        raise NotPlain
    if not field.extensions and getattr(definition.resolve, "__name__", "") != "_get_basic_result":
        raise NotPlain  # exception handlers wrap the resolver
    return field


def _written_decoder(
    executor: Executor[Any], type_: GraphQLOutputType, details: FieldDetailsList
) -> Callable[[msgspec.Raw], Any] | None:
    """From a field's JSON to what is selected of it; None if that is more than members by their own names."""
    try:
        return msgspec.json.Decoder(_written_type(executor, type_, details)).decode
    except NotPlain:
        return None


def _written_type(executor: Executor[Any], type_: GraphQLOutputType, details: FieldDetailsList) -> Any:
    nullable, inner = unwrapped(type_)
    if is_list_type(inner):
        made: Any = list[_written_type(executor, inner.of_type, details)]  # type: ignore[misc]  # made at run time
    elif is_object_type(inner):
        made = msgspec.defstruct(inner.name, _written_members(executor, inner, details), frozen=True, gc=False)
    elif is_enum_type(inner):
        made = Literal[tuple(inner.values)]
    elif inner.name in _EXACT_TYPE:
        made = bool if inner.name == "Boolean" else str
    else:
        raise NotPlain
    return made | None if nullable else made


def _written_members(
    executor: Executor[Any], type_: GraphQLObjectType, details: FieldDetailsList
) -> list[tuple[str, Any]]:
    grouped, deferred, _ = executor.collect_subfields(type_, details)
    members = []
    for name, nodes in grouped.items():
        definition = executor.schema.get_field(type_, name)
        _only_skip_and_include(nodes)
        if deferred or nodes[0].node.name.value != name or definition is None or _plain_field(definition).extensions:
            raise NotPlain
        members.append((name, _written_type(executor, definition.type, nodes)))
    return members


def _leaf_completer(type_: GraphQLLeafType, nullable: bool) -> Callable[[Any], Any]:
    """What the ordinary execution does with a leaf; anything it would report is left for it to report."""
    coerce = type_.coerce_output_value

    def complete(value: Any) -> Any:
        if isinstance(value, Exception):
            raise NotPlain
        if value is None or value is Undefined:
            if nullable:
                return None
            raise NotPlain
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise NotPlain
        return coerced

    return complete


def _enum_names(type_: Any) -> dict[Any, str]:
    """Each member's name, for members that are hashable and equal only to themselves."""
    members = getattr(type_, "wrapped_cls", ())
    return {member: type_.coerce_output_value(member) for member in members}


def _items(value: Any) -> Any:
    if type(value) is tuple:
        return value
    raise NotPlain  # a one-shot iterator must reach the ordinary execution unread


def _checked(type_: GraphQLObjectType) -> tuple[set[type], Callable[[Any], None]]:
    """The classes that have been seen to be this type's, and what to do with a value of another.

    A type's `is_type_of` is asked once per class and without info: it must look at nothing else.
    """
    known: set[type] = set()

    def check(value: Any) -> None:
        if isinstance(value, Exception) or not (isinstance(value, msgspec.Struct) or is_dataclass(type(value))):
            raise NotPlain
        is_type_of: Any = type_.is_type_of
        # For True itself: an asynchronous one answers a truthy coroutine.
        if is_type_of is not None and is_type_of(value, None) is not True:
            raise NotPlain
        known.add(type(value))

    return known, check


def _refuse() -> NoReturn:
    raise NotPlain
