"""Service clients: backends that may look into the tenant's tokens."""

from datetime import datetime
from uuid import UUID

import msgspec
import strawberry

from identity_api.db import clients as rows
from identity_api.graphql import ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.summaries import Row
from identity_api.sessions import clients
from identity_api.sessions.clients import MAX_CLIENT_DAYS

service_client_id = ids.encoder("ServiceClient")


@object_type(description="A backend that may look into the tenant's tokens with `POST /v1/introspect`.")
class ServiceClient(Node):
    """Of this tenant, or of the operator."""

    client_id: str = strawberry.field(description="The `client_id`, its user name for HTTP Basic.")
    is_owned: bool = strawberry.field(
        description="Whether the tenant's admins may change it. False if the operator made it, perhaps for several tenants."
    )
    is_live: bool = strawberry.field(description="Whether its secret works now.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(
        description="When its secret ends; null if it works until the client is revoked."
    )
    seen_at: datetime | None = strawberry.field(
        description="When it was last used, to the minute; null if it never was."
    )
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null if it was not.")

    is_type_of = is_row_of(lambda: ServiceClientRow)


class ServiceClientRow(Row, frozen=True):
    """The row behind `ServiceClient`; the record is a `db.clients.TenantClient`."""

    @property
    def id(self) -> str:
        """The global id."""
        return service_client_id(self.record.id)

    @property
    def client_id(self) -> str:
        """Its name."""
        name: str = self.record.name
        return name


@strawberry.input(description="A service client to make.")
class CreateServiceClientInput:
    """Its name, and until when."""

    name: str = strawberry.field(
        description="Printable ASCII without a colon. The `client_id` is the tenant's slug, a dot, and this name."
    )
    days: int | None = strawberry.field(
        default=None,
        description=f"How long its secret works, from 1 to {MAX_CLIENT_DAYS} days; null means until it is revoked.",
    )


@strawberry.input(description="Which service client to give another secret.")
class RotateServiceClientInput:
    """Which, and until when."""

    id: strawberry.ID = strawberry.field(description="The id of the service client.")
    days: int | None = strawberry.field(
        default=None,
        description=f"How long the new secret works, from 1 to {MAX_CLIENT_DAYS} days. Null leaves `expiresAt` as it is, "
        "which is refused for a client that has expired.",
    )


@strawberry.input(description="Which service client to revoke.")
class RevokeServiceClientInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the service client.")


@object_type(description="A service client with a new secret, which is shown only here.")
class ServiceClientMade:
    """Of `createServiceClient` and `rotateServiceClient`."""

    service_client: ServiceClient = strawberry.field(description="The service client.")
    value: str = strawberry.field(description="The `client_secret`, its password for HTTP Basic.")

    is_type_of = is_row_of(lambda: ServiceClientMadeRow)


class ServiceClientMadeRow(msgspec.Struct, frozen=True):
    """The row behind `ServiceClientMade`."""

    service_client: ServiceClientRow
    value: str

    def __repr__(self) -> str:
        return f"ServiceClientMadeRow({self.service_client!r})"


@object_type(description="The service client is revoked.")
class ServiceClientRevoked:
    """Of `revokeServiceClient`."""

    service_client: ServiceClient = strawberry.field(description="The service client as it is now.")

    is_type_of = is_row_of(lambda: ServiceClientRevokedRow)


class ServiceClientRevokedRow(msgspec.Struct, frozen=True):
    """The row behind `ServiceClientRevoked`."""

    service_client: ServiceClientRow


@object_type("Query")
class ServiceClientQueries:
    """Root fields about service clients."""

    @resolved(
        list[ServiceClient] | None,
        "The service clients that may look into the tenant's tokens and are not revoked, by name.",
    )
    async def service_clients(self, info: Info) -> list[ServiceClientRow]:
        """All of them."""
        async with info.context.reading() as connection:
            found = await rows.of_tenant(connection, info.context.tenant_id)
        return [ServiceClientRow(one) for one in found]


@object_type("Mutation")
class ServiceClientMutations:
    """Root fields that change service clients."""

    @mutation("CreateServiceClientPayload", ServiceClientMade, "Make a service client for this tenant alone.")
    async def create_service_client(self, info: Info, input: CreateServiceClientInput) -> ServiceClientMadeRow:
        """The answer has the secret."""
        database, actor = info.context.deps.database, info.context.actor
        made = await clients.create_tenant_client(database, actor, input.name, days=input.days)
        return ServiceClientMadeRow(ServiceClientRow(made.client), made.secret)

    @mutation(
        "RotateServiceClientPayload",
        ServiceClientMade,
        "Give a service client another secret; the old one ends at once.",
    )
    async def rotate_service_client(self, info: Info, input: RotateServiceClientInput) -> ServiceClientMadeRow:
        """The answer has the secret."""
        row_id = ids.row_id(input.id, "ServiceClient")
        database, actor = info.context.deps.database, info.context.actor
        made = await clients.rotate_tenant_client(database, actor, row_id, days=input.days)
        return ServiceClientMadeRow(ServiceClientRow(made.client), made.secret)

    @mutation(
        "RevokeServiceClientPayload",
        ServiceClientRevoked,
        "End the secret of a service client for good; its name stays taken.",
    )
    async def revoke_service_client(self, info: Info, input: RevokeServiceClientInput) -> ServiceClientRevokedRow:
        """Its next request is answered 401."""
        row_id = ids.row_id(input.id, "ServiceClient")
        client = await clients.revoke_tenant_client(info.context.deps.database, info.context.actor, row_id)
        return ServiceClientRevokedRow(ServiceClientRow(client))


async def load_service_client(context: Context, row_id: UUID) -> ServiceClientRow:
    """The client, for users who may read clients.

    Raises:
        Refused, NotFound: the permission is missing; no such client may look into the tenant.
    """
    require(NODES["ServiceClient"], context)
    async with context.reading() as connection:
        found: rows.TenantClient | None = await rows.tenant_client(connection, context.tenant_id, row_id)
    if found is None:
        raise ids.not_found("ServiceClient")
    return ServiceClientRow(found)
