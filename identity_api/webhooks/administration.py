"""Webhooks as a tenant's admins and the operator manage them."""

from typing import Any, Final
from uuid import UUID

import msgspec

from identity_api.claims.text import is_storable
from identity_api.db import audit, outbox, webhook_retries, webhooks
from identity_api.db.database import Connection
from identity_api.db.outbox import CHANGE_TYPES
from identity_api.db.tenant_limits import ensure_within
from identity_api.db.webhooks import Delivery, NewWebhook, SealedWebhookSecret, Webhook
from identity_api.errors import BadInput, Conflict, NotFound, Problems
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.upstream.addresses import AllowList
from identity_api.vault import Vault
from identity_api.webhooks.messages import test_message
from identity_api.webhooks.send import DEADLINE_SECONDS, SEALED_TABLE, Sending
from identity_api.webhooks.signing import new_secret

MAX_URL: Final = 2_000
MAX_DESCRIPTION: Final = 200
ROTATION_SECONDS: Final = 24 * 3_600
"""For this long, messages are also signed with the previous secret."""


class Settings(msgspec.Struct, frozen=True):
    """The settings of a webhook."""

    url: str
    types: tuple[str, ...] = CHANGE_TYPES
    description: str = ""


class Made(msgspec.Struct, frozen=True):
    """A webhook with a new secret, which is shown this once."""

    webhook: Webhook
    secret: str

    def __repr__(self) -> str:
        return f"Made({self.webhook!r})"


async def create(sending: Sending, allow: AllowList, actor: Actor, settings: Settings) -> Made:
    """Create a webhook that is sent changes from now on.

    Raises:
        BadInput, SeveralProblems: `URL_NOT_ALLOWED`, and other values that cannot be used.
        LimitReached: `max_webhooks`.
    """
    _check(allow, actor.tenant_id, settings)
    new = NewWebhook(uuid7(), settings.url, settings.description, sorted(set(settings.types)))
    database = sending.database
    async with database.transaction() as connection:
        await outbox.number(connection, actor.tenant_id)
        await webhooks.insert(connection, actor.tenant_id, new)
        await ensure_within(connection, database.limits, "max_webhooks", actor.tenant_id)
        secret = await _new_secret(connection, sending.vault, actor.tenant_id, new.id)
        made = await load(connection, actor.tenant_id, new.id)
        await _record(connection, actor, "created", new.id, new=values_of(made))
    return Made(made, secret)


async def update(
    sending: Sending, allow: AllowList, actor: Actor, webhook_id: UUID, settings: Settings, *, enabled: bool
) -> Webhook:
    """Overwrite it. An enabled one continues where it stopped, as far back as changes are kept.

    Raises:
        NotFound; BadInput as for `create`.
    """
    _check(allow, actor.tenant_id, settings)
    async with sending.database.transaction() as connection:
        before = await _hold(connection, actor, webhook_id)
        wanted = NewWebhook(webhook_id, settings.url, settings.description, sorted(set(settings.types)))
        await webhooks.update(connection, actor.tenant_id, wanted)
        await webhook_retries.begin_anew(connection, actor.tenant_id, webhook_id)
        if enabled != (before.disabled_at is None):
            await webhooks.set_disabled(connection, actor.tenant_id, webhook_id, None if enabled else "ADMIN")
        after = await load(connection, actor.tenant_id, webhook_id)
        old, new = values_of(before), values_of(after)
        if old != new:
            await _record(connection, actor, "updated", webhook_id, old=old, new=new)
    return after


async def delete(sending: Sending, actor: Actor, webhook_id: UUID) -> None:
    """Remove it with its log. Raises NotFound."""
    async with sending.database.transaction() as connection:
        before = await _hold(connection, actor, webhook_id)
        await webhooks.delete(connection, actor.tenant_id, webhook_id)
        await _record(connection, actor, "deleted", webhook_id, old=values_of(before))


async def rotate_secret(sending: Sending, actor: Actor, webhook_id: UUID) -> Made:
    """Make a new secret. For 24 hours messages are signed with both. Raises NotFound."""
    async with sending.database.transaction() as connection:
        held = await _hold(connection, actor, webhook_id)
        secret = await _new_secret(connection, sending.vault, actor.tenant_id, webhook_id)
        await _record(connection, actor, "secret_rotated", webhook_id)
    return Made(held, secret)


