"""What a verified answer does to profile, groups, grants and leases."""

from dataclasses import replace
from uuid import UUID

import msgspec
import pytest

from identity_api.claims import Profile
from identity_api.db import grants, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.lifecycle.apply_verified import Verified, apply_verified
from identity_api.lifecycle.end_login import end_logins
from tests import factories as make


async def effective(connection: Connection, tenant_id: UUID, user_id: UUID) -> set[str]:
    """By the definition and by the read path, which must agree."""
    defined = await grants.effective(connection, tenant_id, user_id)
    reading = await user_read_model.users_by_id(connection, tenant_id, [user_id])
    from identity_api.permissions.effective import standing

    [user] = reading.users
    assert standing(user.facts, user.circumstances, reading.tenant, reading.at).names == defined
    return set(defined)


@pytest.mark.asyncio
async def test_a_login_opens_what_the_groups_give(database: Database) -> None:
    """S0-02: permissions come from the provider's groups."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        identity = await make.make_identity(connection, provider, user)
        read = await make.make_permission(connection, tenant.id, "docs:read")
        write = await make.make_permission(connection, tenant.id, "docs:write")
        await make.make_mapping(connection, tenant.id, "engineering", [read, write])
        await make.make_mapping(connection, tenant.id, "eng*", [read], match="GLOB")
        assert await effective(connection, tenant.id, user) == set()
        await make.sign_in(connection, provider, identity, ["engineering", "unmapped"])
        assert await effective(connection, tenant.id, user) == {"docs:read", "docs:write"}


@pytest.mark.asyncio
async def test_strict_takes_away_what_the_group_gave(database: Database) -> None:
    """S0-17 beside S0-25: what ADDITIVE keeps, STRICT closes."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        read = await make.make_permission(connection, tenant.id, "docs:read")
        await make.make_mapping(connection, tenant.id, "engineering", [read])
        held: dict[str, set[str]] = {}
        for mode in ("STRICT", "ADDITIVE", "NONE"):
            provider = await make.make_provider(connection, tenant.id, sync_mode=mode)
            user = await make.make_user(connection, tenant.id)
            identity = await make.make_identity(connection, provider, user)
            await make.sign_in(connection, provider, identity, ["engineering"])
            await make.sign_in(connection, provider, identity, [])
            held[mode] = await effective(connection, tenant.id, user)
    assert held == {"STRICT": set(), "ADDITIVE": {"docs:read"}, "NONE": set()}


@pytest.mark.asyncio
async def test_unknown_groups_change_no_grant_and_extend_no_lease(database: Database) -> None:
    """I7: unknown is never empty, and never extends."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        identity = await make.make_identity(connection, provider, user)
        read = await make.make_permission(connection, tenant.id, "docs:read")
        await make.make_mapping(connection, tenant.id, "engineering", [read])
        await make.sign_in(connection, provider, identity, ["engineering"])
        await connection.execute(
            "update identity_sync set groups_valid_until = now() + interval '1 minute' where id = $1", identity
        )
        before = await connection.fetchval("select groups_valid_until from identity_sync where id = $1", identity)
        await make.sign_in(connection, provider, identity, make.unreadable())
        assert await effective(connection, tenant.id, user) == {"docs:read"}
        assert (
            await connection.fetchval("select groups_valid_until from identity_sync where id = $1", identity) == before
        )
        state = await connection.fetchrow("select state, state_reason from identity where id = $1", identity)
        assert tuple(state) == ("STALE", "groups_overage")


@pytest.mark.asyncio
async def test_death_removes_force_and_the_next_login_restores_it(database: Database) -> None:
    """S0-13: the profile stays, the permissions do not; no grant is closed by a death."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        identity = await make.make_identity(connection, provider, user)
        read = await make.make_permission(connection, tenant.id, "docs:read")
        await make.make_mapping(connection, tenant.id, "engineering", [read])
        await make.sign_in(connection, provider, identity, ["engineering"])
        await end_logins(connection, tenant.id, [identity], reason="invalid_grant", actor="sync")
        assert await effective(connection, tenant.id, user) == set()
        assert (
            await connection.fetchval(
                "select count(*) from permission_grant where user_id = $1 and revoked_at is null", user
            )
            == 1
        )
        await make.sign_in(connection, provider, identity, ["engineering"])
        assert await effective(connection, tenant.id, user) == {"docs:read"}


@pytest.mark.asyncio
async def test_a_login_after_death_with_unreadable_groups_does_not_revive_the_old_ones(database: Database) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        identity = await make.make_identity(connection, provider, user)
        read = await make.make_permission(connection, tenant.id, "docs:read")
        await make.make_mapping(connection, tenant.id, "engineering", [read])
        await make.sign_in(connection, provider, identity, ["engineering"])
        await end_logins(connection, tenant.id, [identity], reason="invalid_grant", actor="sync")
        await make.sign_in(connection, provider, identity, make.unreadable())
        assert await effective(connection, tenant.id, user) == set()


