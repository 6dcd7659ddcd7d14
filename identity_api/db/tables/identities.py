"""Identities at providers, their sync and their refresh tokens."""

from piccolo.columns import JSONB, BigInt
from piccolo.table import Table

from identity_api.db.tables.columns import binary, flag, key, number, reference, text, time


class Identity(Table, tablename="identity"):
    """A link from a user to one (issuer, subject) at one provider."""

    id = key()
    tenant_id = reference()
    user_id = reference()
    provider_id = reference()
    issuer = text()
    subject = text(null=True)
    """Null until the first login of an identity that an admin entered."""
    anchor = text()
    claims = JSONB(default=None)
    """The profile claims as last verified."""
    state = text()
    state_reason = text(null=True)
    state_since = time()
    created_at = time()
    signed_in_at = time()
    unlinked_at = time(null=True)
    """When an admin unlinked it. The row is kept for the grants that name it; no query finds it any more."""


class IdentitySync(Table, tablename="identity_sync"):
    """What the sync needs: one narrow row per identity, `id` being the identity's.

    Written at every sync, so that nothing else lives here.
    """

    id = key()
    tenant_id = reference()
    user_id = reference()
    provider_id = reference()
    due_at = time(null=True)
    """When the next sync is due; null while it cannot be synced."""
    lease_until = time(null=True)
    lease_owner = reference(null=True)
    generation = BigInt(default=None)
    """Raised by every claim, login and end of login; a result applies only if it is still the claimed one."""
    attempt_token_id = reference(null=True)
    attempt_hash = binary(null=True)
    """Hash of the refresh token about to be presented; set before the call, cleared by its answer."""
    attempt_at = time(null=True)
    uncertain = flag()
    """An attempt was sent and its answer has not landed."""
    failures = number()
    signed_in_until = time(null=True)
    groups_valid_until = time(null=True)
    verified_at = time(null=True)
    outcome = text(null=True)
    groups_completeness = text()


class RefreshToken(Table, tablename="refresh_token"):
    """The refresh token of one login, sealed; at most 5 live ones per identity. A dead one keeps only its hash."""

    id = key()
    tenant_id = reference()
    identity_id = reference()
    sealed = binary(null=True)
    hash = binary()
    created_at = time()
    rotated_at = time(null=True)
    dead_at = time(null=True)
    dead_reason = text(null=True)
    uncertain = flag()
    """A presentation of it, or of an earlier one, may have been carried out with an unknown result."""
