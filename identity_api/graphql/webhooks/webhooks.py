"""Webhooks: which changes are sent to which address, and the state of each delivery."""

from datetime import datetime
from enum import StrEnum
from typing import Final, cast, get_args
from uuid import UUID

import strawberry

from identity_api.db import webhooks as rows
from identity_api.db.outbox import CHANGE_TYPES
from identity_api.db.webhooks import DisabledReason
from identity_api.graphql import ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.summaries import Row
from identity_api.webhooks import administration

SHOWN: Final = 50
"""Deliveries of a webhook that are shown."""
webhook_id = ids.encoder("Webhook")


@enum_type(
    "What a change is about.",
    {
        "USER_CREATED": "`user.created`: a user was made.",
        "USER_UPDATED": "`user.updated`: names, e-mail, or whether the user is enabled.",
        "USER_PERMISSIONS_CHANGED": "`user.permissions_changed`: permissions, groups or identities; of everybody, where no "
        "user is named.",
        "SESSION_ENDED": "`session.ended`: a session ended before it expired.",
    },
)
class ChangeType(StrEnum):
    """As the outbox has them."""

    USER_CREATED = "user.created"
    USER_UPDATED = "user.updated"
    USER_PERMISSIONS_CHANGED = "user.permissions_changed"
    SESSION_ENDED = "session.ended"


@enum_type(
    "Why a webhook is disabled.",
    {
        "ADMIN": "An admin has disabled it.",
        "FAILING": "No message could be delivered for three days.",
        "GONE": "The receiver answered 410.",
    },
)
class WebhookDisabledReason(StrEnum):
    """As rows have it."""

    ADMIN = "ADMIN"
    FAILING = "FAILING"
    GONE = "GONE"


assert {str(one) for one in ChangeType} == set(CHANGE_TYPES)
assert {str(one) for one in WebhookDisabledReason} == set(get_args(DisabledReason))


@object_type(description="An attempt to deliver a message to a webhook.")
class WebhookDelivery:
    """A line of the log."""

    message_id: str = strawberry.field(description="The header `webhook-id`; the same for each attempt at a message.")
    type: str = strawberry.field(description="The type of the message, such as `user.updated` or `webhook.test`.")
    position: str | None = strawberry.field(
        description="The position of the change among the tenant's, a whole number; null for a test."
    )
    attempt: int = strawberry.field(description="The number of the attempt, from 1.")
    delivered: bool = strawberry.field(description="Whether the receiver answered with 2xx.")
    status: int | None = strawberry.field(description="The HTTP status of the answer; null if there was none.")
    error: str | None = strawberry.field(description="Why it was not delivered, as a code; null if it was.")
    milliseconds: int = strawberry.field(description="How long the attempt took, in milliseconds.")
    at: datetime = strawberry.field(description="When it was made.")


class WebhookDeliveryRow(Row, frozen=True):
    """The row behind `WebhookDelivery`; the record is a `Delivery`."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.record, name)

    @property
    def delivered(self) -> bool:
        """Whether it arrived."""
        return self.record.error is None

    @property
    def position(self) -> str | None:
        """As text: a position may have more than 32 bits."""
        return None if self.record.position is None else str(self.record.position)


@object_type(description="An address to which messages about changed permissions, profiles and sessions are sent.")
class Webhook(Node):
    """Of Standard Webhooks."""

    url: str = strawberry.field(description="Where messages are sent.")
    description: str = strawberry.field(description="What it is for, for people.")
    types: list[ChangeType] = strawberry.field(description="The types of changes that are sent.")
    enabled: bool = strawberry.field(description="Whether it is sent anything.")
    disabled_reason: WebhookDisabledReason | None = strawberry.field(
        description="Why it is not enabled; null if it is."
    )
    position: str = strawberry.field(
        description="The position of the newest change that was delivered, skipped or set aside for a retry, a whole number."
    )
    waiting: int = strawberry.field(description="How many changes of the tenant come after `position`.")
    retrying: int = strawberry.field(
        description="How many messages up to `position` wait for a retry, or behind one of the same users that does."
    )
    failures: int = strawberry.field(
        description="How many attempts in a row the receiver was not there for: no answer, or 429, 502, 503 or 504."
    )
    failing_since: datetime | None = strawberry.field(
        description="When the first of those failures was; null if there is none."
    )
    next_attempt_at: datetime | None = strawberry.field(
        description="When the next attempt is due at the earliest; null if nothing has failed."
    )
    created_at: datetime = strawberry.field(description="When it was made.")

    @resolved(list[WebhookDelivery], f"The newest {SHOWN} attempts, the newest first. They are kept for a week.")
    async def deliveries(self, info: Info) -> list[WebhookDeliveryRow]:
        """One statement for each webhook; a tenant has few."""
        context, record = info.context, cast("WebhookRow", self).record
        async with context.reading() as connection:
            found = await rows.deliveries(connection, context.tenant_id, record.id, SHOWN)
        return [WebhookDeliveryRow(one) for one in found]

    is_type_of = is_row_of(lambda: WebhookRow)


class WebhookRow(Row, frozen=True):
    """The row behind `Webhook`; the record is a `db.webhooks.Webhook`."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.record, name)

    @property
    def id(self) -> str:
        """The global id."""
        return webhook_id(self.record.id)

    @property
    def types(self) -> list[ChangeType]:
        """As the schema writes them."""
        return [ChangeType(one) for one in self.record.types]

    @property
    def enabled(self) -> bool:
        """Whether it is sent anything."""
        return self.record.disabled_at is None

    @property
    def disabled_reason(self) -> WebhookDisabledReason | None:
        """As the schema writes it."""
        reason = self.record.disabled_reason
        return None if reason is None else WebhookDisabledReason(reason)

    @property
    def position(self) -> str:
        """As text: a position may have more than 32 bits."""
        return str(self.record.position)

    @property
    def waiting(self) -> int:
        """Including changes of types that it does not want."""
        return max(0, min(int(self.record.head) - int(self.record.position), 2**31 - 1))

    @property
    def next_attempt_at(self) -> datetime | None:
        """While something fails."""
        due_at: datetime | None = self.record.due_at
        return due_at


async def load_webhook(context: Context, row_id: UUID) -> WebhookRow:
    """The webhook, for users who may read webhooks.

    Raises:
        Refused, NotFound: the permission is missing; the tenant has no such row.
    """
    require(NODES["Webhook"], context)
    return await read_webhook(context, row_id)


async def read_webhook(context: Context, row_id: UUID) -> WebhookRow:
    """The webhook, for a caller that has checked access.

    Raises:
        NotFound: the tenant has no such row.
    """
    async with context.reading() as connection:
        return WebhookRow(await administration.load(connection, context.tenant_id, row_id))


@object_type("Query")
class WebhookQueries:
    """Root fields about webhooks."""

    @resolved(
        list[Webhook] | None,
        "The tenant's webhooks, the oldest first; `IDENTITY_MAX_WEBHOOKS` bounds how many there are.",
    )
    async def webhooks(self, info: Info) -> list[WebhookRow]:
        """All of them."""
        async with info.context.reading() as connection:
            found = await rows.of_tenant(connection, info.context.tenant_id)
        return [WebhookRow(one) for one in found]
