"""Read a declaration file, and apply it tenant by tenant."""

import difflib
import os
import re
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from identity_api.accounts.enrolment import Vocabulary, enrol
from identity_api.claims import MatchKind
from identity_api.cli.context import operator, operator_name
from identity_api.cli.provider_connections import provider_documents_for
from identity_api.cli.rehearsal import Rehearsed, mappings_of, rehearse
from identity_api.config import Settings, TenantLimits
from identity_api.config.key_file import read_private_file
from identity_api.db import tenants
from identity_api.db.database import Database
from identity_api.db.tenant_limits import beyond
from identity_api.errors import BadInput, ConfigurationError
from identity_api.group_mappings.declare import MappingDifference, declare
from identity_api.ids import uuid7
from identity_api.oidc.client_auth import APPLE_CLIENT_SECRET
from identity_api.permissions.service import SERVICE_PERMISSIONS
from identity_api.providers.checks import is_web_address
from identity_api.providers.declaration import client_certificate, client_secret, with_files
from identity_api.providers.provider_row import Owner, redirect_url
from identity_api.providers.secrets import check_apple_key
from identity_api.providers.shared_callbacks import Sharing, exceptions, joining, refusals, stored_at
from identity_api.tenants.apply import Applier, Defaults, apply_tenant, declared_row
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.overlay import NOTHING
from identity_api.tenants.stored import stored_tenants
from identity_api.tenants.toml_reader import MAX_BYTES, parse, read_tables
from identity_api.vault import Vault

STANDARD_INPUT = Path("-")
_MAY_BE_STORED = re.compile(r"missing required field|is not declared among the providers")
_PARTIAL = (
    "What is missing may be meant for a tenant that exists and keeps what the file leaves out: this check knows the file"
    " alone, and `identity-api apply --dry-run` checks it over what is stored."
)


_SIGNS = {"create": "+", "change": "~", "remove": "-", "keep": "!"}


class Change(msgspec.Struct, frozen=True):
    """One difference, in its tenant. `details` are the values before and after, and the affected people; never a
    secret.
    """

    tenant: str
    action: str
    kind: str
    name: str
    fields: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        sign = _SIGNS[self.action]
        kept = " is managed through GraphQL and stays as it is" if self.action == "keep" else ""
        told = "; ".join(self.details or self.fields)
        return f"{sign} {self.tenant}: {self.kind} {self.name}{kept}" + (f" ({told})" if told else "")


def totals_of(changes: Sequence[Change]) -> dict[str, dict[str, int]]:
    """How many things of each kind are created, changed, removed and kept."""
    found: dict[str, dict[str, int]] = {}
    for one in changes:
        of_kind = found.setdefault(one.kind, {})
        of_kind[one.action] = of_kind.get(one.action, 0) + 1
    return found


def total_lines(changes: Sequence[Change]) -> list[str]:
    """The same for people, on one line; none for a single change."""
    told = [
        f"{kind} {', '.join([f'{_SIGNS[action]} {number:,}' for action, number in sorted(of_kind.items())])}"
        for kind, of_kind in totals_of(changes).items()
    ]
    return [f"total: {'; '.join(told)}"] if len(changes) > 1 else []


def read_document(path: Path) -> bytes:
    """A file's content, or that of standard input for `-`.

    Raises:
        ConfigurationError: it cannot be read, or is not TOML.
    """
    try:
        document = _content(path)
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {error.strerror}."]) from None
    read_tables(document)
    return document


def _content(path: Path) -> bytes:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def read_declaration(path: Path) -> list[TenantDeclaration]:
    """Read and check a whole declaration, as if nothing was stored.

    Raises:
        ConfigurationError: with every problem.
    """
    document = read_document(path)
    try:
        return _closed(path, parse(document))
    except ConfigurationError as error:
        if any(_MAY_BE_STORED.search(problem) for problem in error.problems):
            raise ConfigurationError([*error.problems, _PARTIAL]) from None
        raise


async def read_over_stored(database: Database, path: Path, document: bytes) -> list[TenantDeclaration]:
    """Read and check a declaration; values that it leaves out stay as stored.

    Raises:
        ConfigurationError: with every problem.
    """
    named = [str(table.get("slug")) for table in _tenant_tables(document)]
    async with database.reading() as connection:
        stored = await stored_tenants(connection, named)
    return _closed(path, parse(document, stored=stored))


def _tenant_tables(document: bytes) -> list[dict[str, Any]]:
    found = read_tables(document).get("tenants")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _closed(path: Path, declared: list[TenantDeclaration]) -> list[TenantDeclaration]:
    """The tenants of the file, which must be closed to others if it holds secrets."""
    if path == STANDARD_INPUT:
        return declared
    if any(provider.client_secret is not None for tenant in declared for provider in tenant.providers):
        try:
            read_private_file(path, MAX_BYTES)
        except ConfigurationError as error:
            raise ConfigurationError([f"{path} holds a client secret: {one}." for one in error.problems]) from None
    return declared


