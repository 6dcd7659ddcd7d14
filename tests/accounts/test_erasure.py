"""An erasure beside what goes on at the same moment, and what it leaves of others."""

import asyncio
from uuid import UUID

import pytest

from identity_api.accounts import erasure, linking
from identity_api.accounts.provisioning import Declined, Provisioned
from identity_api.change_sets import changes, proposals, run
from identity_api.db import identity_links, locks
from identity_api.db.database import Connection, Database
from identity_api.group_mappings import catalogue
from identity_api.lifecycle.apply_verified import Verified, apply_verified
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import GRANTS_WRITE, PERMISSIONS_WRITE, USERS_READ
from tests import factories as make
from tests.accounts.persons import accepted, enter, make_provider, person
from tests.blocking import blocked_or_done

pytestmark = pytest.mark.asyncio


def operator(tenant_id: UUID) -> Actor:
    return Actor(tenant_id, None, "operator:root", frozenset())


@pytest.mark.parametrize("how", ["erased", "unlinked"])
async def test_a_login_that_waited_for_its_identity_to_go_finds_nobody(database: Database, how: str) -> None:
    """It is judged like a login that comes afterwards, and brings nothing of the person back."""
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        first = await accepted(connection, provider, person(provider))

    async def come() -> Provisioned | Declined:
        async with database.transaction() as connection:
            found = await enter(connection, provider, person(provider))
            if isinstance(found, Provisioned):
                verified = Verified(found.identity_id, person(provider).profile, make.reading(["a"]), None)
                await apply_verified(
                    connection, provider.tenant_id, provider, [verified], is_login=True, actor="system"
                )
            return found

    async with database.transaction() as connection:
        await locks.share_mappings(connection, provider.tenant_id)
        await locks.users(connection, provider.tenant_id, [first.user_id])
        task = asyncio.create_task(come())
        await blocked_or_done(database, task, connection)
        if how == "erased":
            await erasure.erase_locked(connection, operator(provider.tenant_id), first.user_id)
        else:
            await identity_links.unlink(connection, provider.tenant_id, first.identity_id)
    found = await task
    if how == "erased":
        assert found == Declined("ACCOUNT_NOT_FOUND", "erased_recently")
    else:
        assert isinstance(found, Provisioned)
        assert found.is_new
        assert found.user_id != first.user_id


async def test_the_person_is_recognised_by_subject_under_a_new_anchor(database: Database) -> None:
    """As after a new e-mail address, where that is the anchor; somebody else with neither is made."""
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        first = await accepted(connection, provider, person(provider, "s-1", anchor="old@example.com"))
    await erasure.erase_user(database, operator(provider.tenant_id), first.user_id)
    async with database.transaction() as connection:
        for subject, anchor in (("s-1", "new@example.com"), ("s-2", "old@example.com")):
            declined = await enter(connection, provider, person(provider, subject, anchor=anchor))
            assert declined == Declined("ACCOUNT_NOT_FOUND", "erased_recently")
        await accepted(connection, provider, person(provider, "s-2", anchor="other@example.com"))
    user_id = first.user_id
    async with database.transaction() as connection:
        user_id = await make.make_user(connection, provider.tenant_id)
    await linking.link_identity(database, operator(provider.tenant_id), user_id, provider.id, "new@example.com")
    async with database.transaction() as connection:
        assert (
            await accepted(connection, provider, person(provider, "s-1", anchor="new@example.com"))
        ).user_id == user_id


async def admin_of(connection: Connection, tenant_id: UUID, *rights: str) -> Actor:
    user_id = await make.make_user(connection, tenant_id)
    return Actor(tenant_id, user_id, f"user:{user_id}", frozenset(rights))


async def events(database: Database, tenant_id: UUID, action: str) -> list[tuple[UUID, str, str]]:
    async with database.reading() as connection:
        rows = await connection.fetch(
            "select id, coalesce(old, '{}')::text as old, coalesce(new, '{}')::text as new from audit_event"
            " where tenant_id = $1 and action = $2 order by id",
            tenant_id,
            action,
        )
    return [(row["id"], row["old"], row["new"]) for row in rows]


async def test_what_the_person_did_to_something_else_stays_as_it_was_recorded(database: Database) -> None:
    """It can still be read, and undone."""
    async with database.transaction() as connection:
        tenant_id = (await make.make_tenant(connection)).id
        gone = await admin_of(connection, tenant_id, PERMISSIONS_WRITE)
    made = await catalogue.create(database, gone, "docs:print", "Print", delegable=True)
    await catalogue.delete(database, gone, made.id)
    assert gone.user_id is not None
    await erasure.erase_user(database, operator(tenant_id), gone.user_id)
    [(_, _, new)] = await events(database, tenant_id, "permission.created")
    [(deleted, old, _)] = await events(database, tenant_id, "permission.deleted")
    assert "docs:print" in new
    assert "docs:print" in old
    seen = await run.preview(database, operator(tenant_id), [changes.Undo(event_id=deleted)])
    assert [one.name for one in seen.done] == ["docs:print"]


async def test_the_words_of_a_proposal_go_with_whoever_proposed_it(database: Database) -> None:
    rights = (GRANTS_WRITE, USERS_READ, "docs:read")
    async with database.transaction() as connection:
        tenant_id = (await make.make_tenant(connection)).id
        await make.make_permission(connection, tenant_id, "docs:read")
        gone, other = [await admin_of(connection, tenant_id, *rights) for _ in range(2)]
        user_id = await make.make_user(connection, tenant_id)
    assert gone.user_id is not None
    asked = [changes.GrantPermission(user_id=user_id, permission="docs:read")]
    proposal = await proposals.propose(database, gone, asked, "Zwackelmann asks for it")
    seen = await proposals.look(database, other, proposal)
    await proposals.approve(database, other, proposal.id, as_previewed=seen.digest)
    await erasure.erase_user(database, operator(tenant_id), gone.user_id)
    async with database.reading() as connection:
        for table in ("proposal", "audit_event"):
            found = await connection.fetchval(
                f"select count(*) from {table} t where tenant_id = $1 and t::text like '%Zwackelmann%'", tenant_id
            )
            assert found == 0, table
        assert await connection.fetchval("select decided_by from proposal where id = $1", proposal.id) == other.user_id
