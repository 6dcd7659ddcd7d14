"""The operator's policy for a tenant's users: with passwords or without, local or from providers only (S0-05, S0-06)."""

from uuid import UUID

import msgspec

from identity_api.db import audit, local_accounts, locks
from identity_api.db.database import Connection
from identity_api.db.local_accounts import LocalPolicy
from identity_api.lifecycle.end_login import end_local_sessions


async def apply_policy(connection: Connection, tenant_id: UUID, wanted: LocalPolicy, *, actor: str) -> tuple[str, ...]:
    """Make this the tenant's policy, in the caller's transaction; returns the names of what changed. For the operator.

    If passwords are switched off, sessions that were begun with one end.
    """
    before = await local_accounts.policy(connection, tenant_id)
    fields = tuple([name for name in wanted.__struct_fields__ if getattr(before, name) != getattr(wanted, name)])
    if fields:
        await local_accounts.write_policy(connection, tenant_id, wanted)
        event = audit.Event("tenant.local_policy_changed", "tenant", tenant_id, msgspec.to_builtins(wanted))
        await audit.record(connection, tenant_id, actor, [event])
    if before.local_sign_in and not wanted.local_sign_in:
        # In this order: nobody comes in by a password meanwhile (`local_accounts.policy`), and users before what is theirs.
        await locks.users(connection, tenant_id, await local_accounts.users_signed_in(connection, tenant_id))
        await end_local_sessions(connection, tenant_id, reason="local_sign_in_off", actor=actor)
    return fields
