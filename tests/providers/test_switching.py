"""Providers switched off and on, and deleted (S2-14, S4-46)."""

from uuid import UUID

import pytest

from identity_api.db import user_read_model
from identity_api.errors import Conflict, NotFound, Refused
from identity_api.providers import activation, consequences
from identity_api.sessions.authenticate import authenticate
from tests import factories as make
from tests.providers.office import Office


async def session_of(office: Office, user_id: UUID, identity_id: UUID) -> str:
    """A session from a login; returns its token."""
    async with office.database.transaction() as connection:
        _, token = await make.make_session(connection, office.tenant_id, user_id, identity_id)
        await make.make_api_token(connection, office.tenant_id, user_id)
        await user_read_model.refresh(connection, office.tenant_id, [user_id])
    return token


async def is_signed_in(office: Office, token: str) -> bool:
    async with office.database.reading() as connection:
        return await authenticate(connection, token, idle_seconds=3_600) is not None


@pytest.mark.asyncio
async def test_what_came_from_a_disabled_provider_is_over_with_the_commit(office: Office) -> None:
    """The next request is refused on every replica, because each asks the row."""
    off, on = await office.provider(), await office.provider(slug="other")
    await office.mapping("engineering", "docs:read")
    user_id, identity_id = await office.person(off, ["engineering"])
    other_id, other_identity = await office.person(on, ["engineering"])
    token, other = await session_of(office, user_id, identity_id), await session_of(office, other_id, other_identity)
    assert await office.effective(user_id) == {"docs:read"}
    await office.fetch(
        """
        insert into login_attempt (id, tenant_id, provider_id, delivery, return_to, session_origin, path_prefix,
            redirect_url, issuer, reauthentication, created_at, expires_at)
        select gen_random_uuid(), tenant_id, id, 'cookie', '/', 'https://a.example', '', redirect_url, issuer, false, now(),
            now() + interval '10 minutes' from provider where id = $1
        """,
        off.id,
    )
    disabled = await activation.disable(office.deps, office.actor, off.id)
    assert (disabled.enabled, disabled.version) == (False, 2)
    assert not await is_signed_in(office, token)
    assert await is_signed_in(office, other)
    assert await office.effective(user_id) == frozenset()
    [attempt] = await office.fetch("select outcome from login_attempt where provider_id = $1", off.id)
    assert attempt["outcome"] == "PROVIDER_DISABLED"
    tokens = await office.fetch(
        "select user_id from api_token where tenant_id = $1 and ended_at is null", office.tenant_id
    )
    assert [row["user_id"] for row in tokens] == [other_id]
    assert (await office.events())[-1] == ("provider.disabled", {"version": 2})
    assert await activation.disable(office.deps, office.actor, off.id) == disabled  # twice is once
    await activation.enable(office.deps, office.actor, off.id)
    assert await office.effective(user_id) == {"docs:read"}
    assert not await is_signed_in(office, token)


@pytest.mark.asyncio
async def test_switching_a_strict_provider_on_lets_its_groups_decide_again(office: Office) -> None:
    """What was given by hand meanwhile is closed."""
    provider = await office.provider()
    user_id, _ = await office.person(provider, [])
    await activation.disable(office.deps, office.actor, provider.id)
    await office.fetch(
        """
        insert into permission_grant (id, tenant_id, user_id, permission_id, source, granted_at, granted_by)
        select gen_random_uuid(), $1, $2, id, 'MANUAL', now(), 'user:someone' from permission
        where tenant_id = $1 and name = 'identity:providers:write'
        """,
        office.tenant_id,
        user_id,
    )
    await activation.enable(office.deps, office.actor, provider.id)
    [grant] = await office.fetch("select revoked_reason from permission_grant where user_id = $1", user_id)
    assert grant["revoked_reason"] == "STRICT_PROVIDER"


