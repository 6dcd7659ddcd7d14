"""Read other systems' files and variables, and apply them like a declaration."""

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from identity_api.cli.declaration import Applied, apply_declaration
from identity_api.cli.provider_connections import upstream_for
from identity_api.config import Settings
from identity_api.config.key_file import read_private_file
from identity_api.db import local_accounts, mappings, permissions, providers, tenants
from identity_api.db.database import Connection, Database
from identity_api.errors import BadInput, ConfigurationError
from identity_api.permissions.service import SERVICE_PREFIX
from identity_api.providers.checks import stands_for_many
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.checks import problems_of
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.importing import Imported, Target, read_any, read_variables
from identity_api.tenants.importing.exact_issuers import with_exact_issuers
from identity_api.tenants.importing.inference import IMPORTED_FRONTEND
from identity_api.tenants.toml_reader import MAX_BYTES
from identity_api.web.pages.icons import ICONS


def target_of(
    slug: str | None,
    name: str | None,
    hosts: Sequence[str],
    directories: Sequence[str] = (),
    frontend_url: str | None = None,
) -> Target:
    """The options of the command, which add to the forms.

    Raises:
        BadInput: a name or hosts without a tenant, or a directory that is not written TENANT=ID.
    """
    if slug is None and (name is not None or hosts):
        raise BadInput("Say with --tenant whose name or host this is.")
    found: dict[str, tuple[str, ...]] = {}
    for said in directories:
        tenant, mark, directory = said.partition("=")
        if not mark or not tenant or not directory:
            # Never for all tenants together: people of one customer could sign in at another.
            raise BadInput(f"--allowed-directory says whose it is: TENANT=ID, not {said!r}.")
        found[tenant] = (*found.get(tenant, ()), directory.lower())
    return Target(slug=slug, name=name, hosts=tuple(hosts), directories=found, frontend_url=frontend_url)


async def with_stored_hosts(database: Database, target: Target) -> Target:
    """The target with the existing hosts of its tenant: first those of its redirect URLs, which stay there."""
    if target.slug is None:
        return target
    async with database.reading() as connection:
        stored = await tenants.by_slug(connection, target.slug)
        if stored is None:
            return target
        hosts = await tenants.hosts(connection, stored.id)
        used = [urlsplit(one.redirect_url).hostname for one in await providers.of_tenant(connection, stored.id)]
    registered = [host for host in used if host in hosts]
    return msgspec.structs.replace(target, hosts=tuple(dict.fromkeys([*registered, *target.hosts, *hosts])))


def read_forms(files: Sequence[Path], target: Target, *, environment: bool) -> Imported:
    """Read every file, and with `environment` this process's variables, which win over Infrahub's one file.

    Raises:
        BadInput: there is nothing to read, or the sources cannot be combined.
        ConfigurationError: with every problem, each with its file's name; no message holds a secret.
    """
    if environment:
        imported = _variables(files, target)
    else:
        if not files:
            raise BadInput("Name a file, or --environment.")
        if target.slug is not None and len(files) > 1:
            raise BadInput("--tenant, --name and --host are for one file.")
        imported = _files(files, target)
    _check_directories(imported, target)
    return imported


def _variables(files: Sequence[Path], target: Target) -> Imported:
    if target.slug is None or len(files) > 1:
        raise BadInput("--environment needs --tenant, and goes with one file at most: Infrahub's.")
    imported = read_variables(os.environ, target, document=_content(files[0]) if files else None)
    for path in files:
        _check_closed(path, imported)
    return imported


def _files(files: Sequence[Path], target: Target) -> Imported:
    found: list[Imported] = []
    problems: list[str] = []
    for path in files:
        try:
            imported = read_any(_content(path), target)
            _check_closed(path, imported)
        except ConfigurationError as error:
            problems += [f"{path}: {problem}" for problem in error.problems]
            continue
        notices = [f"{path}: {notice}" for notice in imported.notices]
        found.append(msgspec.structs.replace(imported, notices=notices))
    declared = [tenant for one in found for tenant in one.tenants]
    problems = problems or problems_of(declared)  # each is valid by itself, but two may be the same tenant
    if problems:
        raise ConfigurationError(problems)
    return Imported(
        declared,
        [notice for one in found for notice in one.notices],
        guesses=tuple([guess for one in found for guess in one.guesses]),
        stated=tuple([stated for one in found for stated in one.stated]),
        switched_off=tuple([off for one in found for off in one.switched_off]),
        mapped=tuple([slug for one in found for slug in one.mapped]),
    )


