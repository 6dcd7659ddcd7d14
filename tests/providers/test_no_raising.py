"""Nobody raises themself through a provider, nor gives through its word what they may not give (I8)."""

from typing import Any

import pytest

from identity_api.errors import Refused
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE, PROVIDERS_WRITE, USERS_WRITE
from identity_api.providers import activation, administration, secrets
from tests.providers.office import FIELDS, SECRET, Office

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
            office.deps, actor, provider.id, patch, expected_version=provider.version, secret=SECRET
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
    await administration.create(office.deps, holder, {**FIELDS, "slug": "other"}, secret=SECRET)


@pytest.mark.asyncio
async def test_a_product_permission_needs_the_right_to_map_it(office: Office) -> None:
    await office.mapping("engineering", "docs:read")
    await office.mapping("vault", "vault:open", delegable=False)
    with pytest.raises(Refused):
        await office.provider()
    await office.fetch("update permission set delegable = true where tenant_id = $1", office.tenant_id)
    narrow = await office.holding(PROVIDERS_WRITE)
    with pytest.raises(Refused):
        await administration.create(office.deps, narrow, FIELDS, secret=SECRET)
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
async def test_another_issuer_answers_for_nobody_who_waits_and_holds_more(office: Office) -> None:
    """An identity that an admin entered is claimed by its anchor, whoever the issuer is by then."""
    provider = await office.provider(sync_mode="NONE")
    boss = await office.holding("vault:open")
    assert boss.user_id
    await office.undelegable("vault:open")
    identity_id = await office.identity(provider, boss.user_id, [])
    await office.fetch("update identity set subject = null where id = $1", identity_id)
    assert await attempt(office, office.actor, provider, ELSEWHERE) == "FORBIDDEN"
    assert await attempt(office, await office.holding("vault:open"), provider, ELSEWHERE) == "OK"


@pytest.mark.asyncio
async def test_nobody_comes_back_under_an_issuer_with_another_document(office: Office) -> None:
    """Away and back again: the second step is the one that could say that it is anybody who is known there."""
    provider = await office.provider(sync_mode="NONE")
    boss = await office.holding("vault:open")
    assert boss.user_id
    await office.undelegable("vault:open")
    await office.identity(provider, boss.user_id, [])
    assert await attempt(office, office.actor, provider, ELSEWHERE) == "OK"
    away = await office.stored(provider)
    back = {"issuer": provider.issuer, "discovery_url": "https://elsewhere.example/.well-known/openid-configuration"}
    assert await attempt(office, office.actor, away, back) == "FORBIDDEN"
    assert await attempt(office, await office.holding("vault:open"), away, back) == "OK"


@pytest.mark.asyncio
async def test_whose_word_counts_includes_what_their_groups_bring_at_another_provider(office: Office) -> None:
    """To be taken for somebody at one provider is to be in their account, where the other's groups count too."""
    provider = await office.provider(sync_mode="NONE")
    other = await office.provider(slug="other")
    await office.mapping("vault", "vault:open", provider=other, delegable=False)
    user_id, _ = await office.person(other, [])
    await office.identity(provider, user_id, [])
    moved = {"discovery_url": "https://elsewhere.example/.well-known/openid-configuration"}
    assert await attempt(office, office.actor, provider, moved) == "FORBIDDEN"
    assert await attempt(office, await office.holding("vault:open"), provider, moved) == "OK"


@pytest.mark.asyncio
@pytest.mark.parametrize("provisioning", ["KNOWN_USERS", "JIT"])
@pytest.mark.parametrize(
    "patch",
    [
        {"username_claim": ["id_token / nickname"]},
        {"email_claim": ["id_token / nickname"]},
        {"email_verified_rule": "TRUSTED"},
        {"client_id": "mine"},
    ],
    ids=lambda patch: next(iter(patch)),
)
async def test_where_names_are_matched_nobody_chooses_the_names_who_may_not_give_what_they_hold(
    office: Office, patch: dict[str, Any], provisioning: str
) -> None:
    await office.holding("vault:open")
    await office.undelegable("vault:open")
    provider = await administration.create(
        office.deps, office.operator, {**FIELDS, "provisioning": provisioning, "adopt_by_name": provisioning == "JIT"},
        secret=SECRET,
    )  # fmt: skip
    assert await attempt(office, office.actor, provider, patch) == "FORBIDDEN"
    assert await attempt(office, await office.holding("vault:open", USERS_WRITE), provider, patch) == "OK"


