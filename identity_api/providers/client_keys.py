"""The service's keys for one provider: made when they are first needed, rotated, and published.

No key has to be copied: the provider gets the address of the key set once, at registration.

    rotate    the new key is published at once and signs a day later, when providers that keep key sets have read it;
              the old one stays published and opens tokens for two days
    at once   after a theft: the old key is retired and the new one signs immediately. Until the provider has read the
              key set again, logins and syncs fail; nobody loses a permission before the outage grace has ended
"""

import hashlib
import ssl
from collections.abc import Collection
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from identity_api.db import audit, client_keys, providers
from identity_api.db.client_keys import PUBLISHED_AHEAD_SECONDS, RETIRED_AFTER_SECONDS, ClientKey, Use
from identity_api.db.database import Connection, Database
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, Conflict, NotFound
from identity_api.ids import uuid7
from identity_api.oidc.client_auth import PRIVATE_KEY_JWT
from identity_api.oidc.new_keys import new_private_jwk
from identity_api.oidc.own_keys import OwnKeys, public_key_set, read_own_key
from identity_api.upstream.tls import verifying_context
from identity_api.vault import Vault, VaultError

MAX_LIVE = 4
"""Keys of one use. Rotating every few hours has no benefit, and a key set must stay short."""
ENCRYPTION_ALGORITHM = "RSA-OAEP-256"

_KeyUse = Literal["sig", "enc"]


class Rotated(msgspec.Struct, frozen=True):
    """The ids of the new keys by use, and in how many seconds the new key signs."""

    sig: str | None = None
    enc: str | None = None
    signs_in_seconds: int = 0


def needed_uses(provider: Provider) -> tuple[_KeyUse, ...]:
    """The uses for which a provider's settings need keys."""
    uses: list[_KeyUse] = []
    if provider.client_authentication == PRIVATE_KEY_JWT:
        uses.append("sig")
    if provider.client_settings.encrypted_id_tokens:
        uses.append("enc")
    return tuple(uses)


async def ensure_keys(connection: Connection, vault: Vault, provider: Provider, *, actor: str) -> None:
    """Make the keys that the provider's settings need and that do not exist yet, in the caller's transaction.

    Another signing algorithm makes another key, which is published and then signs as after a rotation.
    """
    if not needed_uses(provider):
        return
    await client_keys.lock(connection, provider.tenant_id, provider.id)
    live = await client_keys.live(connection, provider.tenant_id, provider.id)
    published = await client_keys.published(connection, provider.tenant_id, provider.id)
    algorithms = {(jwk["use"], jwk.get("alg")) for jwk in published}
    for use in needed_uses(provider):
        if (use, _algorithm(provider, use)) not in algorithms:
            _check_room(live, use)
            await _make(connection, vault, provider, use, actor=actor)


async def rotate_keys(
    database: Database, vault: Vault, tenant_id: UUID, slug: str, *, at_once: bool, actor: str
) -> Rotated:
    """Replace every key that the provider's settings need, in one transaction.

    Args:
        at_once: see the module.

    Raises:
        NotFound: the tenant has no such provider.
        BadInput: its settings need no key of this service.
        Conflict: there are too many that are not retired yet.
    """
    async with database.transaction() as connection:
        provider = await providers.by_slug(connection, tenant_id, slug)
        if provider is None:
            raise NotFound(f"There is no provider {slug}.")
        uses = needed_uses(provider)
        if not uses:
            message = "This provider uses no key of ours: that takes private_key_jwt or encrypted ID Tokens."
            raise BadInput(message, code="NO_KEYS_NEEDED")
        await client_keys.lock(connection, tenant_id, provider.id)
        live = await client_keys.live(connection, tenant_id, provider.id)
        is_first = not any(key.use == "sig" for key in live)
        await client_keys.retire(
            connection, tenant_id, provider.id, uses, seconds=0 if at_once else RETIRED_AFTER_SECONDS
        )
        await client_keys.forget_retired(connection, tenant_id, provider.id)
        made: dict[str, str] = {}
        for use in uses:
            if not at_once:
                _check_room(live, use)
            made[use] = await _make(connection, vault, provider, use, actor=actor)
    waits = "sig" in made and not at_once and not is_first
    return Rotated(**made, signs_in_seconds=PUBLISHED_AHEAD_SECONDS if waits else 0)


