"""Reads a declaration file, and applies it tenant by tenant."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from identity_api.accounts.enrolment import Vocabulary, enrol
from identity_api.cli.asking import provider_documents_for
from identity_api.cli.context import operator, operator_name
from identity_api.config import Settings, TenantLimits
from identity_api.config.key_file import read_private_file
from identity_api.db import tenants
from identity_api.db.database import Database
from identity_api.db.tenant_limits import beyond
from identity_api.errors import BadInput, ConfigurationError
from identity_api.ids import uuid7
from identity_api.mapping import MatchKind
from identity_api.mappings.declare import DeclaredMapping, declare
from identity_api.oidc.client_auth import APPLE_CLIENT_SECRET
from identity_api.tenants.apply import Applier, Defaults, apply_tenant, declared_row
from identity_api.tenants.arrivals import Sharing, exceptions, joining, refusals, stored_at
from identity_api.tenants.declaration import (
    MAX_BYTES,
    TenantDeclaration,
    client_certificate,
    client_secret,
    parse,
    with_files,
)
from identity_api.tenants.provider_secrets import check_apple_key
from identity_api.vault import Vault

STANDARD_INPUT = Path("-")


class Change(msgspec.Struct, frozen=True):
    """One difference, in its tenant. `fields` names what changed, never a value."""

    tenant: str
    action: str
    kind: str
    name: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        sign = {"create": "+", "change": "~", "remove": "-"}[self.action]
        detail = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{sign} {self.tenant}: {self.kind} {self.name}{detail}"


def read_declaration(path: Path) -> list[TenantDeclaration]:
    """Read and check a file, or standard input for `-`. A file with secrets in it must be closed to others.

    Raises:
        ConfigurationError: with every problem.
    """
    if path == STANDARD_INPUT:
        return parse(sys.stdin.buffer.read(MAX_BYTES + 1))
    try:
        with path.open("rb") as file:
            declared = parse(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {error.strerror}."]) from None
    if any(provider.client_secret is not None for tenant in declared for provider in tenant.providers):
        try:
            read_private_file(path, MAX_BYTES)
        except ConfigurationError as error:
            raise ConfigurationError([f"{path} holds a client secret: {one}." for one in error.problems]) from None
    return declared


def check_secrets(declared: Sequence[TenantDeclaration], folder: Path) -> None:
    """See that every secret that a declaration refers to is there, and can be one.

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


def check_mappings(declared: Sequence[TenantDeclaration], limits: TenantLimits) -> None:
    """See that no tenant alone declares more mappings than it may have; with those made elsewhere, `declare` counts.

    Raises:
        LimitReached: before anything is written.
    """
    for tenant in declared:
        globs = [one for one in tenant.group_mappings if one.match is MatchKind.GLOB]
        for name, number in (("max_mappings", len(tenant.group_mappings)), ("max_glob_mappings", len(globs))):
            if number > getattr(limits, name):
                raise beyond(limits, name, number)


class Applied(msgspec.Struct, frozen=True):
    """What an application made, or would make, and what the operator has to know of it."""

    changes: list[Change]
    notices: list[str]


async def apply_declaration(
    database: Database,
    settings: Settings,
    declared: Sequence[TenantDeclaration],
    folder: Path,
    *,
    prune: bool,
    rehearse: bool,
) -> Applied:
    """Apply each tenant, then its mappings; workers write the grants that follow.

    Interrupted between two tenants or mappings, running it again finishes the work.

    Raises:
        ConfigurationError: a secret is missing, or callbacks at a shared redirect URL would be refused (nothing is written
            then), or a host belongs to another tenant.
        LimitReached: a tenant would have more of something than it may; of that tenant nothing is written.
    """
    check_secrets(declared, folder)
    check_mappings(declared, database.limits)
    applier = Applier(Vault(settings.secret_keys), defaults_of(settings), os.environ, folder, operator_name())
    notices = await check_arrivals(database, settings, applier, declared)
    await check_users(database, declared)
    changes: list[Change] = []
    for tenant in declared:
        tenant_id, found = await apply_tenant(database, applier, tenant, rehearse=rehearse)
        changes.extend(Change(tenant.slug, one.action, one.kind, one.name, one.fields) for one in found)
        mappings = [
            DeclaredMapping(one.provider, one.group, one.match, one.permissions, one.enabled)
            for one in tenant.group_mappings
        ]
        edited = await declare(database, operator(tenant_id), mappings, prune=prune, rehearse=rehearse)
        changes.extend(Change(tenant.slug, one.action, "mapping", one.group) for one in edited)
        users = await enrol(database, operator(tenant_id), tenant.users, rehearse=rehearse, beside=_vocabulary(tenant))
        changes.extend(Change(tenant.slug, "create", one.kind, one.name) for one in users)
    return Applied(changes, notices)


async def check_users(database: Database, declared: Sequence[TenantDeclaration]) -> None:
    """See that every declared user can be entered.

    Raises:
        ConfigurationError: with every problem.
    """
    problems: list[str] = []
    for tenant in declared:
        async with database.reading() as connection:
            stored = await tenants.by_slug(connection, tenant.slug)
        actor = operator(stored.id if stored else uuid7())
        try:
            await enrol(database, actor, tenant.users, rehearse=True, beside=_vocabulary(tenant))
        except ConfigurationError as error:
            problems += [f"Tenant {tenant.slug}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigurationError(problems)


def _vocabulary(tenant: TenantDeclaration) -> Vocabulary:
    """What a declaration makes before its users."""
    mapped = [name for one in tenant.group_mappings for name in one.permissions]
    return Vocabulary(
        {one.slug: one.sync_mode for one in tenant.providers}, {*mapped, *[one.name for one in tenant.permissions]}
    )


async def check_arrivals(
    database: Database, settings: Settings, applier: Applier, declared: Sequence[TenantDeclaration]
) -> list[str]:
    """See that logins will arrive at redirect URLs that become shared; returns what was accepted all the same.

    Providers are asked only where a declared one is new at an address that others use.

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
    """What providers get where their declaration is silent."""
    return Defaults(
        settings.public_url,
        settings.sync_interval_seconds,
        settings.outage_grace_seconds,
        settings.unsynced_lease_seconds,
    )
