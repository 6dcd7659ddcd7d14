"""Effects of a provider's change on its people: logins that end, and grants that are decided again.

They are the same for a change by a person and by a file. In the caller's transaction, after the row is written. All people
concerned are locked together first, so that there is no deadlock with another transaction that locks several of them in
order.

A provider with many people is disabled by its row alone: from the commit nobody signs in there, none of its sessions is
accepted and none of its groups gives anything. A worker ends the logins in batches, and until then the provider cannot be
enabled again.
"""

from collections.abc import Sequence
from uuid import UUID

from identity_api.db import identities, locks, login_ends
from identity_api.db.database import Connection, Database, plan_each_time
from identity_api.db.providers import Provider
from identity_api.errors import Conflict
from identity_api.lifecycle.end_login import end_everything_at_provider, end_logins
from identity_api.lifecycle.grants import Applied, apply_decision
from identity_api.oidc.issuer import is_template, issuers_of
from identity_api.providers.provider_row import has_moved

AT_ONCE = 500
"""Identities whose sessions and API tokens are ended in one transaction: others wait for their locks."""


async def hold_people(connection: Connection, tenant_id: UUID, changes: Sequence[tuple[Provider, Provider]]) -> None:
    """Lock all users that these changes affect.

    Raises:
        Conflict: `PROVIDER_ENDING`: the logins of a disabled provider have not all ended yet.

    Args:
        changes: rows before and after.
    """
    await locks.share_mappings(connection, tenant_id)
    people: list[UUID] = []
    for before, wanted in changes:
        if wanted.enabled and not before.enabled:
            await ensure_ended(connection, tenant_id, wanted.id)
        if ends_logins(before, wanted) or is_decided_anew(before, wanted):
            people += await identities.of_provider(connection, tenant_id, wanted.id)
        elif is_switched_off(before, wanted):
            few = await identities.of_provider(connection, tenant_id, wanted.id, limit=AT_ONCE + 1)
            people += few if len(few) <= AT_ONCE else []
    await locks.users_of_identities(connection, tenant_id, people)


async def end_what_is_over(connection: Connection, before: Provider, wanted: Provider, *, actor: str) -> None:
    """End the logins, sessions and API tokens that the change invalidates."""
    if has_moved(before, wanted):
        await end_moved(connection, wanted.tenant_id, wanted.id, actor=actor)
    await end_removed_directories(connection, before, wanted, actor=actor)
    if is_switched_off(before, wanted):
        few = await identities.of_provider(connection, wanted.tenant_id, wanted.id, limit=AT_ONCE + 1)
        if len(few) <= AT_ONCE:
            await _end_at(connection, wanted.tenant_id, wanted.id, few, actor=actor)
        else:
            await login_ends.begin_ending(connection, wanted.tenant_id, wanted.id)


async def finish_switching_off(database: Database, *, chunk: int = AT_ONCE) -> int:
    """End the remaining logins of disabled providers, a transaction for each chunk, providers in turn.

    Returns the number of identities.
    """
    async with database.reading() as connection:
        waiting = await login_ends.still_ending(connection)
    total = 0
    while waiting:
        for place in list(waiting):
            reached = await _end_chunk(database, *place, chunk)
            total += reached
            if not reached:
                waiting.remove(place)
    return total


async def _end_chunk(database: Database, tenant_id: UUID, provider_id: UUID, chunk: int) -> int:
    async with database.transaction() as connection:
        await plan_each_time(connection)
        await locks.share_mappings(connection, tenant_id)
        ending = await login_ends.next_ending(connection, tenant_id, provider_id, chunk)
        await _end_at(connection, tenant_id, provider_id, ending, actor="system")
        return len(ending)


async def ensure_ended(connection: Connection, tenant_id: UUID, provider_id: UUID) -> None:
    """Before a provider is enabled: logins that were to end must not become valid again.

    Raises:
        Conflict: `PROVIDER_ENDING`.
    """
    if await login_ends.is_ending(connection, tenant_id, provider_id):
        raise Conflict(
            "The logins of this provider are still being ended. Try again in a minute.", code="PROVIDER_ENDING"
        )


async def _end_at(
    connection: Connection, tenant_id: UUID, provider_id: UUID, ending: Sequence[UUID], *, actor: str
) -> None:
    await locks.users_of_identities(connection, tenant_id, ending)
    await end_everything_at_provider(
        connection, tenant_id, provider_id, ending, reason="provider_disabled", actor=actor
    )


def is_switched_off(before: Provider, wanted: Provider) -> bool:
    """Whether nobody can sign in there any more."""
    return before.enabled and not wanted.enabled


def is_decided_anew(before: Provider, wanted: Provider) -> bool:
    """Whether the change alone makes groups give or revoke permissions: another mode, or the provider is enabled."""
    return before.sync_mode != wanted.sync_mode or (wanted.enabled and not before.enabled)


def moves_permissions(before: Provider, wanted: Provider) -> bool:
    """Whether the change itself may give or revoke permissions of people at the provider, though no grant changes."""
    return before.enabled != wanted.enabled or before.sync != wanted.sync


def ends_logins(before: Provider, wanted: Provider) -> bool:
    """Whether people have to sign in again: all of them, or those of directories that are gone."""
    return has_moved(before, wanted) or before.claims.directories != wanted.claims.directories


async def decide_anew(connection: Connection, tenant_id: UUID, provider_id: UUID, *, actor: str) -> Applied:
    """Decide the grants of everybody at the provider by their groups, in one statement."""
    await locks.share_mappings(connection, tenant_id)
    everybody = await identities.of_provider(connection, tenant_id, provider_id)
    await locks.users_of_identities(connection, tenant_id, everybody)
    return await apply_decision(connection, tenant_id, everybody, actor=actor)


async def end_moved(connection: Connection, tenant_id: UUID, provider_id: UUID, *, actor: str) -> None:
    """End every login at a provider that has moved: tokens that the old address issued must never be sent to the new
    one.
    """
    await locks.share_mappings(connection, tenant_id)
    everybody = await identities.of_provider(connection, tenant_id, provider_id)
    await locks.users_of_identities(connection, tenant_id, everybody)
    await login_ends.void_attempts(connection, tenant_id, provider_id)
    await end_logins(connection, tenant_id, everybody, reason="admin", actor=actor)


async def end_removed_directories(connection: Connection, before: Provider, wanted: Provider, *, actor: str) -> None:
    """End the logins of people whose Entra directory may not sign in any more.

    Their refresh tokens still work there, so nothing else would end these logins. People who are signing in meanwhile
    are refused when their login is committed (`sessions.login.finish`).
    """
    removed = set(before.claims.directories) - set(wanted.claims.directories)
    if not removed or before.issuer != wanted.issuer or not is_template(wanted.issuer):
        return
    tenant_id, issuers = wanted.tenant_id, issuers_of(wanted.issuer, removed)
    await locks.share_mappings(connection, tenant_id)
    people = await identities.of_issuers(connection, tenant_id, wanted.id, issuers)
    await locks.users_of_identities(connection, tenant_id, people)
    await end_logins(connection, tenant_id, people, reason="directory_removed", actor=actor)
