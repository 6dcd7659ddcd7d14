"""Webhooks: where a tenant's changes are sent, with which secrets, and the result of each delivery."""

from piccolo.columns import Array, BigInt, Text
from piccolo.table import Table

from identity_api.db.tables.columns import array, binary, key, number, reference, text, time

__all__ = ["Webhook", "WebhookDelivery", "WebhookRetry", "WebhookSecret"]


class Webhook(Table, tablename="webhook"):
    """An address that is sent the tenant's changes in their order."""

    id = key()
    tenant_id = reference()
    url = text()
    description = text()
    types: Array = array(Text())
    """The types of changes that are sent; the others are skipped."""
    position = BigInt(default=None)
    """The newest change that was delivered, skipped or set aside for a retry."""
    failures = number()
    """Attempts in a row that the receiver was not there for."""
    failing_since = time(null=True)
    due_at = time(null=True)
    """No attempt is made before this time; null while nothing has failed."""
    lease_until = time(null=True)
    """Until when a worker may be delivering."""
    disabled_at = time(null=True)
    disabled_reason = text(null=True)
    created_at = time()


class WebhookSecret(Table, tablename="webhook_secret"):
    """A key that messages are signed with; while it is being rotated there are two."""

    id = key()
    tenant_id = reference()
    webhook_id = reference()
    sealed = binary()
    created_at = time()
    expires_at = time(null=True)


class WebhookDelivery(Table, tablename="webhook_delivery"):
    """An attempt to deliver a message."""

    id = key()
    tenant_id = reference()
    webhook_id = reference()
    message_id = text()
    position = BigInt(default=None, null=True)
    """Of the change; null for a test."""
    type = text()
    attempt = number()
    status = number(null=True)
    """The HTTP status of the response; null if there was none."""
    error = text(null=True)
    """Why it failed, by code; null if it was delivered."""
    milliseconds = number()
    at = time()


class WebhookRetry(Table, tablename="webhook_retry"):
    """A message that was refused, or that waits behind one of the same users that was."""

    tenant_id = key()
    change_id = reference()
    webhook_id = reference()
    position = BigInt(default=None)
    failures = number()
    """0: it was not tried yet."""
    failing_since = time(null=True)
    due_at = time(null=True)
    """Null: when the one before it has been accepted."""
