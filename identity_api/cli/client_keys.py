"""Show and rotate this service's keys at a provider."""

import msgspec

from identity_api.cli.context import tenant_named
from identity_api.db import client_keys, providers, tenants
from identity_api.db.client_keys import ClientKey
from identity_api.db.database import Database
from identity_api.errors import NotFound
from identity_api.providers.client_keys import Rotated, key_set_url

_USES = {"sig": "signs", "enc": "decrypts", "tls": "TLS client certificate"}


class KeyLine(msgspec.Struct, frozen=True):
    """One key that is not retired. `is_known`: it has been published for a day."""

    use: str
    key_id: str
    is_known: bool

    def __str__(self) -> str:
        new = "" if self.is_known or self.use != "sig" else " (new)"
        return f"{_USES[self.use]}: {self.key_id}{new}"


class ProviderKeys(msgspec.Struct, frozen=True):
    """The address to register at the provider, and the keys, the newest first."""

    jwks_uri: str
    keys: list[KeyLine]


async def describe_keys(database: Database, public_url: str, tenant: str, slug: str) -> ProviderKeys:
    """The keys of a provider.

    Raises:
        NotFound: no such tenant or provider.
    """
    tenant_id = await tenant_named(database, tenant)
    async with database.reading() as connection:
        provider = await providers.by_slug(connection, tenant_id, slug)
        if provider is None:
            raise NotFound(f"Tenant {tenant} has no provider {slug}.")
        hosts = await tenants.hosts(connection, tenant_id)
        live = await client_keys.live(connection, tenant_id, provider.id)
    return ProviderKeys(key_set_url(public_url, hosts, tenant, provider.id), [_line(key) for key in live])


def describe_rotation(done: Rotated) -> list[str]:
    """The result of a rotation, in sentences."""
    lines = [f"New key {key_id} ({_USES[use]})." for use, key_id in (("sig", done.sig), ("enc", done.enc)) if key_id]
    if done.signs_in_seconds:
        lines.append(f"It is published now and signs in {done.signs_in_seconds // 3_600} hours.")
    return lines


def _line(key: ClientKey) -> KeyLine:
    return KeyLine(key.use, key.key_id, key.is_known)
