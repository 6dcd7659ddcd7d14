"""Nobody raises themself through a provider, nor gives through its word what they may not give (I8)."""

from typing import Any

import pytest

from identity_api.errors import Refused
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE, PROVIDERS_WRITE
from identity_api.tenants import administration, switching
from tests.tenants.providers.office import FIELDS, SECRET, Office

ELSEWHERE = {"issuer": "https://elsewhere.example"}
WORD: list[dict[str, Any]] = [
    ELSEWHERE,
    {"discovery_url": "https://elsewhere.example/.well-known/openid-configuration"},
    {"groups_claim": ["id_token / nickname"]},
    {"group_source": "okta"},
]


async def attempt(office: Office, actor: Actor, provider: Any, patch: dict[str, Any]) -> str:
    """OK, or the code of the refusal."""
    try:
        await administration.update(
            office.parts, actor, provider.id, patch, expected_version=provider.version, secret=SECRET
        )
    except Refused as refused:
        return refused.code
    return "OK"


@pytest.mark.asyncio
@pytest.mark.parametrize("patch", WORD)
async def test_whose_word_counts_is_decided_by_who_may_give_what_it_gives(
    office: Office, patch: dict[str, Any]
) -> None:
    provider = await office.provider()
    await office.mapping("identity-admins", GRANTS_WRITE, provider=provider)
    assert await attempt(office, office.actor, provider, patch) == "FORBIDDEN"
    assert await office.stored(provider) == provider
    assert await attempt(office, await office.holding(GRANTS_WRITE), provider, patch) == "OK"


@pytest.mark.asyncio
async def test_a_label_is_anybodys_who_administers_providers(office: Office) -> None:
    provider = await office.provider()
    await office.mapping("identity-admins", GRANTS_WRITE)
    assert await attempt(office, await office.holding(PROVIDERS_WRITE), provider, {"label": "New"}) == "OK"


@pytest.mark.asyncio
async def test_a_new_provider_gives_only_what_its_maker_may_give(office: Office) -> None:
    """A mapping for every provider would make somebody an admin whom only the new provider's owner chooses."""
    await office.mapping("identity-admins", GRANTS_WRITE)
    with pytest.raises(Refused) as refused:
        await office.provider()
    assert refused.value.code == "FORBIDDEN"
    assert GRANTS_WRITE in refused.value.message
    await office.provider(sync_mode="NONE")  # its groups give nothing
    holder = await office.holding(GRANTS_WRITE)
    await administration.create(office.parts, holder, {**FIELDS, "slug": "other"}, secret=SECRET)


@pytest.mark.asyncio
async def test_a_product_permission_needs_the_right_to_map_it(office: Office) -> None:
    await office.mapping("engineering", "docs:read")
    await office.mapping("vault", "vault:open", delegable=False)
    with pytest.raises(Refused):
        await office.provider()
    await office.fetch("update permission set delegable = true where tenant_id = $1", office.tenant_id)
    narrow = await office.holding(PROVIDERS_WRITE)
    with pytest.raises(Refused):
        await administration.create(office.parts, narrow, FIELDS, secret=SECRET)
    assert MAPPINGS_WRITE in office.actor.permissions
    await office.provider()


@pytest.mark.asyncio
async def test_nobody_answers_for_people_who_hold_more(office: Office) -> None:
    """Under the same issuer another document could say that it is anybody who is known there."""
    provider = await office.provider(sync_mode="NONE")
    boss = await office.holding("vault:open")
    assert boss.user_id
    await office.fetch(
        "update permission set delegable = false where name = 'vault:open' and tenant_id = $1", office.tenant_id
    )
    await office.identity(provider, boss.user_id, [])
    moved = {"discovery_url": "https://elsewhere.example/.well-known/openid-configuration"}
    assert await attempt(office, office.actor, provider, moved) == "FORBIDDEN"
    assert await attempt(office, office.actor, provider, {"anchor_claim": "id_token / nickname"}) == "FORBIDDEN"
    # Another issuer is a stranger to every identity there is.
    assert await attempt(office, office.actor, provider, ELSEWHERE) == "OK"


@pytest.mark.asyncio
@pytest.mark.parametrize("patch", [{"provisioning": "KNOWN_USERS"}, {"adopt_by_name": True}])
async def test_nobody_adopts_people_who_hold_more(office: Office, patch: dict[str, Any]) -> None:
    await office.holding("vault:open")
    await office.fetch(
        "update permission set delegable = false where name = 'vault:open' and tenant_id = $1", office.tenant_id
    )
    with pytest.raises(Refused):
        await office.provider(**patch)
    provider = await office.provider()
    assert await attempt(office, office.actor, provider, patch) == "FORBIDDEN"
    assert await attempt(office, await office.holding("vault:open"), provider, patch) == "OK"


