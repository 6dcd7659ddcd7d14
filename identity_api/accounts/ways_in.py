"""Check the rule about ways into accounts against the database; `permissions.ways_in` decides.

Every action that opens a way in calls `check_may_open` or, for a provider's settings, `providers.rules.check_word`.
Every action that removes one calls `check_may_take`, and runs inside `an_admin_remains`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from identity_api.db import locks
from identity_api.db import ways_in as rows
from identity_api.db.database import Connection
from identity_api.permissions import ways_in
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import ADMINISTERING
from identity_api.permissions.ways_in import NOTHING, Opening


async def check_may_open(
    connection: Connection, actor: Actor, opening: Opening, user_id: UUID, *, provider_id: UUID | None = None
) -> None:
    """Check that the actor may open this way into the account. The caller holds the lock of the tenant's mappings and has
    locked the user, so that neither the account's permissions nor its ways in change before the commit.

    Args:
        provider_id: of the identity to link.

    Raises:
        Refused: `FORBIDDEN`, `SELF_BENEFIT`: see `permissions.ways_in.check_may_open`.
    """
    if actor.is_operator:
        return
    account = await rows.account(connection, actor.tenant_id, user_id)
    through = await rows.through(connection, actor.tenant_id, provider_id) if provider_id else NOTHING
    ways_in.check_may_open(actor, opening, account, through=through)


async def check_may_receive(connection: Connection, actor: Actor) -> None:
    """Check that the actor may decide where sessions of the tenant's people are delivered. The caller holds the lock of
    the tenant's mappings.

    Raises:
        Refused: `FORBIDDEN`, naming what somebody holds, or can get, and the actor may not give.
    """
    if not actor.is_operator:
        ways_in.check_may_receive(actor, await rows.of_everybody(connection, actor.tenant_id))


async def check_may_take(connection: Connection, actor: Actor, user_id: UUID) -> None:
    """Check that the actor may disable this user, or sign them out. Everybody may end their own sessions.

    Raises:
        Refused: `FORBIDDEN`: see `permissions.ways_in.check_may_take`.
    """
    if actor.is_operator or actor.user_id == user_id:
        return
    account = await rows.account(connection, actor.tenant_id, user_id)
    ways_in.check_may_take(actor, ways_in.taken(account))


@asynccontextmanager
async def an_admin_remains(connection: Connection, actor: Actor) -> AsyncIterator[None]:
    """A context for a change that could remove the last administrator of a tenant, in the caller's transaction.

    Raises:
        Refused: `LAST_ADMIN`, after the change and before its commit.
    """
    if actor.is_operator:
        yield
        return
    names = sorted(ADMINISTERING)
    before = await rows.held_in_force(connection, actor.tenant_id, names)
    yield
    # One at a time from here to the commit: of two admins who disable each other, the second sees what the first did.
    await locks.administrators(connection, actor.tenant_id)
    after = await rows.held_in_force(connection, actor.tenant_id, names)
    ways_in.check_admin_remains(actor, before, after)
