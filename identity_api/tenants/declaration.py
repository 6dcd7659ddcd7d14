"""The types of an operator's declaration file: tenants, frontends, providers, permissions, group mappings.

Parsing finds every problem at once and names each by its place in the document; no message holds a secret.
"""

import re
from typing import Any, Literal

import msgspec
from msgspec import inspect

from identity_api.accounts.enrolment import EnrolledUser
from identity_api.claims import MatchKind
from identity_api.providers.declaration import ProviderDeclaration


class FrontendDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program that signs people in through this service."""

    slug: str
    origins: tuple[str, ...]
    return_urls: tuple[str, ...]
    deliveries: tuple[Literal["cookie", "code", "fragment"], ...] = ("cookie",)


class PermissionDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A permission of the tenant's vocabulary."""

    name: str
    description: str = ""
    delegable: bool = True


class MappingDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule from groups to permissions; without `provider` it holds for every provider of the tenant."""

    group: str
    permissions: tuple[str, ...]
    provider: str | None = None
    match: MatchKind = MatchKind.EXACT
    enabled: bool = True


class TenantDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant with all its parts."""

    slug: str
    name: str
    hosts: tuple[str, ...] = ()
    default_provider: str | None = None
    local_sign_in: bool = False
    """Users may have a password here and sign in with it."""
    sso_managed: bool = False
    """Only providers make users and set their names."""
    frontends: tuple[FrontendDeclaration, ...] = ()
    permissions: tuple[PermissionDeclaration, ...] = ()
    providers: tuple[ProviderDeclaration, ...] = ()
    group_mappings: tuple[MappingDeclaration, ...] = ()
    users: tuple[EnrolledUser, ...] = ()
    """Users that the operator enters: the first admin, and people whom providers do not make."""


def _allowed(kind: type[Any], message: str) -> str:
    """The allowed values of a setting, for a message about another value."""
    found = re.match(r"Invalid enum value .* - at `\$\.(\w+)", message)
    if found is None:
        return ""
    types = [field.type for field in inspect.type_info(kind).fields if field.encode_name == found[1]]  # type: ignore[attr-defined]  # a struct
    words: list[Any] = []
    while types:
        one = types.pop(0)
        if isinstance(one, inspect.LiteralType):
            words += one.values
        elif isinstance(one, inspect.EnumType):
            words += [member.value for member in one.cls]
        elif isinstance(one, inspect.UnionType):
            types += one.types
        elif isinstance(one, inspect.VarTupleType):
            types.append(one.item_type)
    return f"; it is one of {', '.join(map(str, words))}" if words else ""