@pytest.mark.asyncio
async def test_only_what_is_disabled_and_unused_is_deleted(office: Office) -> None:
    provider = await office.provider()
    await office.mapping("engineering", "docs:read", provider=provider)
    user_id, identity_id = await office.person(provider, ["engineering"])
    await session_of(office, user_id, identity_id)
    found = await activation.preview_deletion(office.deps, office.actor, provider.id)
    assert (found.identities, found.sessions, found.mappings) == (1, 1, 1)
    with pytest.raises(Conflict) as enabled:
        await activation.delete(office.deps, office.actor, provider.id)
    assert enabled.value.code == "PROVIDER_ENABLED"
    await activation.disable(office.deps, office.actor, provider.id)
    with pytest.raises(Conflict) as used:
        await activation.delete(office.deps, office.actor, provider.id)
    assert (used.value.code, used.value.message[:30]) == ("PROVIDER_IN_USE", "1 identities and 1 mappings be")
    assert (await office.stored(provider)).id == provider.id


@pytest.mark.asyncio
async def test_a_deleted_provider_leaves_its_history_and_nothing_else(office: Office) -> None:
    provider = await office.provider()
    await office.mapping("engineering", "docs:read", provider=provider)
    await office.fetch("update group_mapping set deleted_at = now() where provider_id = $1", provider.id)
    await office.fetch(
        "insert into provider_group values (gen_random_uuid(), $1, $2, 'engineering', now())",
        office.tenant_id,
        provider.id,
    )
    await office.fetch("update tenant set default_provider = 'keycloak' where id = $1", office.tenant_id)
    await activation.disable(office.deps, office.actor, provider.id)
    await activation.delete(office.deps, office.actor, provider.id)
    with pytest.raises(NotFound):
        await activation.preview_deletion(office.deps, office.actor, provider.id)
    for table in ("provider_secret", "provider_group"):
        assert await office.fetch(f"select from {table} where tenant_id = $1", office.tenant_id) == []
    assert len(await office.fetch("select from group_mapping where tenant_id = $1", office.tenant_id)) == 1
    [tenant] = await office.fetch("select default_provider from tenant where id = $1", office.tenant_id)
    assert tenant["default_provider"] is None
    assert (await office.events())[-1] == ("provider.deleted", {"slug": "keycloak"})
    assert (await office.provider()).id != provider.id


@pytest.mark.asyncio
async def test_what_a_file_declares_is_not_switched_here(office: Office) -> None:
    provider = await office.provider()
    await office.fetch("update provider set managed_by = 'FILE' where id = $1", provider.id)
    for change in (activation.enable, activation.disable, activation.delete):
        with pytest.raises(Refused) as refused:
            await change(office.deps, office.actor, provider.id)
        assert refused.value.code == "MANAGED_BY_FILE"


@pytest.mark.asyncio
async def test_a_provider_with_many_people_is_off_at_once_and_what_came_from_it_is_ended_in_chunks(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consequences, "AT_ONCE", 2)
    provider = await office.provider()
    people = [await office.person(provider, ["engineering"]) for _ in range(3)]
    tokens = [await session_of(office, *person) for person in people]
    open_ones = "select id from session where tenant_id = $1 and ended_at is null"
    open_tokens = "select id from api_token where tenant_id = $1 and ended_at is null"
    assert not (await activation.disable(office.deps, office.actor, provider.id)).enabled
    assert not any([await is_signed_in(office, token) for token in tokens])
    assert len(await office.fetch(open_ones, office.tenant_id)) == 3
    with pytest.raises(Conflict) as refused:
        await activation.enable(office.deps, office.actor, provider.id)
    assert refused.value.code == "PROVIDER_ENDING"
    assert not any([await is_signed_in(office, token) for token in tokens])
    assert await consequences.finish_switching_off(office.database, chunk=2) >= 3
    assert await office.fetch(open_ones, office.tenant_id) == []
    assert await office.fetch(open_tokens, office.tenant_id) == []
    assert (await activation.enable(office.deps, office.actor, provider.id)).enabled
    assert not any([await is_signed_in(office, token) for token in tokens])


@pytest.mark.asyncio
async def test_nothing_is_ended_at_a_provider_that_is_on(office: Office) -> None:
    provider = await office.provider()
    token = await session_of(office, *await office.person(provider, ["engineering"]))
    await consequences.finish_switching_off(office.database)
    assert await is_signed_in(office, token)
