"""Change a provider as the operator: parse the arguments into fields and secrets, and call the use case."""

import os
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from identity_api.cli.context import operator, read_settings, run_on_database, tenant_named
from identity_api.cli.declaration import defaults_of
from identity_api.cli.providers import allowed_targets
from identity_api.config import Secret, Settings
from identity_api.config.key_file import read_private_file
from identity_api.db import provider_listing, providers
from identity_api.db.database import Database
from identity_api.db.provider_listing import SecretRecord
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, NotFound
from identity_api.permissions.delegation import Actor
from identity_api.providers.activation import preview_deletion
from identity_api.providers.deps import ProviderDeps
from identity_api.providers.secrets import MAX_LENGTH, NewSecret
from identity_api.providers.shared_callbacks import exceptions, refusals, stored_at
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from identity_api.vault import Vault

T = TypeVar("T")
Change = Callable[[ProviderDeps, Actor, Provider], Awaitable[T]]


class SecretOptions(msgspec.Struct, frozen=True):
    """The source of the secret. Never the command line itself, which every process of the machine can read."""

    stdin: bool
    variable: str | None
    file: Path | None
    days: int | None

    def read(self) -> NewSecret | None:
        """The secret, or None if no source was named.

        Raises:
            BadInput: several sources, or one without a secret.
            ConfigurationError: the file cannot be read, or others may read it.
        """
        places = [self.stdin, self.variable is not None, self.file is not None]
        if not any(places):
            return None
        if places.count(True) > 1:
            raise BadInput("Name one place where the secret is.")
        expires_at = None if self.days is None else datetime.now(UTC) + timedelta(days=self.days)
        # Editors and echo add a line end; no secret ends in whitespace.
        return NewSecret(Secret(self._text().strip()), expires_at)

    def _text(self) -> str:
        if self.variable is not None:
            if self.variable not in os.environ:
                raise BadInput(f"The variable {self.variable} is not set.")
            return os.environ[self.variable]
        content = read_private_file(self.file, MAX_LENGTH) if self.file else sys.stdin.buffer.read(MAX_LENGTH + 2)
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise BadInput("The secret is not text.") from None


def fields_of(settings: Sequence[str], *, empty: Sequence[str] = ()) -> dict[str, Any]:
    """Fields of a declaration from `NAME=VALUE`, each value as TOML or, if that cannot be parsed, as text.

    Raises:
        BadInput: a setting without a name.
    """
    fields: dict[str, Any] = {}
    for setting in settings:
        name, mark, value = setting.partition("=")
        if not mark or not name.strip():
            raise BadInput(f"Settings are written NAME=VALUE, not {setting.partition('=')[0]!r}.")
        try:
            fields[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            fields[name.strip()] = value.strip()
    return fields | dict.fromkeys(empty)


def change_provider(tenant: str, slug: str, change: Change[T]) -> T:
    """Run a change of a provider, which is given by its names.

    Raises:
        NotFound: there is no such tenant or provider.
        IdentityAPIError: as the use case says.
    """

    async def work(deps: ProviderDeps, actor: Actor) -> T:
        async with deps.database.reading() as connection:
            found = await providers.by_slug(connection, actor.tenant_id, slug)
        if found is None:
            raise NotFound(f"Tenant {tenant} has no provider {slug}. `identity-api provider list {tenant}` shows all.")
        return await change(deps, actor, found)

    return administer(tenant, work)


def administer(tenant: str, work: Callable[[ProviderDeps, Actor], Awaitable[T]]) -> T:
    """Run a use case as the operator.

    Raises:
        NotFound: there is no such tenant.
    """
    settings = read_settings()

    async def on(database: Database) -> T:
        tenant_id: UUID = await tenant_named(database, tenant)
        async with _deps(database, settings) as deps:
            return await work(deps, operator(tenant_id))

    return run_on_database(settings, on)


@asynccontextmanager
async def _deps(database: Database, settings: Settings) -> AsyncIterator[ProviderDeps]:
    allow = allowed_targets(settings)
    upstream = Upstream(allow=allow)
    documents = provider_documents(upstream, monotonic=time.monotonic)
    try:
        yield ProviderDeps(
            database=database,
            vault=Vault(settings.secret_keys),
            documents=documents,
            allow=allow,
            defaults=defaults_of(settings),
        )
    finally:
        await documents.aclose()
        await upstream.aclose()


async def arrival_notices(deps: ProviderDeps, actor: Actor, slug: str) -> list[str]:
    """The providers whose logins are refused from now on because of the shared redirect URL, possibly including this
    one.
    """
    async with deps.database.reading() as connection:
        provider = await providers.by_slug(connection, actor.tenant_id, slug)
        sharing = await stored_at(connection, [provider.redirect_url]) if provider and provider.enabled else []
    if len({one.answers_at for one in sharing}) < 2:
        return []
    return [*await refusals(deps.database, deps.vault, deps.documents, sharing), *exceptions(sharing)]


async def stored_secrets(deps: ProviderDeps, actor: Actor, provider: Provider) -> tuple[SecretRecord, ...]:
    """The provider's secrets without their values."""
    async with deps.database.reading() as connection:
        found = await provider_listing.get(connection, actor.tenant_id, provider.id)
    return found.secrets if found else ()


async def footprint_lines(deps: ProviderDeps, actor: Actor, provider: Provider) -> list[str]:
    """A preview of the provider's deletion: everything that prevents it, and what would be deleted with it.

    Raises:
        NotFound: it has just been deleted.
    """
    found = await preview_deletion(deps, actor, provider.id)
    secrets = await stored_secrets(deps, actor, provider)
    return [
        f"enabled: {'yes' if provider.enabled else 'no'}",
        f"identities: {found.identities} (live sessions: {found.sessions})",
        f"mappings: {found.mappings}",
        f"client secrets: {len(secrets)}",
    ]
