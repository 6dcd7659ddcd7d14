"""Our own keys at a provider, from a declaration to their end; and client secrets that overlap."""

import base64
import datetime
import os
from pathlib import Path

import msgspec
import pytest

from identity_api.config import parse_key_ring
from identity_api.db import client_keys, providers
from identity_api.db.client_keys import ClientKey
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, ConfigurationError, Conflict, NotFound
from identity_api.ids import uuid7
from identity_api.jobs.clean_up import clean_up
from identity_api.providers.client_keys import MAX_LIVE, key_set_url, rotate_keys
from identity_api.providers.provider_row import opened_secret
from identity_api.tenants.apply import Applier, Defaults, apply_tenant
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.toml_reader import parse
from identity_api.vault import Vault
from tests.tenants.test_declaration import VALID
from tests.upstream.certificates import issue

VAULT = Vault(parse_key_ring("k1:" + base64.b64encode(os.urandom(32)).decode()))
SECRET = 'client_secret_env = "ACME_SECRET"'
OWN_CERTIFICATE = 'tls_client_certificate_file = "client.pem"'
OWN_KEY = 'client_authentication = "private_key_jwt"'


def declaration(settings: str, *, issuer: str | None = None, name: str | None = None) -> TenantDeclaration:
    """The documented form with other client settings."""
    name = name or uuid7().hex
    document = VALID.replace("acme.example.com", f"{name}.example.com").replace('"acme"', f'"t-{name}"')
    document = document.replace(SECRET, settings)
    if issuer is not None:
        document = document.replace("https://sso.acme.example/realms/acme", issuer)
        assert issuer in document
    [tenant] = parse(document.encode())
    return tenant


def applier(folder: Path, secret: str = "s3cret") -> Applier:
    defaults = Defaults("https://id.example.com", 300, 14_400, 86_400)
    return Applier(VAULT, defaults, {"ACME_SECRET": secret}, folder, "operator:root")


async def apply(database: Database, folder: Path, declared: TenantDeclaration, *, secret: str = "s3cret") -> Provider:
    tenant_id, _ = await apply_tenant(database, applier(folder, secret), declared)
    async with database.reading() as connection:
        [provider] = await providers.of_tenant(connection, tenant_id)
    return provider


async def live(database: Database, provider: Provider) -> list[ClientKey]:
    async with database.reading() as connection:
        return await client_keys.live(connection, provider.tenant_id, provider.id)


async def stored_secrets(database: Database, provider: Provider) -> list[tuple[str | None, bool]]:
    """The live secrets, the newest first, and whether they end."""
    async with database.reading() as connection:
        found = await providers.secrets(connection, provider.tenant_id, provider.id)
    return [(opened_secret(VAULT, provider.tenant_id, one), one.expires_at is not None) for one in found]


# Keys


@pytest.mark.asyncio
async def test_the_keys_that_a_declaration_needs_are_made_once(database: Database, tmp_path: Path) -> None:
    declared = declaration(f"{OWN_KEY}\nencrypted_id_tokens = true")
    provider = await apply(database, tmp_path, declared)
    made = await live(database, provider)
    assert {key.use for key in made} == {"sig", "enc"}
    await apply(database, tmp_path, declared)
    assert await live(database, provider) == made


@pytest.mark.asyncio
async def test_a_declaration_without_need_makes_no_keys(database: Database, tmp_path: Path) -> None:
    assert await live(database, await apply(database, tmp_path, declaration(SECRET))) == []


@pytest.mark.asyncio
async def test_another_algorithm_makes_another_key_and_keeps_the_old(database: Database, tmp_path: Path) -> None:
    name = uuid7().hex
    provider = await apply(database, tmp_path, declaration(OWN_KEY, name=name))
    [old] = await live(database, provider)
    await apply(database, tmp_path, declaration(f'{OWN_KEY}\nsigning_algorithm = "ES256"', name=name))
    new, kept = await live(database, provider)
    assert kept.id == old.id
    assert new.id != old.id


@pytest.mark.asyncio
async def test_a_rotation_keeps_the_old_key_until_it_retires(database: Database, tmp_path: Path) -> None:
    provider = await apply(database, tmp_path, declaration(OWN_KEY))
    [old] = await live(database, provider)
    done = await rotate_keys(database, VAULT, provider.tenant_id, provider.slug, at_once=False, actor="operator:root")
    assert done.signs_in_seconds == client_keys.PUBLISHED_AHEAD_SECONDS
    assert [key.key_id for key in await live(database, provider)] == [done.sig, old.key_id]
    async with database.transaction() as connection:
        await connection.execute("update client_key set retired_at = now() where id = $1", old.id)
    assert [key.key_id for key in await live(database, provider)] == [done.sig]
    assert await clean_up(database) >= 1
    async with database.reading() as connection:
        assert not await connection.fetchval("select exists (select from client_key where id = $1)", old.id)


