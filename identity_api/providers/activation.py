"""Enable, disable and delete a provider. A disabled one keeps its rows, but none is in force; a deletion removes them."""

from uuid import UUID

import msgspec

from identity_api.db import locks, provider_changes, providers
from identity_api.db.provider_changes import Footprint
from identity_api.db.providers import Provider
from identity_api.errors import Conflict
from identity_api.permissions.delegation import Actor
from identity_api.providers.change import ProviderChange, change_provider
from identity_api.providers.deps import ProviderDeps, load, record, unknown
from identity_api.providers.provider_row import declaration_of
from identity_api.providers.rules import check_word


async def enable(deps: ProviderDeps, actor: Actor, provider_id: UUID) -> Provider:
    """Let people sign in there again. What its identities were given counts as far as their leases have not run out.

    Raises:
        NotFound; Refused: `MANAGED_BY_FILE`, `FORBIDDEN`, `SELF_BENEFIT`: see `rules.check_word`.
    """
    return await _switch(deps, actor, provider_id, enabled=True)


async def disable(deps: ProviderDeps, actor: Actor, provider_id: UUID) -> Provider:
    """Disable a provider: from the commit nobody signs in there, its logins end, and its groups give nothing.

    Raises:
        NotFound; Refused: `MANAGED_BY_FILE`, `LAST_ADMIN`.
    """
    return await _switch(deps, actor, provider_id, enabled=False)


async def preview_deletion(deps: ProviderDeps, actor: Actor, provider_id: UUID) -> Footprint:
    """What prevents a deletion.

    Raises:
        NotFound: the tenant has no such provider.
    """
    async with deps.database.reading() as connection:
        if await providers.get(connection, actor.tenant_id, provider_id) is None:
            raise unknown()
        return await provider_changes.footprint(connection, actor.tenant_id, provider_id)


async def delete(deps: ProviderDeps, actor: Actor, provider_id: UUID, *, dry_run: bool = False) -> None:
    """Remove a disabled provider that nobody has an identity at and no mapping names.

    Identities and mappings are never taken along: they are what makes history askable, and other people's to remove.

    Args:
        rehearse: only say whether it could be done.

    Raises:
        NotFound; Refused: `MANAGED_BY_FILE`.
        Conflict: `PROVIDER_ENABLED`; `PROVIDER_IN_USE`, telling the counts.
    """
    async with deps.database.transaction() as connection:
        # Keeps new mappings out; the row's own lock keeps new identities and attempts out.
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


async def _switch(deps: ProviderDeps, actor: Actor, provider_id: UUID, *, enabled: bool) -> Provider:
    async with deps.database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        before = await load(connection, actor, provider_id)
        if before.enabled == enabled:
            return before
        wanted = msgspec.structs.replace(before, enabled=enabled)
        await check_word(connection, actor, before, wanted)
        made = await change_provider(connection, deps.vault, actor, ProviderChange(before=before, wanted=wanted))
        return made.after
