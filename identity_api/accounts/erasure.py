"""Erase a user: the person's data is removed from every table and from the audit, and an empty user stays.

What stays is an id, which grants, events and decisions of the past refer to, disabled for good. The audit's chain still
holds: each redacted event is covered by its digest, and the event `user.erased` by a digest of those. Nobody with that
anchor is made anew by a login for 30 days, unless an admin links it. Exports, archives and logs that were written before
are files of the operator, and are not reached from here.
"""

import hashlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from identity_api.accounts.ways_in import an_admin_remains, check_may_take
from identity_api.db import audit, erasure, grants, identity_links, locks, user_read_model, user_state
from identity_api.db.database import Connection, Database
from identity_api.db.erasure import Redacted
from identity_api.errors import NotFound, Refused
from identity_api.ids import uuid7
from identity_api.lifecycle.end_login import end_everything_of_users, end_logins
from identity_api.lifecycle.grants import closed_event
from identity_api.oidc.provider_error_text import words_of_username
from identity_api.permissions.delegation import Actor

ACTION: Final = "user.erased"


async def erase_user(database: Database, actor: Actor, user_id: UUID) -> None:
    """Remove everything that speaks of the person. It cannot be undone.

    Raises:
        NotFound: no such user in the actor's tenant, or an erased one.
        Refused: `SELF_DISABLE`; `FORBIDDEN`: see `permissions.ways_in.check_may_take`; `LAST_ADMIN`.
    """
    if user_id == actor.user_id:
        raise Refused("You cannot erase yourself. Ask another admin.", code="SELF_DISABLE")
    async with database.transaction() as connection, an_admin_remains(connection, actor):
        await locks.share_mappings(connection, actor.tenant_id)
        await locks.users(connection, actor.tenant_id, [user_id])
        if not await user_state.exists(connection, actor.tenant_id, user_id):
            raise NotFound("There is no such user.")
        await check_may_take(connection, actor, user_id)
        await erase_locked(connection, actor, user_id)


async def erase_locked(connection: Connection, actor: Actor, user_id: UUID) -> None:
    """`erase_user` in the caller's transaction, which has locked the tenant's mappings and the user, and checked the rules."""
    tenant_id = actor.tenant_id
    names = await erasure.names_of(connection, tenant_id, user_id)
    found = await erasure.anchors(connection, tenant_id, user_id)
    await end_logins(connection, tenant_id, [one.identity_id for one in found], reason="admin", actor=actor.name)
    await end_everything_of_users(connection, tenant_id, [user_id], reason="user_erased", actor=actor.name)
    closings = await erasure.open_grants(connection, tenant_id, user_id)
    await grants.close_grants(connection, tenant_id, closings, actor.name)
    await audit.record(connection, tenant_id, actor.name, [closed_event(one) for one in closings])
    for one in found:
        await identity_links.unlink(connection, tenant_id, one.identity_id)
    await erasure.remember_anchors(connection, tenant_id, found)
    await erasure.remove(connection, tenant_id, user_id, names)
    await user_read_model.refresh(connection, tenant_id, [user_id])
    await audit.note_erasure(connection, tenant_id)
    event_ids = await erasure.events_of(connection, tenant_id, user_id, [words_of_username(name) for name in names])
    event_ids = await audit.delete_archived_of(connection, tenant_id, event_ids)
    event_id = uuid7()
    redacted = await erasure.redact(connection, tenant_id, user_id, event_ids, event_id)
    payload = {"identities": len(found), "events": len(redacted), "erased": digest_of(redacted)}
    event = audit.Event(ACTION, "user", user_id, payload, old={"erased": False}, new={"erased": True})
    await audit.record(connection, tenant_id, actor.name, [event], ids=[event_id])


def digest_of(redacted: Sequence[Redacted]) -> str:
    """One digest for all of these events and what they were, in the order of their ids."""
    whole = hashlib.sha256()
    for one in sorted(redacted, key=lambda one: one.event_id.int):
        whole.update(one.event_id.bytes + one.digest)
    return whole.hexdigest()
