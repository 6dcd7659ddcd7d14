"""Other systems' files and variables, read and applied as a declaration would be."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from identity_api.cli.declaration import Change, apply_declaration
from identity_api.config import Settings
from identity_api.config.key_file import read_private_file
from identity_api.db import local_accounts, tenants
from identity_api.db.database import Database
from identity_api.errors import BadInput, ConfigurationError
from identity_api.tenants.checks import problems_of
from identity_api.tenants.declaration import MAX_BYTES, TenantDeclaration
from identity_api.tenants.importing import Imported, Target, read_any, read_variables


class Import(msgspec.Struct, frozen=True):
    """What an import made, or would make, and what is different here from where it came from."""

    changes: list[Change]
    notices: list[str]


def target_of(slug: str | None, name: str | None, hosts: Sequence[str], directories: Sequence[str]) -> Target | None:
    """The tenant to import into, if one is named; called by its slug without a name.

    Raises:
        BadInput: a name or hosts without a tenant.
    """
    if slug is None:
        if name is not None or hosts:
            raise BadInput("Say with --tenant whose name or host this is.")
        return None
    return Target(slug=slug, name=name or slug, hosts=tuple(hosts), allowed_directories=tuple(directories))


def read_forms(
    files: Sequence[Path], target: Target | None, *, environment: bool, directories: Sequence[str] = ()
) -> Imported:
    """Read every file, and with `environment` this process's variables, which win over Infrahub's one file.

    Raises:
        BadInput: there is nothing to read, or it cannot be read together.
        ConfigurationError: with every problem, each with its file's name; no message holds a secret.
    """
    if environment:
        if target is None or len(files) > 1:
            raise BadInput("--environment needs --tenant, and goes with one file at most: Infrahub's.")
        imported = read_variables(os.environ, target, document=_content(files[0]) if files else None)
        for path in files:
            _check_closed(path, imported)
        return imported
    if not files:
        raise BadInput("Name a file, or --environment.")
    found: list[TenantDeclaration] = []
    notices: list[str] = []
    problems: list[str] = []
    for path in files:
        try:
            imported = read_any(_content(path), target, allowed_directories=tuple(directories))
            _check_closed(path, imported)
        except ConfigurationError as error:
            problems += [f"{path}: {problem}" for problem in error.problems]
            continue
        found += imported.tenants
        notices += [f"{path}: {notice}" for notice in imported.notices]
    problems = problems or problems_of(found)  # each is in order by itself: two may be the same tenant
    if problems:
        raise ConfigurationError(problems)
    return Imported(found, notices)


async def apply_forms(
    database: Database, settings: Settings, imported: Imported, *, named: bool, rehearse: bool
) -> Import:
    """Apply what was read. A tenant that exists keeps what no form says: its hosts, its name unless `named`, its policy.

    Raises:
        ConfigurationError: as `apply_declaration`.
    """
    declared = [await _kept(database, tenant, named=named) for tenant in imported.tenants]
    changes = await apply_declaration(database, settings, declared, Path(), prune=False, rehearse=rehearse)
    return Import(changes, imported.notices)


async def _kept(database: Database, declared: TenantDeclaration, *, named: bool) -> TenantDeclaration:
    async with database.reading() as connection:
        before = await tenants.by_slug(connection, declared.slug)
        if before is None:
            return declared
        hosts = await tenants.hosts(connection, before.id)
        policy = await local_accounts.policy(connection, before.id)
    return msgspec.structs.replace(
        declared,
        name=declared.name if named else before.name,
        hosts=tuple(dict.fromkeys([*declared.hosts, *hosts])),
        default_provider=declared.default_provider or before.default_provider,
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
