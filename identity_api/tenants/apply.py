"""Write declared tenants, frontends, providers and permissions; idempotent, and returns the differences.

Group mappings are written by their own use case, which has the rules for edits.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec

from identity_api.accounts.local_policy import apply_policy
from identity_api.config import Secret, TenantLimits
from identity_api.db import audit, local_accounts, locks, permissions, provider_changes, providers, tenants, ways_in
from identity_api.db.database import Connection, Database, transaction_time
from identity_api.db.local_accounts import LocalPolicy
from identity_api.db.providers import Provider, SealedSecret
from identity_api.db.tenant_limits import ensure_within
from identity_api.db.tenants import Frontend, HostTaken, Tenant
from identity_api.errors import BadInput, ConfigurationError, Conflict
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import ADMINISTERING, SERVICE_PERMISSIONS
from identity_api.providers.change import ProviderChange, ProviderChanges, SharedRedirect, changing_providers
from identity_api.providers.declaration import (
    ProviderDeclaration,
    client_certificate,
    client_secret,
    settings_given,
    with_files,
)
from identity_api.providers.effects import effects_of
from identity_api.providers.provider_row import (
    Defaults,
    Owner,
    Value,
    changed_fields,
    has_moved,
    opened_secret,
    provider_row,
    provider_values,
    row_values,
    sealed_secret,
)
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.foreign_hosts import foreign_hosts
from identity_api.vault import Vault

__all__ = ["Applier", "Defaults", "Difference", "apply_tenant"]


class Difference(msgspec.Struct, frozen=True):
    """One thing that an application created, changed or removed, or kept since GraphQL manages it.

    `fields` names what changed in the row; `values` says it as a declaration does, with both values, and never a secret's.
    """

    action: Literal["create", "change", "remove", "keep"]
    kind: str
    name: str
    fields: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    effects: tuple[str, ...] = ()
    """What a changed provider does to the people there."""


class Applier(msgspec.Struct, frozen=True):
    """The arguments for applying besides the declaration."""

    vault: Vault
    defaults: Defaults
    environ: Mapping[str, str]
    folder: Path
    actor: str


def declared_row(
    applier: Applier,
    tenant: TenantDeclaration,
    declared: ProviderDeclaration,
    now: datetime,
    *,
    tenant_id: UUID | None = None,
    before: Provider | None = None,
) -> Provider:
    """The row that a declaration asks for, in place of `before`. Without `tenant_id`, of a tenant yet to be made.

    Raises:
        ConfigurationError: a secret or file that it refers to does not exist.
    """
    return provider_row(
        with_files(declared, applier.folder),
        before,
        owner=Owner(tenant_id or uuid7(), tenant.slug, tenant.hosts),
        defaults=applier.defaults,
        has_secret=declared.client_secret_stored
        or client_secret(declared, applier.environ, applier.folder) is not None,
        now=now,
        managed_by="FILE",
    )


async def apply_tenant(
    database: Database,
    applier: Applier,
    declared: TenantDeclaration,
    *,
    dry_run: bool = False,
    switch_off: Sequence[str] = (),
) -> tuple[UUID, list[Difference]]:
    """Make the tenant what is declared, in one transaction; returns its id and the differences.

    Nothing that is not declared is removed, but hosts, secrets and a frontend's addresses are exactly what is declared.
    A provider that GraphQL manages is unchanged, and reported.

    Args:
        database: the database.
        applier: the actor and the parts for applying.
        declared: the whole tenant; values that a file leaves out have been filled in (`tenants.toml_reader.parse`).
        switch_off: slugs of providers that a file made and that are to be disabled.
        dry_run: return the differences and change nothing.

    Raises:
        ConfigurationError: a secret cannot be found, a host belongs to another tenant, or a provider has a redirect URL
            that it may not share (`shared_redirects`).
        Conflict: `LIMIT_REACHED`.
    """
    found: list[Difference] = []
    tenant_id = uuid7()
    try:
        async with database.transaction(is_trial=dry_run) as connection:
            tenant_id = await _Application(connection, applier, declared, found, switch_off).run()
            await _ensure_within_limits(connection, database.limits, tenant_id, found)
    except HostTaken as error:
        raise ConfigurationError(await foreign_hosts(database, declared)) from error
    return tenant_id, found


async def write_providers(
    connection: Connection,
    applier: Applier,
    declared: TenantDeclaration,
    tenant_id: UUID,
    switch_off: Sequence[str] = (),
) -> None:
    """Write the providers alone, in the caller's transaction: for a rehearsal of what follows them. As `apply_tenant`."""
    application = _Application(connection, applier, declared, [], switch_off)
    application.tenant_id = tenant_id
    await application.write_providers()


