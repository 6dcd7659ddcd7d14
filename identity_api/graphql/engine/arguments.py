"""Makes a resolver's arguments without coercing variables each time.

graphql-core coerces the variables and reads the arguments, and Strawberry converts them, for each request anew. What they would
do with a literal is known when the document is learnt, and a text is handed on as it is.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLSchema,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectFieldNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    coerce_input_literal,
    is_input_object_type,
    visit,
)
from graphql.language import FieldNode
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryMaybe

from identity_api.graphql.engine.compiler import NotPlain, unwrapped


class Arguments:
    """Those of a field: literals, variables of type String or ID, and literal input objects with such variables as members."""

    def __init__(
        self, schema: GraphQLSchema, field: GraphQLField, node: FieldNode, variables: Sequence[VariableDefinitionNode]
    ) -> None:
        """Raises `NotPlain`."""
        self._schema: Any = schema
        self.variables = {one.variable.name.value: _must_be_given(one) for one in variables}
        self.literals: dict[str, Any] = {}
        self.bound: list[tuple[str, str]] = []
        """Arguments and the variables that they are."""
        self.objects: list[tuple[str, Any, list[tuple[str, str]]]] = []
        """Arguments, the objects without their variables, and the members and the variables that they are."""
        for argument in node.arguments or ():
            definition, value = field.args[argument.name.value], argument.value
            name = definition.extensions["strawberry-definition"].python_name
            if isinstance(value, VariableNode):
                self.bound.append(self._variable(value, definition))
            elif isinstance(value, ObjectValueNode) and _variables_of(value):
                self.objects.append((name, *self._object(value, definition)))
            else:
                self.literals[name] = self._literal(value, definition)

    def given(self, variables: Mapping[str, Any]) -> dict[str, Any] | None:
        """The variables' values; None if they are for graphql-core to coerce, or to refuse."""
        given = {}
        for name, must_be_given in self.variables.items():
            if name in variables:
                given[name] = value = variables[name]
                if type(value) is not str and (must_be_given or value is not None):
                    return None
            elif must_be_given:
                return None
        return given

    def made(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments for these values of the variables. Input objects are shared between requests: nobody changes them."""
        made = self.literals | _values(self.bound, given)
        for name, value, members in self.objects:
            made[name] = dataclasses.replace(value, **_values(members, given))
        return made

    def _variable(self, node: VariableNode, definition: GraphQLArgument | GraphQLInputField) -> tuple[str, str]:
        """The name that an argument or a member has in Python, and the variable that it is."""
        name: str = node.name.value
        is_nullable, _ = unwrapped(definition.type)
        known = definition.extensions["strawberry-definition"]
        if isinstance(known.type, StrawberryMaybe) or not (is_nullable or self.variables[name]):
            raise NotPlain
        return known.python_name, name

    def _literal(self, value: ValueNode, definition: GraphQLArgument) -> Any:
        coerced = Undefined if _variables_of(value) else coerce_input_literal(value, definition.type)
        if coerced is Undefined:
            raise NotPlain
        of, argument = self._schema._strawberry_schema, definition.extensions["strawberry-definition"]
        return convert_argument(coerced, argument.type, of.schema_converter.scalar_registry, of.config)

    def _object(self, value: ObjectValueNode, definition: GraphQLArgument) -> tuple[Any, list[tuple[str, str]]]:
        _, type_ = unwrapped(definition.type)
        if not is_input_object_type(type_) or type_.is_one_of:
            raise NotPlain
        if type_.extensions["strawberry-definition"].from_input is not None:
            raise NotPlain
        members, rest = [], list[ObjectFieldNode]()
        for one in value.fields:
            if isinstance(one.value, VariableNode):
                members.append(self._variable(one.value, type_.fields[one.name.value]))
            else:
                rest.append(one)
        return self._literal(ObjectValueNode(fields=tuple(rest)), definition), members


def _values(names: Sequence[tuple[str, str]], given: Mapping[str, Any]) -> dict[str, Any]:
    """By name. What is not given keeps its default."""
    return {name: given[variable] for name, variable in names if variable in given}


def _must_be_given(variable: VariableDefinitionNode) -> bool:
    """Whether it has no null. Raises `NotPlain` unless it is a text without a default."""
    is_required = isinstance(variable.type, NonNullTypeNode)
    named: Any = variable.type.type if isinstance(variable.type, NonNullTypeNode) else variable.type
    if variable.default_value or not isinstance(named, NamedTypeNode) or named.name.value not in ("String", "ID"):
        raise NotPlain
    return is_required


def _variables_of(value: ValueNode) -> list[str]:
    found: list[str] = []

    class Find(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            found.append(node.name.value)

    visit(value, Find())
    return found