def check_secrets(declared: Sequence[TenantDeclaration], folder: Path) -> None:
    """Check that every secret that a declaration refers to exists and is usable.

    Raises:
        ConfigurationError: naming each one that is not.
    """
    problems: list[str] = []
    for tenant in declared:
        for provider in tenant.providers:
            try:
                secret = client_secret(provider, os.environ, folder)
                if secret is not None and provider.client_authentication == APPLE_CLIENT_SECRET:
                    check_apple_key(secret)
                client_certificate(with_files(provider, folder), folder)
            except ConfigurationError as error:
                problems.extend(f"Tenant {tenant.slug}: {problem}" for problem in error.problems)
            except BadInput as error:
                problems.append(f"Tenant {tenant.slug}: Provider {provider.slug}: {error.message}")
    if problems:
        raise ConfigurationError(problems)


def check_derived_redirects(declared: Sequence[TenantDeclaration], settings: Settings) -> None:
    """Check that redirect URLs that follow from the public URL can be registered at a provider.

    Raises:
        ConfigurationError: naming each provider whose redirect URL would be plain http on another machine.
    """
    problems: list[str] = []
    for tenant in declared:
        owner = Owner(uuid7(), tenant.slug, tenant.hosts)
        for provider in tenant.providers:
            address = provider.redirect_url or redirect_url(
                provider.protocol, provider.slug, owner, defaults_of(settings)
            )
            if provider.redirect_url is None and not is_web_address(address):
                problems.append(
                    f"Tenant {tenant.slug}, provider {provider.slug}: its redirect URL would be {address}, which is not https."
                    f" Make IDENTITY_PUBLIC_URL, which is {settings.public_url} now, an https address, or give redirect_url."
                )
    if problems:
        raise ConfigurationError(problems)


def check_mappings(declared: Sequence[TenantDeclaration], limits: TenantLimits) -> None:
    """Check that no tenant declares more mappings than it may have; `declare` also counts those made elsewhere.

    Raises:
        LimitReached: before anything is written.
    """
    for tenant in declared:
        globs = [one for one in tenant.group_mappings if one.match is MatchKind.GLOB]
        for name, number in (("max_mappings", len(tenant.group_mappings)), ("max_glob_mappings", len(globs))):
            if number > getattr(limits, name):
                raise beyond(limits, name, number)


class Applied(msgspec.Struct, frozen=True):
    """The differences that were or would be made, and the notices for the operator."""

    changes: list[Change]
    notices: list[str]
    sets: list[Rehearsed] = []
    """Of a dry run: what it would do to people, by tenant."""


async def apply_declaration(
    database: Database,
    settings: Settings,
    declared: Sequence[TenantDeclaration],
    folder: Path,
    *,
    prune: bool | Collection[str],
    dry_run: bool,
    create_permissions: bool = False,
    switch_off: Sequence[tuple[str, str]] = (),
) -> Applied:
    """Apply each tenant, then its mappings; workers write the grants that follow.

    Interrupted between two tenants or mappings, running it again finishes the work.

    Args:
        database: the database.
        settings: for values that a declaration leaves out.
        declared: whole tenants.
        folder: the base of files that it refers to.
        prune: delete file-managed mappings that are not declared: of all tenants, or of the named ones.
        dry_run: return the differences, and what they would do to people; make nothing.
        create_permissions: a mapping may give an undeclared permission.
        switch_off: tenant and slug of providers that a file made and that are to be disabled.

    Raises:
        ConfigurationError: a secret is missing, a derived redirect URL is not https, or callbacks at a shared redirect URL
            would be refused (nothing is written then), or a host belongs to another tenant.
        LimitReached: a tenant would exceed a limit; nothing of that tenant is written.
    """
    check_secrets(declared, folder)
    check_derived_redirects(declared, settings)
    check_mappings(declared, database.limits)
    applier = Applier(Vault(settings.secret_keys), defaults_of(settings), os.environ, folder, operator_name())
    notices = await check_arrivals(database, settings, applier, declared)
    await check_users(database, declared)
    if not create_permissions:
        await check_catalogue(database, declared)
    changes: list[Change] = []
    pruned = [one.slug for one in declared if (prune if isinstance(prune, bool) else one.slug in prune)]
    for tenant in declared:
        off = [slug for name, slug in switch_off if name == tenant.slug]
        changes += await _apply_one(
            database, applier, tenant, prune=tenant.slug in pruned, dry_run=dry_run, switch_off=off
        )
    if not dry_run:
        return Applied(changes, notices)
    sets = await rehearse(database, declared, pruned, applier=applier, switch_off=switch_off)
    return Applied(changes, notices, sets)


