"""A person who was erased is in no table any more, and the record of the past still holds."""

from typing import Any
from uuid import UUID

import pytest

from identity_api.accounts import erasure, linking, local
from identity_api.accounts.administration import enable_user, grant_permission
from identity_api.accounts.local import ProfileChange
from identity_api.accounts.provisioning import Declined, Provisioned, VerifiedPerson
from identity_api.claims import Profile
from identity_api.db import audit, clean_up, user_read_model
from identity_api.db.audit_origin import Origin, changes_come_from
from identity_api.errors import NotFound, Refused
from identity_api.ids import uuid7
from identity_api.maintenance.audit_chain import ChainBroken, ChainIntact, seal_all, verify
from identity_api.oidc.provider_error_text import words_of_username
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import USERS_WRITE
from tests import factories as make
from tests.graphql.world import VAULT, World

pytestmark = pytest.mark.asyncio
SECRETS = (
    "Zwackelmann",
    "zwackel@mann.example",
    "sub-4711-zwackel",
    "anchor-4712-zwackel",
    "198.51.100.247",
    "Zwackel/5.0",
)


async def somebody(world: World) -> tuple[UUID, UUID]:
    """A person whose values are in every place that a person's values come to; their user and identity."""
    async with world.database.transaction() as connection:
        user_id, identity_id = await make.make_person(
            connection, world.provider, ["engineering"], username=SECRETS[1], label=SECRETS[0]
        )
        client = f"user:{user_id}"
        for statement, values in (
            ("update app_user set email = $2, email_folded = $2 where id = $1", (user_id, SECRETS[1])),
            (
                "update identity set subject = $2, anchor = $3, claims = jsonb_build_object('name', $4::text) where id = $1",
                (identity_id, SECRETS[2], SECRETS[3], SECRETS[0]),
            ),
            (
                """
                insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, uncertain)
                values ($1, $2, $3, $4, 'h', now(), false)
                """,
                (uuid7(), world.tenant, identity_id, SECRETS[0].encode()),
            ),
            (
                """
                insert into session (id, tenant_id, user_id, identity_id, kind, token_hash, epoch, created_at, seen_at,
                    authenticated_at, absolute_until, device, address, provider_session)
                values ($1, $2, $3, $4, 'COOKIE', $5, 0, now(), now(), now(), now() + interval '1 day', $6, $7, $8)
                """,
                (uuid7(), world.tenant, user_id, identity_id, user_id.bytes, SECRETS[5], SECRETS[4], SECRETS[2]),
            ),
            (
                """
                insert into api_token (id, tenant_id, user_id, name, token_hash, created_at, expires_at)
                values ($1, $2, $3, $4, 'h', now(), now() + interval '1 day')
                """,
                (uuid7(), world.tenant, user_id, SECRETS[0]),
            ),
        ):
            await connection.execute(statement, *values)
        failed = audit.Event("login.failed", "login", None, {"code": "X", "said": words_of_username(SECRETS[1])})
        await audit.record(connection, world.tenant, "system", [failed])
        with changes_come_from(Origin("request-7", SECRETS[4], f"I am {SECRETS[0]}")):
            await audit.record(connection, world.tenant, client, [audit.Event("session.begun", "session", None)])
        await user_read_model.refresh(connection, world.tenant, [user_id])
    operator = Actor(world.tenant, None, "operator:root", frozenset())
    with changes_come_from(Origin("request-8", None, f"{SECRETS[0]} asked for it")):
        other = await local.create_local_user(
            world.database, operator, local.NewLocalUser(username="x", display_label=SECRETS[0], email=SECRETS[1])
        )
        await local.update_profile(world.database, operator, other, ProfileChange(display_label="Y"))
    await world.execute("update audit_event set user_id = $2, subject_id = $2 where user_id = $1", other, user_id)
    await world.execute("delete from user_read where id = $1", other)
    await world.execute("delete from app_user where id = $1", other)
    return user_id, identity_id


async def rows_with(world: World, *values: str) -> dict[str, int]:
    """How many rows of each table have one of these values, as text or as bytes, in whatever column."""
    found = {}
    async with world.database.reading() as connection:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        for (table,) in tables:
            patterns = [f"%{value.lower()}%" for value in values] + [f"%{value.encode().hex()}%" for value in values]
            count = await connection.fetchval(
                f"select count(*) from {table} t where lower(t::text) like any($1::text[])", patterns
            )
            if count:
                found[table] = count
    return found


async def chain(world: World) -> Any:
    async with world.database.transaction() as connection:
        return await verify(connection, VAULT, world.tenant)


async def fetch(world: World, statement: str, *values: Any) -> list[Any]:
    async with world.database.reading() as connection:
        return list(await connection.fetch(statement, *values))


def operator(world: World) -> Actor:
    return Actor(world.tenant, None, "operator:root", frozenset())


