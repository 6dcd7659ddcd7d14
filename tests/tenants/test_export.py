"""What is stored, written as a declaration: read back it is the same, and applying it changes nothing."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_api.db.database import Database
from identity_api.group_mappings.declare import DeclaredMapping, declare
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.tenants.apply import apply_tenant
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.overlay import StoredTenant
from identity_api.tenants.stored import stored_tenants
from identity_api.tenants.toml_reader import parse
from identity_api.tenants.toml_writer import tenant_toml
from tests.oidc.strategies import on_a_shared_machine
from tests.tenants.test_apply import applier

TEXTS = st.text(max_size=20) | st.sampled_from(['"', "\\", "\x7f", "\t", "'''", "ä\u2028🎈", "# no comment"])
LISTS, TABLES = st.lists(TEXTS, max_size=3), st.dictionaries(TEXTS, TEXTS, max_size=3)
VALUES = st.booleans() | st.integers(-(2**31), 2**31) | TEXTS | LISTS | TABLES


@on_a_shared_machine
@given(st.dictionaries(TEXTS, VALUES, max_size=6))
def test_every_table_is_read_back_as_it_was(table: dict[str, Any]) -> None:
    written = tenant_toml(
        StoredTenant(table, {"frontends": {}, "permissions": {}, "providers": {}, "group_mappings": {}})
    )
    assert tomllib.loads(written) == {"tenants": [table]}


PROVIDERS = st.fixed_dictionaries(
    {},
    optional={
        "label": st.sampled_from(["Acme SSO", 'with "quotes"', "ä"]),
        "scopes": st.lists(st.sampled_from(["profile", "email", "groups"]), unique=True).map(
            lambda more: ["openid", *more]
        ),
        "authorization_parameters": st.sampled_from([{}, {"prompt": "consent", "hd": "acme.example"}]),
        "groups_claim": st.sampled_from(
            ["groups", "access_token / resource_access / app / roles", ["roles", "groups"]]
        ),
        "absent_groups": st.sampled_from(["EMPTY", "UNKNOWN"]),
        "provisioning": st.sampled_from(["JIT", "KNOWN_USERS", "LINKED_ONLY"]),
        "sync": st.sampled_from(["REFRESH_TOKEN", "OFF"]),
        "sync_mode": st.sampled_from(["STRICT", "ADDITIVE", "NONE"]),
        "sync_interval_seconds": st.integers(60, 420),
        "reauthentication": st.booleans(),
        "accept_without_iss": st.booleans(),
        "dpop": st.booleans(),
        "logout_page_url": st.just("https://acme.example/bye"),
        "icon": st.just("mdi:key"),
        "position": st.integers(0, 5),
        "enabled": st.booleans(),
        "client_secret": st.just("a-s3cret"),
    },
)
TENANTS = st.fixed_dictionaries(
    {
        "providers": st.lists(PROVIDERS, min_size=1, max_size=2),
        "own": st.fixed_dictionaries({}, optional={"local_sign_in": st.booleans(), "sso_managed": st.booleans()}),
        "permissions": st.lists(st.sampled_from(["docs:read", "docs:write"]), min_size=1, unique=True),
        "match": st.sampled_from(["EXACT", "GLOB"]),
        "enabled": st.booleans(),
    }
)


def declared(wish: dict[str, Any]) -> StoredTenant:
    """A tenant as somebody would write it, with a slug of its own."""
    slug = f"t-{uuid7().hex}"
    providers = {
        (f"p{number}",): {
            "slug": f"p{number}",
            "issuer": f"https://{slug}.example/{number}",
            "client_id": "app",
            **one,
        }
        for number, one in enumerate(wish["providers"])
    }
    mapping = {"group": "eng", "permissions": wish["permissions"], "match": wish["match"], "enabled": wish["enabled"]}
    return StoredTenant(
        {"slug": slug, "name": "Acme", "hosts": [f"{slug}.example.com"], **wish["own"]},
        {
            "frontends": {},
            "permissions": {(name,): {"name": name, "description": "See it."} for name in wish["permissions"]},
            "providers": providers,
            "group_mappings": {("eng",): {"provider": "p0", **mapping}},
        },
    )


async def applied(database: Database, tenant: TenantDeclaration) -> list[Any]:
    tenant_id, found = await apply_tenant(database, applier(), tenant)
    mappings = [
        DeclaredMapping(one.provider, one.group, one.match, one.permissions, one.enabled)
        for one in tenant.group_mappings
    ]
    actor = Actor(tenant_id, None, "operator:test", frozenset())
    return [*found, *await declare(database, actor, mappings, prune=True)]


async def exported(database: Database, slug: str) -> tuple[dict[str, StoredTenant], str]:
    async with database.reading() as connection:
        found = await stored_tenants(connection, [slug])
    return found, tenant_toml(found[slug])


@pytest.mark.asyncio
async def test_an_export_of_any_tenant_is_applied_without_a_change(database: Database) -> None:
    """Round trip, for tenants of many shapes; and the second export is the first."""
    wishes: list[dict[str, Any]] = []

    @settings(max_examples=25, database=None, derandomize=True)
    @given(TENANTS)
    def collect(wish: dict[str, Any]) -> None:
        wishes.append(wish)

    collect()
    for wish in wishes:
        written = tenant_toml(declared(wish))
        [tenant] = parse(written.encode())
        assert await applied(database, tenant)
        stored, document = await exported(database, tenant.slug)
        [again] = parse(document.encode(), stored=stored)
        assert await applied(database, again) == [], document
        assert (await exported(database, tenant.slug))[1] == document
        [partial] = parse(f'[[tenants]]\nslug = "{tenant.slug}"\nname = "Acme"\n'.encode(), stored=stored)
        _, left = await apply_tenant(database, applier(), partial, dry_run=True)
        assert left == []
