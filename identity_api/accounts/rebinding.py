"""Let identities accept another subject: for a provider that was rebuilt, so that everybody has a new one.

Another subject with a known anchor is refused (`provisioning`). If the operator knows that it is the same person, or all
the same people, an identity can be made to wait for its person, like one that an admin has linked: the next login with its
anchor fixes the subject, and ends every older way into the account. The rules about verified e-mail addresses apply to
that login as to any. Rebinding opens a way in, so only the operator may do it; a tenant's admin can unlink an identity and
link its anchor again, which needs the same permissions.

An identity whose anchor is its subject cannot be found after subjects have changed: it is counted, and not changed.
"""

from uuid import UUID

import msgspec

from identity_api.db import audit, identity_links, locks, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.db.identity_links import Bound
from identity_api.db.providers import Provider
from identity_api.errors import Conflict, NotFound
from identity_api.ids import token_hash
from identity_api.lifecycle.end_login import end_logins
from identity_api.permissions.delegation import Actor

CHUNK = 200
"""Identities in one transaction: an interrupted run is gone on with by running it again."""


class Rebound(msgspec.Struct, frozen=True):
    """How many identities wait for a new subject now, did so before, or cannot."""

    rebound: int
    waiting: int
    anchored_by_subject: int


async def rebind_identity(database: Database, actor: Actor, identity_id: UUID) -> UUID:
    """Let the identity accept the next subject under its anchor, once; its logins end. Returns the user's id.

    Raises:
        NotFound: no such identity in the actor's tenant.
        Conflict: `IDENTITY_WAITS` already; `ANCHOR_IS_SUBJECT`.
    """
    async with database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        await locks.users_of_identities(connection, actor.tenant_id, [identity_id])
        bound = await identity_links.bound(connection, actor.tenant_id, identity_id)
        if bound is None:
            raise NotFound("There is no such identity.")
        if bound.subject is None:
            raise Conflict("This identity waits for its person already.", code="IDENTITY_WAITS")
        if bound.is_anchored_by_subject:
            raise Conflict(
                "This identity is found by its subject, so another subject is another identity. Link that one instead.",
                code="ANCHOR_IS_SUBJECT",
            )
        await _rebind(connection, actor, [bound])
    return bound.user_id


async def rebind_provider(
    database: Database, actor: Actor, provider: Provider, *, issuer: str | None = None, dry_run: bool = False
) -> Rebound:
    """The same for every identity at the provider.

    Args:
        issuer: only identities of this issuer.
        dry_run: count, and change nothing.
    """
    found = await _count(database, actor, provider, issuer)
    after: UUID | None = None
    while not dry_run:
        async with database.transaction() as connection:
            await locks.share_mappings(connection, actor.tenant_id)
            page = await identity_links.bound_at(
                connection, actor.tenant_id, provider.id, issuer=issuer, after=after, limit=CHUNK
            )
            if not page:
                break
            after = page[-1].id
            await locks.users_of_identities(connection, actor.tenant_id, [one.id for one in page])
            await _rebind(connection, actor, [one for one in page if not one.is_anchored_by_subject])
    return found


async def _count(database: Database, actor: Actor, provider: Provider, issuer: str | None) -> Rebound:
    async with database.reading() as connection:
        return Rebound(*await identity_links.count_bound(connection, actor.tenant_id, provider.id, issuer=issuer))


async def _rebind(connection: Connection, actor: Actor, bound: list[Bound]) -> None:
    ids = [one.id for one in bound]
    await end_logins(connection, actor.tenant_id, ids, reason="rebound", actor=actor.name)
    await identity_links.unbind(connection, actor.tenant_id, ids, reason="rebound")
    events = [
        audit.Event(
            "identity.rebound",
            "identity",
            one.id,
            {"user": str(one.user_id), "issuer": one.issuer, "subject_hash": token_hash(one.subject or "").hex()},
        )
        for one in bound
    ]
    await audit.record(connection, actor.tenant_id, actor.name, events)
    await user_read_model.refresh(connection, actor.tenant_id, sorted({one.user_id for one in bound}))
