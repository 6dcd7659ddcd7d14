"""Providers as the tenant configured them. Client secrets are never part of an answer (I3)."""

from datetime import datetime
from enum import StrEnum
from typing import Any, get_args
from uuid import UUID

import strawberry

from identity_api.db import providers
from identity_api.db.providers import Position, Provisioning, Sync, SyncMode
from identity_api.graphql import connections, ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.connections import Connection, ConnectionRow
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.summaries import Row, provider_id


@strawberry.enum(description="How what a provider's groups give follows those groups.")
class ProviderSyncMode(StrEnum):
    """Design 7."""

    STRICT = "STRICT"
    ADDITIVE = "ADDITIVE"
    NONE = "NONE"


@strawberry.enum(description="What a provider is asked with between logins.")
class ProviderSync(StrEnum):
    """Design 8."""

    REFRESH_TOKEN = "REFRESH_TOKEN"  # noqa: S105  # a name, not a token
    ACCESS_TOKEN = "ACCESS_TOKEN"  # noqa: S105  # a name, not a token
    OFF = "OFF"


@strawberry.enum(description="Who may sign in for the first time.")
class ProviderProvisioning(StrEnum):
    """Design 6."""

    JIT = "JIT"
    KNOWN_USERS = "KNOWN_USERS"
    LINKED_ONLY = "LINKED_ONLY"


for shown, stored in ((ProviderSyncMode, SyncMode), (ProviderSync, Sync), (ProviderProvisioning, Provisioning)):
    assert {str(member) for member in shown} == set(get_args(stored))


@object_type(description="Where each claim is looked for, in order.")
class ProviderClaims:
    """As claim sources are written (`mapping.source`)."""

    anchor: list[str]
    username: list[str]
    display: list[str]
    email: list[str]
    groups: list[str]


@object_type(description="An OpenID Provider, or OAuth 2.0 provider, of the tenant.")
class Provider(Node):
    """Its settings, without its secrets."""

    slug: str
    protocol: str
    preset: str | None
    label: str
    icon: str | None
    position: int = strawberry.field(description="On the login page.")
    enabled: bool
    issuer: str
    discovery_url: str | None
    client_id: str
    client_authentication: str
    redirect_url: str
    scopes: list[str]
    claims: ProviderClaims
    provisioning: ProviderProvisioning
    adopt_by_name: bool
    email_verified_rule: str
    absent_groups: str
    sync_mode: ProviderSyncMode
    sync: ProviderSync
    sync_interval_seconds: int
    outage_grace_seconds: int
    unsynced_lease_seconds: int
    reauthentication: bool
    logout_page_url: str | None
    managed_by: str = strawberry.field(description="`FILE` or `API`: where it is edited.")
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def is_type_of(cls, value: Any, _: Any) -> bool:
        """Whether a row is one of these."""
        return isinstance(value, ProviderRow)


class ProviderRow(Row, frozen=True):
    """The row behind `Provider`; the record is a `db.providers.Provider`."""

    @property
    def id(self) -> str:
        """The global id."""
        return provider_id(self.record.id)


def _position(row: ProviderRow) -> Position:
    return Position(row.record.position, row.record.slug)


@object_type("Query")
class ProviderQueries:
    """Root fields about providers."""

    @resolved(Connection[Provider] | None, "The tenant's providers, in the order of the login page.")
    async def providers(self, info: Info, first: int | None = 50, after: str | None = None) -> ConnectionRow:
        """A page."""
        context, size = info.context, connections.page_size(first)
        of = connections.listing(context, "providers", _position)
        position = await connections.opened(context, of, after, Position)
        async with context.reading() as connection:
            found = await providers.page(connection, context.tenant_id, after=position, first=size)
        rows = [ProviderRow(record) for record in found[:size]]
        return connections.connection(of, rows, has_more=len(found) > size, after=after)


async def load_provider(context: Context, row_id: UUID) -> ProviderRow:
    """The provider, for who may read providers.

    Raises:
        Refused, NotFound: one may not; there is none in this tenant.
    """
    require(NODES["Provider"], context)
    async with context.reading() as connection:
        record = await providers.get(connection, context.tenant_id, row_id)
    if record is None:
        raise ids.not_found("Provider")
    return ProviderRow(record)
