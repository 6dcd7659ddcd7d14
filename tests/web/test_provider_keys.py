"""Where a provider reads our public keys: nothing secret, nothing of other tenants, and the keys that logins sign with."""

import os
from pathlib import Path

import msgspec
import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import JWKRegistry, RSAKey

from identity_api.clock import system_clock
from identity_api.config import KeyRing
from identity_api.db import providers
from identity_api.db.client_keys import sealed_client
from identity_api.db.database import Database
from identity_api.db.providers import ClientSettings, Provider
from identity_api.ids import uuid7
from identity_api.oidc.client_auth import authenticate
from identity_api.providers.client_keys import ensure_keys, replace_certificate, rotate_keys
from identity_api.relying_party.cache import ProviderCache
from identity_api.relying_party.client import open_client
from identity_api.relying_party.connection import open_line
from identity_api.vault import Vault
from identity_api.web.http.http_application import HTTPApplication
from tests.openid_provider import RunningProvider
from tests.upstream.certificates import issue
from tests.web.site import PUBLIC_URL, Site, make_site

PUBLIC_MEMBERS = {"kty", "n", "e", "kid", "use", "alg"}


async def with_keys(site: Site, **changes: object) -> Provider:
    """The site's provider with keys of ours for signatures and encryption."""
    provider = msgspec.structs.replace(
        site.provider,
        client_authentication="private_key_jwt",
        client_settings=ClientSettings(encrypted_id_tokens=True),
        **changes,
    )
    async with site.database.transaction() as connection:
        await providers.write(connection, provider)
        await ensure_keys(connection, site.vault, provider, actor="system")
    return provider


@pytest.mark.asyncio
async def test_the_key_set_holds_the_public_halves_and_may_be_kept_for_an_hour(site: Site) -> None:
    provider = await with_keys(site)
    answer = await site.client().get(f"/auth/providers/{provider.id}/jwks")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jwk-set+json")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "set-cookie" not in answer.headers
    keys = answer.json()["keys"]
    assert {(key["use"], key["alg"]) for key in keys} == {("sig", "RS256"), ("enc", "RSA-OAEP-256")}
    assert all(key.keys() == PUBLIC_MEMBERS for key in keys)


@pytest.mark.asyncio
async def test_the_key_set_is_there_below_the_tenants_path_too(site: Site) -> None:
    provider = await with_keys(site)
    path = f"/auth/providers/{provider.id}/jwks"
    elsewhere = await site.client(base_url=PUBLIC_URL).get(f"/t/{site.tenant.slug}{path}")
    assert elsewhere.json() == (await site.client().get(path)).json()


@pytest.mark.asyncio
async def test_a_provider_without_keys_of_ours_has_an_empty_set(site: Site) -> None:
    assert (await site.client().get(f"/auth/providers/{site.provider.id}/jwks")).json() == {"keys": []}


@pytest.mark.asyncio
async def test_bad_addresses_of_key_sets_are_not_there(site: Site) -> None:
    provider = await with_keys(site)
    for path in (f"/auth/providers/{uuid7()}/jwks", "/auth/providers/keycloak/jwks"):
        answer = await site.client().get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "PROVIDER_NOT_FOUND")
    # Without a tenant's door there is no tenant to look in (I2).
    assert (await site.client(base_url=PUBLIC_URL).get(f"/auth/providers/{provider.id}/jwks")).status_code == 404


@pytest.mark.asyncio
async def test_another_tenants_keys_are_not_there(
    site: Site, app: HTTPApplication, database: Database, vault: Vault, idp: RunningProvider
) -> None:
    other = await make_site(app, database, vault, idp)
    provider = await with_keys(other)
    assert (await site.client().get(f"/auth/providers/{provider.id}/jwks")).status_code == 404
    assert (await other.client().get(f"/auth/providers/{provider.id}/jwks")).status_code == 200


@pytest.mark.asyncio
async def test_after_a_rotation_both_keys_are_published_and_at_once_only_the_new(site: Site) -> None:
    provider = await with_keys(site)
    path = f"/auth/providers/{provider.id}/jwks"

    async def published() -> set[str]:
        return {key["kid"] for key in (await site.client().get(path)).json()["keys"] if key["use"] == "sig"}

    old = await published()
    done = await rotate_keys(
        site.database, site.vault, site.tenant.id, provider.slug, at_once=False, actor="operator:root"
    )
    assert await published() == old | {done.sig}
    at_once = await rotate_keys(
        site.database, site.vault, site.tenant.id, provider.slug, at_once=True, actor="operator:root"
    )
    assert await published() == {at_once.sig}


@pytest.fixture
def certificate(tmp_path: Path) -> str:
    """A TLS client certificate with its key."""
    return Path(issue("client").save(tmp_path / "client.pem")).read_text("utf-8")


@pytest.mark.asyncio
async def test_a_tls_certificate_of_ours_is_in_no_key_set(site: Site, certificate: str) -> None:
    async with site.database.transaction() as connection:
        await replace_certificate(connection, site.vault, site.provider, certificate, actor="system")
    assert (await site.client().get(f"/auth/providers/{site.provider.id}/jwks")).json() == {"keys": []}


@pytest.mark.asyncio
async def test_publishing_needs_no_key_of_the_ring(site: Site) -> None:
    """The public halves lie beside the sealed ones, so an anonymous request opens nothing."""
    provider = await with_keys(site)
    lost = Vault(KeyRing([("lost", os.urandom(32))]))
    row = await site.fetchval("select id from client_key where tenant_id = $1 limit 1", site.tenant.id)
    sealed = lost.seal(b"x", tenant_id=site.tenant.id, table="client_key", column="sealed", row_id=row)
    await site.execute("update client_key set sealed = $2 where tenant_id = $1", site.tenant.id, sealed)
    assert len((await site.client().get(f"/auth/providers/{provider.id}/jwks")).json()["keys"]) == 2


@pytest.mark.asyncio
async def test_what_is_published_verifies_what_we_sign(site: Site) -> None:
    provider = await with_keys(site)
    published = (await site.client().get(f"/auth/providers/{provider.id}/jwks")).json()["keys"]
    async with site.database.reading() as connection:
        line = open_line(site.vault, provider, "", await sealed_client(connection, provider.tenant_id, provider.id))
    authentication = open_client(site.vault, ProviderCache(), line, None).proofs[0].authentication
    form: dict[str, str] = {}
    authenticate(authentication, form, {}, now=system_clock())
    [key] = [JWKRegistry.import_key(jwk) for jwk in published if jwk["use"] == "sig"]
    claims = jwt.decode(form["client_assertion"], key, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"]) == (provider.client_id, provider.issuer)
    with pytest.raises(BadSignatureError):
        jwt.decode(form["client_assertion"], RSAKey.generate_key(2048), algorithms=["RS256"])
