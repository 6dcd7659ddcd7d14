"""Show what a declaration would do to people, as the preview of a change set does."""

import unicodedata
from collections.abc import Sequence

import msgspec

from identity_api.change_sets.changes import CreatePermission
from identity_api.change_sets.declared import Declared, changes_to
from identity_api.change_sets.run import preview_declared
from identity_api.cli.change_sets import Shown, shown_of
from identity_api.cli.context import operator
from identity_api.db import locks, tenants
from identity_api.db.database import Database
from identity_api.errors import LimitReached
from identity_api.group_mappings.declare import DeclaredMapping
from identity_api.tenants.apply import Applier, write_providers
from identity_api.tenants.declaration import TenantDeclaration


class Rehearsed(msgspec.Struct, frozen=True):
    """What the declaration of one tenant would do to people who are there."""

    tenant: str
    set: Shown | None
    """None where it cannot be shown."""
    reason: str | None = None
    """Why it is not shown."""

    @property
    def lines(self) -> list[str]:
        """For people, who have read the changes above; none if nobody is touched."""
        if self.set is None:
            return [f"{self.tenant}: {self.reason}"]
        return [f"{self.tenant}: {line}" for line in self.set.told_of_people] if self.set.is_felt else []


async def rehearse(
    database: Database,
    declared: Sequence[TenantDeclaration],
    pruned: Sequence[str],
    *,
    applier: Applier | None = None,
    switch_off: Sequence[tuple[str, str]] = (),
) -> list[Rehearsed]:
    """For each tenant that is there and would be changed: who gains and loses what, and what to be warned of.

    Args:
        pruned: slugs of tenants whose undeclared mappings would be deleted.
        applier: writes the providers first, as they would be by then; None leaves them as they are.
        switch_off: tenant and slug of providers that are to be disabled.

    Raises:
        ChangesRefused, Refused: as for `change_sets.run.preview`.
    """
    found = [await _rehearsed(database, one, one.slug in pruned, applier, switch_off) for one in declared]
    return [one for one in found if one is not None]


async def _rehearsed(
    database: Database,
    declared: TenantDeclaration,
    prune: bool,
    applier: Applier | None,
    switch_off: Sequence[tuple[str, str]],
) -> Rehearsed | None:
    async with database.reading() as connection:
        stored = await tenants.by_slug(connection, declared.slug)
        if stored is None:
            return None
        changes = await changes_to(connection, stored.id, _parts(declared), prune=prune)
    if not changes:
        return None
    actor = operator(stored.id)
    try:
        async with database.transaction(is_trial=True) as connection:
            await locks.edit_mappings(
                connection, stored.id
            )  # at once: providers share it, and the set has it to itself
            if applier is not None:
                off = [slug for tenant, slug in switch_off if tenant == declared.slug]
                await write_providers(connection, applier, declared, stored.id, off)
            outcome = await preview_declared(connection, database, actor, changes)
    except LimitReached as error:
        return Rehearsed(declared.slug, None, error.message)
    return Rehearsed(declared.slug, await shown_of(database, actor, outcome))


def _parts(tenant: TenantDeclaration) -> Declared:
    return Declared(
        tuple(
            [
                CreatePermission(name=one.name, description=one.description, delegable=one.delegable)
                for one in tenant.permissions
            ]
        ),
        tuple(mappings_of(tenant)),
        {unicodedata.normalize("NFC", one.username): one.permissions for one in tenant.users},
    )


def mappings_of(tenant: TenantDeclaration) -> list[DeclaredMapping]:
    """The mappings of a declaration, by names."""
    return [
        DeclaredMapping(one.provider, one.group, one.match, one.permissions, one.enabled)
        for one in tenant.group_mappings
    ]
