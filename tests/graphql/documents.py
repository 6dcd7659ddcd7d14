"""Documents that select everything there is, made from the schema itself."""

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, GraphQLUnionType, get_named_type

from tests.graphql.world import SCHEMA

CORE: GraphQLSchema = SCHEMA._schema


def everything(type_name: str, *, without: frozenset[str] = frozenset(), path: tuple[str, ...] = ()) -> str:
    """A selection of every field of a type, as deep as types do not repeat. `without`: `Type.field`s to leave out."""
    type_ = CORE.type_map[type_name]
    if isinstance(type_, GraphQLUnionType):
        members = [f"... on {one.name} {everything(one.name, without=without, path=path)}" for one in type_.types]
        return "{ __typename " + " ".join(members) + " }"
    if isinstance(type_, GraphQLInterfaceType):
        members = [
            f"... on {one.name} {everything(one.name, without=without, path=path)}"
            for one in CORE.get_possible_types(type_)
        ]
        return "{ __typename " + " ".join(members) + " }"
    assert isinstance(type_, GraphQLObjectType)
    selected = ["__typename"]
    for name, field in type_.fields.items():
        below = get_named_type(field.type)
        if f"{type_name}.{name}" in without or below.name in path:
            continue
        if isinstance(below, GraphQLObjectType | GraphQLUnionType | GraphQLInterfaceType):
            selected.append(f"{name} {everything(below.name, without=without, path=(*path, type_name))}")
        else:
            selected.append(name)
    return "{ " + " ".join(selected) + " }"
