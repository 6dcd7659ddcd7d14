"""The transactional outbox: what has changed, for its followers."""

from piccolo.columns import UUID, Array, BigInt
from piccolo.table import Table

from identity_api.db.tables.columns import key, reference, text, time


class Outbox(Table, tablename="outbox"):
    """A change of some users' data in a tenant. It says whose, and never what."""

    id = key()
    tenant_id = reference()
    position = BigInt(default=None, null=True)
    """Its place among the tenant's changes; null until somebody has read it after its commit."""
    type = text()
    user_ids = Array(base_column=UUID(), default=None, null=True)
    """Null means everybody."""
    session_ids = Array(base_column=UUID(), default=None, null=True)
    """The sessions that ended, each of the user in the same place of `user_ids`."""
    at = time()


class OutboxHead(Table, tablename="outbox_head"):
    """The newest position of a tenant; locked by the transaction that gives positions."""

    tenant_id = key()
    position = BigInt(default=None)