async def _apply_one(
    database: Database,
    applier: Applier,
    tenant: TenantDeclaration,
    *,
    prune: bool,
    dry_run: bool,
    switch_off: Sequence[str],
) -> list[Change]:
    """Apply one tenant, its mappings and its users; returns the differences."""
    edited = await _edited(database, tenant, prune=prune)
    tenant_id, found = await apply_tenant(database, applier, tenant, dry_run=dry_run, switch_off=switch_off)
    if not dry_run:
        await declare(database, operator(tenant_id), mappings_of(tenant), prune=prune)
    users = await enrol(database, operator(tenant_id), tenant.users, dry_run=dry_run, beside=_vocabulary(tenant))
    return [
        *[
            Change(tenant.slug, one.action, one.kind, one.name, one.fields, (*map(str, one.values), *one.effects))
            for one in found
        ],
        *[Change(tenant.slug, one.action, "mapping", one.group, (), one.details) for one in edited],
        *[Change(tenant.slug, "create", one.kind, one.name) for one in users],
    ]


async def _edited(database: Database, tenant: TenantDeclaration, *, prune: bool) -> list[MappingDifference]:
    """The differences of the mappings, and the people they affect in the current state of the tenant."""
    async with database.reading() as connection:
        before = await tenants.by_slug(connection, tenant.slug)
    actor = operator(before.id if before else uuid7())
    return await declare(database, actor, mappings_of(tenant), prune=prune, dry_run=True)


async def check_catalogue(database: Database, declared: Sequence[TenantDeclaration]) -> None:
    """Check that mappings give existing permissions: a misspelled name must not become a permission. A tenant that has
    no permissions yet gets those that its mappings name.

    Raises:
        ConfigurationError: naming each permission that is neither declared nor stored.
    """
    problems: list[str] = []
    async with database.reading() as connection:
        stored = await stored_tenants(connection, [one.slug for one in declared])
    for tenant in declared:
        there = {*[one.name for one in tenant.permissions], *stored.get(tenant.slug, NOTHING).permissions}
        mapped = {name for one in tenant.group_mappings for name in one.permissions}
        for name in sorted(mapped - there - set(SERVICE_PERMISSIONS)) if there else ():
            near = difflib.get_close_matches(name, there, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            problems.append(
                f"Tenant {tenant.slug}: a mapping gives {name}, which is no permission of the tenant.{meant} Declare it under"
                " [[tenants.permissions]], or say --create-permissions."
            )
    if problems:
        raise ConfigurationError(problems)


async def check_users(database: Database, declared: Sequence[TenantDeclaration]) -> None:
    """Check that every declared user can be entered.

    Raises:
        ConfigurationError: with every problem.
    """
    problems: list[str] = []
    for tenant in declared:
        async with database.reading() as connection:
            stored = await tenants.by_slug(connection, tenant.slug)
        actor = operator(stored.id if stored else uuid7())
        try:
            await enrol(database, actor, tenant.users, dry_run=True, beside=_vocabulary(tenant))
        except ConfigurationError as error:
            problems += [f"Tenant {tenant.slug}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigurationError(problems)


def _vocabulary(tenant: TenantDeclaration) -> Vocabulary:
    """The parts that a declaration makes before its users."""
    mapped = [name for one in tenant.group_mappings for name in one.permissions]
    return Vocabulary(
        {one.slug: one.sync_mode for one in tenant.providers},
        {one.slug: one.enabled for one in tenant.providers},
        {*mapped, *[one.name for one in tenant.permissions]},
    )


async def check_arrivals(
    database: Database, settings: Settings, applier: Applier, declared: Sequence[TenantDeclaration]
) -> list[str]:
    """Check that callbacks will be accepted at redirect URLs that become shared; returns the accepted exceptions.

    Providers are asked only if a declared one is new at an address that others use.

    Raises:
        ConfigurationError: naming each provider whose callbacks would be refused, stored ones included.
    """
    now = datetime.now(UTC)
    rows = [
        Sharing(tenant.slug, declared_row(applier, tenant, provider, now))
        for tenant in declared
        for provider in tenant.providers
    ]
    async with database.reading() as connection:
        stored = await stored_at(connection, [one.provider.redirect_url for one in rows])
    sharing = [one for sharers in joining(rows, stored) for one in sharers]
    if not sharing:
        return []
    async with provider_documents_for(settings) as documents:
        problems = await refusals(database, applier.vault, documents, sharing)
    if problems:
        raise ConfigurationError(problems)
    return exceptions(sharing)


def defaults_of(settings: Settings) -> Defaults:
    """The values of settings that a provider's declaration leaves out."""
    return Defaults(
        settings.public_url,
        settings.sync_interval_seconds,
        settings.outage_grace_seconds,
        settings.unsynced_lease_seconds,
    )
