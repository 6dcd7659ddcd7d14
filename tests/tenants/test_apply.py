"""Applying declarations: idempotent, with the difference told, and never across tenants."""

import base64
import os
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from identity_api.accounts.enrolment import enrol
from identity_api.cli.declaration import check_users
from identity_api.cli.rehearsal import mappings_of, rehearse
from identity_api.config import parse_key_ring
from identity_api.db import mappings, permissions, providers, tenants
from identity_api.db.database import Database
from identity_api.errors import ConfigurationError
from identity_api.group_mappings.declare import DeclaredMapping, MappingDifference, declare
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import SERVICE_PERMISSIONS
from identity_api.tenants.apply import Applier, Defaults, apply_tenant
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.toml_reader import parse
from identity_api.vault import Vault
from tests import factories as make
from tests.tenants.test_declaration import VALID

VAULT = Vault(parse_key_ring("k1:" + base64.b64encode(os.urandom(32)).decode()))


ADMINS = """
[[tenants.group_mappings]]
provider = "keycloak"
group = "admins"
permissions = ["identity:users:write"]
"""
PLAIN_OAUTH = """
[[tenants.providers]]
slug = "github"
preset = "github"
client_id = "app"
client_secret_env = "ACME_SECRET"
"""


def applier(secret: str = "s3cret") -> Applier:
    return Applier(
        VAULT,
        Defaults("https://id.example.com", 300, 14_400, 86_400),
        {"ACME_SECRET": secret},
        Path(os.devnull),
        "operator:root",
    )


def declaration(document: str = VALID) -> TenantDeclaration:
    """The documented form, for a tenant and host of this test alone."""
    name = uuid7().hex
    [tenant] = parse(
        document.replace("acme.example.com", f"{name}.example.com").replace('"acme"', f'"t-{name}"').encode()
    )
    return tenant


@pytest.mark.asyncio
async def test_a_declared_tenant_is_created_whole_and_then_left_alone(database: Database) -> None:
    declared = declaration()
    tenant_id, found = await apply_tenant(database, applier(), declared)
    assert [one.kind for one in found] == ["tenant", "frontend", "permission", "permission", "provider"]
    again_id, again = await apply_tenant(database, applier(), declared)
    assert (again_id, again) == (tenant_id, [])
    async with database.reading() as connection:
        [provider] = await providers.of_tenant(connection, tenant_id)
        assert provider.redirect_url == f"https://{declared.hosts[0]}/auth/oidc/keycloak/callback"
        assert provider.managed_by == "FILE"
        assert len(await permissions.by_names(connection, tenant_id, SERVICE_PERMISSIONS)) == len(SERVICE_PERMISSIONS)
        by_host = await tenants.by_host(connection, declared.hosts[0])
        assert by_host is not None
        assert by_host.id == tenant_id


@pytest.mark.asyncio
async def test_a_change_is_told_by_the_names_of_its_fields(database: Database) -> None:
    declared = declaration()
    await apply_tenant(database, applier(), declared)
    changed = parse(
        VALID.replace("Acme SSO", "Single sign-on")
        .replace("acme.example.com", declared.hosts[0])
        .replace('"acme"', f'"{declared.slug}"')
        .encode()
    )[0]
    _, found = await apply_tenant(database, applier("another"), changed)
    assert [(one.action, one.name, one.fields) for one in found] == [("change", "keycloak", ("label", "client_secret"))]
    assert [str(one) for one in found[0].values] == ['label: "Acme SSO" -> "Single sign-on"', "client_secret"]


@pytest.mark.asyncio
async def test_every_declared_setting_of_a_provider_reaches_its_row(database: Database) -> None:
    """S2-32, S3-25, S3-34, S4-32, and the endpoints of plain OAuth 2.0 (S2-17 to S2-19)."""
    first = declaration(
        VALID.replace("[[tenants.group_mappings]]", PLAIN_OAUTH + "\n[[tenants.group_mappings]]").replace(
            'protocol = "oidc"',
            'protocol = "oidc"\nadopt_by_name = true\nemail_verified_rule = "REQUIRED"\nreauthentication = true',
        )
    )
    tenant_id, _ = await apply_tenant(database, applier(), first)
    async with database.reading() as connection:
        github, keycloak = sorted(await providers.of_tenant(connection, tenant_id), key=lambda one: one.slug)
    assert (keycloak.adopt_by_name, keycloak.email_verified_rule, keycloak.reauthentication) == (True, "REQUIRED", True)
    assert (github.protocol, github.preset, github.sync) == ("oauth2", "github", "ACCESS_TOKEN")
    assert github.endpoints["userinfo"] == "https://api.github.com/user"
    assert github.redirect_url == f"https://{first.hosts[0]}/auth/oauth2/github/callback"
    _, again = await apply_tenant(database, applier(), first)
    assert again == []


