"""From a provider's declaration to its row and back, and its sealed secret; shared by files and by administration."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from identity_api.config import Secret
from identity_api.db.providers import ClientSettings, Provider, SealedSecret
from identity_api.ids import uuid7
from identity_api.oidc.discovery import configuration_url
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.vault import Vault, VaultError


class Defaults(msgspec.Struct, frozen=True):
    """The values for settings that the declaration leaves out; from the installation's settings."""

    public_url: str
    sync_interval_seconds: int
    outage_grace_seconds: int
    unsynced_lease_seconds: int


class Owner(msgspec.Struct, frozen=True):
    """The parts of the provider's tenant that its addresses contain."""

    id: UUID
    slug: str
    hosts: Sequence[str] = ()


MAX_SHOWN = 200
"""Of one value, in characters."""
_CLAIMS = {f"{name}_claim": name for name in ("anchor", "username", "display", "email", "groups")}
_CLAIM_SWITCHES = ("deny_unmapped", "userinfo_method", "group_source", "name_in_callback")
_SHARED = tuple([name for name in ProviderDeclaration.__struct_fields__ if name in Provider.__struct_fields__])


def provider_row(
    declared: ProviderDeclaration,
    before: Provider | None,
    *,
    owner: Owner,
    defaults: Defaults,
    has_secret: bool,
    now: datetime,
    managed_by: str,
) -> Provider:
    """The row of a declaration, in place of `before`; its version is that of `before`."""

    def number(name: str) -> int:
        value = getattr(declared, name)
        return getattr(defaults, name) if value is None else value  # type: ignore[no-any-return]  # all are int

    values: dict[str, Any] = {name: getattr(declared, name) for name in _SHARED} | {
        "label": declared.label or declared.slug,
        "client_authentication": declared.client_authentication or ("client_secret_post" if has_secret else "none"),
        "redirect_url": declared.redirect_url or redirect_url(declared.protocol, declared.slug, owner, defaults),
        "sync_interval_seconds": number("sync_interval_seconds"),
        "outage_grace_seconds": number("outage_grace_seconds"),
        "unsynced_lease_seconds": number("unsynced_lease_seconds"),
    }
    return Provider(
        **values,
        id=before.id if before else uuid7(),
        tenant_id=owner.id,
        claims=declared.claim_settings(),
        client_settings=declared.client_settings(),
        managed_by=managed_by,  # type: ignore[arg-type]  # FILE or API
        version=before.version if before else 1,
        created_at=before.created_at if before else now,
        updated_at=before.updated_at if before else now,
    )


def declaration_of(provider: Provider) -> dict[str, Any]:
    """The fields of the declaration that a row came from, without any form of secret."""
    shared = {name: getattr(provider, name) for name in _SHARED}
    claims = {field: getattr(provider.claims, name) for field, name in _CLAIMS.items()}
    claims |= {name: getattr(provider.claims, name) for name in _CLAIM_SWITCHES}
    agreed = {name: getattr(provider.client_settings, name) for name in ClientSettings.__struct_fields__}
    return {**shared, **claims, **agreed, "allowed_directories": provider.claims.directories}


def redirect_url(protocol: str, slug: str, owner: Owner, defaults: Defaults) -> str:
    """A redirect URL of the provider's own (against mix-up): on the tenant's host, otherwise below the tenant's path."""
    public = urlsplit(defaults.public_url)
    path = f"/auth/{protocol}/{slug}/callback"
    if not owner.hosts:
        return f"{public.scheme}://{public.netloc}/t/{owner.slug}{path}"
    port = f":{public.port}" if public.port else ""
    return f"{public.scheme}://{owner.hosts[0]}{port}{path}"


def changed_fields(before: Any, wanted: Any) -> tuple[str, ...]:
    """The names of the fields in which two rows differ."""
    if before is None:
        return ()
    return tuple([name for name in wanted.__struct_fields__ if getattr(before, name) != getattr(wanted, name)])


class Value(msgspec.Struct, frozen=True):
    """One setting before and after, in the form of a declaration; without values for settings that are never shown."""

    name: str
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        if self.before is None and self.after is None:
            return self.name
        return f"{self.name}: {_shown(self.before)} -> {_shown(self.after)}"


def _shown(value: Any) -> str:
    text = "none" if value in (None, "", (), [], {}) else msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def row_values(before: Any, wanted: Any) -> tuple[Value, ...]:
    """The fields in which two rows differ, with their values."""
    return tuple([Value(name, getattr(before, name), getattr(wanted, name)) for name in changed_fields(before, wanted)])


def provider_values(before: Provider | None, wanted: Provider) -> tuple[Value, ...]:
    """The settings in which two rows of a provider differ, by their names in a declaration."""
    if before is None:
        return ()
    old, new = declaration_of(before), declaration_of(wanted)
    return tuple([Value(name, old[name], new[name]) for name in new if _plain(old[name]) != _plain(new[name])])


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else value


def sealed_secret(vault: Vault, tenant_id: UUID, secret: Secret, expires_at: datetime | None = None) -> SealedSecret:
    """A new secret of a provider, sealed for a row of its own."""
    row_id = uuid7()
    sealed = vault.seal(
        secret.reveal().encode(), tenant_id=tenant_id, table="provider_secret", column="sealed", row_id=row_id
    )
    return SealedSecret(row_id, sealed, expires_at)


def opened_secret(vault: Vault, tenant_id: UUID, secret: SealedSecret) -> str | None:
    """The secret, or None if it was sealed under a lost key: it must be entered again."""
    try:
        return vault.open(
            secret.sealed, tenant_id=tenant_id, table="provider_secret", column="sealed", row_id=secret.id
        ).decode()
    except VaultError:
        return None


def has_moved(before: Provider, wanted: Provider) -> bool:
    """Whether another party may answer now: another issuer, metadata document, or endpoint of plain OAuth 2.0."""
    return _answers_at(before) != _answers_at(wanted)


def _answers_at(provider: Provider) -> tuple[str, str, dict[str, str]]:
    document = provider.discovery_url or (configuration_url(provider.issuer) if provider.protocol == "oidc" else "")
    return provider.issuer, document, provider.endpoints
