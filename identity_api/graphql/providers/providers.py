"""Providers as the tenant configured them. Client secrets are never part of an answer (I3)."""

from datetime import datetime
from enum import StrEnum
from typing import Any, get_args
from uuid import UUID

import msgspec
import strawberry

from identity_api.db import provider_changes, provider_listing
from identity_api.db.provider_changes import Footprint
from identity_api.db.provider_listing import ListedProvider
from identity_api.db.providers import Position, Provisioning, Sync, SyncMode
from identity_api.graphql import connections, ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.audit.events import HISTORY, AuditEvent, AuditEventRow, history_of
from identity_api.graphql.connections import Connection, ConnectionRow
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.summaries import Row, provider_id
from identity_api.providers.urls import provider_urls
from identity_api.providers.waived_checks import exceptions_of


@enum_type(
    "How permissions follow a provider's groups.",
    {
        "STRICT": "Groups decide alone: leaving a group takes away what it gave.",
        "ADDITIVE": "Groups add permissions; leaving a group takes nothing away.",
        "NONE": "Groups give nothing.",
    },
)
class ProviderSyncMode(StrEnum):
    """What a provider's groups do to permissions."""

    STRICT = "STRICT"
    ADDITIVE = "ADDITIVE"
    NONE = "NONE"


@enum_type(
    "How a provider is asked again between logins.",
    {
        "REFRESH_TOKEN": "With the login's refresh token.",
        "ACCESS_TOKEN": "With the login's access token.",
        "OFF": "It is not asked; what the last login said counts for `unsyncedLeaseSeconds`.",
    },
)
class ProviderSync(StrEnum):
    """How a provider is asked between logins."""

    REFRESH_TOKEN = "REFRESH_TOKEN"  # noqa: S105  # a name, not a token
    ACCESS_TOKEN = "ACCESS_TOKEN"  # noqa: S105  # a name, not a token
    OFF = "OFF"


@enum_type(
    "Who may sign in for the first time.",
    {
        "JIT": "Anybody whom the provider signs in; a user is made at the first login.",
        "KNOWN_USERS": "Only a person whose username is that of an existing user, compared exactly, capitals included.",
        "LINKED_ONLY": "Only a person whom an admin has linked to a user before.",
    },
)
class ProviderProvisioning(StrEnum):
    """Whose account somebody gets who signs in for the first time."""

    JIT = "JIT"
    KNOWN_USERS = "KNOWN_USERS"
    LINKED_ONLY = "LINKED_ONLY"


for shown, stored in ((ProviderSyncMode, SyncMode), (ProviderSync, Sync), (ProviderProvisioning, Provisioning)):
    assert {str(member) for member in shown} == set(get_args(stored))


@object_type(description="Where each claim is looked for, in order.")
class ProviderClaims:
    """As claim sources are written (`claims.source`)."""

    anchor: list[str]
    username: list[str]
    display: list[str]
    email: list[str]
    groups: list[str]
    directories: list[str] = strawberry.field(
        description="The Entra directories whose people may sign in, where the issuer stands for many."
    )
    deny_unmapped: bool = strawberry.field(description="People whom their groups give nothing are refused.")
    userinfo_method: str
    name_in_callback: bool = strawberry.field(
        description="A name that no claim says is read from the callback's field `user`, which nobody signs."
    )
    group_source: str | None = strawberry.field(
        description="The vendor's interface that lists groups where claims leave them out."
    )


@object_type(description="A name with its value.")
class NameValue:
    """GraphQL has no tables."""

    name: str
    value: str


@object_type(description="A stored client secret, whose value nobody is shown.")
class ProviderSecret:
    """Two may overlap; the newest is used first."""

    id: strawberry.ID = strawberry.field(description="For `removeProviderSecret`.")
    created_at: datetime
    expires_at: datetime | None


@object_type(description="Our addresses, to register at the provider. Plain OAuth 2.0 knows the first only.")
class ProviderURLs:
    """As `providers.urls` makes them."""

    redirect: str
    backchannel_logout: str | None
    frontchannel_logout: str | None
    post_logout_redirects: list[str]
    initiate_login: str | None


@object_type(description="What was agreed on with the provider beyond the ordinary.")
class ProviderClientSettings:
    """As `db.providers.ClientSettings`."""

    signing_algorithm: str
    assertion_audience: str
    dpop: bool
    encrypted_id_tokens: bool
    signed_userinfo: bool
    ca_certificate_pem: str | None
    apple_team_id: str | None
    apple_key_id: str | None
    sign_out_at_provider: bool
    end_session_parameters: list[NameValue]
    exceptions: list[str] = strawberry.field(
        description="Checks that the operator has taken back for this provider, each with what is lost by it."
    )