@pytest.mark.asyncio
async def test_a_rehearsal_tells_the_difference_and_writes_nothing(database: Database) -> None:
    declared = declaration()
    _, found = await apply_tenant(database, applier(), declared, dry_run=True)
    assert found
    async with database.reading() as connection:
        assert await tenants.by_slug(connection, declared.slug) is None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("old", "new", "effect", "is_alarm"),
    [
        ('sync_mode = "STRICT"', 'sync_mode = "NONE"', "0 grants open and 2 close", True),
        ('slug = "keycloak"\n', 'slug = "keycloak"\nenabled = false\n', "2 people have no other way in", False),
        ("realms/acme", "realms/other", "logins there end", True),
        ('client_id = "identity-api"', 'client_id = "other"', None, False),
    ],
    ids=["mode", "switched off", "moved", "neither"],
)
async def test_what_a_provider_does_to_people_is_told_beforehand_and_the_log_hears_of_it_once_it_is_done(
    database: Database, old: str, new: str, effect: str | None, is_alarm: bool
) -> None:
    document = VALID.partition("[[tenants.group_mappings]]")[0] + ADMINS
    declared = declaration(document)
    tenant_id, _ = await apply_tenant(database, applier(), declared)
    await declare(database, Actor(tenant_id, None, "operator:root", frozenset()), mappings_of(declared), prune=False)
    async with database.transaction() as connection:
        [provider] = await providers.of_tenant(connection, tenant_id)
        for _ in range(2):
            await make.make_person(connection, provider, ["admins"])
        user_id = await make.make_user(connection, tenant_id, password_hash="x")
        await make.make_identity(connection, provider, user_id)
    changed = msgspec.structs.replace(declaration(document.replace(old, new)), slug=declared.slug, hosts=declared.hosts)

    async def applied(*, dry_run: bool) -> tuple[tuple[str, ...], list[str]]:
        with capture_logs() as lines:
            _, found = await apply_tenant(database, applier("other"), changed, dry_run=dry_run)
        [change] = [one for one in found if one.kind == "provider"]
        return change.effects, [line["event"] for line in lines]

    effects = () if effect is None else (effect, "nobody holds identity:users:write in force any more")
    assert await applied(dry_run=True) == (effects, [])
    assert await applied(dry_run=False) == (effects, ["tenant.nobody_administers"] if is_alarm else [])


@pytest.mark.asyncio
async def test_users_are_checked_and_rehearsed_with_the_providers_as_the_file_makes_them(database: Database) -> None:
    """Otherwise the providers would be changed when a user is refused, or a user be refused who is not."""
    given = VALID + '[[tenants.users]]\nusername = "ada"\npermissions = ["docs:read"]\n'
    with_identity = given + 'identities = [{provider = "keycloak", anchor = "a"}]\n'
    name = declaration()

    def declared(document: str, mode: str) -> TenantDeclaration:
        found = declaration(document.replace("STRICT", mode))
        return msgspec.structs.replace(found, slug=name.slug, hosts=name.hosts)

    async def is_refused(wanted: TenantDeclaration) -> bool:
        try:
            await check_users(database, [wanted])
            await rehearse(database, [wanted], [], applier=applier())
        except ConfigurationError as error:
            return "is STRICT, so that docs:read cannot be given by hand" in error.problems[0]
        return False

    tenant_id, _ = await apply_tenant(database, applier(), declared(VALID, "STRICT"))
    assert await is_refused(declared(with_identity, "STRICT"))
    additive = declared(with_identity, "ADDITIVE")
    assert not await is_refused(additive)
    await apply_tenant(database, applier(), additive)
    actor = Actor(tenant_id, None, "operator:root", frozenset())
    await enrol(database, actor, additive.users)
    for document in (given, with_identity):
        assert await is_refused(declared(document, "STRICT"))
        assert not await is_refused(declared(document, "ADDITIVE"))
    off = declared(given.replace('slug = "keycloak"\n', 'slug = "keycloak"\nenabled = false\n'), "STRICT")
    assert not await is_refused(off)
    async with database.transaction() as connection:
        await connection.execute("update provider set managed_by = 'API' where tenant_id = $1", tenant_id)
    assert not await is_refused(declared(given, "STRICT"))  # it stays as it is


@pytest.mark.asyncio
async def test_a_host_of_another_tenant_is_refused_and_nothing_is_half_done(database: Database) -> None:
    """I2: a host belongs to exactly one tenant."""
    first, second = declaration(), declaration()
    await apply_tenant(database, applier(), first)
    with pytest.raises(ConfigurationError, match="another tenant"):
        await apply_tenant(database, applier(), msgspec.structs.replace(second, hosts=first.hosts))
    async with database.reading() as connection:
        assert await tenants.by_slug(connection, second.slug) is None


@pytest.mark.asyncio
async def test_a_missing_secret_stops_before_anything_is_written(database: Database) -> None:
    declared = declaration()
    with pytest.raises(ConfigurationError, match="ACME_SECRET"):
        await apply_tenant(database, msgspec.structs.replace(applier(), environ={}), declared)
    async with database.reading() as connection:
        assert await tenants.by_slug(connection, declared.slug) is None


def told(found: list[MappingDifference]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.action, one.group, one.details) for one in found]


@pytest.mark.asyncio
async def test_declared_mappings_are_made_changed_and_pruned(database: Database) -> None:
    declared = declaration()
    tenant_id, _ = await apply_tenant(database, applier(), declared)
    actor = Actor(tenant_id, None, "operator:root", frozenset())
    [rule] = declared.group_mappings
    wanted = DeclaredMapping(rule.provider, rule.group, rule.match, rule.permissions, rule.enabled)
    narrowed = DeclaredMapping(rule.provider, rule.group, rule.match, ("docs:read",), rule.enabled)
    assert told(await declare(database, actor, [wanted], prune=False)) == [("create", "engineering", ())]
    assert await declare(database, actor, [wanted], prune=True) == []
    [(action, _, details)] = told(await declare(database, actor, [narrowed], prune=False))
    assert (action, details[0]) == ("change", f"permissions: {', '.join(sorted(rule.permissions))} -> docs:read")
    assert await declare(database, actor, [], prune=False) == []
    dry_run = await declare(database, actor, [], prune=True, dry_run=True)
    assert told(dry_run) == [("remove", "engineering", ())]
    await declare(database, actor, [], prune=True)
    async with database.reading() as connection:
        assert await mappings.page(connection, tenant_id, after=None, first=10) == []
