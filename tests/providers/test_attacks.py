"""What a provider's configuration could be turned into: addresses, shared callbacks, and a provider that moves."""

import msgspec
import pytest

from identity_api.config import Secret
from identity_api.db import identities, providers, sessions
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.errors import ConfigurationError
from identity_api.ids import token_key, uuid7
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.apply import apply_tenant
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.toml_reader import parse
from tests import factories as make
from tests.tenants.test_apply import applier, declaration
from tests.tenants.test_declaration import VALID, problems

ISSUER = "https://sso.acme.example/realms/acme"
HOSTILE = (
    *("http://sso.acme.example/", "//sso.acme.example/", "sso.acme.example", "ftp://sso.acme.example/", "", "https://"),
    *("https://user:pw@sso.acme.example/", "https://user@sso.acme.example/", "https://@sso.acme.example/", "HTTPS://a.example"),
    *("https://sso.acme.example/#fragment", "https://sso.acme.example/#", "https://sso.acme.example./", "https://sso.acme.example.:443/"),
    *("https://sso.acme.example/?a=b", "https://sso.acme.example?", "https://sso.acme.example/a b", " https://sso.acme.example/"),
    *("https://sso.acme.example\\\\@evil.example/", "https:\\\\\\\\sso.acme.example", "https://sso.acme.example:x/", "https://sso.acme.example:99999/"),
    *("https://sso.acme.example/\\u0000", "https://sso.acme.example/\\n", "https://\\u0455so.acme.example/", "https://sso.acme.example/\\u202e"),
    *("javascript:alert(1)", "file:///etc/passwd", "data:text/plain,x", "https://[::1", "https://sso.acme.example/" + "a" * 3000),
)  # fmt: skip
ELSEWHERE = (
    {"issuer": "https://evil.example/"},
    {"discovery_url": "https://evil.example/.well-known/openid-configuration"},
)
SHARED = "https://id.example.com/v1/auth/oidc/callback"


def test_the_plain_issuer_is_accepted() -> None:
    assert parse(VALID.encode())[0].providers[0].issuer == ISSUER


@pytest.mark.parametrize("address", HOSTILE, ids=lambda address: ascii(address)[:40])
@pytest.mark.parametrize("field", ["issuer", "discovery_url", "redirect_url"])
def test_an_address_that_could_mean_two_things_is_refused(field: str, address: str) -> None:
    """Bad input 61. A query is refused of issuers only, and an empty text where there is a default takes that."""
    if field == "issuer":
        document = VALID.replace(ISSUER, address)
    else:
        document = VALID.replace(f'issuer = "{ISSUER}"', f'issuer = "{ISSUER}"\n{field} = "{address}"')
    if field != "issuer" and ("?" in address or not address):
        assert parse(document.encode())
        return
    found = problems(document)
    assert any(f"providers[0].{field}" in one for one in found), found
    assert not any("pw" in one for one in found)


# Mix-up: whose callback is it?


def two(*, first: str, second: str, secrets: tuple[bool, bool]) -> str:
    """A tenant with two providers at these redirect URLs."""
    blocks = [
        f'[[tenants.providers]]\nslug = "p{number}"\nissuer = "https://p{number}.example"\nclient_id = "c"\n'
        f'redirect_url = "{address}"\n' + ('client_secret = "s"\n' if has_secret else "")
        for number, (address, has_secret) in enumerate(zip((first, second), secrets, strict=True))
    ]
    return '[[tenants]]\nslug = "acme"\nname = "Acme"\n' + "\n".join(blocks)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SHARED, SHARED),
        (SHARED, "https://id.example.com:8443/v1/auth/oidc/callback"),
        ("https://id.example.com", "https://ID.example.com/"),
        ("https://id.example.com/", "https://id.example.com/?a=b"),
    ],
)
@pytest.mark.parametrize("secrets", [(True, False), (False, True), (False, False)])
def test_a_client_without_a_secret_shares_no_redirect_url(first: str, second: str, secrets: tuple[bool, bool]) -> None:
    """Promise 8. Compared as an arriving callback is: host and path, nothing else of it."""
    found = problems(two(first=first, second=second, secrets=secrets))
    assert [one.partition(":")[0].partition(", ")[2] for one in found] == [
        f"tenants[0].providers[{number}].redirect_url" for number in (0, 1) if not secrets[number]
    ]
    assert parse(two(first=first, second=second, secrets=(True, True)).encode())
    own = "https://id.example.com/auth/oidc/p1/callback"
    assert parse(two(first=first, second=own, secrets=secrets).encode())


