"""Providers as the tenant configured them. Client secrets are never part of an answer (I3)."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
import strawberry

from identity_api.db import provider_changes, provider_listing, tenant_limits
from identity_api.db.provider_changes import Footprint
from identity_api.db.provider_listing import ListedProvider
from identity_api.db.providers import Position
from identity_api.graphql import connections, ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.audit.events import HISTORY, AuditEvent, AuditEventRow, history_of
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import ManagedBy
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.providers.provider_enums import (
    AbsentGroups,
    ClientAuthenticationMethod,
    EmailVerifiedRule,
    ProviderProtocol,
)
from identity_api.graphql.providers.provider_settings import (
    NameValue,
    ProviderClaims,
    ProviderClientSettings,
    ProviderProvisioning,
    ProviderSecret,
    ProviderSync,
    ProviderSyncMode,
    ProviderURLs,
)
from identity_api.graphql.summaries import Row, provider_id
from identity_api.providers.urls import provider_urls
from identity_api.providers.waived_checks import exceptions_of


@object_type(
    description="What belongs to a provider. It can be deleted when it is disabled and has neither identities nor "
    "mappings."
)
class ProviderDeletion:
    """As `db.provider_changes.Footprint`."""

    identities: int = strawberry.field(description="How many identities it has.")
    sessions: int = strawberry.field(description="How many live sessions began there.")
    mappings: int = strawberry.field(description="How many group mappings are for this provider alone.")


@object_type(description="An OpenID Provider, or OAuth 2.0 provider, of the tenant.")
class Provider(Node):
    """Its settings, without its secrets."""

    slug: str = strawberry.field(description="The provider's name in addresses, unique within the tenant.")
    protocol: ProviderProtocol = strawberry.field(description="What the provider speaks.")
    preset: str | None = strawberry.field(description="The name of the preset that it was made from; null for none.")
    label: str = strawberry.field(description="The name on the login page.")
    icon: str | None = strawberry.field(description="The icon on the login page; null for none.")
    position: int = strawberry.field(description="The place on the login page; the lowest number comes first.")
    enabled: bool = strawberry.field(description="Whether people can sign in there.")
    issuer: str = strawberry.field(description="The issuer URL. It is compared character by character.")
    discovery_url: str | None = strawberry.field(
        description="Where the provider metadata is; null for the well-known path under the issuer."
    )
    client_id: str = strawberry.field(description="The `client_id` that the provider has registered for us.")
    client_authentication: ClientAuthenticationMethod = strawberry.field(
        description="How we authenticate at the token endpoint."
    )
    redirect_url: str = strawberry.field(description="Our redirect URL, exactly as it is registered at the provider.")
    scopes: list[str] = strawberry.field(description="The OAuth scopes that a login asks for.")
    authorization_parameters: list[NameValue] = strawberry.field(
        description="Parameters that are added to the authorization request."
    )
    endpoints: list[NameValue] = strawberry.field(
        description="The addresses of an OAuth 2.0 provider by name: `authorization`, `token` and `userinfo`. Empty for "
        "OpenID Connect."
    )
    claims: ProviderClaims = strawberry.field(description="Where claims are looked for.")
    client_settings: ProviderClientSettings = strawberry.field(
        description="Settings of the client that differ from the usual."
    )
    provisioning: ProviderProvisioning = strawberry.field(description="Who may sign in for the first time.")
    adopt_by_name: bool = strawberry.field(
        description="Whether a first login may take over a user with the same username who was never linked."
    )
    email_verified_rule: EmailVerifiedRule = strawberry.field(description="What `email_verified` must say.")
    absent_groups: AbsentGroups = strawberry.field(description="What an absent groups claim means.")
    sync_mode: ProviderSyncMode = strawberry.field(description="How permissions follow the provider's groups.")
    sync: ProviderSync = strawberry.field(description="How the provider is asked again between logins.")
    sync_interval_seconds: int = strawberry.field(description="The time between two syncs of an identity, in seconds.")
    outage_grace_seconds: int = strawberry.field(
        description="How long permissions stay in force while the provider cannot be asked, in seconds."
    )
    unsynced_lease_seconds: int = strawberry.field(
        description="How long the last login counts if sync is `OFF`, in seconds."
    )
    max_rate: int | None = strawberry.field(
        description="How many calls a second each worker may make for syncs. Null for the rate that the provider allows."
    )
    max_concurrent: int = strawberry.field(
        description="How many calls for syncs may be under way at the provider at once."
    )
    reauthentication: bool = strawberry.field(
        description="Whether the provider can be asked for a new proof of who the person is (step-up)."
    )
    logout_page_url: str | None = strawberry.field(
        description="Where people are sent after they have signed out; null for our own page."
    )
    managed_by: ManagedBy = strawberry.field(description="Where it is edited.")
    version: int = strawberry.field(description="Raised by each edit; `updateProvider` has to name it.")
    secrets: list[ProviderSecret] = strawberry.field(
        description="Its client secrets, the one in use first. Their values are never shown."
    )
    urls: ProviderURLs = strawberry.field(description="Our URLs to register at the provider.")
    created_at: datetime = strawberry.field(description="When the provider was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")

    @resolved(list[AuditEvent] | None, HISTORY)
    async def history(self, info: Info) -> list[AuditEventRow]:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        return await history_of(info.context, source.record.id)

    is_type_of = is_row_of(lambda: ProviderRow)


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


async def _count(context: Context) -> int:
    async with context.reading() as connection:
        return await tenant_limits.count(connection, "max_providers", context.tenant_id)


@object_type("Query")
class ProviderQueries:
    """Root fields about providers."""

    @resolved(Connection[Provider] | None, "The tenant's providers, in the order of the login page.")
    async def providers(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page."""
        context, page = info.context, connections.asked(first, after, last, before)
        of = connections.listing(context, "providers", _position)
        position = await connections.opened(context, of, page, Position)
        async with context.reading() as connection:
            found = await provider_listing.page(
                connection, context.tenant_id, after=position, first=page.size, backward=page.is_backward
            )
        rows = [_row(context, listed) for listed in found]
        return connections.paged(of, rows, page, count=partial(_count, context))

    @resolved(ProviderDeletion | None, "What prevents deleting a provider.")
    async def preview_provider_deletion(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id of the provider.")]
    ) -> Footprint:
        """Counted now."""
        context, row_id = info.context, ids.row_id(id, "Provider")
        async with context.reading() as connection:
            await ids.check_exists(connection, context.tenant_id, "Provider", row_id)
            return await provider_changes.footprint(connection, context.tenant_id, row_id)


async def load_provider(context: Context, row_id: UUID) -> ProviderRow:
    """The provider, for users who may read providers.

    Raises:
        Refused, NotFound: the permission is missing; the tenant has no such row.
    """
    require(NODES["Provider"], context)
    return await read_provider(context, row_id)


async def read_provider(context: Context, row_id: UUID) -> ProviderRow:
    """The provider, for a caller that has checked access.

    Raises:
        NotFound: the tenant has no such row.
    """
    async with context.reading() as connection:
        listed = await provider_listing.get(connection, context.tenant_id, row_id)
    if listed is None:
        raise ids.not_found("Provider")
    return _row(context, listed)
