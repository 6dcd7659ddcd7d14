"""What is imported can be applied: real rows, and nothing to change the second time."""

import base64
import os
from pathlib import Path

import msgspec
import pytest

from identity_api.config import parse_key_ring
from identity_api.db import providers
from identity_api.db.database import Database
from identity_api.ids import uuid7
from identity_api.tenants.apply import Applier, Defaults, apply_tenant
from identity_api.tenants.importing import Target, read_any
from identity_api.vault import Vault
from tests.tenants.importing.forms import data

VAULT = Vault(parse_key_ring("k1:" + base64.b64encode(os.urandom(32)).decode()))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "name",
    ["infrahub-oidc.toml", "infrahub-oauth2.toml", "infrahub.env", "sysreptor-oidc.json", "inference-tenant.json"],
)
async def test_an_imported_example_is_applied_once_and_then_left_alone(database: Database, name: str) -> None:
    applier = Applier(
        VAULT, Defaults("https://id.example.com", 300, 14_400, 86_400), {}, Path(os.devnull), "operator:root"
    )
    own = uuid7().hex
    target = Target(slug=f"t-{own}", name="Acme", hosts=(f"{own}.example.com",))
    [imported] = read_any(data(name), target).tenants
    tenant = msgspec.structs.replace(imported, slug=target.slug)
    tenant_id, found = await apply_tenant(database, applier, tenant)
    assert any(one.kind == "provider" for one in found)
    async with database.reading() as connection:
        rows = {row.slug: row for row in await providers.of_tenant(connection, tenant_id)}
    assert set(rows) == {provider.slug for provider in tenant.providers}
    for provider in tenant.providers:
        assert rows[provider.slug].claims == provider.claim_settings()
        assert rows[provider.slug].endpoints == provider.endpoints
    assert (await apply_tenant(database, applier, tenant))[1] == []
