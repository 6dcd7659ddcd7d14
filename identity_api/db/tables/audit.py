"""The audit and its hash chain."""

from piccolo.columns import JSONB, BigInt
from piccolo.table import Table

from identity_api.db.tables.columns import binary, key, reference, text, time


class AuditEvent(Table, tablename="audit_event"):
    """What changed, by whom. Written in the changing transaction; chained afterwards by the sealer (I6)."""

    id = key()
    tenant_id = reference()
    at = time()
    actor = text()
    action = text()
    subject_kind = text()
    subject_id = reference(null=True)
    user_id = reference(null=True)
    payload = JSONB(default=None)
    names = JSONB(default=None)
    old = JSONB(default=None, null=True)
    new = JSONB(default=None, null=True)
    request_id = text(null=True)
    address = text(null=True)
    reason = text(null=True)
    sequence = BigInt(default=None, null=True)
    mac = binary(null=True)
    key_id = text(null=True)
    salt = reference(null=True)
    """Random; deleted with what speaks of a person."""
    digest = binary(null=True)
    """Of what was deleted, under the salt."""
    erased_by = reference(null=True)
    """The event of the erasure."""


class ErasedAnchor(Table, tablename="erased_anchor"):
    """Somebody who was erased, and whom a login does not make anew until then."""

    tenant_id = key()
    anchor_hash = binary()
    expires_at = time()


class AuditHead(Table, tablename="audit_head"):
    """The newest link of a tenant's audit chain."""

    tenant_id = key()
    sequence = BigInt(default=None)
    mac = binary()
    key_id = text()
    sealed_at = time()
    archived_sequence = BigInt(default=None, null=True)
    """The last link whose row was moved into a file."""
    archived_mac = binary(null=True)
    archived_key_id = text(null=True)
    archived_seal = binary(null=True)
    """A MAC of that place."""
    erasures = BigInt(default=0)
    """How many people have been erased since the tenant's audit was first sealed."""