async def test_nothing_of_the_person_is_left_in_any_table_and_the_chain_holds(world: World) -> None:
    user_id, _ = await somebody(world)
    await seal_all(world.database, VAULT)
    before = await rows_with(world, *SECRETS)
    assert {"app_user", "identity", "session", "api_token", "refresh_token", "audit_event", "user_read"} <= set(before)
    count = await chain(world)
    await erasure.erase_user(world.database, operator(world), user_id)
    assert await rows_with(world, *SECRETS) == {}
    await seal_all(world.database, VAULT)
    after = await chain(world)
    assert isinstance(count, ChainIntact)
    assert isinstance(after, ChainIntact)
    assert after.events > count.events
    [user] = await fetch(
        world, "select username, display_label, disabled_at, erased_at from app_user where id = $1", user_id
    )
    assert user["username"] == f"erased:{user_id}"
    assert None not in (user["disabled_at"], user["erased_at"])
    assert (
        await fetch(world, "select id from permission_grant where user_id = $1 and revoked_at is null", user_id) == []
    )


async def test_events_that_are_not_sealed_yet_are_erased_as_well(world: World) -> None:
    user_id, _ = await somebody(world)
    await erasure.erase_user(world.database, operator(world), user_id)
    assert await rows_with(world, *SECRETS) == {}
    await seal_all(world.database, VAULT)
    assert isinstance(await chain(world), ChainIntact)


async def test_what_nobody_erased_cannot_be_hidden_as_erased(world: World) -> None:
    """Whoever can write rows cannot pass a changed event off as an erased one."""
    user_id, _ = await somebody(world)
    await seal_all(world.database, VAULT)
    await erasure.erase_user(world.database, operator(world), user_id)
    await seal_all(world.database, VAULT)
    [erased] = await fetch(
        world, "select id from audit_event where tenant_id = $1 and action = 'user.erased'", world.tenant
    )
    await world.execute(
        """
        update audit_event set digest = audit_digest(salt, payload, old, new, address, reason), salt = null,
            erased_by = $2, payload = '{}'
        where id = (select id from audit_event where tenant_id = $1 and salt is not null and sequence is not null limit 1)
        """,
        world.tenant,
        erased["id"],
    )
    broken = await chain(world)
    assert isinstance(broken, ChainBroken)
    assert broken.problem == "ERASED"


async def login(world: World, anchor: str) -> Provisioned | Declined:
    person = VerifiedPerson(
        issuer=world.provider.issuer, subject=f"s-{anchor}", profile=Profile(anchor, None, None, None, None)
    )
    async with world.database.transaction() as connection:
        return await make.provision(connection, world.provider, person, actor="system")


async def test_a_login_does_not_make_the_person_anew_for_thirty_days_unless_an_admin_links_them(world: World) -> None:
    user_id, _ = await somebody(world)
    await erasure.erase_user(world.database, operator(world), user_id)
    assert await login(world, SECRETS[3]) == Declined("ACCOUNT_NOT_FOUND", "erased_recently")
    assert isinstance(await login(world, "somebody-else"), Provisioned)
    await linking.link_identity(world.database, operator(world), world.local, world.provider.id, SECRETS[3])
    linked = await login(world, SECRETS[3])
    assert isinstance(linked, Provisioned)
    assert linked.user_id == world.local


async def test_after_thirty_days_a_login_makes_the_person_anew(world: World) -> None:
    user_id, _ = await somebody(world)
    await erasure.erase_user(world.database, operator(world), user_id)
    await world.execute("update erased_anchor set expires_at = now() where tenant_id = $1", world.tenant)
    made = await login(world, SECRETS[3])
    assert isinstance(made, Provisioned)
    assert made.is_new
    async with world.database.transaction() as connection:
        await clean_up.forget_erased_anchors(connection)
    assert await fetch(world, "select from erased_anchor where tenant_id = $1", world.tenant) == []


async def test_an_erased_user_is_nobody_to_every_change(world: World) -> None:
    user_id, _ = await somebody(world)
    by = operator(world)
    await erasure.erase_user(world.database, by, user_id)
    for work in (
        lambda: erasure.erase_user(world.database, by, user_id),
        lambda: enable_user(world.database, by, user_id),
        lambda: linking.link_identity(world.database, by, user_id, world.provider.id, "new"),
        lambda: local.update_profile(world.database, by, user_id, ProfileChange(username="new")),
        lambda: grant_permission(world.database, by, user_id, world.write),
    ):
        with pytest.raises(NotFound):
            await work()


async def test_nobody_erases_themself_or_an_admin_who_holds_more(world: World) -> None:
    clerk = await world.client(USERS_WRITE)
    actor = Actor(world.tenant, clerk.user_id, f"user:{clerk.user_id}", frozenset({USERS_WRITE}))
    for user_id, code in ((clerk.user_id, "SELF_DISABLE"), (world.admin.user_id, "FORBIDDEN")):
        with pytest.raises(Refused) as refused:
            await erasure.erase_user(world.database, actor, user_id)
        assert refused.value.code == code
    await erasure.erase_user(world.database, actor, world.person)
