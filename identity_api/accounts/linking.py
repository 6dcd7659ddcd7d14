"""An admin's actions on identities (S3-22): link one to a user, release it from quarantine, unlink it.

A linked identity waits for its person: the first login with its anchor fixes the subject, and later logins with another
subject are refused. A person who controls the anchor at the provider gets the account, and a person who has another way
into the account gets the permissions of the identity's groups. So linking opens a way in, and `ways_in` checks it.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from identity_api.accounts.local_rules import lock_user
from identity_api.accounts.ways_in import an_admin_remains, check_may_open, check_may_take
from identity_api.claims.profile import MAX_VALUE_LENGTH
from identity_api.claims.text import is_storable
from identity_api.db import audit, grants, identities, identity_links, locks, permissions, providers, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.db.identity_links import Link
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.ids import token_hash, uuid7
from identity_api.lifecycle.end_login import end_logins
from identity_api.lifecycle.grants import apply_decision, closed_event
from identity_api.permissions.delegation import Actor
from identity_api.permissions.ways_in import Opening


class Linked(msgspec.Struct, frozen=True):
    """An identity that was entered, and the names of the permissions given by hand that it closed."""

    identity_id: UUID
    closed: tuple[str, ...]


async def link_identity(
    database: Database, actor: Actor, user_id: UUID, provider_id: UUID, anchor: str, *, accepts_closing: bool = False
) -> Linked:
    """Let the person of this anchor value at the provider sign in as this user.

    Args:
        anchor: exactly as the provider writes it; nothing is folded.
        accepts_closing: a STRICT provider alone decides about permissions, so those given by hand are closed.

    Raises:
        NotFound: no such user or provider in the actor's tenant.
        BadInput: `field` is `anchor`.
        Refused: `FORBIDDEN`, `SELF_BENEFIT`: see `permissions.ways_in`; `CLOSES_GRANTS` names what would be closed.
        Conflict: `IDENTITY_EXISTS`: somebody has that anchor already.
    """
    check_anchor(anchor)
    async with database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        await locks.people(connection, actor.tenant_id, [f"{provider_id} a {anchor}"])
        await lock_user(connection, actor.tenant_id, user_id)
        provider = await providers.get(connection, actor.tenant_id, provider_id)
        if provider is None:
            raise NotFound("There is no such provider.")
        await check_may_open(connection, actor, Opening.LINK_IDENTITY, user_id, provider_id=provider_id)
        identity_id = await _enter(connection, provider, user_id, anchor)
        closed = await _closing(connection, provider, identity_id)
        if closed and not accepts_closing:
            raise Refused(
                f"Provider {provider.slug} is STRICT, so that {', '.join(closed)}, given by hand, would be closed.",
                code="CLOSES_GRANTS",
            )
        payload = _payload(user_id, provider_id, anchor, "entered")
        event = audit.Event("identity.linked", "identity", identity_id, payload, new={"state": "WAITING"})
        await audit.record(connection, actor.tenant_id, actor.name, [event])
        await apply_decision(connection, actor.tenant_id, [identity_id], actor=actor.name, also_changed=[user_id])
    return Linked(identity_id, closed)


async def unlink_identity(database: Database, actor: Actor, identity_id: UUID) -> UUID:
    """Unlink an identity from its user, whose id is returned: its logins end, and the grants of its groups are closed.

    From then on its person is unknown: they are made, matched or refused as the provider's policy says, but never
    matched by name with this user again.

    Raises:
        NotFound: no such identity in the actor's tenant.
        Refused: `SELF_UNLINK`; `FORBIDDEN`: see `permissions.ways_in.check_may_take`; `LAST_ADMIN`.
    """
    async with database.transaction() as connection, an_admin_remains(connection, actor):
        [link] = await _locked(connection, actor, [identity_id])
        if link.user_id == actor.user_id:
            raise Refused("You cannot remove your own way to sign in. Ask another admin.", code="SELF_UNLINK")
        await check_may_take(connection, actor, link.user_id)
        await end_logins(connection, actor.tenant_id, [identity_id], reason="admin", actor=actor.name)
        closings = await identity_links.open_grants(connection, actor.tenant_id, identity_id)
        await grants.close_grants(connection, actor.tenant_id, closings, actor.name)
        await identity_links.unlink(connection, actor.tenant_id, identity_id)
        payload = _payload(link.user_id, link.provider_id, link.anchor, "unlinked")
        event = audit.Event("identity.unlinked", "identity", identity_id, payload, old={"state": link.state})
        closed = [closed_event(one) for one in closings]
        await audit.record(connection, actor.tenant_id, actor.name, [event, *closed])
        await user_read_model.refresh(connection, actor.tenant_id, [link.user_id])
    return link.user_id


async def release_identity(database: Database, actor: Actor, identity_id: UUID) -> UUID:
    """End a quarantine after a check by the admin: the identity's original person may sign in again.

    If the anchor now belongs to another person at the provider, that person is still refused: unlink the identity instead,
    and link it to the user it belongs to. Returns the user's id.

    Raises:
        NotFound: no such identity in the actor's tenant.
        Refused: `FORBIDDEN`, `SELF_BENEFIT`: see `permissions.ways_in`.
        Conflict: `NOT_QUARANTINED`.
    """
    [user_id] = await release_identities(database, actor, [identity_id])
    return user_id


async def release_identities(database: Database, actor: Actor, identity_ids: Sequence[UUID]) -> list[UUID]:
    """`release_identity` for all of them or for none. Returns the users' ids.

    Raises:
        NotFound, Refused, Conflict: as there; nothing is released then.
    """
    released = []
    async with database.transaction() as connection:
        for link in await _locked(connection, actor, identity_ids):
            await check_may_open(connection, actor, Opening.RELEASE_IDENTITY, link.user_id)
            if link.state != "QUARANTINED":
                raise Conflict("This identity is not in quarantine.", code="NOT_QUARANTINED")
            await identity_links.release(connection, actor.tenant_id, link.id)
            event = audit.Event(
                "identity.released",
                "identity",
                link.id,
                {"user": str(link.user_id)},
                old={"state": "QUARANTINED"},
                new={"state": "REVOKED"},
            )
            await audit.record(connection, actor.tenant_id, actor.name, [event])
            released.append(link.user_id)
        await user_read_model.refresh(connection, actor.tenant_id, sorted(set(released)))
    return released


async def _enter(connection: Connection, provider: Provider, user_id: UUID, anchor: str) -> UUID:
    if await identities.by_anchor(connection, provider.tenant_id, provider.id, anchor) is not None:
        raise Conflict("Somebody has this identity already. Unlink it there first.", code="IDENTITY_EXISTS")
    identity_id = uuid7()
    await identities.insert(
        connection,
        provider.tenant_id,
        identity_id=identity_id,
        user_id=user_id,
        provider_id=provider.id,
        issuer=provider.issuer,
        subject=None,
        anchor=anchor,
    )
    return identity_id


async def _closing(connection: Connection, provider: Provider, identity_id: UUID) -> tuple[str, ...]:
    """The names of the permissions that linking the identity closes."""
    decision = await grants.decide(connection, provider.tenant_id, [identity_id])
    ids = {closing.permission_id for closing in decision.closings}
    return tuple([one.name for one in await permissions.by_ids(connection, provider.tenant_id, ids)])


async def _locked(connection: Connection, actor: Actor, identity_ids: Sequence[UUID]) -> list[Link]:
    """The identities, with their users locked."""
    await locks.share_mappings(connection, actor.tenant_id)
    await locks.users_of_identities(connection, actor.tenant_id, identity_ids)
    found = []
    for identity_id in identity_ids:
        link = await identity_links.find(connection, actor.tenant_id, identity_id)
        if link is None:
            raise NotFound("There is no such identity.")
        found.append(link)
    return found


def check_anchor(anchor: str) -> None:
    """Check that a text can be an anchor.

    Raises:
        BadInput: `field` is `anchor`.
    """
    is_usable = 0 < len(anchor) <= MAX_VALUE_LENGTH and anchor == anchor.strip() and is_storable(anchor)
    if not is_usable:
        raise BadInput(f"An anchor has 1 to {MAX_VALUE_LENGTH} characters, and no spaces around them.", field="anchor")


def _payload(user_id: UUID, provider_id: UUID, anchor: str, how: str) -> dict[str, str]:
    hashed = token_hash(anchor).hex()
    return {"user": str(user_id), "provider": str(provider_id), "anchor_hash": hashed, "how": how}
