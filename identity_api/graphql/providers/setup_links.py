"""Set-up links: somebody without an account, such as a customer's IT, sets up one provider with one."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, get_args

import msgspec
import strawberry

from identity_api.db import permissions, setup_links
from identity_api.db.database import Connection
from identity_api.db.permissions import PermissionRecord
from identity_api.db.setup_links import SetupLink as Record
from identity_api.db.setup_links import Step
from identity_api.errors import NotFound, Problems
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.summaries import PermissionReference, PermissionReferenceRow
from identity_api.setup import links
from identity_api.setup.links import MOST_LISTED, Wish

DAYS: Final = 7


@enum_type(
    "The state of a set-up link.",
    {
        "LIVE": "It works.",
        "USED": "The provider was enabled with it.",
        "REVOKED": "It was revoked.",
        "EXPIRED": "Its time has passed.",
    },
)
class SetupLinkState(StrEnum):
    """From the end of the row."""

    LIVE = "LIVE"
    USED = "USED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


@enum_type(
    "A step of the set-up.",
    {
        "VENDOR": "Choose the vendor.",
        "REGISTER": "Create the client at the provider.",
        "CONNECT": "Enter issuer, client id and secret.",
        "TEST": "Check the connection, and make a test login.",
        "GROUPS": "Choose the claim that has the groups.",
        "MAPPINGS": "Give groups permissions.",
        "ENABLE": "Enable the provider.",
    },
)
class SetupStep(StrEnum):
    """As rows have it, in upper case."""

    VENDOR = "vendor"
    REGISTER = "register"
    CONNECT = "connect"
    TEST = "test"
    GROUPS = "groups"
    MAPPINGS = "mappings"
    ENABLE = "enable"


assert {str(one) for one in SetupStep} == set(get_args(Step))


@object_type(description="A link for setting up one provider. Its address is told once, when it is made.")
class SetupLink:
    """Of `db.setup_links`."""

    id: strawberry.ID = strawberry.field(description="For `revokeSetupLink`. `node(id)` does not know it.")
    slug: str = strawberry.field(description="The slug that the provider has or will have.")
    label: str = strawberry.field(description="The label that the provider has or will have.")
    permissions: list[PermissionReference] = strawberry.field(
        description="The permissions that may be given to groups of the provider."
    )
    state: SetupLinkState = strawberry.field(description="Whether it works, or how it ended.")
    step: SetupStep = strawberry.field(description="The furthest step that was reached with it.")
    made_by: str = strawberry.field(description="Who made it, as the audit names them.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="Until when it works at most.")

    @resolved(str, "Who made it, by name: a username, `operator:<name>` or `system`; `madeBy` if they are gone.")
    async def made_by_name(self, info: Info) -> str:
        """One statement for all of a list."""
        source: Any = self  # what is resolved is the row
        return await info.context.actor_names.load(source.record.made_by)


class SetupLinkRow(msgspec.Struct, frozen=True):
    """The row behind `SetupLink`."""

    record: Record
    permissions: list[PermissionReferenceRow]

    def __getattr__(self, name: str) -> object:
        return getattr(self.record, name)

    @property
    def id(self) -> str:
        """Of the row."""
        return str(self.record.id)

    @property
    def step(self) -> SetupStep:
        """As the schema writes it."""
        return SetupStep(self.record.step)

    @property
    def state(self) -> SetupLinkState:
        """From its end."""
        if self.record.is_live:
            return SetupLinkState.LIVE
        return SetupLinkState(self.record.ended_reason or "EXPIRED")


@object_type(description="A set-up link that was made.")
class SetupLinkCreated:
    """Of `createSetupLink`."""

    setup_link: SetupLink = strawberry.field(description="The link.")
    url: str = strawberry.field(
        description="Its address. Whoever has it can set up the provider; it is not shown again."
    )

    is_type_of = is_row_of(lambda: SetupLinkCreatedRow)


class SetupLinkCreatedRow(msgspec.Struct, frozen=True):
    """The row behind `SetupLinkCreated`."""

    setup_link: SetupLinkRow
    url: str

    def __repr__(self) -> str:
        return "SetupLinkCreatedRow()"


@object_type(description="A set-up link that was revoked.")
class SetupLinkRevoked:
    """Of `revokeSetupLink`."""

    setup_link: SetupLink = strawberry.field(description="The link as it is now.")

    is_type_of = is_row_of(lambda: SetupLinkRevokedRow)


class SetupLinkRevokedRow(msgspec.Struct, frozen=True):
    """The row behind `SetupLinkRevoked`."""

    setup_link: SetupLinkRow


@strawberry.input(description="A link for setting up a provider that does not exist yet.")
class CreateSetupLinkInput:
    """Fields of `setup.links.Wish`."""

    slug: str = strawberry.field(
        description="The slug that the provider will have: lower-case letters, digits, _ and -."
    )
    label: str = strawberry.field(description="The name that the provider will have on the login page.")
    permissions: list[strawberry.ID] = strawberry.field(
        default_factory=list,
        description="The ids of the permissions that may be given to groups of the provider. They must be delegable.",
    )
    days: int = strawberry.field(default=DAYS, description="For how many days the link works, from 1 to 30.")


@strawberry.input(description="Which set-up link to revoke.")
class RevokeSetupLinkInput:
    """Which."""

    setup_link_id: str = strawberry.field(description="The id of the link.")


@object_type("Query")
class SetupLinkQueries:
    """Root fields about set-up links."""

    @resolved(
        list[SetupLink] | None,
        f"The tenant's set-up links: all that work, then the newest of the others, {MOST_LISTED} at most.",
    )
    async def setup_links(self, info: Info) -> list[SetupLinkRow]:
        """Also those that have ended."""
        context = info.context
        async with context.reading() as connection:
            found = await setup_links.of_tenant(connection, context.tenant_id, most=MOST_LISTED)
            return await _rows(connection, context, found)


@object_type("Mutation")
class SetupLinkMutations:
    """Root fields that make and revoke set-up links."""

    @mutation(
        "CreateSetupLinkPayload",
        SetupLinkCreated,
        "Make a link with which somebody without an account sets up one new provider, within the named permissions.",
    )
    async def create_setup_link(self, info: Info, input: CreateSetupLinkInput) -> SetupLinkCreatedRow:
        """The link is worth what its maker may give."""
        context, problems = info.context, Problems()
        wish = Wish(slug=input.slug, label=input.label, days=input.days)
        problems.read("slug", lambda: links.check_wish(wish))
        wanted = ids.row_ids(problems, "permissions", input.permissions, "Permission")
        problems.tell()
        async with context.reading() as connection:
            found = await permissions.by_ids(connection, context.tenant_id, wanted)
        if len(found) != len(set(wanted)):
            raise NotFound("There is no such permission.")
        wish = msgspec.structs.replace(wish, permissions=tuple([one.name for one in found]))
        made = await links.create_link(context.deps.database, context.actor, wish, public_url=context.deps.public_url)
        return SetupLinkCreatedRow(SetupLinkRow(made.link, _references(found)), made.url)

    @mutation("RevokeSetupLinkPayload", SetupLinkRevoked, "End a set-up link; a provider that was made with it stays.")
    async def revoke_setup_link(self, info: Info, input: RevokeSetupLinkInput) -> SetupLinkRevokedRow:
        """Once."""
        context = info.context
        ended = await links.revoke_link(context.deps.database, context.actor, ids.plain(input.setup_link_id))
        async with context.reading() as connection:
            [row] = await _rows(connection, context, [ended])
        return SetupLinkRevokedRow(row)


async def _rows(connection: Connection, context: Context, found: list[Record]) -> list[SetupLinkRow]:
    """With the permissions that there still are, in one statement."""
    names = {name for one in found for name in one.permissions}
    known = await permissions.by_names(connection, context.tenant_id, names)
    return [SetupLinkRow(one, _references([known[name] for name in one.permissions if name in known])) for one in found]


def _references(found: list[PermissionRecord]) -> list[PermissionReferenceRow]:
    return [PermissionReferenceRow(one.id, one.name) for one in found]