@pytest.mark.asyncio
async def test_a_sync_claimed_before_a_login_applies_nothing(database: Database) -> None:
    """The login raised the generation, so the older answer is superseded."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        identity = await make.make_identity(connection, provider, user)
        read = await make.make_permission(connection, tenant.id, "docs:read")
        await make.make_mapping(connection, tenant.id, "engineering", [read])
        claimed = await connection.fetchval("select generation from identity_sync where id = $1", identity)
        await make.sign_in(connection, provider, identity, [])
        late = Verified(identity, Profile("x", None, "Late", None, None), make.reading(["engineering"]), claimed)
        outcome = await apply_verified(connection, tenant.id, provider, [late], is_login=False, actor="sync")
        assert outcome.superseded == {identity}
        assert await effective(connection, tenant.id, user) == set()
        now = msgspec_replace(
            late, await connection.fetchval("select generation from identity_sync where id = $1", identity)
        )
        outcome = await apply_verified(connection, tenant.id, provider, [now], is_login=False, actor="sync")
        assert outcome.applied == {identity}
        assert await effective(connection, tenant.id, user) == {"docs:read"}


def msgspec_replace(answer: Verified, generation: int) -> Verified:
    return Verified(answer.identity_id, answer.profile, answer.groups, generation)


@pytest.mark.asyncio
async def test_a_sync_that_changes_nothing_writes_no_event(database: Database) -> None:
    """I6: the audit holds changes, not heartbeats."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        identity = await make.make_identity(connection, provider, user)
        profile = Profile(str(identity), None, "Somebody", f"{identity.hex}@example.com", True)
        await make.sign_in(connection, provider, identity, ["engineering"])
        count = "select count(*) from audit_event where tenant_id = $1"
        before = await connection.fetchval(count, tenant.id)
        generation = await connection.fetchval("select generation from identity_sync where id = $1", identity)
        same = Verified(identity, profile, make.reading(["engineering"]), generation)
        await apply_verified(connection, tenant.id, provider, [same], is_login=False, actor="sync")
        assert await connection.fetchval(count, tenant.id) == before
        renamed = Verified(
            identity, Profile(str(identity), None, "New Name", None, None), make.reading(["engineering"]), generation
        )
        await apply_verified(connection, tenant.id, provider, [renamed], is_login=False, actor="sync")
        assert await connection.fetchval(count, tenant.id) == before + 1


@pytest.mark.asyncio
async def test_a_change_of_groups_is_recorded_with_what_came_and_what_went(database: Database) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        identity = await make.make_identity(connection, provider, await make.make_user(connection, tenant.id))
        await make.sign_in(connection, provider, identity, ["engineering"])
        await make.sign_in(connection, provider, identity, ["engineering"])
        await make.sign_in(connection, provider, identity, ["sales"])
        events = await connection.fetch(
            "select subject_id, payload from audit_event where tenant_id = $1 and action = 'identity.groups_changed'"
            " order by id",
            tenant.id,
        )
    assert [event["subject_id"] for event in events] == [identity, identity]
    assert [msgspec.json.decode(event["payload"]) for event in events] == [
        {"joined": 1, "left": 0},
        {"joined": 1, "left": 1},
    ]


KNOWN = Profile("ada", "ada", "Ada", "ada@acme.example", True)
LESS = Profile("ada", None, None, None, None)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("profile", "is_login", "email", "verified"),
    [
        (LESS, False, "ada@acme.example", True),
        (None, False, None, None),
        (LESS, True, None, None),
        (Profile("ada", "ada", "Ada", "new@acme.example", None), False, "new@acme.example", None),
    ],
    ids=["a sync that says nothing", "a sync that says there is none", "a login without", "a sync with another"],
)
async def test_what_an_answer_leaves_out_is_unknown_and_not_gone(
    database: Database, profile: Profile | None, is_login: bool, email: str | None, verified: bool | None
) -> None:
    said = profile or replace(LESS, has_no_email=True)
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        identity = await make.make_identity(connection, provider, user)
        for one, login in ((KNOWN, True), (said, is_login)):
            generation = await connection.fetchval("select generation from identity_sync where id = $1", identity)
            answer = Verified(identity, one, make.reading(()), None if login else generation)
            await apply_verified(connection, tenant.id, provider, [answer], is_login=login, actor="system")
        row = await connection.fetchrow("select email, email_verified, display_label from app_user where id = $1", user)
        claims = msgspec.json.decode(await connection.fetchval("select claims from identity where id = $1", identity))
    assert tuple(row)[:2] == (email, verified)
    assert (claims["email"], claims["email_verified"]) == (email, verified)
    assert row["display_label"] == "Ada"
    assert claims["username"] == (None if is_login else "ada")
