"""Create or change a provider's row: the one function for files, admins, and the operator at the command line.

The caller gives the wanted settings; this module checks, writes and records them, and applies the effects on the
provider's people. In the caller's transaction, with the row locked (`db.provider_changes.locked`).

    check     a stored secret is not sent to another address; redirect URLs that may not be shared
    write     secrets, TLS client certificate, the row with its next version, the service's keys
    follow    logins, sessions and API tokens that end; grants that are decided again
    refuse    permissions that the actor would give to themself; a change that shuts out the last administrator
    record    `provider.created`, `.updated`, `.enabled`, `.disabled`: the settings before and after, never a secret's value
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec

from identity_api.accounts.ways_in import an_admin_remains
from identity_api.db import audit, locks, outbox, provider_tests, providers
from identity_api.db.database import Connection, transaction_time
from identity_api.db.providers import Provider, SealedSecret
from identity_api.errors import BadInput
from identity_api.lifecycle.grants import Applied
from identity_api.oidc.client_auth import SECRET_METHODS
from identity_api.permissions.delegation import Actor
from identity_api.providers import shared_redirects
from identity_api.providers.client_keys import ensure_keys, replace_certificate
from identity_api.providers.consequences import (
    decide_anew,
    end_what_is_over,
    hold_people,
    is_decided_anew,
    moves_permissions,
)
from identity_api.providers.provider_row import changed_fields, declaration_of, has_moved, provider_values
from identity_api.providers.rules import OwnSet
from identity_api.vault import Vault


class ProviderChange(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as it is, and as it is wanted. The caller has checked that the actor may want it."""

    before: Provider | None
    """Locked; None for a new one."""
    wanted: Provider
    """`version` and `updated_at` are set here."""
    secrets: Sequence[SealedSecret] | None = None
    """All wanted client secrets, the one to try first at the end; None leaves the stored ones."""
    certificate: str | msgspec.UnsetType | None = msgspec.UNSET
    """The TLS client certificate and its key as PEM, None for none; unset leaves the stored one."""
    named: Sequence[str] = ()
    """For the audit of a new provider: the given settings."""

    def __repr__(self) -> str:
        return f"ProviderChange({self.wanted.slug!r})"


class ProviderChanged(msgspec.Struct, frozen=True):
    """The result of a change: the row as stored now, and the names of changed settings, including `client_secret`."""

    before: Provider | None
    after: Provider
    fields: tuple[str, ...]


class SharedRedirect(BadInput):
    """Providers may not have their wanted redirect URLs; `found` has the reasons, by slug."""

    def __init__(self, found: Mapping[str, str]) -> None:
        message = f"The redirect URL cannot be used: {next(iter(found.values()))}"
        super().__init__(message, code=shared_redirects.CODE, field="redirect_url")
        self.found = found


async def change_provider(
    connection: Connection, vault: Vault, actor: Actor, change: ProviderChange
) -> ProviderChanged:
    """Change one provider of the actor's tenant as wanted. Raises as `changing_providers`."""
    async with changing_providers(connection, vault, actor) as changes:
        return await changes.write(change)


@asynccontextmanager
async def changing_providers(connection: Connection, vault: Vault, actor: Actor) -> AsyncIterator["ProviderChanges"]:
    """Write providers of the actor's tenant inside the block; the effects of all of them are applied at its end.

    Raises:
        BadInput: `SECRET_REQUIRED`: one moves without a secret; an unusable certificate.
        SharedRedirect: `REDIRECT_URL_SHARED`.
        Conflict: `PROVIDER_ENDING`, `TOO_MANY_KEYS`.
        Refused: `SELF_BENEFIT`; `LAST_ADMIN`: no administrator of the tenant would be left.
    """
    await locks.share_mappings(connection, actor.tenant_id)
    own = await OwnSet.begin(connection, actor)
    changes = ProviderChanges(connection, vault, actor)
    async with an_admin_remains(connection, actor):
        yield changes
        await _check_redirects(connection, actor, changes.made)
        await _follow(connection, actor, own, changes)
        await own.check()
    await audit.record(connection, actor.tenant_id, actor.name, changes.events)


