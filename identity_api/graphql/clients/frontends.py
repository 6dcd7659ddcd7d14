"""Frontends: the applications that people sign in to through this service."""

from enum import StrEnum
from uuid import UUID

import msgspec
import strawberry

from identity_api.db import frontends as rows
from identity_api.db import tenants
from identity_api.graphql import ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import ManagedBy, enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.summaries import Row
from identity_api.tenants import frontends
from identity_api.tenants.frontends import FrontendSettings

frontend_id = ids.encoder("Frontend")


@enum_type(
    "How a frontend receives the result of a sign-in.",
    {
        "COOKIE": "As a cookie of this service; for frontends of the same site.",
        "CODE": "As a one-time code at the return URL, which is exchanged for a bearer token (PKCE).",
        "FRAGMENT": "As a bearer token in the fragment of the return URL; prefer `CODE`.",
    },
)
class FrontendDelivery(StrEnum):
    """As rows have it."""

    COOKIE = "cookie"
    CODE = "code"
    FRAGMENT = "fragment"


assert {str(one) for one in FrontendDelivery} == set(frontends.DELIVERIES)


@object_type(description="An application that people sign in to through this service.")
class Frontend(Node):
    """Of the tenant."""

    slug: str = strawberry.field(description="Its name in addresses, and its `client_id`.")
    origins: list[str] = strawberry.field(description="The origins whose pages may read answers (CORS).")
    return_urls: list[str] = strawberry.field(
        description="Where a sign-in may end, compared exactly; the first is the default."
    )
    deliveries: list[FrontendDelivery] = strawberry.field(
        description="How it may receive the result of a sign-in; the first is the default."
    )
    managed_by: ManagedBy = strawberry.field(description="Where it is edited.")

    is_type_of = is_row_of(lambda: FrontendRow)


class FrontendRow(Row, frozen=True):
    """The row behind `Frontend`; the record is a `db.tenants.Frontend`."""

    @property
    def id(self) -> str:
        """The global id."""
        return frontend_id(self.record.id)

    @property
    def deliveries(self) -> list[FrontendDelivery]:
        """As the schema writes them."""
        return [FrontendDelivery(one) for one in self.record.deliveries]


@strawberry.input(description="A frontend to make.")
class CreateFrontendInput:
    """What it shall be."""

    slug: str = strawberry.field(
        description="Its name in addresses: lower-case letters, digits, `_` and `-`. It cannot be changed."
    )
    origins: list[str] = strawberry.field(
        default_factory=list, description="The origins whose pages may read answers (CORS)."
    )
    return_urls: list[str] = strawberry.field(description="Where a sign-in may end, compared exactly.")
    deliveries: list[FrontendDelivery] = strawberry.field(
        default_factory=lambda: [FrontendDelivery.CODE],
        description="How it may receive the result of a sign-in; the first is the default.",
    )


@strawberry.input(description="Changes to a frontend. What is left out stays as it is.")
class UpdateFrontendInput:
    """Which, and what of it."""

    id: strawberry.ID = strawberry.field(description="The id of the frontend.")
    origins: list[str] | None = strawberry.field(
        default=None, description="The origins whose pages may read answers (CORS)."
    )
    return_urls: list[str] | None = strawberry.field(
        default=None, description="Where a sign-in may end, compared exactly."
    )
    deliveries: list[FrontendDelivery] | None = strawberry.field(
        default=None, description="How it may receive the result of a sign-in; the first is the default."
    )


@strawberry.input(description="Which frontend to delete.")
class DeleteFrontendInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the frontend.")


@object_type(description="The frontend as it is now.")
class FrontendSaved:
    """Of an edit."""

    frontend: Frontend = strawberry.field(description="The frontend after the change.")

    is_type_of = is_row_of(lambda: FrontendSavedRow)


class FrontendSavedRow(msgspec.Struct, frozen=True):
    """The row behind `FrontendSaved`."""

    frontend: FrontendRow


@object_type(description="The frontend is deleted, and its sessions have ended.")
class FrontendDeleted:
    """Of a deletion."""

    deleted_id: strawberry.ID = strawberry.field(description="The id of the deleted frontend.")

    is_type_of = is_row_of(lambda: FrontendDeletedRow)


class FrontendDeletedRow(msgspec.Struct, frozen=True):
    """The row behind `FrontendDeleted`."""

    deleted_id: str


@object_type("Query")
class FrontendQueries:
    """Root fields about frontends."""

    @resolved(
        list[Frontend] | None,
        "The tenant's frontends, by slug; `IDENTITY_MAX_FRONTENDS` bounds how many there are.",
    )
    async def frontends(self, info: Info) -> list[FrontendRow]:
        """All of them."""
        async with info.context.reading() as connection:
            found = await tenants.frontends(connection, info.context.tenant_id)
        return [FrontendRow(one) for one in found]


@object_type("Mutation")
class FrontendMutations:
    """Root fields that change frontends."""

    @mutation("CreateFrontendPayload", FrontendSaved, "Make a frontend.")
    async def create_frontend(self, info: Info, input: CreateFrontendInput) -> FrontendSavedRow:
        """Within what the actor may give to everybody."""
        settings = FrontendSettings(
            origins=tuple(input.origins),
            return_urls=tuple(input.return_urls),
            deliveries=tuple([str(one) for one in input.deliveries]),
        )
        context = info.context
        made = await frontends.create_frontend(context.deps.database, context.actor, input.slug, settings)
        return FrontendSavedRow(FrontendRow(made))

    @mutation("UpdateFrontendPayload", FrontendSaved, "Change a frontend.")
    async def update_frontend(self, info: Info, input: UpdateFrontendInput) -> FrontendSavedRow:
        """What is left out stays."""
        context = info.context
        after = await frontends.update_frontend(
            context.deps.database,
            context.actor,
            ids.row_id(input.id, "Frontend"),
            origins=None if input.origins is None else tuple(input.origins),
            return_urls=None if input.return_urls is None else tuple(input.return_urls),
            deliveries=None if input.deliveries is None else tuple([str(one) for one in input.deliveries]),
        )
        return FrontendSavedRow(FrontendRow(after))

    @mutation("DeleteFrontendPayload", FrontendDeleted, "Delete a frontend, and end the sessions that it holds.")
    async def delete_frontend(self, info: Info, input: DeleteFrontendInput) -> FrontendDeletedRow:
        """Nobody signs in to it any more."""
        row_id = ids.row_id(input.id, "Frontend")
        await frontends.delete_frontend(info.context.deps.database, info.context.actor, row_id)
        return FrontendDeletedRow(frontend_id(row_id))


async def load_frontend(context: Context, row_id: UUID) -> FrontendRow:
    """The frontend, for users who may read clients.

    Raises:
        Refused, NotFound: the permission is missing; the tenant has no such row.
    """
    require(NODES["Frontend"], context)
    async with context.reading() as connection:
        found = await rows.get(connection, context.tenant_id, row_id)
    if found is None:
        raise ids.not_found("Frontend")
    return FrontendRow(found)
