"""Mutations of webhooks, for admins."""

from typing import Final

import msgspec
import strawberry

from identity_api.db.webhooks import Delivery
from identity_api.db.webhooks import Webhook as WebhookRecord
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import is_row_of
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.webhooks.webhooks import (
    ChangeType,
    Webhook,
    WebhookDelivery,
    WebhookDeliveryRow,
    WebhookRow,
    read_webhook,
    webhook_id,
)
from identity_api.webhooks import administration
from identity_api.webhooks.administration import Settings
from identity_api.webhooks.send import Sending

TEST_SECONDS: Final = 4.0
"""How long a test waits for the receiver: less than a request may take, so that its answer says what came of it."""


@object_type(description="The webhook as it is now.")
class WebhookSaved:
    """Of most mutations."""

    webhook: Webhook = strawberry.field(description="The webhook after the change.")

    is_type_of = is_row_of(lambda: WebhookSavedRow)


class WebhookSavedRow(msgspec.Struct, frozen=True):
    """The row behind `WebhookSaved`."""

    webhook: WebhookRow


@object_type(description="A webhook with a new secret.")
class WebhookSecretMade:
    """The secret is shown this once."""

    webhook: Webhook = strawberry.field(description="The webhook.")
    signing_key: str = strawberry.field(
        description="What the receiver verifies signatures with, `whsec_` and base64. It is not shown again."
    )

    is_type_of = is_row_of(lambda: WebhookSecretMadeRow)


class WebhookSecretMadeRow(msgspec.Struct, frozen=True):
    """The row behind `WebhookSecretMade`."""

    webhook: WebhookRow
    signing_key: str

    def __repr__(self) -> str:
        return "WebhookSecretMadeRow()"


@object_type(description="A webhook that was deleted.")
class WebhookDeleted:
    """Of `deleteWebhook`."""

    id: strawberry.ID = strawberry.field(description="The id that it had.")

    is_type_of = is_row_of(lambda: WebhookDeletedRow)


class WebhookDeletedRow(msgspec.Struct, frozen=True):
    """The row behind `WebhookDeleted`."""

    id: str


@object_type(description="How a test message was received.")
class WebhookTested:
    """Of `testWebhook`."""

    delivery: WebhookDelivery = strawberry.field(description="The attempt; it is in the log as well.")

    is_type_of = is_row_of(lambda: WebhookTestedRow)


class WebhookTestedRow(msgspec.Struct, frozen=True):
    """The row behind `WebhookTested`."""

    delivery: WebhookDeliveryRow


@strawberry.input(description="A webhook to make.")
class CreateWebhookInput:
    """What it shall be."""

    url: str = strawberry.field(description="Where messages are sent: https on a public name.")
    types: list[ChangeType] = strawberry.field(
        default_factory=lambda: list(ChangeType), description="The types of changes to be sent; all by default."
    )
    description: str = strawberry.field(default="", description="What it is for, for people.")


@strawberry.input(description="Changes to a webhook. What is left out stays as it is.")
class UpdateWebhookInput:
    """Which, and what of it."""

    id: strawberry.ID = strawberry.field(description="The id of the webhook.")
    url: str | None = strawberry.field(default=None, description="Where messages are sent.")
    types: list[ChangeType] | None = strawberry.field(default=None, description="The types of changes to be sent.")
    description: str | None = strawberry.field(default=None, description="What it is for, for people.")
    enabled: bool | None = strawberry.field(
        default=None,
        description="Whether messages are sent to it. One that is enabled again continues where it stopped.",
    )


@strawberry.input(description="Which webhook to delete.")
class DeleteWebhookInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the webhook.")


@strawberry.input(description="Which webhook to give another secret.")
class RotateWebhookSecretInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the webhook.")


@strawberry.input(description="Which webhook to send a test message.")
class TestWebhookInput:
    """Which; it may be disabled."""

    __test__ = False  # not a test of the test suite, despite its name

    id: strawberry.ID = strawberry.field(description="The id of the webhook.")


