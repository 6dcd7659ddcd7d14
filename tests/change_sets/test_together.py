"""Changes of mappings that are made together come to what they come to one by one."""

from collections.abc import Sequence
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest

from identity_api.change_sets import changes, run
from identity_api.change_sets.errors import ChangesRefused
from identity_api.claims import MatchKind
from identity_api.db.database import Connection
from identity_api.errors import IdentityAPIError
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import MAPPINGS_WRITE
from tests import factories as make
from tests.change_sets.sets import made, mapping
from tests.group_mappings.conftest import World

SETS = 15
ROWS = """
    select m.pattern, m.match, m.provider_id, m.enabled, m.version, m.managed_by, m.deleted_at is null,
        array(select p.name from mapping_permission mp join permission p on p.tenant_id = $1 and p.id = mp.permission_id
            where mp.tenant_id = $1 and mp.mapping_id = m.id order by 1),
        array(select g.name from mapping_group mg join provider_group g on g.tenant_id = $1 and g.id = mg.group_id
            where mg.tenant_id = $1 and mg.mapping_id = m.id order by 1),
        array(select c.total from mapping_change c where c.tenant_id = $1 and c.mapping_id = m.id order by 1)
    from group_mapping m where m.tenant_id = $1 order by m.id
"""
EVENTS = """
    select action, actor, subject_kind, payload - '{change_set,digest,mapping}'::text[], names, old, new from audit_event
    where tenant_id = $1 order by id
"""
PATTERNS = ("engineering", "platform", "admins", "sales", "support", "legal", "plat*", "a*", "*")


async def stored(connection: Connection, world: World) -> list[tuple[Any, ...]]:
    """Mappings and what belongs to them, in the order in which they were made, and the record."""
    return [tuple(row) for statement in (ROWS, EVENTS) for row in await connection.fetch(statement, world.tenant)]


async def one_by_one(_steps: object, _alike: object) -> None:
    return None


async def outcome(world: World, asked: Sequence[changes.Change], actor: Actor) -> object:
    """What a preview says, and what is stored after the set was made; or why it is not. All is taken back."""
    try:
        seen = await run.preview(world.database, actor, asked)
    except ChangesRefused as refused:
        return [(one.number, one.error.code, one.error.message) for one in refused.problems]
    except IdentityAPIError as refused:
        return refused.code
    async with world.database.transaction(is_trial=True) as connection:
        done = await run.make_all(connection, world.database, actor, asked, as_previewed=seen.digest)
        assert (done.digest, done.warnings, done.events) == (seen.digest, seen.warnings, seen.events)
        rows = await stored(connection, world)
    told = [(one.action, one.name, one.old, one.new) for one in seen.done]
    return seen.digest, told, seen.effect.gained, seen.effect.lost, seen.warnings, seen.events, rows


class Sets:
    """Sets of changes drawn at random, of mappings that are there and of such that are not."""

    def __init__(self, world: World, random: Random, there: Sequence[tuple[UUID, int]]) -> None:
        self.world, self.random, self.there = world, random, there
        self.left = list[tuple[UUID, int]]()

    def rule(self) -> tuple[str, MatchKind]:
        pattern = self.random.choice(PATTERNS)
        return pattern, MatchKind.GLOB if "*" in pattern else MatchKind.EXACT

    def given(self) -> tuple[changes.Reference, ...]:
        world = self.world
        several = self.random.sample([world.read, "docs:write", world.write], self.random.choice([1, 1, 2]))
        rare = [world.locked, world.service, "nothing:there", world.tenant]
        return (*several, *([self.random.choice(rare)] if self.random.random() < 0.05 else []))

    def create(self) -> changes.Change:
        pattern, match = self.rule()
        provider_id = self.random.choice([None, None, self.world.provider.id])
        return changes.CreateMapping(provider_id=provider_id, pattern=pattern, match=match, permissions=self.given())

    def known(self) -> tuple[UUID, int]:
        if not self.left or self.random.random() < 0.05:
            self.left = self.random.sample(self.there, len(self.there))
        mapping_id, version = self.left.pop()
        return mapping_id, version + (self.random.random() < 0.04)

    def update(self) -> changes.Change:
        mapping_id, version = self.known()
        if self.random.random() < 0.5:
            return changes.UpdateMapping(mapping_id=mapping_id, version=version, permissions=self.given())
        if self.random.random() < 0.5:
            return changes.UpdateMapping(
                mapping_id=mapping_id, version=version, enabled=self.random.choice([True, False])
            )
        pattern, match = self.rule()
        return changes.UpdateMapping(mapping_id=mapping_id, version=version, pattern=pattern, match=match)

    def delete(self) -> changes.Change:
        mapping_id, version = self.known()
        return changes.DeleteMapping(mapping_id=mapping_id, version=version)

    def draw(self) -> list[changes.Change]:
        kinds = (self.create, self.update, self.update, self.delete)
        return [
            kind()
            for kind in [self.random.choice(kinds) for _ in range(self.random.choice([1, 2, 2]))]
            for _ in range(self.random.choice([1, 2, 3]))
        ]


@pytest.mark.asyncio
async def test_changes_made_together_come_to_what_they_come_to_one_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(
        world,
        [
            mapping(world, "engineering"),
            mapping(world, "platform", world.read, world.write),
            mapping(world, "sales", world.write),
            mapping(world, "admins"),
            mapping(world, "eng*", glob=True),
            msgspec.structs.replace(mapping(world, "platform", world.write), provider_id=world.provider.id),
        ],
    )
    async with world.database.transaction() as connection:
        await connection.execute(
            "update group_mapping set managed_by = 'FILE' where tenant_id = $1 and pattern = 'sales'", world.tenant
        )
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select id, version from group_mapping where tenant_id = $1 order by id", world.tenant
        )
    there = [(row["id"], row["version"]) for row in rows]
    world.database = make.limited(world.database, max_mappings=8, max_glob_mappings=3)
    actors = (world.operator, world.actor(), world.actor(MAPPINGS_WRITE, "vault:open"))
    made_some = []
    for seed in range(SETS):
        random = Random(seed)
        asked, actor = Sets(world, random, there).draw(), random.choice(actors)
        together = await outcome(world, asked, actor)
        with monkeypatch.context() as patch:
            patch.setattr(run._Steps, "_tried_together", one_by_one)
            assert await outcome(world, asked, actor) == together, f"with seed {seed}: {asked}"
        made_some.append(isinstance(together, tuple))
    assert set(made_some) == {True, False}