@pytest.mark.asyncio
async def test_one_does_not_change_where_ones_own_groups_are_read(office: Office) -> None:
    provider = await office.provider()
    await office.mapping("engineering", "docs:read")
    assert office.actor.user_id
    await office.identity(provider, office.actor.user_id, [])
    claim = {"groups_claim": "id_token / nickname"}
    assert await attempt(office, office.actor, provider, claim) == "SELF_BENEFIT"
    assert await attempt(office, await office.holding(MAPPINGS_WRITE), provider, claim) == "OK"


@pytest.mark.asyncio
async def test_a_mode_that_would_give_something_to_oneself_is_refused(office: Office) -> None:
    """Also what a new mode opens and a lease keeps out of force for now."""
    provider = await office.provider(sync_mode="NONE")
    await office.mapping("engineering", "docs:read")
    other = await office.holding(MAPPINGS_WRITE)
    assert office.actor.user_id
    identity_id = await office.identity(provider, office.actor.user_id, ["engineering"])
    await office.fetch("update identity_sync set groups_valid_until = now() where id = $1", identity_id)
    assert await attempt(office, office.actor, provider, {"sync_mode": "ADDITIVE"}) == "SELF_BENEFIT"
    assert await office.effective(office.actor.user_id) == {MAPPINGS_WRITE, PROVIDERS_WRITE}
    assert await attempt(office, other, provider, {"sync_mode": "ADDITIVE"}) == "OK"
    await office.fetch(
        "update identity_sync set groups_valid_until = now() + interval '1 hour' where id = $1", identity_id
    )
    assert "docs:read" in await office.effective(office.actor.user_id)


@pytest.mark.asyncio
async def test_a_mode_gives_and_takes_at_once_for_everybody(office: Office) -> None:
    provider = await office.provider(sync_mode="NONE")
    await office.mapping("engineering", "docs:read")
    user_id, _ = await office.person(provider, ["engineering"])
    assert await office.effective(user_id) == frozenset()
    assert await attempt(office, office.actor, provider, {"sync_mode": "STRICT"}) == "OK"
    assert await office.effective(user_id) == {"docs:read"}
    assert await attempt(office, office.actor, await office.stored(provider), {"sync_mode": "NONE"}) == "OK"
    assert await office.effective(user_id) == frozenset()


@pytest.mark.asyncio
async def test_a_provider_that_would_give_something_to_oneself_is_not_switched_on(office: Office) -> None:
    provider = await office.provider(sync_mode="ADDITIVE")
    await office.mapping("engineering", "docs:read")
    assert office.actor.user_id
    await office.identity(provider, office.actor.user_id, ["engineering"])
    await switching.disable(office.parts, office.actor, provider.id)
    with pytest.raises(Refused) as refused:
        await switching.enable(office.parts, office.actor, provider.id)
    assert refused.value.code == "SELF_BENEFIT"
    assert not (await office.stored(provider)).enabled
    assert (await switching.enable(office.parts, await office.holding(PROVIDERS_WRITE), provider.id)).enabled


@pytest.mark.asyncio
async def test_switching_on_counts_what_it_opens_and_a_lease_keeps_out_of_force_for_now(office: Office) -> None:
    """A mapping made meanwhile gives at the next login, which one makes oneself."""
    provider = await office.provider(sync_mode="ADDITIVE")
    assert office.actor.user_id
    identity_id = await office.identity(provider, office.actor.user_id, ["engineering"])
    await switching.disable(office.parts, office.actor, provider.id)
    await office.mapping("engineering", "docs:read")
    await office.fetch("update identity_sync set groups_valid_until = now() where id = $1", identity_id)
    with pytest.raises(Refused) as refused:
        await switching.enable(office.parts, office.actor, provider.id)
    assert refused.value.code == "SELF_BENEFIT"
    assert (await switching.enable(office.parts, await office.holding(PROVIDERS_WRITE), provider.id)).enabled


@pytest.mark.asyncio
async def test_the_operator_is_bound_by_none_of_it(office: Office) -> None:
    await office.mapping("identity-admins", GRANTS_WRITE)
    fields = {**FIELDS, "issuer": "http://127.0.0.1:8080"}
    made = await administration.create(office.parts, office.operator, fields, secret=SECRET)
    assert await attempt(office, office.operator, made, ELSEWHERE) == "OK"