async def replace_certificate(
    connection: Connection, vault: Vault, provider: Provider, pem: str | None, *, actor: str
) -> bool:
    """Make this TLS client certificate (chain and private key as PEM) the provider's only one; None for none.

    Returns:
        Whether anything was written.

    Raises:
        BadInput: certificate and key cannot be read or do not fit. The message quotes nothing of them.
    """
    stored = [key for key in await client_keys.live(connection, provider.tenant_id, provider.id) if key.use == "tls"]
    if pem is None and not stored:
        return False
    if pem is not None and [pem] == [_opened(vault, provider, key) for key in stored]:
        return False
    key_id = None if pem is None else _check_certificate(pem)
    await client_keys.retire(connection, provider.tenant_id, provider.id, ["tls"], seconds=0)
    await client_keys.forget_retired(connection, provider.tenant_id, provider.id)
    if pem is not None:
        assert key_id is not None
        await _keep(connection, vault, provider, "tls", key_id, None, pem.encode(), actor=actor)
    return True


def key_set_url(public_url: str, hosts: Collection[str], tenant_slug: str, provider_id: UUID) -> str:
    """The address where the provider reads this service's public keys: the client's `jwks_uri` at the provider."""
    public = urlsplit(public_url)
    path = f"/auth/providers/{provider_id}/jwks"
    if not hosts:
        return f"{public.scheme}://{public.netloc}/t/{tenant_slug}{path}"
    port = f":{public.port}" if public.port else ""
    return f"{public.scheme}://{sorted(hosts)[0]}{port}{path}"


def _algorithm(provider: Provider, use: _KeyUse) -> str:
    return provider.client_settings.signing_algorithm if use == "sig" else ENCRYPTION_ALGORITHM


def _check_room(live: list[ClientKey], use: Use) -> None:
    if len([key for key in live if key.use == use]) >= MAX_LIVE:
        raise Conflict("The keys were rotated too often; wait until the older ones retire.", code="TOO_MANY_KEYS")


async def _make(connection: Connection, vault: Vault, provider: Provider, use: _KeyUse, *, actor: str) -> str:
    source = new_private_jwk(_algorithm(provider, use))
    key = read_own_key(source, use=use)
    (public_jwk,) = public_key_set(OwnKeys(keys=(key,)))["keys"]
    await _keep(connection, vault, provider, use, key.key_id, public_jwk, source, actor=actor)
    return key.key_id


async def _keep(
    connection: Connection,
    vault: Vault,
    provider: Provider,
    use: Use,
    key_id: str,
    public_jwk: dict[str, Any] | None,
    secret: bytes,
    *,
    actor: str,
) -> None:
    row_id = uuid7()
    sealed = vault.seal(secret, tenant_id=provider.tenant_id, table="client_key", column="sealed", row_id=row_id)
    await client_keys.insert(
        connection,
        provider.tenant_id,
        provider.id,
        row_id=row_id,
        use=use,
        key_id=key_id,
        public_jwk=public_jwk,
        sealed=sealed,
    )
    payload = {"provider": str(provider.id), "use": use, "key_id": key_id}
    await audit.record(
        connection, provider.tenant_id, actor, [audit.Event("client_key.created", "client_key", row_id, payload)]
    )


def _opened(vault: Vault, provider: Provider, key: ClientKey) -> str | None:
    try:
        return vault.open(
            key.sealed, tenant_id=provider.tenant_id, table="client_key", column="sealed", row_id=key.id
        ).decode()
    except VaultError:
        return None  # sealed under a lost key: it must be entered again


def _check_certificate(pem: str) -> str:
    """The certificate's SHA-256, as `x5t#S256` would name it."""
    try:
        verifying_context(certificate_pem=pem)
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first = pem[pem.index(begin) : pem.index(end) + len(end)]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
    except (OSError, ValueError) as error:
        message = "The TLS client certificate and its key cannot be read, or do not fit."
        raise BadInput(message, field="tls_client_certificate_file") from error