class ProviderChanges:
    """The changes that are written and whose effects are still to be applied."""

    def __init__(self, connection: Connection, vault: Vault, actor: Actor) -> None:
        self._connection, self._vault, self._actor = connection, vault, actor
        self.made: list[ProviderChanged] = []
        self.decided: dict[UUID, Applied] = {}
        """Grants that followed, by provider: known at the end of the block."""
        self.events: list[audit.Event] = []

    async def write(self, change: ProviderChange) -> ProviderChanged:
        """Write secrets, certificate, row and keys. A change without a difference is not recorded."""
        connection, actor, before, wanted = self._connection, self._actor, change.before, change.wanted
        if shared_redirects.arrives_otherwise(before, wanted):
            await locks.redirect_urls(connection)
        if before is None:
            await providers.write(connection, wanted)
        fields = await self._write_sealed(change)
        if before is not None and fields:
            now = await transaction_time(connection)
            wanted = msgspec.structs.replace(wanted, version=before.version + 1, updated_at=now)
            await providers.write(connection, wanted)
            await provider_tests.forget_of_links(connection, wanted.tenant_id, wanted.id)
        await ensure_keys(connection, self._vault, wanted, actor=actor.name)
        made = ProviderChanged(before, wanted, fields)
        if before is None or fields:
            self.made.append(made)
            self.events += _events(made, change.named)
        return made

    async def _write_sealed(self, change: ProviderChange) -> tuple[str, ...]:
        """Write secrets and certificate; returns the names of all differences."""
        before, wanted = change.before, change.wanted
        fields = changed_fields(before, wanted)
        secrets = _secrets(change)
        if secrets is not None:
            await providers.replace_secrets(self._connection, wanted.tenant_id, wanted.id, secrets)
        if change.secrets is not None and before is not None:
            fields = (*fields, "client_secret")
        if change.certificate is not msgspec.UNSET and await replace_certificate(
            self._connection, self._vault, wanted, change.certificate, actor=self._actor.name
        ):
            fields = (*fields, "tls_client_certificate")
        return fields


def _secrets(change: ProviderChange) -> Sequence[SealedSecret] | None:
    """Do not send a stored secret to a new address: it must be given again for that address."""
    if change.before is None or change.secrets is not None or not has_moved(change.before, change.wanted):
        return change.secrets
    if change.wanted.client_authentication in SECRET_METHODS:
        raise BadInput(
            "The client secret is never sent to another address than it was entered for: enter it again.",
            code="SECRET_REQUIRED",
            field="client_secret",
        )
    return ()


async def _check_redirects(connection: Connection, actor: Actor, made: Sequence[ProviderChanged]) -> None:
    """Check only new sharing: a redirect URL that was shared before must not prevent another change."""
    concerned = [one.after.slug for one in made if shared_redirects.arrives_otherwise(one.before, one.after)]
    if not concerned:
        return
    found = await shared_redirects.objections(connection, actor.tenant_id, across_tenants=actor.is_operator)
    if refused := {slug: found[slug] for slug in concerned if slug in found}:
        raise SharedRedirect(refused)


async def _follow(connection: Connection, actor: Actor, own: OwnSet, written: ProviderChanges) -> None:
    """Apply the effects of the changed rows to the people there."""
    changes = [(one.before, one.after) for one in written.made if one.before is not None]
    await hold_people(connection, actor.tenant_id, changes)
    for before, after in changes:
        await end_what_is_over(connection, before, after, actor=actor.name)
        if is_decided_anew(before, after):
            await own.note_openings(after.id)
            written.decided[after.id] = await decide_anew(connection, actor.tenant_id, after.id, actor=actor.name)
    if any(moves_permissions(before, after) for before, after in changes):
        await outbox.record(connection, actor.tenant_id, "user.permissions_changed", None)


def _events(made: ProviderChanged, named: Sequence[str]) -> Iterator[audit.Event]:
    provider = made.after
    if made.before is None:
        told = {"fields": sorted(named)}
        yield audit.Event("provider.created", "provider", provider.id, told, new=declaration_of(provider))
        return
    others = [name for name in made.fields if name != "enabled"]
    if others:
        payload = {"fields": others, "version": provider.version}
        old, new = _values(made.before, provider, others)
        yield audit.Event("provider.updated", "provider", provider.id, payload, old=old, new=new)
    if made.before.enabled != provider.enabled:
        verb = "enabled" if provider.enabled else "disabled"
        old, new = {"enabled": made.before.enabled}, {"enabled": provider.enabled}
        told_version = {"version": provider.version}
        yield audit.Event(f"provider.{verb}", "provider", provider.id, told_version, old=old, new=new)


def _values(before: Provider, after: Provider, fields: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that differ, before and after. For a secret, only that it changed."""
    values = [one for one in provider_values(before, after) if one.name != "enabled"]
    old, new = {one.name: one.before for one in values}, {one.name: one.after for one in values}
    for name in ("client_secret", "tls_client_certificate"):
        if name in fields:
            old, new = old | {name: "replaced"}, new | {name: "another"}
    return old, new