@pytest.mark.asyncio
async def test_what_an_unlinked_admin_holds_of_the_product_counts_for_names_too(office: Office) -> None:
    """The right over this service keeps a name from claiming the account, until somebody takes it back."""
    await office.holding("vault:open", GRANTS_WRITE)
    await office.undelegable("vault:open")
    provider = await administration.create(
        office.deps, office.operator, {**FIELDS, "provisioning": "KNOWN_USERS"}, secret=SECRET
    )
    renamed = {"username_claim": ["id_token / nickname"]}
    assert await attempt(office, office.actor, provider, renamed) == "FORBIDDEN"
    assert await attempt(office, await office.holding("vault:open", USERS_WRITE), provider, renamed) == "OK"


@pytest.mark.asyncio
async def test_where_names_are_read_is_asked_about_before_they_are_matched(office: Office) -> None:
    """Whoever lets them be matched later has not chosen the claim."""
    await office.holding("vault:open")
    await office.undelegable("vault:open")
    provider = await office.provider()
    patch = {"username_claim": ["id_token / nickname"]}
    assert await attempt(office, office.actor, provider, patch) == "FORBIDDEN"
    assert await attempt(office, await office.holding("vault:open", USERS_WRITE), provider, patch) == "OK"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "patch",
    [
        {"username_claim": ["id_token / nickname"]},
        {"email_claim": ["id_token / nickname"]},
        {"email_verified_rule": "TRUSTED"},
    ],
    ids=lambda patch: next(iter(patch)),
)
async def test_where_names_are_read_is_for_admins_of_users_also_before_anybody_waits(
    office: Office, patch: dict[str, Any]
) -> None:
    provider = await office.provider()
    assert await attempt(office, await office.holding(PROVIDERS_WRITE), provider, patch) == "FORBIDDEN"
    assert await attempt(office, await office.holding(PROVIDERS_WRITE, USERS_WRITE), provider, patch) == "OK"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "patch",
    [
        {"sync": "OFF"},
        {"sync_interval_seconds": 400},
        {"outage_grace_seconds": 20_000},
        {"unsynced_lease_seconds": 2_592_000},
        {"max_concurrent": 1},
        {"sync_mode": "ADDITIVE"},
        {"scopes": ["openid", "profile", "email"]},
    ],
    ids=lambda patch: next(iter(patch)),
)
async def test_nobody_lets_their_own_access_outlast_what_the_provider_says(
    office: Office, patch: dict[str, Any]
) -> None:
    provider = await office.provider()
    assert office.actor.user_id
    await office.identity(provider, office.actor.user_id, [])
    assert await attempt(office, office.actor, provider, patch) == "SELF_BENEFIT"
    assert await attempt(office, await office.holding(PROVIDERS_WRITE), provider, patch) == "OK"


@pytest.mark.asyncio
async def test_ones_own_access_may_be_made_shorter(office: Office) -> None:
    provider = await office.provider(outage_grace_seconds=20_000, max_concurrent=5)
    assert office.actor.user_id
    await office.identity(provider, office.actor.user_id, [])
    assert await attempt(office, office.actor, provider, {"outage_grace_seconds": 600, "max_concurrent": 9}) == "OK"


@pytest.mark.asyncio
async def test_a_provider_is_not_switched_on_by_somebody_who_may_not_give_what_it_brings_back(office: Office) -> None:
    provider = await office.provider(sync_mode="NONE")
    boss = await office.holding("vault:open")
    assert boss.user_id
    await office.undelegable("vault:open")
    await office.identity(provider, boss.user_id, [])
    await activation.disable(office.deps, office.actor, provider.id)
    with pytest.raises(Refused, match="vault:open"):
        await activation.enable(office.deps, office.actor, provider.id)
    assert (await activation.enable(office.deps, await office.holding("vault:open"), provider.id)).enabled


