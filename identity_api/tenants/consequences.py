"""What a changed provider's row means for the people there: logins that end, and grants that are decided anew.

The same whether a person or a file changed it. In the caller's transaction, after the row is written; first all people
concerned are locked at once, so that whoever locks several of them in order never waits the other way round.
"""

from collections.abc import Sequence
from uuid import UUID

from identity_api.db import identities, locks, login_ends
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.lifecycle.end_login import end_everything_at_provider, end_logins
from identity_api.lifecycle.grants import Applied, apply_decision
from identity_api.oidc.issuer import is_template, issuers_of
from identity_api.tenants.rows import has_moved


async def hold_people(connection: Connection, tenant_id: UUID, changes: Sequence[tuple[Provider, Provider]]) -> None:
    """Lock everybody whom these changes concern.

    Args:
        changes: rows before and after.
    """
    await locks.share_mappings(connection, tenant_id)
    people = [
        identity_id
        for before, wanted in changes
        if _ends_logins(before, wanted) or is_decided_anew(before, wanted)
        for identity_id in await identities.of_provider(connection, tenant_id, wanted.id)
    ]
    await locks.users_of_identities(connection, tenant_id, people)


async def end_what_is_over(connection: Connection, before: Provider, wanted: Provider, *, actor: str) -> None:
    """End the logins, sessions and API tokens that do not outlive the change."""
    if has_moved(before, wanted):
        await end_moved(connection, wanted.tenant_id, wanted.id, actor=actor)
    await end_removed_directories(connection, before, wanted, actor=actor)
    if before.enabled and not wanted.enabled:
        everybody = await identities.of_provider(connection, wanted.tenant_id, wanted.id)
        await locks.users_of_identities(connection, wanted.tenant_id, everybody)
        await end_everything_at_provider(
            connection, wanted.tenant_id, wanted.id, everybody, reason="provider_disabled", actor=actor
        )


def is_decided_anew(before: Provider, wanted: Provider) -> bool:
    """Whether groups at the provider give or take something by the change alone: another mode, or it is switched on."""
    return before.sync_mode != wanted.sync_mode or (wanted.enabled and not before.enabled)


def _ends_logins(before: Provider, wanted: Provider) -> bool:
    is_off = before.enabled and not wanted.enabled
    return is_off or has_moved(before, wanted) or before.claims.directories != wanted.claims.directories


async def decide_anew(connection: Connection, tenant_id: UUID, provider_id: UUID, *, actor: str) -> Applied:
    """Let the groups of everybody at the provider decide, at once."""
    await locks.share_mappings(connection, tenant_id)
    everybody = await identities.of_provider(connection, tenant_id, provider_id)
    await locks.users_of_identities(connection, tenant_id, everybody)
    return await apply_decision(connection, tenant_id, everybody, actor=actor)


async def end_moved(connection: Connection, tenant_id: UUID, provider_id: UUID, *, actor: str) -> None:
    """End every login at a provider that has moved: what the old place issued must never be sent to the new one."""
    await locks.share_mappings(connection, tenant_id)
    everybody = await identities.of_provider(connection, tenant_id, provider_id)
    await locks.users_of_identities(connection, tenant_id, everybody)
    await login_ends.void_attempts(connection, tenant_id, provider_id)
    await end_logins(connection, tenant_id, everybody, reason="admin", actor=actor)


async def end_removed_directories(connection: Connection, before: Provider, wanted: Provider, *, actor: str) -> None:
    """End the logins of people whose Entra directory may not sign in any more.

    Their refresh tokens still work there, so that nothing but this would ever end what they came by. Those who are
    signing in meanwhile are refused when their login lands (`sessions.finish`).
    """
    removed = set(before.claims.directories) - set(wanted.claims.directories)
    if not removed or before.issuer != wanted.issuer or not is_template(wanted.issuer):
        return
    tenant_id, issuers = wanted.tenant_id, issuers_of(wanted.issuer, removed)
    await locks.share_mappings(connection, tenant_id)
    people = await identities.of_issuers(connection, tenant_id, wanted.id, issuers)
    await locks.users_of_identities(connection, tenant_id, people)
    await end_logins(connection, tenant_id, people, reason="directory_removed", actor=actor)