def _check_directories(imported: Imported, target: Target) -> None:
    """Refuse an option for a directory that no form needs.

    Raises:
        ConfigurationError: naming each.
    """
    asking = {
        tenant.slug
        for tenant in imported.tenants
        if any(stands_for_many(provider.issuer) for provider in tenant.providers)
    }
    problems = [
        f"--allowed-directory {slug}=...: no form has a provider of a tenant {slug} whose issuer stands for many directories."
        for slug in target.directories
        if slug not in asking
    ]
    if problems:
        raise ConfigurationError(problems)


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """The options of an import."""

    named: bool = False
    """An existing tenant gets the name of the option."""
    offline: bool = False
    """No provider is asked for its exact issuer."""
    prune: bool = False
    dry_run: bool = False
    create_permissions: bool = False
    accepting: tuple[str, ...] = ()
    """Tenants whose providers are accepted at a shared redirect URL without `iss`."""


async def apply_forms(database: Database, settings: Settings, imported: Imported, wishes: Wishes) -> Applied:
    """Apply the imported tenants. An existing tenant keeps what no form sets: its hosts, its name unless an option sets
    it, its policy.

    Raises:
        ConfigurationError: as `apply_declaration`; an issuer is not known.
    """
    imported = await _with_issuers(database, settings, imported, wishes)
    declared = _accepting(_with_hosts(imported.tenants, urlsplit(settings.public_url).hostname or ""), wishes.accepting)
    notices = [*imported.notices, *_icon_notices(declared)]
    declared = [await _kept(database, tenant, imported, named=wishes.named) for tenant in declared]
    left = await left_over(database, declared, imported)
    notices += left.kept_notices() if wishes.prune else [*left.notices(), *left.kept_notices()]
    done = await apply_declaration(
        database,
        settings,
        declared,
        Path(),
        prune=imported.mapped if wishes.prune else False,
        dry_run=wishes.dry_run,
        create_permissions=wishes.create_permissions,
        switch_off=[*imported.switched_off, *(left.providers if wishes.prune else ())],
    )
    return Applied(done.changes, [*notices, *done.notices], done.sets)


class LeftOver(msgspec.Struct, frozen=True):
    """Parts that an earlier import or file made, and that the forms no longer contain."""

    providers: list[tuple[str, str]]
    mappings: list[tuple[str, str]]
    permissions: list[tuple[str, str]]
    frontends: list[tuple[str, str]]

    def notices(self) -> list[str]:
        """The parts that are still in force, and how to end that."""
        told = [
            f"tenant {tenant!r}: provider {slug} is in no form any more and stays on" for tenant, slug in self.providers
        ]
        told += [
            f"tenant {tenant!r}: the mapping of {group} is in no form any more and stays in force"
            for tenant, group in self.mappings
        ]
        return [f"{one}; --prune takes it away." for one in told]

    def kept_notices(self) -> list[str]:
        """The parts that are left over and that no import removes, with the command to run."""
        told = [
            f"tenant {tenant!r}: permission {name} is left over: no form names it, and who was given it by hand keeps it."
            f" `identity-api revoke {tenant} USER {name}` takes it from a person, and `deletePermission` in GraphQL from the"
            " catalogue once nothing uses it."
            for tenant, name in self.permissions
        ]
        told += [
            f"tenant {tenant!r}: frontend {slug} is left over: no form names it, and logins can still be delivered there."
            f" Apply a declaration of it without addresses (slug = {slug!r}, origins = [], return_urls = []) to end that."
            for tenant, slug in self.frontends
        ]
        return told


async def left_over(database: Database, declared: Sequence[TenantDeclaration], imported: Imported) -> LeftOver:
    """Look for it among the parts that files manage."""
    found = LeftOver([], [], [], [])
    for tenant in declared:
        there = {*[one.slug for one in tenant.providers], *[slug for _, slug in imported.switched_off]}
        wanted = {(one.provider, one.match.value, one.group) for one in tenant.group_mappings}
        async with database.reading() as connection:
            stored = await tenants.by_slug(connection, tenant.slug)
            if stored is None:
                continue
            for row in await providers.of_tenant(connection, stored.id):
                if row.managed_by == "FILE" and row.enabled and row.slug not in there:
                    found.providers.append((tenant.slug, row.slug))
            if not tenant.frontends and tenant.slug not in imported.mapped:
                there_now = {one.slug for one in await tenants.frontends(connection, stored.id) if one.return_urls}
                if IMPORTED_FRONTEND in there_now:
                    found.frontends.append((tenant.slug, IMPORTED_FRONTEND))
            if tenant.permissions:
                found.permissions.extend(await _permissions_beyond(connection, stored.id, tenant))
            if tenant.slug in imported.mapped:
                for one in await mappings.page(connection, stored.id, after=None, first=100_000):
                    key = (one.provider_slug, one.match, one.pattern)
                    if one.managed_by == "FILE" and key not in wanted:
                        found.mappings.append((tenant.slug, one.pattern))
    return found


async def _permissions_beyond(
    connection: Connection, tenant_id: UUID, tenant: TenantDeclaration
) -> list[tuple[str, str]]:
    """The tenant's permissions that are missing in the form's catalogue, if it has one."""
    named = {one.name for one in tenant.permissions}
    named |= {name for one in tenant.group_mappings for name in one.permissions}
    there = [one.name for one in await permissions.page(connection, tenant_id, after=None, first=100_000)]
    return [(tenant.slug, name) for name in there if name not in named and not name.startswith(SERVICE_PREFIX)]