@pytest.mark.asyncio
async def test_a_secret_is_not_brought_back_where_nobody_can_sign_in_without_one(office: Office) -> None:
    """It opens what switching the provider on opens; one more beside a live one opens nothing."""
    provider = await office.provider(sync_mode="NONE")
    boss = await office.holding("vault:open")
    assert boss.user_id
    await office.undelegable("vault:open")
    await office.identity(provider, boss.user_id, [])
    await secrets.set_secret(office.deps, office.actor, provider.id, SECRET)
    await office.fetch("update provider_secret set expires_at = now() where provider_id = $1", provider.id)
    with pytest.raises(Refused, match="vault:open"):
        await secrets.set_secret(office.deps, office.actor, provider.id, SECRET)
    assert await attempt(office, office.actor, provider, {"label": "New"}) == "FORBIDDEN"
    holder = await office.holding("vault:open")
    await secrets.set_secret(office.deps, holder, provider.id, SECRET)


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
    assert await attempt(office, await office.holding("vault:open", USERS_WRITE), provider, patch) == "OK"


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
    assert await office.effective(office.actor.user_id) == {MAPPINGS_WRITE, PROVIDERS_WRITE, USERS_WRITE}
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
    await activation.disable(office.deps, office.actor, provider.id)
    with pytest.raises(Refused) as refused:
        await activation.enable(office.deps, office.actor, provider.id)
    assert refused.value.code == "SELF_BENEFIT"
    assert not (await office.stored(provider)).enabled
    assert (
        await activation.enable(
            office.deps, await office.holding(PROVIDERS_WRITE, MAPPINGS_WRITE, USERS_WRITE), provider.id
        )
    ).enabled


@pytest.mark.asyncio
async def test_switching_on_counts_what_it_opens_and_a_lease_keeps_out_of_force_for_now(office: Office) -> None:
    """A mapping made meanwhile gives at the next login, which one makes oneself."""
    provider = await office.provider(sync_mode="ADDITIVE")
    assert office.actor.user_id
    identity_id = await office.identity(provider, office.actor.user_id, ["engineering"])
    await activation.disable(office.deps, office.actor, provider.id)
    await office.mapping("engineering", "docs:read")
    await office.fetch("update identity_sync set groups_valid_until = now() where id = $1", identity_id)
    with pytest.raises(Refused) as refused:
        await activation.enable(office.deps, office.actor, provider.id)
    assert refused.value.code == "SELF_BENEFIT"
    assert (
        await activation.enable(
            office.deps, await office.holding(PROVIDERS_WRITE, MAPPINGS_WRITE, USERS_WRITE), provider.id
        )
    ).enabled


@pytest.mark.asyncio
async def test_the_operator_is_bound_by_none_of_it(office: Office) -> None:
    await office.mapping("identity-admins", GRANTS_WRITE)
    fields = {**FIELDS, "issuer": "http://127.0.0.1:8080"}
    made = await administration.create(office.deps, office.operator, fields, secret=SECRET)
    assert await attempt(office, office.operator, made, ELSEWHERE) == "OK"


@pytest.mark.asyncio
async def test_a_secret_where_the_method_needs_none_is_asked_about_too(office: Office) -> None:
    """It changes the method with it, and so decides how the provider is spoken to."""
    fields = {**FIELDS, "client_authentication": "none"}
    provider = await administration.create(office.deps, office.actor, fields)
    await office.mapping("identity-admins", GRANTS_WRITE, provider=provider)
    with pytest.raises(Refused) as refused:
        await secrets.set_secret(office.deps, office.actor, provider.id, SECRET)
    assert refused.value.code == "FORBIDDEN"
    assert await attempt(office, office.actor, provider, {"label": "With a secret"}) == "FORBIDDEN"
    assert await office.secrets(provider) == []
    holder = await office.holding(GRANTS_WRITE)
    after = await secrets.set_secret(office.deps, holder, provider.id, SECRET)
    assert after.client_authentication == "client_secret_post"