def public_at(address: str) -> TenantDeclaration:
    declared = declaration()
    [provider] = declared.providers
    changed = msgspec.structs.replace(provider, client_secret_env=None, redirect_url=address)
    return msgspec.structs.replace(declared, providers=(changed,))


@pytest.mark.asyncio
async def test_a_redirect_url_is_not_shared_with_what_is_stored_of_another_tenant_either(database: Database) -> None:
    """Promise 8: a callback names no tenant. Nothing of the refused application is kept."""
    address = f"https://{uuid7().hex}.example.com/callback"
    confidential = declaration()
    [provider] = confidential.providers
    moved = msgspec.structs.replace(provider, redirect_url=address)
    await apply_tenant(database, applier(), msgspec.structs.replace(confidential, providers=(moved,)))

    public = public_at(address.replace("/callback", ":8443/callback"))
    with pytest.raises(ConfigurationError, match="mix-up") as refused:
        await apply_tenant(database, applier(), public)
    assert confidential.slug not in str(refused.value)
    await apply_tenant(database, applier(), public_at(f"{address}/own"))
    again = declaration()
    shared = msgspec.structs.replace(again.providers[0], redirect_url=address)
    await apply_tenant(database, applier(), msgspec.structs.replace(again, providers=(shared,)))


# A provider that moves


async def somebody(database: Database, provider: Provider) -> str:
    """Somebody with a login at the provider; the token of their session."""
    async with database.transaction() as connection:
        user_id = await make.make_user(connection, provider.tenant_id)
        identity = await make.make_identity(connection, provider, user_id)
        await make.sign_in(connection, provider, identity, ["engineering"])
        _, token = await make.make_session(connection, provider.tenant_id, user_id, identity)
    return token


async def stored(database: Database, tenant: TenantDeclaration) -> tuple[Provider, list[str]]:
    """The tenant's provider, and the states of its identities."""
    async with database.reading() as connection:
        row = await connection.fetchrow("select id from tenant where slug = $1", tenant.slug)
        provider = await providers.by_slug(connection, row["id"], tenant.providers[0].slug)
        assert provider is not None
        states = [
            one["state"]
            for one in await connection.fetch("select state from identity where provider_id = $1", provider.id)
        ]
    return provider, states


def changed(tenant: TenantDeclaration, **fields: object) -> TenantDeclaration:
    [provider] = tenant.providers
    return msgspec.structs.replace(tenant, providers=(msgspec.structs.replace(provider, **fields),))


@pytest.mark.asyncio
@pytest.mark.parametrize("where", ELSEWHERE, ids=lambda where: next(iter(where)))
async def test_a_provider_that_moves_takes_no_login_along(database: Database, where: dict[str, str]) -> None:
    """Promise 46. What the old place gave (refresh tokens, codes under way) is never presented to the new one."""
    declared = declaration()
    await apply_tenant(database, applier(), declared)
    provider, _ = await stored(database, declared)
    token = await somebody(database, provider)
    await apply_tenant(database, applier(), changed(declared, label="Renamed"))
    async with database.reading() as connection:
        assert await sessions.find_live(connection, *token_key(token)) is not None
    assert (await stored(database, declared))[1] == ["FRESH"]

    await apply_tenant(database, applier(), changed(declared, **where))
    async with database.reading() as connection:
        assert await sessions.find_live(connection, *token_key(token)) is None
        everybody = await identities.of_provider(connection, provider.tenant_id, provider.id)
        live = await connection.fetchval(
            "select count(*) from refresh_token where identity_id = any($1::uuid[]) and sealed is not null", everybody
        )
    assert live == 0
    assert (await stored(database, declared))[1] == ["REVOKED"]