@pytest.mark.asyncio
async def test_a_rotation_is_in_the_audit_without_the_key(database: Database, tmp_path: Path) -> None:
    provider = await apply(database, tmp_path, declaration(OWN_KEY))
    done = await rotate_keys(database, VAULT, provider.tenant_id, provider.slug, at_once=True, actor="operator:root")
    async with database.reading() as connection:
        rows = await connection.fetch(
            "select actor, payload from audit_event where tenant_id = $1 and action = 'client_key.created' order by id",
            provider.tenant_id,
        )
    payload = msgspec.json.decode(rows[-1]["payload"])
    assert (len(rows), rows[-1]["actor"]) == (2, "operator:root")
    assert payload == {"provider": str(provider.id), "use": "sig", "key_id": done.sig}


@pytest.mark.asyncio
async def test_a_rotation_refuses_what_it_cannot_do(database: Database, tmp_path: Path) -> None:
    provider = await apply(database, tmp_path, declaration(OWN_KEY))
    tenant_id = provider.tenant_id
    for _ in range(MAX_LIVE - 1):
        await rotate_keys(database, VAULT, tenant_id, provider.slug, at_once=False, actor="operator:root")
    with pytest.raises(Conflict) as too_many:
        await rotate_keys(database, VAULT, tenant_id, provider.slug, at_once=False, actor="operator:root")
    assert too_many.value.code == "TOO_MANY_KEYS"
    with pytest.raises(NotFound):
        await rotate_keys(database, VAULT, tenant_id, "of-nobody", at_once=False, actor="operator:root")
    plain = await apply(database, tmp_path, declaration(SECRET))
    with pytest.raises(BadInput) as needless:
        await rotate_keys(database, VAULT, plain.tenant_id, plain.slug, at_once=False, actor="operator:root")
    assert needless.value.code == "NO_KEYS_NEEDED"


def test_the_address_of_a_key_set_is_on_the_tenants_host_or_below_its_path() -> None:
    row_id = uuid7()
    path = f"/auth/providers/{row_id}/jwks"
    assert key_set_url("https://id.example:8443", ["sso.acme.example"], "acme", row_id) == (
        f"https://sso.acme.example:8443{path}"
    )
    assert key_set_url("https://id.example", [], "acme", row_id) == f"https://id.example/t/acme{path}"


# TLS


@pytest.mark.asyncio
async def test_authorities_and_a_certificate_come_from_files_beside_the_declaration(
    database: Database, tmp_path: Path
) -> None:
    authority = issue("Acme")
    (tmp_path / "ca.pem").write_text(authority.pem, "utf-8")  # a few hundred bytes
    issue("client", by=authority).save(tmp_path / "client.pem")
    declared = declaration(f'{SECRET}\nca_file = "ca.pem"\ntls_client_certificate_file = "client.pem"')
    provider = await apply(database, tmp_path, declared)
    assert provider.client_settings.ca_certificate_pem == authority.pem.strip()
    [key] = await live(database, provider)
    assert key.use == "tls"
    assert b"PRIVATE" not in key.sealed
    _, again = await apply_tenant(database, applier(tmp_path), declared)
    assert again == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ('ca_file = "missing.pem"', "missing.pem cannot be read"),
        ('ca_file = "not-a-certificate.pem"', "holds no certificates"),
        ('ca_file = "client.pem"', "holds no certificates"),  # the key does not belong there
        ('tls_client_certificate_file = "ca.pem"', "cannot be read, or do not fit"),
        ('tls_client_certificate_file = "ca.pem"\ntls_client_key_file = "other-key.pem"', "or do not fit"),
    ],
)
async def test_bad_files_stop_before_anything_is_written(
    database: Database, tmp_path: Path, settings: str, problem: str
) -> None:
    authority = issue("Acme")
    (tmp_path / "ca.pem").write_text(authority.pem, "utf-8")  # a few hundred bytes
    (tmp_path / "not-a-certificate.pem").write_text("hello", "utf-8")
    issue("client", by=authority).save(tmp_path / "client.pem")
    issue("other").save(tmp_path / "other-key.pem")
    declared = declaration(f"{SECRET}\n{settings}")
    with pytest.raises(ConfigurationError) as caught:
        await apply_tenant(database, applier(tmp_path), declared)
    assert problem in str(caught.value)
    assert "PRIVATE" not in str(caught.value)
    async with database.reading() as connection:
        assert not await connection.fetchval("select exists (select from tenant where slug = $1)", declared.slug)


