"""A first login takes over an account that waits for it, by its name, once."""

import asyncio

import msgspec
import pytest

from identity_api.accounts.provisioning import Declined, Provisioned
from identity_api.db import user_read_model
from identity_api.db.database import Database
from identity_api.db.grants import open_manual_grant
from identity_api.db.user_filters import Filter
from identity_api.lifecycle.end_login import end_logins
from tests import factories as make
from tests.accounts.persons import accepted, enter, make_provider, person, refused, username_of


@pytest.mark.asyncio
async def test_a_waiting_account_is_adopted_by_its_name_once(database: Database) -> None:
    """S2-32, S2-33, S2-34: the first login takes it over, the next one finds it by its anchor, a namesake gets another."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        adopted = await accepted(connection, provider, person(provider))
        assert (adopted.user_id, adopted.is_new) == (waiting, True)
        again = await accepted(connection, provider, person(provider, username="renamed"))
        assert (again.user_id, again.is_new) == (waiting, False)
        namesake = await accepted(connection, provider, person(provider, "s-2"))
        assert namesake.user_id != waiting
        assert await username_of(connection, namesake.user_id) == "alice@example.com"


@pytest.mark.asyncio
async def test_adopting_says_so_in_the_audit(database: Database) -> None:
    """S2-32: somebody who looks for takeovers finds every adoption by its word."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        await accepted(connection, provider, person(provider))
        await accepted(connection, provider, person(provider, "s-2", username="bob"))
        rows = await connection.fetch(
            "select payload from audit_event where tenant_id = $1 and action = 'identity.linked' order by id",
            provider.tenant_id,
        )
        said = [msgspec.json.decode(row["payload"]) for row in rows]
        assert [one["how"] for one in said] == ["adopted", "created"]
        assert said[0]["user"] == str(waiting)


@pytest.mark.asyncio
async def test_with_the_switch_off_a_login_makes_an_account_of_its_own(database: Database) -> None:
    """S2-35, S2-36: off is the default here."""
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        assert (await accepted(connection, provider, person(provider))).user_id != waiting


@pytest.mark.asyncio
@pytest.mark.parametrize("username", ["Alice", "alice ", "alice@example.com", "аlice", None])
async def test_only_exactly_the_name_is_adopted(database: Database, username: str | None) -> None:
    """S2-32: equality, no folding; S3-21. The e-mail never names an account."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        await connection.execute("update app_user set email = 'alice@example.com' where id = $1", waiting)
        assert (await accepted(connection, provider, person(provider, username=username))).user_id != waiting


@pytest.mark.asyncio
async def test_the_display_name_adopts_where_the_username_claim_is_set_to_it(database: Database) -> None:
    """S2-28, S2-32: which claim names the account is the username setting; the import sets it to `name`."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="Alice Archer")
        named = person(provider, username="Alice Archer", display_label="Alice Archer")
        assert (await accepted(connection, provider, named)).user_id == waiting


@pytest.mark.asyncio
@pytest.mark.parametrize("past", ["a live link", "a dead link", "a link that has moved to somebody else"])
async def test_an_account_that_was_ever_linked_is_not_adopted(database: Database, past: str) -> None:
    """S2-33: such an account is somebody already, so the newcomer gets one of their own (S2-29)."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        other = await make.make_provider(connection, provider.tenant_id)
        linked = await make.make_user(connection, provider.tenant_id, username="alice")
        identity = await make.make_identity(connection, other, linked)
        if past == "a dead link":
            await end_logins(connection, provider.tenant_id, [identity], reason="admin", actor="system")
        elif past == "a link that has moved to somebody else":
            docs = await make.make_permission(connection, provider.tenant_id, "docs:read")
            await make.make_mapping(connection, provider.tenant_id, "engineering", [docs])
            await make.sign_in(connection, other, identity, ["engineering"])
            await make.sign_in(connection, other, identity, [])
            bob = await make.make_user(connection, provider.tenant_id, username="bob")
            for table in ("identity_sync", "identity"):
                await connection.execute(f"update {table} set user_id = $2 where id = $1", identity, bob)
        made = await accepted(connection, provider, person(provider))
        assert made.user_id != linked
        assert await username_of(connection, made.user_id) == "alice@example.com"


@pytest.mark.asyncio
async def test_a_holder_of_rights_over_this_service_is_adopted_by_nobody(database: Database) -> None:
    """S2-32 with promise 44: an open grant counts, whether in force or not; a grant that was closed does not."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        rights = await make.make_permission(connection, provider.tenant_id, "identity:users:read")
        for username in ("alice", "bob"):
            user_id = await make.make_user(connection, provider.tenant_id, username=username)
            await open_manual_grant(connection, provider.tenant_id, user_id, rights, "system")
        await connection.execute(
            "update permission_grant set revoked_at = now(), revoked_by = 'system', revoked_reason = 'ADMIN'"
            " where user_id = $1",
            user_id,
        )
        declined = await refused(connection, provider, person(provider))
        assert (declined.code, declined.detail) == ("ACCOUNT_NOT_FOUND", "user_holds_identity_rights")
        assert (await accepted(connection, provider, person(provider, "s-2", username="bob"))).user_id == user_id


@pytest.mark.asyncio
async def test_a_disabled_account_is_not_adopted_and_no_twin_is_made(database: Database) -> None:
    """S2-32: disabling keeps somebody out, also before their first login."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        await connection.execute("update app_user set disabled_at = now() where id = $1", waiting)
        assert await refused(connection, provider, person(provider)) == Declined("ACCOUNT_DISABLED", f"user:{waiting}")


@pytest.mark.asyncio
async def test_namesakes_who_come_at_once_adopt_one_account_once(database: Database) -> None:
    """S2-33: one-time claim, also when two claim it in the same moment."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")

    async def enter_alone(number: int) -> Provisioned | Declined:
        async with database.transaction() as connection:
            return await enter(connection, provider, person(provider, f"s-{number}"))

    results = await asyncio.gather(*[enter_alone(number) for number in range(6)])
    users = [one.user_id for one in results if isinstance(one, Provisioned)]
    assert (len(users), len(set(users)), users.count(waiting)) == (6, 6, 1)


@pytest.mark.asyncio
async def test_an_account_of_another_tenant_is_not_adopted(database: Database) -> None:
    """I2."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        neighbour = await make.make_tenant(connection)
        theirs = await make.make_user(connection, neighbour.id, username="alice")
        assert (await accepted(connection, provider, person(provider))).user_id != theirs


@pytest.mark.asyncio
async def test_the_list_of_who_is_not_yet_linked_gets_shorter_with_each_adoption(database: Database) -> None:
    """S2-38: it says when the switch may go off."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        for username in ("alice", "bob"):
            await make.make_user(connection, provider.tenant_id, username=username)

        async def listed(*, linked: bool | None) -> list[str]:
            found = await user_read_model.list_users(
                connection,
                provider.tenant_id,
                where=Filter(linked=linked),
                order="USERNAME",
                descending=False,
                after=None,
                first=10,
            )
            return [user.username for user in found.users]

        assert await listed(linked=False) == ["alice", "bob"]
        made = await accepted(connection, provider, person(provider))
        await user_read_model.refresh(connection, provider.tenant_id, [made.user_id])
        assert (await listed(linked=False), await listed(linked=True)) == (["bob"], ["alice"])
        assert await listed(linked=None) == ["alice", "bob"]
