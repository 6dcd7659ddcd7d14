"""Proposals: one admin proposes, another one makes, and nobody gains a right by it that the other could not give."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from identity_api.accounts import administration
from identity_api.change_sets import changes, proposals, stored
from identity_api.change_sets.changes import Change
from identity_api.change_sets.errors import ChangesRefused
from identity_api.change_sets.run import preview
from identity_api.claims import MatchKind
from identity_api.db.proposals import Proposal
from identity_api.errors import Conflict, IdentityAPIError, LimitReached, NotFound, Refused
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import (
    GRANTS_WRITE,
    GROUPS_READ,
    MAPPINGS_WRITE,
    PERMISSIONS_WRITE,
    USERS_READ,
)
from tests import factories as make
from tests.change_sets.sets import events, held, mapping
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio

CLERK = (GRANTS_WRITE, MAPPINGS_WRITE, USERS_READ, GROUPS_READ)


async def clerk(world: World, *more: str) -> Actor:
    """An admin who may give what is delegable, to others."""
    return await somebody(world, *CLERK, *more)


async def somebody(world: World, *rights: str) -> Actor:
    async with world.database.transaction() as connection:
        user_id = await make.make_user(connection, world.tenant)
    return Actor(world.tenant, user_id, f"user:{user_id}", frozenset(rights))


async def digest(world: World, actor: Actor, proposal: Proposal) -> str:
    return (await proposals.preview(world.database, actor, stored.decode(proposal.changes))).digest


async def refused(work: Any) -> str:
    with pytest.raises(IdentityAPIError) as error:
        await work
    return error.value.code


async def test_what_one_may_not_do_alone_is_made_by_another_who_may(world: World) -> None:
    first, second = await clerk(world), await clerk(world)
    assert first.user_id is not None
    asked = [changes.GrantPermission(user_id=first.user_id, permission="docs:read")]
    assert await refused(preview(world.database, first, asked)) == "SELF_BENEFIT"
    made = await proposals.propose(world.database, first, asked, "I look after the documents now.")
    assert (made.state, made.needs, await held(world)) == ("OPEN", (GRANTS_WRITE,), set())
    seen = await digest(world, second, made)
    assert seen == await digest(world, first, made)
    assert await refused(proposals.approve(world.database, first, made.id, as_previewed=seen)) == "SECOND_PERSON"
    done, outcome = await proposals.approve(world.database, second, made.id, as_previewed=seen)
    assert (done.state, done.decided_by, outcome.digest) == ("APPROVED", second.user_id, seen)
    assert await held(world) == {(first.user_id, "docs:read")}
    assert len(await events(world, "proposal.approved")) == len(await events(world, "change_set.applied")) == 1


async def test_a_second_person_gives_no_more_than_they_may_give(world: World) -> None:
    """Two who may not give a permission may not give it together, in whatever order they do what."""
    first, second, holder = await clerk(world), await clerk(world), await clerk(world, "vault:open")
    assert first.user_id is not None
    assert holder.user_id is not None
    to_first = [changes.GrantPermission(user_id=first.user_id, permission="vault:open")]
    made = await proposals.propose(world.database, first, to_first, "")
    seen = await digest(world, second, made)
    assert await refused(proposals.approve(world.database, second, made.id, as_previewed=seen)) == "FORBIDDEN"
    assert second.user_id is not None
    own = [changes.GrantPermission(user_id=second.user_id, permission="docs:read")]
    theirs = await proposals.propose(world.database, first, own, "")
    seen_theirs = await digest(world, second, theirs)
    assert (
        await refused(proposals.approve(world.database, second, theirs.id, as_previewed=seen_theirs)) == "SELF_BENEFIT"
    )
    assert await held(world) == set()
    assert (await proposals.approve(world.database, holder, made.id, as_previewed=seen))[0].state == "APPROVED"


async def test_who_approves_makes_exactly_what_they_saw_or_nothing(world: World) -> None:
    first, second = await clerk(world), await clerk(world)
    made = await proposals.propose(world.database, first, [mapping(world, "engineering")], "")
    seen = await digest(world, second, made)
    await administration.grant_permission(world.database, world.operator, world.engineer, world.read)
    assert await refused(proposals.approve(world.database, second, made.id, as_previewed=seen)) == "PREVIEW_OUTDATED"
    assert await events(world, "mapping.created") == []
    now = await digest(world, second, made)
    assert now != seen
    assert (await proposals.approve(world.database, second, made.id, as_previewed=now))[0].state == "APPROVED"
    assert len(await events(world, "mapping.created")) == 1


async def test_a_proposal_is_decided_about_once(world: World) -> None:
    first, others = await clerk(world), [await clerk(world), await clerk(world)]
    made = await proposals.propose(world.database, first, [mapping(world, "engineering")], "")
    seen = await digest(world, first, made)
    both = await asyncio.gather(
        *[proposals.approve(world.database, one, made.id, as_previewed=seen) for one in others], return_exceptions=True
    )
    [lost] = [one for one in both if isinstance(one, Conflict)]
    assert lost.code == "PROPOSAL_OVER"
    assert len(await events(world, "mapping.created")) == 1
    assert await refused(proposals.reject(world.database, others[0], made.id)) == "PROPOSAL_OVER"


async def test_others_reject_a_proposal_and_its_proposer_withdraws_it(world: World) -> None:
    first, second, reader = await clerk(world), await clerk(world), await somebody(world, PERMISSIONS_WRITE)
    for actor, state in ((first, "WITHDRAWN"), (second, "REJECTED")):
        made = await proposals.propose(world.database, first, [mapping(world, "engineering")], "")
        assert await refused(proposals.reject(world.database, reader, made.id)) == "FORBIDDEN"
        assert (await proposals.reject(world.database, actor, made.id)).state == state
        seen = await digest(world, second, made)
        assert await refused(proposals.approve(world.database, second, made.id, as_previewed=seen)) == "PROPOSAL_OVER"
    assert await events(world, "mapping.created") == []


async def test_a_proposal_is_over_after_a_week(world: World) -> None:
    first, second = await clerk(world), await clerk(world)
    made = await proposals.propose(world.database, first, [mapping(world, "engineering")], "")
    seen = await digest(world, second, made)
    async with world.database.transaction() as connection:
        await connection.execute("update proposal set expires_at = now() where id = $1", made.id)
    assert await refused(proposals.approve(world.database, second, made.id, as_previewed=seen)) == "PROPOSAL_OVER"
    fresh = await proposals.propose(world.database, first, [mapping(world, "engineering")], "")
    assert (fresh.expires_at - fresh.created_at).days == 7


async def test_what_nobody_could_make_or_the_proposer_may_not_see_is_not_proposed(world: World) -> None:
    first, blind = await clerk(world), await somebody(world, GRANTS_WRITE, MAPPINGS_WRITE)
    own: Sequence[tuple[Actor, Change, type[IdentityAPIError]]] = (
        (first, changes.CreatePermission(name="reports:read"), ChangesRefused),
        (first, changes.DeleteMapping(mapping_id=uuid7(), version=1), ChangesRefused),
        (blind, mapping(world, "eng*", glob=True), Refused),
        (blind, changes.GrantPermission(user_id=world.engineer, permission="docs:read"), Refused),
    )
    for actor, change, kind in own:
        with pytest.raises(kind):
            await proposals.propose(world.database, actor, [change], "")
    assert await events(world, "proposal.made") == []
    assert (await proposals.propose(world.database, blind, [mapping(world, "engineering")], "")).state == "OPEN"


async def test_every_kind_of_change_is_stored_and_read_again(world: World) -> None:
    first = [
        changes.CreateMapping(provider_id=None, pattern="a", match=MatchKind.GLOB, permissions=("docs:read", uuid7())),
        changes.UpdateMapping(mapping_id=uuid7(), version=3, provider_id=uuid7(), enabled=False),
        changes.UpdateMapping(mapping_id=uuid7(), version=3, provider_id=None, permissions=("docs:read",)),
        changes.UpdateMapping(mapping_id=uuid7(), version=3),
        changes.DeleteMapping(mapping_id=uuid7(), version=1),
        changes.CreatePermission(name="a:b", description="c", delegable=False),
        changes.UpdatePermission(permission="a:b", delegable=False),
        changes.DeletePermission(permission=uuid7()),
        changes.GrantPermission(user_id=uuid7(), permission="a:b"),
        changes.RevokePermission(user_id=uuid7(), permission=uuid7()),
    ]
    assert stored.decode(stored.encode(first)) == first


async def test_open_proposals_are_bounded_and_another_tenants_is_none(world: World, monkeypatch: Any) -> None:
    first = await clerk(world)
    made = await proposals.propose(world.database, first, [mapping(world, "engineering")], "")
    monkeypatch.setattr(world.database, "limits", type(world.database.limits)(max_proposals=1))
    with pytest.raises(LimitReached):
        await proposals.propose(world.database, first, [mapping(world, "platform")], "")
    await proposals.reject(world.database, first, made.id)
    assert (await proposals.propose(world.database, first, [mapping(world, "platform")], "")).state == "OPEN"
    stranger = Actor(uuid7(), uuid7(), "user:x", frozenset(CLERK))
    with pytest.raises(NotFound):
        await proposals.reject(world.database, stranger, made.id)