async def replay(sending: Sending, actor: Actor, webhook_id: UUID, *, after: int) -> Webhook:
    """Send everything after this position again, in order and with the same ids. Nothing is skipped by it.

    Raises:
        NotFound.
        BadInput: the position is after the webhook's.
        Conflict: `CHANGES_FORGOTTEN`: changes that old are not kept.
    """
    async with sending.database.transaction() as connection:
        held = await _hold(connection, actor, webhook_id)
        if not 0 <= after <= held.position:
            raise BadInput(
                f"The webhook is at position {held.position}; a replay begins there or before.", field="after"
            )
        oldest = await outbox.oldest(connection, actor.tenant_id)
        if after < held.head and (oldest is None or after < oldest - 1):
            first = "none is left" if oldest is None else f"the oldest that is left is after position {oldest - 1}"
            raise Conflict(f"Changes are kept for {outbox.KEPT_DAYS} days; {first}.", code="CHANGES_FORGOTTEN")
        await webhook_retries.remove_after(connection, actor.tenant_id, webhook_id, after)
        await webhooks.rewind(connection, actor.tenant_id, webhook_id, after)
        await _record(connection, actor, "replayed", webhook_id, {"after": after})
        return await load(connection, actor.tenant_id, webhook_id)


async def send_test(
    sending: Sending, actor: Actor, webhook_id: UUID, *, deadline: float = DEADLINE_SECONDS
) -> Delivery:
    """Send a test message now, and return its result. A disabled webhook can be tested.

    Args:
        deadline: seconds to wait for the receiver.

    Raises:
        NotFound.
    """
    async with sending.database.reading() as connection:
        webhook = await load(connection, actor.tenant_id, webhook_id)
        keys = await sending.keys(connection, webhook)
    message = test_message(uuid7(), actor.tenant_id, sending.clock())
    attempt = await sending.attempt(webhook, keys, message, deadline=deadline)
    async with sending.database.transaction() as connection:
        await _hold(connection, actor, webhook_id)
        return await webhooks.log(connection, actor.tenant_id, webhook_id, attempt)


async def load(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> Webhook:
    """The tenant's webhook of this id. Raises NotFound."""
    found = await webhooks.get(connection, tenant_id, webhook_id)
    if found is None:
        raise _unknown()
    return found


def values_of(webhook: Webhook) -> dict[str, Any]:
    """A webhook by its settings, for the audit."""
    return {
        "url": webhook.url,
        "description": webhook.description,
        "types": webhook.types,
        "enabled": webhook.disabled_at is None,
    }


async def _hold(connection: Connection, actor: Actor, webhook_id: UUID) -> Webhook:
    found = await webhooks.hold(connection, actor.tenant_id, webhook_id)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound("There is no such webhook.")


def _check(allow: AllowList, tenant_id: UUID, settings: Settings) -> None:
    wrong = list[BadInput]()
    if len(settings.url) > MAX_URL or not allow.may_be_named(settings.url, tenant_id):
        message = (
            f"A webhook's URL is https on a public name, with at most {MAX_URL} characters. The operator can list others in"
            " IDENTITY_OUTBOUND_ALLOW."
        )
        wrong.append(BadInput(message, code="URL_NOT_ALLOWED", field="url"))
    if not settings.types or not set(settings.types) <= set(CHANGE_TYPES):
        wrong.append(BadInput(f"A webhook names one or more of {', '.join(CHANGE_TYPES)}.", field="types"))
    if len(settings.description) > MAX_DESCRIPTION or not is_storable(settings.description):
        wrong.append(BadInput(f"A description has at most {MAX_DESCRIPTION} characters.", field="description"))
    Problems(wrong).tell()


async def _new_secret(connection: Connection, vault: Vault, tenant_id: UUID, webhook_id: UUID) -> str:
    secret, row_id = new_secret(), uuid7()
    sealed = vault.seal(secret.encode(), tenant_id=tenant_id, table=SEALED_TABLE, column="sealed", row_id=row_id)
    await webhooks.replace_secret(
        connection, tenant_id, webhook_id, SealedWebhookSecret(row_id, sealed), keep_seconds=ROTATION_SECONDS
    )
    return secret


async def _record(
    connection: Connection,
    actor: Actor,
    verb: str,
    webhook_id: UUID,
    payload: dict[str, Any] | None = None,
    *,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
) -> None:
    event = audit.Event(f"webhook.{verb}", "webhook", webhook_id, payload or {}, old=old, new=new)
    await audit.record(connection, actor.tenant_id, actor.name, [event])