@pytest.mark.asyncio
async def test_a_provider_that_moves_without_its_secret_keeps_none(database: Database) -> None:
    """Promise 46, bad input 62. A secret is part of each declaration; what was stored is dropped, never sent elsewhere."""
    declared = declaration()
    await apply_tenant(database, applier(), declared)
    provider, _ = await stored(database, declared)
    async with database.reading() as connection:
        assert len(await providers.secrets(connection, provider.tenant_id, provider.id)) == 1
    await apply_tenant(database, applier(), changed(declared, issuer="https://evil.example", client_secret_env=None))
    async with database.reading() as connection:
        assert await providers.secrets(connection, provider.tenant_id, provider.id) == []
    assert (await stored(database, declared))[0].client_authentication == "none"


def test_a_declared_secret_cannot_be_read_back() -> None:
    """Promise 46: neither a declaration nor the value itself shows it."""
    declared = ProviderDeclaration(slug="a", issuer=ISSUER, client_id="c", client_secret="s3cret")
    assert "s3cret" not in f"{declared!r}{Secret('s3cret')!r}{Secret('s3cret')}"


# A row that names another's issuer


def lookalike(document: str, *, address: str) -> str:
    """The declaration with a second provider that answers elsewhere."""
    return document + (
        f'\n[[tenants.providers]]\nslug = "p1"\nissuer = "https://p0.example"\nclient_id = "c"\n'
        f'discovery_url = "https://evil.example/metadata"\nredirect_url = "{address}"\nclient_secret = "s"\n'
    )


def test_a_declaration_in_which_two_rows_name_one_issuer_and_answer_elsewhere_is_refused() -> None:
    """Promise 8: at a shared redirect URL `iss` would fit both. At addresses of their own each may say what it likes."""
    first = two(first=SHARED, second=SHARED, secrets=(True, True)).partition('\n[[tenants.providers]]\nslug = "p1"')[0]
    found = problems(lookalike(first, address=SHARED))
    assert [one.partition(":")[0].partition(", ")[2] for one in found] == [
        f"tenants[0].providers[{number}].redirect_url" for number in (0, 1)
    ]
    assert all("(REDIRECT_URL_SHARED)" in one for one in found)
    assert parse(lookalike(first, address=SHARED.replace("/v1/auth/oidc", "/login/oidc/p1")).encode())


@pytest.mark.asyncio
async def test_a_row_that_names_a_stored_providers_issuer_is_refused_at_its_address(database: Database) -> None:
    """Promise 8, I2: whichever tenant the other is of, and whichever came first. Nothing of the refused one is kept."""
    address = f"https://{uuid7().hex}.example.com/v1/auth/oidc/callback"
    honest = changed(declaration(), redirect_url=address)
    await apply_tenant(database, applier(), honest)
    liar = changed(declaration(), redirect_url=address, discovery_url="https://evil.example/metadata")
    with pytest.raises(ConfigurationError, match="REDIRECT_URL_SHARED") as refused:
        await apply_tenant(database, applier(), liar)
    assert honest.slug not in str(refused.value)
    async with database.reading() as connection:
        assert await connection.fetchval("select id from tenant where slug = $1", liar.slug) is None
    await apply_tenant(database, applier(), changed(liar, issuer="https://other.example"))
    with pytest.raises(ConfigurationError, match="REDIRECT_URL_SHARED"):
        await apply_tenant(database, applier(), liar)
    await apply_tenant(database, applier(), changed(liar, redirect_url=None))
    await apply_tenant(database, applier(), honest)