async def _with_issuers(database: Database, settings: Settings, imported: Imported, wishes: Wishes) -> Imported:
    known = await _known_issuers(database, {guess.tenant for guess in imported.guesses})
    async with upstream_for(settings) as upstream:
        return await with_exact_issuers(None if wishes.offline else upstream, imported, known)


async def _known_issuers(database: Database, slugs: Collection[str]) -> dict[tuple[str, str, str], str]:
    """The results of earlier imports, by tenant, provider and address of the document."""
    found = {}
    async with database.reading() as connection:
        for slug in slugs:
            stored = await tenants.by_slug(connection, slug)
            for row in await providers.of_tenant(connection, stored.id) if stored is not None else ():
                if row.discovery_url is not None:
                    found[slug, row.slug, row.discovery_url] = row.issuer
    return found


def _with_hosts(declared: Sequence[TenantDeclaration], public_host: str) -> list[TenantDeclaration]:
    """The tenants with the hosts of their redirect URLs: callbacks arrive there, so the service must answer there.

    Raises:
        ConfigurationError: several tenants share such a host, which is only allowed for the public one.
    """
    wanted: dict[str, list[str]] = {}
    for tenant in declared:
        for host in {urlsplit(one.redirect_url).hostname or "" for one in tenant.providers if one.redirect_url}:
            if host != public_host and host not in tenant.hosts:
                wanted.setdefault(host, []).append(tenant.slug)
    taken = {host for tenant in declared for host in tenant.hosts}
    problems = [
        f"The redirect URLs of tenants {', '.join(slugs)} are on {host}, which is the host of none of them alone: make it"
        f" the host of IDENTITY_PUBLIC_URL, which is {public_host} now."
        for host, slugs in sorted(wanted.items())
        if len(slugs) > 1 or host in taken
    ]
    if problems:
        raise ConfigurationError(problems)
    own = {slugs[0]: [*[host for host, others in wanted.items() if others == slugs]] for slugs in wanted.values()}
    return [msgspec.structs.replace(tenant, hosts=(*tenant.hosts, *own.get(tenant.slug, ()))) for tenant in declared]


def _accepting(declared: Sequence[TenantDeclaration], slugs: Sequence[str]) -> list[TenantDeclaration]:
    """The tenants; the named ones get the operator's exception for shared redirect URLs.

    Raises:
        ConfigurationError: no form has such a tenant.
    """
    problems = [
        f"--accept-without-iss {slug}: no form has a tenant {slug}." for slug in slugs if slug not in _slugs(declared)
    ]
    if problems:
        raise ConfigurationError(problems)

    def provider(one: ProviderDeclaration) -> ProviderDeclaration:
        return msgspec.structs.replace(one, accept_without_iss=True)

    return [
        msgspec.structs.replace(one, providers=tuple(map(provider, one.providers))) if one.slug in slugs else one
        for one in declared
    ]


def _slugs(declared: Sequence[TenantDeclaration]) -> set[str]:
    return {one.slug for one in declared}


def _icon_notices(declared: Sequence[TenantDeclaration]) -> list[str]:
    return [
        f"tenant {tenant.slug!r}, provider {provider.slug!r}: the icon {provider.icon} does not come with this service; its"
        " button shows a letter. `data:image/...` addresses are shown as they are."
        for tenant in declared
        for provider in tenant.providers
        if provider.icon and re.fullmatch(r"[a-z]+:[a-z0-9-]+", provider.icon) and provider.icon not in ICONS
    ]


async def _kept(
    database: Database, declared: TenantDeclaration, imported: Imported, *, named: bool
) -> TenantDeclaration:
    async with database.reading() as connection:
        before = await tenants.by_slug(connection, declared.slug)
        if before is None:
            return declared
        hosts = await tenants.hosts(connection, before.id)
        policy = await local_accounts.policy(connection, before.id)
    is_off = (declared.slug, before.default_provider) in imported.switched_off
    return msgspec.structs.replace(
        declared,
        name=declared.name if named else before.name,
        hosts=tuple(dict.fromkeys([*declared.hosts, *hosts])),
        default_provider=declared.default_provider or (None if is_off else before.default_provider),
        local_sign_in=policy.local_sign_in,
        sso_managed=policy.sso_managed,
    )


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {error.strerror}."]) from None


def _check_closed(path: Path, imported: Imported) -> None:
    """A file with client secrets in it must be closed to others."""
    if any(provider.client_secret for tenant in imported.tenants for provider in tenant.providers):
        try:
            read_private_file(path, MAX_BYTES)
        except ConfigurationError as error:
            raise ConfigurationError([f"it holds a client secret: {problem}." for problem in error.problems]) from None
