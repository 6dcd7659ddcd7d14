"""The printed schema, and what it must never have."""

from pathlib import Path
from typing import Any

from graphql import GraphQLInputObjectType, GraphQLObjectType, get_named_type, is_non_null_type

from identity_api.graphql.schema import print_schema
from tests.graphql.documents import CORE

ROOT = Path(__file__).parents[2]


def test_the_printed_schema_is_the_one_of_the_code() -> None:
    assert (ROOT / "schema.graphql").read_text("utf-8") == print_schema()


ABOUT_SECRETS = {
    "Mutation.setProviderSecret",
    "Mutation.removeProviderSecret",
    "Provider.secrets",
    "Mutation.rotateWebhookSecret",
    "User.hasPassword",
    *[f"Mutation.{name}" for name in ("createPasswordToken", "removeUserPassword", "changePassword")],
    "ProviderClientSettings.encryptedIdTokens",
    "Query.apiTokens",
    "User.apiTokens",
    "ApiTokenMade.apiToken",
    "ApiTokenRevoked.apiToken",
    *[f"Mutation.{name}ApiToken" for name in ("create", "rotate", "revoke")],
}
"""That there is one, and since when; none of them is a text."""


def test_no_field_is_named_after_a_secret() -> None:
    """I3."""
    words = ("secret", "token", "password", "hash", "sealed", "epoch")
    for type_ in CORE.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            named = {f"{type_.name}.{name}" for name in type_.fields if any(word in name.lower() for word in words)}
            assert named <= ABOUT_SECRETS
            assert "String" not in {get_named_type(type_.fields[one.partition(".")[2]].type).name for one in named}
    secret: Any = CORE.type_map["ProviderSecret"]
    assert set(secret.fields) == {"id", "createdAt", "expiresAt"}


def test_no_argument_is_a_tenant() -> None:
    """I2: the tenant is the session's."""
    for type_ in CORE.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            assert not [one for field in type_.fields.values() for one in field.args if "tenant" in one.lower()]
        if isinstance(type_, GraphQLInputObjectType):
            assert not [one for one in type_.fields if "tenant" in one.lower()]


def test_a_root_field_that_can_be_refused_is_nullable() -> None:
    """Or one refusal would take the whole answer."""
    assert CORE.query_type
    assert CORE.mutation_type
    for name, field in {**CORE.query_type.fields, **CORE.mutation_type.fields}.items():
        assert is_non_null_type(field.type) is (name == "viewer"), name


def test_every_mutation_has_one_input_and_answers_with_every_problem() -> None:
    assert CORE.mutation_type
    problems = {one.name for one in CORE.get_possible_types(CORE.type_map["Problem"])}
    for name, field in CORE.mutation_type.fields.items():
        assert [str(one.type) for one in field.args.values()] == [f"{name[0].upper()}{name[1:]}Input!"]
        union = get_named_type(field.type)
        members = {one.name for one in union.types}
        assert members > problems
        assert len(members - problems) == 1
