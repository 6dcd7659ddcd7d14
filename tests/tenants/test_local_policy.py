"""What a declaration says about local passwords and about who keeps the users."""

from uuid import UUID

import msgspec
import pytest

from identity_api.db import local_accounts
from identity_api.db.database import Database
from identity_api.db.local_accounts import LocalPolicy
from identity_api.errors import ConfigurationError
from identity_api.ids import uuid7
from identity_api.tenants.apply import apply_tenant
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.toml_reader import parse
from tests.tenants.test_apply import applier


def declared(**settings: bool) -> TenantDeclaration:
    return TenantDeclaration(slug=f"t-{uuid7().hex}", name="Acme", **settings)


async def policy(database: Database, tenant_id: UUID) -> LocalPolicy:
    async with database.reading() as connection:
        return await local_accounts.policy(connection, tenant_id)


@pytest.mark.asyncio
async def test_a_tenant_has_no_passwords_unless_it_says_so(database: Database) -> None:
    """S0-05, S0-06."""
    quiet = declared()
    tenant_id, _ = await apply_tenant(database, applier(), quiet)
    assert await policy(database, tenant_id) == LocalPolicy(local_sign_in=False, sso_managed=False)
    open_ = msgspec.structs.replace(quiet, local_sign_in=True)
    same_id, found = await apply_tenant(database, applier(), open_)
    assert same_id == tenant_id
    assert [(one.action, one.name, one.fields) for one in found] == [("change", quiet.slug, ("local_sign_in",))]
    assert await policy(database, tenant_id) == LocalPolicy(local_sign_in=True, sso_managed=False)
    _, again = await apply_tenant(database, applier(), open_)
    assert again == []


@pytest.mark.asyncio
async def test_a_new_tenant_begins_as_it_is_declared(database: Database) -> None:
    tenant_id, found = await apply_tenant(database, applier(), declared(local_sign_in=True, sso_managed=True))
    assert [one.action for one in found] == ["create"]
    assert await policy(database, tenant_id) == LocalPolicy(local_sign_in=True, sso_managed=True)


def test_both_are_written_in_the_declaration_and_nothing_but_true_and_false_is_taken() -> None:
    document = '[[tenants]]\nslug = "acme"\nname = "Acme"\nlocal_sign_in = true\nsso_managed = false\n'
    [tenant] = parse(document.encode())
    assert (tenant.local_sign_in, tenant.sso_managed) == (True, False)
    with pytest.raises(ConfigurationError, match="local_sign_in"):
        parse(document.replace("true", '"yes"').encode())