@strawberry.input(description="Which webhook to replay, and from which position.")
class ReplayWebhookInput:
    """Which, and after what."""

    id: strawberry.ID = strawberry.field(description="The id of the webhook.")
    after: str = strawberry.field(
        description="The position after which everything is sent again, a whole number from a delivery's `position`."
    )


@object_type("Mutation")
class WebhookMutations:
    """Root fields that change webhooks."""

    @mutation("CreateWebhookPayload", WebhookSecretMade, "Make a webhook; it is sent changes from now on.")
    async def create_webhook(self, info: Info, input: CreateWebhookInput) -> WebhookSecretMadeRow:
        """The answer has the secret."""
        context = info.context
        settings = Settings(input.url, tuple([str(one) for one in input.types]), input.description)
        made = await administration.create(_sending(context), context.deps.providers.allow, context.actor, settings)
        return WebhookSecretMadeRow(WebhookRow(made.webhook), made.secret)

    @mutation("UpdateWebhookPayload", WebhookSaved, "Change a webhook, or disable or enable it.")
    async def update_webhook(self, info: Info, input: UpdateWebhookInput) -> WebhookSavedRow:
        """What is left out stays."""
        context, row_id = info.context, ids.row_id(input.id, "Webhook")
        before: WebhookRecord = (await read_webhook(context, row_id)).record
        settings = Settings(
            before.url if input.url is None else input.url,
            tuple(before.types if input.types is None else [str(one) for one in input.types]),
            before.description if input.description is None else input.description,
        )
        after = await administration.update(
            _sending(context),
            context.deps.providers.allow,
            context.actor,
            row_id,
            settings,
            enabled=before.disabled_at is None if input.enabled is None else input.enabled,
        )
        return WebhookSavedRow(WebhookRow(after))

    @mutation("DeleteWebhookPayload", WebhookDeleted, "Delete a webhook with its log.")
    async def delete_webhook(self, info: Info, input: DeleteWebhookInput) -> WebhookDeletedRow:
        """Waiting messages are not sent."""
        row_id = ids.row_id(input.id, "Webhook")
        await administration.delete(_sending(info.context), info.context.actor, row_id)
        return WebhookDeletedRow(webhook_id(row_id))

    @mutation(
        "RotateWebhookSecretPayload",
        WebhookSecretMade,
        "Give a webhook another secret; for 24 hours messages are signed with both.",
    )
    async def rotate_webhook_secret(self, info: Info, input: RotateWebhookSecretInput) -> WebhookSecretMadeRow:
        """The answer has the secret."""
        row_id = ids.row_id(input.id, "Webhook")
        made = await administration.rotate_secret(_sending(info.context), info.context.actor, row_id)
        return WebhookSecretMadeRow(WebhookRow(made.webhook), made.secret)

    @mutation(
        "TestWebhookPayload",
        WebhookTested,
        f"Send a test message to a webhook now, and wait {TEST_SECONDS:.0f} seconds at most for the answer; nothing is changed.",
    )
    async def test_webhook(self, info: Info, input: TestWebhookInput) -> WebhookTestedRow:
        """The attempt is in the log as well."""
        row_id = ids.row_id(input.id, "Webhook")
        context = info.context
        delivery: Delivery = await administration.send_test(
            _sending(context), context.actor, row_id, deadline=TEST_SECONDS
        )
        return WebhookTestedRow(WebhookDeliveryRow(delivery))

    @mutation(
        "ReplayWebhookPayload",
        WebhookSaved,
        "Send everything after a position again, in order and with the same ids, as far as changes are kept: a week.",
    )
    async def replay_webhook(self, info: Info, input: ReplayWebhookInput) -> WebhookSavedRow:
        """A step back."""
        row_id = ids.row_id(input.id, "Webhook")
        after = int(input.after) if input.after.isdecimal() and len(input.after) < 19 else -1
        moved = await administration.replay(_sending(info.context), info.context.actor, row_id, after=after)
        return WebhookSavedRow(WebhookRow(moved))


def _sending(context: Context) -> Sending:
    login = context.deps.login
    return Sending(context.deps.database, context.deps.vault, login.upstream, login.clock)