async def _ensure_within_limits(
    connection: Connection, limits: TenantLimits, tenant_id: UUID, found: Sequence[Difference]
) -> None:
    created = {one.kind for one in found if one.action == "create"}
    for kind in ("frontend", "permission", "provider"):
        if kind in created:
            await ensure_within(connection, limits, f"max_{kind}s", tenant_id)


class _Application:
    """One tenant's declaration on its way into the database."""

    def __init__(
        self,
        connection: Connection,
        applier: Applier,
        declared: TenantDeclaration,
        found: list[Difference],
        switch_off: Sequence[str],
    ) -> None:
        self._connection = connection
        self._applier = applier
        self._declared = declared
        self._found = found
        self._switched_off = switch_off
        self.tenant_id = uuid7()

    async def run(self) -> UUID:
        await self._write_tenant()
        await self._write_frontends()
        await self._write_permissions()
        await self.write_providers()
        await self._record()
        return self.tenant_id

    async def _record(self) -> None:
        # A provider has its own events for every kind of actor.
        changed = [one for one in self._found if one.action != "keep" and one.kind != "provider"]
        named = {one.name for one in changed if one.kind == "permission"}
        catalogue = await permissions.by_names(self._connection, self.tenant_id, named)
        ids = {("permission", name): row.id for name, row in catalogue.items()}
        events = [_event(one, ids.get((one.kind, one.name))) for one in changed]
        await audit.record(self._connection, self.tenant_id, self._applier.actor, events)

    def _note(
        self, kind: str, name: str, before: Any, changed: tuple[str, ...], values: tuple[Value, ...] = ()
    ) -> None:
        if before is None:
            self._found.append(Difference("create", kind, name))
        elif changed:
            self._found.append(Difference("change", kind, name, changed, values))

    async def _write_tenant(self) -> None:
        declared = self._declared
        before = await tenants.by_slug(self._connection, declared.slug)
        self.tenant_id = before.id if before else uuid7()
        # Here, since the following steps may lock users.
        await locks.share_mappings(self._connection, self.tenant_id)
        await locks.redirect_urls(self._connection)
        wanted = Tenant(
            self.tenant_id, declared.slug, declared.name, declared.default_provider, before.epoch if before else 0
        )
        changed = changed_fields(before, wanted)
        if before != wanted:
            await tenants.write(self._connection, wanted)
        values = row_values(before, wanted)
        hosts = await tenants.hosts(self._connection, self.tenant_id)
        if sorted(declared.hosts) != hosts:
            values = (*values, Value("hosts", tuple(hosts), tuple(sorted(declared.hosts))))
            await tenants.replace_hosts(self._connection, self.tenant_id, list(declared.hosts))
            changed = (*changed, "hosts")
        policy = LocalPolicy(declared.local_sign_in, declared.sso_managed)
        stored = await local_accounts.policy(self._connection, self.tenant_id)
        values += row_values(stored, policy)
        changed += await apply_policy(self._connection, self.tenant_id, policy, actor=self._applier.actor)
        self._note("tenant", declared.slug, before, changed, values)

    async def _write_frontends(self) -> None:
        before = {one.slug: one for one in await tenants.frontends(self._connection, self.tenant_id)}
        for declared in self._declared.frontends:
            old = before.get(declared.slug)
            wanted = Frontend(
                old.id if old else uuid7(),
                self.tenant_id,
                declared.slug,
                declared.origins,
                declared.return_urls,
                declared.deliveries,
                "API" if old is not None and old.managed_by == "API" else "FILE",
            )
            if old is not None and old.managed_by == "API":
                # Admins made it in GraphQL: it stays theirs.
                if changed_fields(old, wanted):
                    self._found.append(Difference("keep", "frontend", declared.slug))
                continue
            if old != wanted:
                await tenants.write_frontend(self._connection, wanted)
            self._note("frontend", declared.slug, old, changed_fields(old, wanted), row_values(old, wanted))

    async def _write_permissions(self) -> None:
        """The declared ones, those that mappings name, and the service's own, which every tenant has."""
        wanted = {name: (description, False) for name, description in SERVICE_PERMISSIONS.items()}
        for mapping in self._declared.group_mappings:
            wanted.update({name: ("", True) for name in mapping.permissions if name not in wanted})
        declared = {one.name: one for one in self._declared.permissions}
        wanted.update({name: (one.description, one.delegable) for name, one in declared.items()})
        before = await permissions.by_names(self._connection, self.tenant_id, wanted)
        for name, (description, delegable) in wanted.items():
            old = before.get(name)
            if old is None:
                await permissions.insert(self._connection, self.tenant_id, name, description, delegable=delegable)
                if name not in SERVICE_PERMISSIONS:
                    self._note("permission", name, None, ())
            elif name in declared and (old.description, old.delegable) != (description, delegable):
                await permissions.update(
                    self._connection, self.tenant_id, old.id, description=description, delegable=delegable
                )
                self._note(
                    "permission",
                    name,
                    old,
                    ("description", "delegable"),
                    (Value("description", old.description, description), Value("delegable", old.delegable, delegable)),
                )

    async def write_providers(self) -> None:
        """With the common function for changes (`providers.change`), all at once: the effects may lock many people."""
        actor = Actor(self.tenant_id, None, self._applier.actor, frozenset())
        held = await ways_in.held_in_force(self._connection, self.tenant_id, sorted(ADMINISTERING))
        try:
            async with changing_providers(self._connection, self._applier.vault, actor) as changes:
                for declared in self._declared.providers:
                    await self._write_provider(changes, declared)
                for slug in self._switched_off:
                    await self._switch_off(changes, slug)
        except SharedRedirect as error:
            where = f"Tenant {self._declared.slug}, provider"
            raise ConfigurationError(
                [f"{where} {slug}, redirect_url: {told} ({error.code})" for slug, told in error.found.items()]
            ) from error
        effects = await effects_of(self._connection, changes, held)
        for place, one in enumerate(self._found):
            if one.kind == "provider" and one.name in effects:
                self._found[place] = msgspec.structs.replace(one, effects=effects[one.name])

    async def _write_provider(self, changes: ProviderChanges, declared: ProviderDeclaration) -> None:
        before = await self._locked(declared.slug)
        now = await transaction_time(self._connection)
        wanted = declared_row(self._applier, self._declared, declared, now, tenant_id=self.tenant_id, before=before)
        values = provider_values(before, wanted)
        if before is not None and before.managed_by == "API":
            # Handed over: the admins' changes since then count, until the operator takes it back.
            if values:
                self._found.append(Difference("keep", "provider", declared.slug, (), values))
            return
        self._check_stays(declared, before, wanted)
        change = ProviderChange(
            before=before,
            wanted=wanted,
            secrets=await self._secrets(declared, before, wanted),
            certificate=self._certificate(declared),
            named=settings_given(declared),
        )
        try:
            made = await changes.write(change)
        except (BadInput, Conflict) as error:
            raise ConfigurationError([f"Provider {declared.slug}: {error.message}"]) from error
        sealed = [Value(name) for name in ("client_secret", "tls_client_certificate") if name in made.fields]
        self._note("provider", declared.slug, before, made.fields, (*values, *sealed))

    async def _switch_off(self, changes: ProviderChanges, slug: str) -> None:
        """Disable an enabled provider that a file made: its people are kept."""
        before = await self._locked(slug)
        if before is None or not before.enabled or before.managed_by != "FILE":
            return
        wanted = msgspec.structs.replace(before, enabled=False)
        made = await changes.write(ProviderChange(before=before, wanted=wanted))
        self._note("provider", slug, before, made.fields, (Value("enabled", True, False),))

    async def _locked(self, slug: str) -> Provider | None:
        found = await providers.by_slug(self._connection, self.tenant_id, slug)
        return None if found is None else await provider_changes.locked(self._connection, self.tenant_id, found.id)

    def _check_stays(self, declared: ProviderDeclaration, before: Provider | None, wanted: Provider) -> None:
        """Check that stored secrets that are to stay exist, and are not sent to another address.

        Raises:
            ConfigurationError: nothing is stored, or the provider has moved.
        """
        place = f"Tenant {self._declared.slug}, provider {declared.slug}"
        if before is None and (declared.client_secret_stored or declared.tls_client_certificate_stored):
            raise ConfigurationError(
                [f"{place}: nothing is stored of it here; give client_secret_env, or the certificate's files."]
            )
        if before is not None and declared.client_secret_stored and has_moved(before, wanted):
            raise ConfigurationError(
                [f"{place}: the client secret is never sent to another address than it was entered for; give it again."]
            )

    def _certificate(self, declared: ProviderDeclaration) -> str | msgspec.UnsetType | None:
        if declared.tls_client_certificate_stored:
            return msgspec.UNSET
        certificate = client_certificate(declared, self._applier.folder)
        return None if certificate is None else certificate.reveal()

    async def _secrets(
        self, declared: ProviderDeclaration, before: Provider | None, wanted: Provider
    ) -> list[SealedSecret] | None:
        """The wanted secrets; None if they are already as declared. A provider that moves needs its secret again.

        The previous secret works for `client_secret_overlap_seconds` more, but never if another party may answer now.
        """
        if declared.client_secret_stored:
            return None
        vault, tenant_id = self._applier.vault, self.tenant_id
        secret = client_secret(declared, self._applier.environ, self._applier.folder)
        stored = await providers.secrets(self._connection, tenant_id, wanted.id) if before is not None else []
        if secret is None:
            return [] if stored else None
        has_stayed = before is not None and not has_moved(before, wanted)
        # The rest of an overlap ends by itself; any other stored secret was not declared.
        undeclared = [one for one in stored[1:] if one.expires_at is None]
        newest = opened_secret(vault, tenant_id, stored[0]) if stored else None
        is_declared = bool(stored) and not undeclared and stored[0].expires_at is None
        if is_declared and has_stayed and secret.reveal() == newest:
            return None
        fresh = [sealed_secret(vault, tenant_id, secret)]
        overlap_seconds = declared.client_secret_overlap_seconds
        if newest is not None and overlap_seconds and has_stayed:
            ends_at = await transaction_time(self._connection) + timedelta(seconds=overlap_seconds)
            # The newest is tried first, and the last one written is the newest.
            fresh.insert(0, sealed_secret(vault, tenant_id, Secret(newest), ends_at))
        return fresh


def _event(found: Difference, row_id: UUID | None) -> audit.Event:
    """The audit event of a difference, with the values of settings that may be shown."""
    old = {one.name: one.before for one in found.values} if found.action == "change" else None
    new = {one.name: one.after for one in found.values} if found.action == "change" else {"name": found.name}
    payload = {"name": found.name, "fields": list(found.fields)}
    return audit.Event(f"{found.kind}.{found.action}d", found.kind, row_id, payload, old=old, new=new)
