"""The checklist through the schema, from rows that the product has written (S0-27)."""

from typing import Any

import pytest

from identity_api.ids import uuid7
from identity_api.permissions import service
from identity_api.relying_party import refresh_tokens
from identity_api.relying_party.refresh_tokens import LoginTokens
from tests import factories as make
from tests.graphql.documents import everything
from tests.graphql.world import EVERYTHING, VAULT, Client, World

QUERY = "{ onboarding { complete steps { key phase title status detail provider { slug } values { label value } } } }"


SECRET = "a-client-secret-of-the-provider"


async def statuses(client: Client) -> dict[str, str]:
    data = await client.data(QUERY)
    return {step["key"]: step["status"] for step in data["onboarding"]["steps"]}


async def give_secret(world: World) -> None:
    async with world.database.transaction() as connection:
        await make.give_secrets(connection, VAULT, world.provider, SECRET)


async def give_refresh_token(world: World) -> None:
    async with world.database.transaction() as connection:
        tokens = LoginTokens(refresh_token=f"rt-{uuid7().hex}")
        await refresh_tokens.keep(connection, VAULT, world.tenant, world.person_identity, tokens)


@pytest.mark.asyncio
async def test_the_list_follows_the_rows_until_everything_is_done(world: World) -> None:
    """S0-27, S0-40, S0-56..S0-59: in the world somebody has signed in, in a mapped group; the rest is done here."""
    before = await statuses(world.admin)
    assert before == {
        "provider": "DONE", "client": "DONE", "addresses": "DONE", "secret": "OPEN", "enabled": "DONE", "redirect": "DONE",
        "return": "DONE", "refresh_tokens": "PROBLEM", "groups": "DONE", "profile": "DONE", "mapping": "DONE",
        "permissions": "DONE", "admin": "DONE",
    }  # fmt: skip
    await give_secret(world)
    await give_refresh_token(world)
    data = await world.admin.data(QUERY)
    assert {step["status"] for step in data["onboarding"]["steps"]} == {"DONE"}
    assert data["onboarding"]["complete"] is True


@pytest.mark.asyncio
async def test_every_field_answers_and_no_secret_is_in_it(world: World) -> None:
    """S0-45."""
    await give_secret(world)
    answer = await world.admin.data(f"{{ onboarding {everything('Onboarding')} }}")
    assert answer["onboarding"]["complete"] is False
    assert world.provider.redirect_url in str(answer)
    assert SECRET not in str(answer)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "key", "status"),
    [
        ("update provider set enabled = false where tenant_id = $1", "enabled", "OPEN"),
        ("update provider set client_authentication = 'none' where tenant_id = $1", "secret", "DONE"),
        ("update identity_sync set groups_completeness = 'TRUNCATED' where tenant_id = $1", "groups", "PROBLEM"),
        ("update identity set claims = claims - 'email' where tenant_id = $1", "profile", "PROBLEM"),
        ("update group_mapping set enabled = false where tenant_id = $1", "mapping", "OPEN"),
        ("delete from mapping_permission where tenant_id = $1", "mapping", "OPEN"),
        (
            "update permission_grant set revoked_at = now(), revoked_by = 'system', revoked_reason = 'test'"
            " where tenant_id = $1 and source = 'GROUP'",
            "permissions",
            "OPEN",
        ),
    ],
)
async def test_a_step_is_undone_by_the_row_that_made_it(world: World, change: str, key: str, status: str) -> None:
    before = (await statuses(world.admin))[key]
    await world.execute(change, world.tenant)
    after = (await statuses(world.admin))[key]
    assert before != after
    assert after == status


@pytest.mark.asyncio
async def test_an_admin_counts_while_the_permission_has_force(world: World) -> None:
    reader = await world.client(service.PROVIDERS_READ)
    assert (await statuses(reader))["admin"] == "DONE"
    await world.execute("update app_user set disabled_at = now() where id = $1", world.admin.user_id)
    assert (await statuses(reader))["admin"] == "OPEN"


@pytest.mark.asyncio
async def test_an_identity_that_an_admin_entered_is_nobody_who_signed_in(world: World) -> None:
    async with world.database.transaction() as connection:
        provider = await make.make_provider(connection, world.tenant, slug="second", client_authentication="none")
        await make.make_identity(connection, provider, await make.make_user(connection, world.tenant))
    data = await world.admin.data(QUERY)
    found = {
        one["key"]: one["status"]
        for one in data["onboarding"]["steps"]
        if (one["provider"] or {}).get("slug") == "second"
    }
    assert (found["return"], found["profile"]) == ("OPEN", "OPEN")


@pytest.mark.asyncio
async def test_every_provider_has_its_own_steps(world: World) -> None:
    async with world.database.transaction() as connection:
        await make.make_provider(connection, world.tenant, slug="second")
    steps: list[dict[str, Any]] = (await world.admin.data(QUERY))["onboarding"]["steps"]
    slugs = [(step["provider"] or {}).get("slug") for step in steps]
    assert set(slugs) == {world.provider.slug, "second", None}
    assert slugs.count(None) == 1


@pytest.mark.asyncio
async def test_another_tenant_shows_in_nothing(world: World, other: World) -> None:
    """I2; even where both have the same address registered."""
    await give_refresh_token(other)
    await other.execute(
        "update provider set redirect_url = $1 where id = $2", world.provider.redirect_url, other.provider.id
    )
    assert (await statuses(world.admin))["refresh_tokens"] == "PROBLEM"
    data = await world.admin.data("{ onboarding { steps { provider { slug } } } }")
    assert other.provider.slug not in str(data)


@pytest.mark.asyncio
async def test_it_needs_the_right_to_read_providers_and_no_other(world: World) -> None:
    others = [name for name in EVERYTHING if name != service.PROVIDERS_READ]
    assert (await (await world.client(*others)).ask(QUERY)).code == "FORBIDDEN"
    assert (await (await world.client(service.PROVIDERS_READ)).ask(QUERY)).errors == []


@pytest.mark.asyncio
async def test_the_list_costs_the_same_number_of_statements_for_any_number_of_providers(world: World) -> None:
    await world.admin.data(QUERY)
    few = len(world.statements)
    async with world.database.transaction() as connection:
        for _ in range(5):
            await make.make_provider(connection, world.tenant)
    await world.admin.data(QUERY)
    assert len(world.statements) == few
