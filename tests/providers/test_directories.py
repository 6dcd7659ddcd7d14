"""An Entra directory taken off a provider's list: its people's logins end, and nobody else's (S4-24, S4-32)."""

import os
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from identity_api.db.providers import Provider
from identity_api.errors import BadInput
from identity_api.providers import administration
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.apply import Applier, apply_tenant
from identity_api.tenants.declaration import TenantDeclaration
from tests.providers.office import SECRET, Office
from tests.providers.test_switching import is_signed_in, session_of

KEPT, REMOVED = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490", "1b2c3d4e-5f60-4718-9a2b-3c4d5e6f7081"


class Employee(msgspec.Struct, frozen=True):
    """Somebody of one directory who has signed in."""

    user_id: UUID
    identity_id: UUID
    token: str


async def entra(office: Office) -> Provider:
    fields = {
        "slug": "entra",
        "preset": "entra",
        "preset_alternatives": ["organizations"],
        "client_id": "identity-api",
        "allowed_directories": [KEPT, REMOVED],
        "groups_claim": ["id_token / groups"],
    }
    return await administration.create(office.deps, office.operator, fields, secret=SECRET)


async def employee(office: Office, provider: Provider, directory: str) -> Employee:
    user_id, identity_id = await office.person(provider, ["engineering"])
    async with office.database.transaction() as connection:
        await connection.execute(
            "update identity set issuer = replace($2, '{tenantid}', $3) where id = $1",
            identity_id,
            provider.issuer,
            directory,
        )
        await connection.execute(
            """
            insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, uncertain)
            values (gen_random_uuid(), $1, $2, 'x', gen_random_uuid()::text::bytea, now(), false)
            """,
            office.tenant_id,
            identity_id,
        )
    return Employee(user_id, identity_id, await session_of(office, user_id, identity_id))


async def standing(office: Office, one: Employee) -> tuple[str, str | None, bool, int, int]:
    """State and its reason, whether a sync is due some time, live refresh tokens, live API tokens."""
    [row] = await office.fetch(
        """
        select i.state, i.state_reason, s.due_at is not null as due,
            (select count(*) from refresh_token t where t.identity_id = i.id and t.dead_at is null) as refresh_tokens,
            (select count(*) from api_token a where a.user_id = i.user_id and a.ended_at is null) as api_tokens
        from identity i join identity_sync s on s.id = i.id where i.id = $1
        """,
        one.identity_id,
    )
    return tuple(row)


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["mutation", "file"])
async def test_people_of_a_removed_directory_are_out_with_the_commit_and_nobody_else_is(
    office: Office, way: str
) -> None:
    provider = await entra(office)
    await office.mapping("engineering", "docs:read")
    stays, goes = await employee(office, provider, KEPT), await employee(office, provider, REMOVED)
    before = await standing(office, stays)
    assert await standing(office, goes) == before
    assert before[2:] == (True, 1, 1)
    if way == "mutation":
        await administration.update(
            office.deps, office.operator, provider.id, {"allowed_directories": [KEPT]}, expected_version=1
        )
    else:
        await office.fetch("update provider set managed_by = 'FILE' where id = $1", provider.id)
        await declare(office, KEPT)
    assert not await is_signed_in(office, goes.token)
    assert await standing(office, goes) == ("REVOKED", "directory_removed", False, 0, 0)
    assert await office.effective(goes.user_id) == frozenset()
    assert await is_signed_in(office, stays.token)
    assert await standing(office, stays) == before
    assert await office.effective(stays.user_id) == {"docs:read"}
    ended = await office.fetch(
        "select subject_id from audit_event where tenant_id = $1 and action = 'identity.revoked'", office.tenant_id
    )
    assert [row["subject_id"] for row in ended] == [goes.identity_id]


async def declare(office: Office, *directories: str) -> None:
    """The same provider by a file."""
    declared = ProviderDeclaration(
        slug="entra",
        label="Microsoft",
        issuer="https://login.microsoftonline.com/{tenantid}/v2.0",
        discovery_url="https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration",
        client_id="identity-api",
        client_secret="correct-horse",  # of no client anywhere
        allowed_directories=directories,
        groups_claim=("id_token / groups",),
    )
    tenant = TenantDeclaration(slug=office.slug, name="Office", providers=(declared,))
    made_by = Applier(office.deps.vault, office.deps.defaults, {}, Path(os.devnull), "operator:root")
    await apply_tenant(office.database, made_by, tenant)


@pytest.mark.asyncio
async def test_a_directory_more_ends_nothing(office: Office) -> None:
    provider = await entra(office)
    one = await employee(office, provider, KEPT)
    before, new = await standing(office, one), "0b2c3d4e-5f60-4718-9a2b-3c4d5e6f7081"
    given = {"allowed_directories": [new, REMOVED, KEPT]}
    await administration.update(office.deps, office.operator, provider.id, given, expected_version=1)
    assert await is_signed_in(office, one.token)
    assert await standing(office, one) == before


@pytest.mark.asyncio
async def test_an_empty_list_is_refused_and_ends_nothing(office: Office) -> None:
    provider = await entra(office)
    one = await employee(office, provider, KEPT)
    with pytest.raises(BadInput) as refused:
        await administration.update(
            office.deps, office.operator, provider.id, {"allowed_directories": []}, expected_version=1
        )
    assert (refused.value.code, refused.value.field) == ("PROVIDER_INVALID", "allowed_directories")
    assert await is_signed_in(office, one.token)
