"""Enable, disable and delete a provider. A disabled one keeps its rows, but none is in force; a deletion removes them."""

from uuid import UUID

import msgspec

from identity_api.db import locks, provider_changes, providers
from identity_api.db.provider_changes import Footprint
from identity_api.db.providers import Provider
from identity_api.errors import Conflict
from identity_api.permissions.delegation import Actor
from identity_api.providers.change import ProviderChange, change_provider
from identity_api.providers.deps import ProviderDeps, check_seen_version, load, record, unknown
from identity_api.providers.provider_row import declaration_of
from identity_api.providers.rules import check_word


async def enable(
    deps: ProviderDeps, actor: Actor, provider_id: UUID, *, expected_version: int | None = None
) -> Provider:
    """Enable a provider, so that people can sign in there again. Grants of its identities count until their leases run
    out.

    Raises:
        NotFound; Refused: `MANAGED_BY_FILE`, `FORBIDDEN`, `SELF_BENEFIT`: see `rules.check_word`.
        Conflict: it is disabled, and no longer at `expected_version`.
    """
    return await _switch(deps, actor, provider_id, enabled=True, expected_version=expected_version)


async def disable(deps: ProviderDeps, actor: Actor, provider_id: UUID) -> Provider:
    """Disable a provider: from the commit nobody can sign in there, its logins end, and its groups give no permissions.

    Raises:
        NotFound; Refused: `MANAGED_BY_FILE`, `LAST_ADMIN`.
    """
    return await _switch(deps, actor, provider_id, enabled=False)


async def preview_deletion(deps: ProviderDeps, actor: Actor, provider_id: UUID) -> Footprint:
    """What prevents the deletion of a provider.

    Raises:
        NotFound: the tenant has no such provider.
    """
    async with deps.database.reading() as connection:
        if await providers.get(connection, actor.tenant_id, provider_id) is None:
            raise unknown()
        return await provider_changes.footprint(connection, actor.tenant_id, provider_id)


async def delete(deps: ProviderDeps, actor: Actor, provider_id: UUID, *, dry_run: bool = False) -> None:
    """Delete a disabled provider without identities and mappings.

    Identities and mappings are never deleted with it: the history needs them, and other people decide about them.

    Args:
        dry_run: only check whether it can be deleted.

    Raises:
        NotFound; Refused: `MANAGED_BY_FILE`.
        Conflict: `PROVIDER_ENABLED`; `PROVIDER_IN_USE`, with the counts.
    """
    async with deps.database.transaction() as connection:
        # Prevents new mappings; the row's own lock prevents new identities and attempts.
        await locks.edit_mappings(connection, actor.tenant_id)
        before = await load(connection, actor, provider_id, to_delete=True)
        if before.enabled:
            raise Conflict("Disable the provider first.", code="PROVIDER_ENABLED")
        found = await provider_changes.footprint(connection, actor.tenant_id, provider_id)
        if found.identities or found.mappings:
            raise Conflict(
                f"{found.identities} identities and {found.mappings} mappings belong to this provider. It can stay disabled.",
                code="PROVIDER_IN_USE",
            )
        if dry_run:
            return
        await provider_changes.remove(connection, actor.tenant_id, provider_id)
        await record(connection, actor, "deleted", provider_id, {"slug": before.slug}, old=declaration_of(before))


async def _switch(
    deps: ProviderDeps, actor: Actor, provider_id: UUID, *, enabled: bool, expected_version: int | None = None
) -> Provider:
    async with deps.database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        before = await load(connection, actor, provider_id)
        if before.enabled == enabled:
            return before
        check_seen_version(before, expected_version)
        wanted = msgspec.structs.replace(before, enabled=enabled)
        await check_word(connection, actor, before, wanted)
        made = await change_provider(connection, deps.vault, actor, ProviderChange(before=before, wanted=wanted))
        return made.after