# What fits together


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (f"{SECRET}\n{OWN_KEY}", "private_key_jwt is for clients without a secret"),
        ('client_authentication = "client_secret_jwt"', "client_secret_jwt needs a client secret"),
        ('client_secret = "short"\nclient_authentication = "client_secret_jwt"', "at least 32 characters"),
        (f"{SECRET}\nclient_secret_overlap_seconds = -1", "client_secret_overlap_seconds: must be between"),
        (f"{SECRET}\nclient_secret_overlap_seconds = 9999999", "client_secret_overlap_seconds: must be between"),
        (f'{SECRET}\nca_certificate_pem = "hello"', "ca_certificate_pem: holds no certificates"),
        (f'{SECRET}\nca_file = "a"\nca_certificate_pem = "b"', "give one of ca_file and ca_certificate_pem"),
        (f'{SECRET}\ntls_client_key_file = "a"', "tls_client_key_file: needs"),
        ('client_authentication = "tls_client_auth"', "tls_client_auth needs a tls_client_certificate_file"),
        (
            f'{SECRET}\n{OWN_CERTIFICATE}\nclient_authentication = "self_signed_tls_client_auth"',
            "self_signed_tls_client_auth is for clients without a secret",
        ),
        (f'{SECRET}\nsigning_algorithm = "none"', "signing_algorithm"),
        (f'{SECRET}\nsigning_algorithm = "HS256"', "signing_algorithm"),
    ],
)
def test_what_does_not_fit_together_is_a_problem_with_its_place(settings: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        declaration(settings)
    assert "tenants[0].providers[0]" in str(caught.value)
    assert problem in str(caught.value)


def test_what_fits_together_is_read() -> None:
    [provider] = declaration(f'{OWN_KEY}\ndpop = true\nsigned_userinfo = true\nsigning_algorithm = "PS256"').providers
    settings = provider.client_settings()
    assert (settings.dpop, settings.signed_userinfo, settings.signing_algorithm) == (True, True, "PS256")
    assert settings.assertion_audience == "ISSUER"


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
async def test_a_certificate_may_be_all_that_proves_who_we_are(database: Database, tmp_path: Path, method: str) -> None:
    """RFC 8705 section 2."""
    issue("client").save(tmp_path / "client.pem")
    provider = await apply(database, tmp_path, declaration(f'client_authentication = "{method}"\n{OWN_CERTIFICATE}'))
    assert provider.client_authentication == method
    assert [key.use for key in await live(database, provider)] == ["tls"]


# Overlapping client secrets


@pytest.mark.asyncio
async def test_a_replaced_secret_works_on_for_the_declared_time(database: Database, tmp_path: Path) -> None:
    declared = declaration(f"{SECRET}\nclient_secret_overlap_seconds = 3600")
    await apply(database, tmp_path, declared, secret="first")
    provider = await apply(database, tmp_path, declared, secret="second")
    assert await stored_secrets(database, provider) == [("second", False), ("first", True)]
    async with database.reading() as connection:
        [_, old] = await providers.secrets(connection, provider.tenant_id, provider.id)
    assert old.expires_at is not None
    left = old.expires_at - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(minutes=58) < left <= datetime.timedelta(minutes=61)
    _, again = await apply_tenant(database, applier(tmp_path, "second"), declared)
    assert again == []
    assert len(await stored_secrets(database, provider)) == 2


@pytest.mark.asyncio
async def test_without_that_declaration_only_the_declared_secret_is_left(database: Database, tmp_path: Path) -> None:
    declared = declaration(SECRET)
    await apply(database, tmp_path, declared, secret="first")
    provider = await apply(database, tmp_path, declared, secret="second")
    assert await stored_secrets(database, provider) == [("second", False)]


@pytest.mark.asyncio
async def test_a_third_secret_leaves_two(database: Database, tmp_path: Path) -> None:
    declared = declaration(f"{SECRET}\nclient_secret_overlap_seconds = 3600")
    for secret in ("first", "second", "third"):
        provider = await apply(database, tmp_path, declared, secret=secret)
    assert await stored_secrets(database, provider) == [("third", False), ("second", True)]


@pytest.mark.asyncio
async def test_an_old_secret_is_never_kept_for_a_provider_that_has_moved(database: Database, tmp_path: Path) -> None:
    """Promise 46: it would be sent to somebody else."""
    name, overlap = uuid7().hex, f"{SECRET}\nclient_secret_overlap_seconds = 3600"
    await apply(database, tmp_path, declaration(overlap, name=name), secret="first")
    moved = declaration(overlap, name=name, issuer="https://elsewhere.example")
    provider = await apply(database, tmp_path, moved, secret="second")
    assert await stored_secrets(database, provider) == [("second", False)]
