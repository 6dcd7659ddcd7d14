"""Find which mappings match which groups, once, and store it in `mapping_group`, in the caller's transaction.

EXACT patterns are compared by the database. GLOBs run here, in slices: with a thousand new groups and as many patterns,
other tasks wait no longer than a millisecond or two.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, TypeVar
from uuid import UUID

from identity_api.claims import match_globs
from identity_api.db import groups
from identity_api.db.database import Connection
from identity_api.db.groups import Group
from identity_api.fairness.time_slices import in_slices

PAIRS: Final = 500
"""Matches written with one statement."""
PAGE: Final = 2_000
"""Groups read with one statement."""

Key = TypeVar("Key")


async def match_new_groups(connection: Connection, tenant_id: UUID, provider_id: UUID, new: Sequence[Group]) -> None:
    """Match groups seen for the first time against every mapping that may match a group of the provider."""
    ids = {group.name: group.id for group in new}
    exact = await groups.exact_matches(connection, tenant_id, provider_id, ids)
    await _keep(connection, tenant_id, [(mapping_id, ids[name]) for mapping_id, name in exact])
    patterns = await groups.globs(connection, tenant_id, provider_id)
    async for found in _found(patterns, list(ids)):
        await _keep(connection, tenant_id, [(mapping_id, ids[name]) for mapping_id, name in found])


async def match_glob(
    connection: Connection, tenant_id: UUID, mapping_id: UUID, *, provider_id: UUID | None, pattern: str
) -> None:
    """Match a mapping with a pattern that is new, or has another one, against every group seen so far."""
    after: UUID | None = None
    while page := await groups.seen(connection, tenant_id, provider_id, after=after, limit=PAGE):
        after = page[-1].id
        ids: dict[str, list[UUID]] = {}
        for group in page:
            ids.setdefault(group.name, []).append(group.id)
        async for found in _found({mapping_id: pattern}, list(ids)):
            await _keep(connection, tenant_id, [(mapping_id, group_id) for _, name in found for group_id in ids[name]])


async def give_something(connection: Connection, tenant_id: UUID, provider_id: UUID, names: Sequence[str]) -> bool:
    """Whether any live mapping gives a permission to one of these groups of the provider."""
    if await groups.exact_matches(connection, tenant_id, provider_id, names, giving=True):
        return True
    patterns = await groups.globs(connection, tenant_id, provider_id, giving=True)
    async for _ in _found(patterns, names):
        return True
    return False


async def _found(patterns: Mapping[Key, str], names: Sequence[str]) -> AsyncIterator[list[tuple[Key, str]]]:
    """The matches of the GLOBs, as they are found, without empty pieces."""
    async for pieces in in_slices(match_globs(patterns, names)):
        if found := [pair for piece in pieces for pair in piece]:
            yield found


async def _keep(connection: Connection, tenant_id: UUID, pairs: Sequence[tuple[UUID, UUID]]) -> None:
    for begin in range(0, len(pairs), PAIRS):
        await groups.match(connection, tenant_id, pairs[begin : begin + PAIRS])