@object_type(
    description="What hangs on a provider. It can be deleted when it is disabled and the first and last are 0."
)
class ProviderDeletion:
    """As `db.provider_changes.Footprint`."""

    identities: int
    sessions: int = strawberry.field(description="Live ones.")
    mappings: int = strawberry.field(description="Made for this provider alone.")


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
    authorization_parameters: list[NameValue]
    endpoints: list[NameValue] = strawberry.field(description="OAuth 2.0 only.")
    claims: ProviderClaims
    client_settings: ProviderClientSettings
    provisioning: ProviderProvisioning
    adopt_by_name: bool
    email_verified_rule: str
    absent_groups: str
    sync_mode: ProviderSyncMode
    sync: ProviderSync
    sync_interval_seconds: int
    outage_grace_seconds: int
    unsynced_lease_seconds: int
    max_concurrent: int
    reauthentication: bool
    logout_page_url: str | None
    managed_by: str = strawberry.field(description="`FILE` or `API`: where it is edited.")
    version: int
    secrets: list[ProviderSecret]
    urls: ProviderURLs
    created_at: datetime
    updated_at: datetime

    @resolved(list[AuditEvent] | None, HISTORY)
    async def history(self, info: Info) -> list[AuditEventRow]:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        return await history_of(info.context, source.record.id)

    @classmethod
    def is_type_of(cls, value: Any, _: Any) -> bool:
        """Whether a row is one of these."""
        return isinstance(value, ProviderRow)


class PairRow(msgspec.Struct, frozen=True):
    """The row behind `NameValue`."""

    name: str
    value: str


class ClientSettingsRow(Row, frozen=True):
    """The row behind `ProviderClientSettings`; the record is a `db.providers.ClientSettings`."""

    @property
    def end_session_parameters(self) -> list[PairRow]:
        """By name."""
        return _pairs(self.record.end_session_parameters)

    @property
    def exceptions(self) -> list[str]:
        """Empty for nearly every provider."""
        return [str(one) for one in exceptions_of(self.record)]


class ProviderRow(Row, frozen=True):
    """The row behind `Provider`; the record is a `db.providers.Provider`."""

    listed: ListedProvider
    public_url: str

    @property
    def id(self) -> str:
        """The global id."""
        return provider_id(self.record.id)

    @property
    def authorization_parameters(self) -> list[PairRow]:
        """By name."""
        return _pairs(self.record.authorization_parameters)

    @property
    def endpoints(self) -> list[PairRow]:
        """By name."""
        return _pairs(self.record.endpoints)

    @property
    def client_settings(self) -> "ClientSettingsRow":
        """As `db.providers.ClientSettings`."""
        return ClientSettingsRow(self.record.client_settings)

    @property
    def secrets(self) -> tuple[Any, ...]:
        """The newest first; the record is a `SecretRecord`."""
        return self.listed.secrets

    @property
    def urls(self) -> Any:
        """A `providers.urls.ProviderURLs`."""
        listed = self.listed
        return provider_urls(listed.provider, listed.tenant, hosts=listed.hosts, public_url=self.public_url)


def _pairs(table: dict[str, str]) -> list[PairRow]:
    return [PairRow(name, table[name]) for name in sorted(table)]


def _row(context: Context, listed: ListedProvider) -> ProviderRow:
    return ProviderRow(listed.provider, listed, context.deps.providers.defaults.public_url)


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
            found = await provider_listing.page(connection, context.tenant_id, after=position, first=size)
        rows = [_row(context, listed) for listed in found[:size]]
        return connections.connection(of, rows, has_more=len(found) > size, after=after)

    @resolved(ProviderDeletion | None, "What stands in the way of deleting a provider.")
    async def preview_provider_deletion(self, info: Info, id: strawberry.ID) -> Footprint:
        """Counted now."""
        context, row_id = info.context, ids.row_id(id, "Provider")
        async with context.reading() as connection:
            await ids.check_exists(connection, context.tenant_id, "Provider", row_id)
            return await provider_changes.footprint(connection, context.tenant_id, row_id)


async def load_provider(context: Context, row_id: UUID) -> ProviderRow:
    """The provider, for who may read providers.

    Raises:
        Refused, NotFound: one may not; there is none in this tenant.
    """
    require(NODES["Provider"], context)
    return await read_provider(context, row_id)


async def read_provider(context: Context, row_id: UUID) -> ProviderRow:
    """The provider, for whoever may reach it.

    Raises:
        NotFound: there is none in this tenant.
    """
    async with context.reading() as connection:
        listed = await provider_listing.get(connection, context.tenant_id, row_id)
    if listed is None:
        raise ids.not_found("Provider")
    return _row(context, listed)
