"""Create and change providers, as a tenant's admin or the operator: one function and one transaction for each change.

Checks (`checks`, `rules`) and rows (`provider_row`) are the same as for files. A change takes effect everywhere with its
commit, because rows are read per request; only what a provider publishes is kept in memory, by its address, for up to an
hour. `activation` enables, disables and deletes; `secrets` and `metadata` do what their names say.

Decision: a provider's move to another address ends its logins.
  Context: another issuer, metadata document or endpoint may belong to somebody else, who would be sent what the old one
  issued: the client secret, refresh tokens, codes.
  Decision: the change must give the secret again, and the stored ones are deleted; every login there ends.
  Consequences: people sign in again after a move. Reverting a mistaken change does not bring their sessions back.
  A change of the authentication method alone deletes no secret, so it destroys nothing that only its owner could enter
  again.
  Alternatives: comparing hosts (a document on the same host may name any endpoint); asking the admin whether it is the
  same provider (an admin who wants to steal credentials says yes).
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from identity_api.db import locks, providers
from identity_api.db.database import Connection, transaction_time
from identity_api.db.providers import ClientSettings, Provider
from identity_api.db.tenant_limits import ensure_within
from identity_api.errors import BadInput, Conflict, Problems
from identity_api.oidc.client_auth import NONE, SECRET_METHODS
from identity_api.permissions.delegation import Actor
from identity_api.providers.change import ProviderChange, change_provider
from identity_api.providers.checks import is_web_address
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.deps import ProviderDeps, load, owner_of
from identity_api.providers.provider_row import Owner, changed_fields, declaration_of, has_moved, provider_row
from identity_api.providers.rules import INVALID, check_addresses, check_word, checked
from identity_api.providers.secrets import NewSecret, is_mute, only_secret

OPERATORS = ("accept_without_iss", "pkce", "missing_nonce")
"""Set by the operator alone, and reset when a provider moves."""
FIXED = ("slug", "protocol", "preset", "enabled")
"""Never changed by `update`: names and addresses that others use; `enabled` has mutations of its own."""


def _check_redirect(wanted: Provider, public_url: str) -> None:
    """Refuse a redirect URL that follows from the public URL and is not https, since providers register only https.

    Raises:
        BadInput: `PROVIDER_INVALID`.
    """
    if not is_web_address(wanted.redirect_url):
        raise BadInput(
            f"The redirect URL would be {wanted.redirect_url}, which is not https. The operator of this"
            f" service sets IDENTITY_PUBLIC_URL ({public_url} now) to an https address; or give a redirect URL.",
            code=INVALID,
            field="redirect_url",
        )


async def create(
    deps: ProviderDeps,
    actor: Actor,
    fields: Mapping[str, Any],
    *,
    secret: NewSecret | None = None,
    provider_id: UUID | None = None,
) -> Provider:
    """Make a provider.

    Args:
        fields: of a provider declaration, with `preset_values` and `preset_alternatives` where it names a preset.
        provider_id: its id, where its addresses were told before it is made.

    Raises:
        BadInput: `PROVIDER_INVALID`, `SECRET_INVALID`, `REDIRECT_URL_SHARED`.
        Conflict: `PROVIDER_EXISTS`, `LIMIT_REACHED`.
        Refused: `FORBIDDEN`: mappings for every provider give a permission that the actor may not give.
    """
    _refuse_operators_own(actor, fields)
    declared = checked(fields, has_secret=secret is not None, bounds=deps.bounds)
    try:
        async with deps.database.transaction() as connection:
            await locks.share_mappings(connection, actor.tenant_id)
            owner, now = await owner_of(connection, actor), await transaction_time(connection)
            wanted = provider_row(
                declared,
                None,
                owner=owner,
                defaults=deps.defaults,
                has_secret=secret is not None,
                now=now,
                managed_by="API",
            )
            wanted = wanted if provider_id is None else msgspec.structs.replace(wanted, id=provider_id)
            _check_redirect(wanted, deps.defaults.public_url)
            await _check(deps, connection, actor, owner, None, wanted)
            secrets = None if secret is None else only_secret(deps.vault, wanted, secret, now)
            new = ProviderChange(before=None, wanted=wanted, secrets=secrets, named=tuple(fields))
            await change_provider(connection, deps.vault, actor, new)
            await ensure_within(connection, deps.database.limits, "max_providers", actor.tenant_id)
            return wanted
    except asyncpg.UniqueViolationError as error:
        raise Conflict(f"There is a provider {declared.slug} already.", code="PROVIDER_EXISTS") from error


async def update(
    deps: ProviderDeps,
    actor: Actor,
    provider_id: UUID,
    patch: Mapping[str, Any],
    *,
    expected_version: int,
    secret: NewSecret | None = None,
    beside: Callable[[Connection, Provider], Awaitable[None]] | None = None,
    dry_run: bool = False,
) -> Provider:
    """Change the fields of the patch and no others.

    Args:
        patch: fields of a provider declaration with their new values.
        beside: what else is changed in the same transaction, of the provider as it was. It may raise, and then nothing changes.
        secret: becomes the provider's only one. A provider that moves needs it again.
        dry_run: refuse what would be refused, and change nothing.

    Raises:
        NotFound: the tenant has no such provider.
        Conflict: it is no longer at `expected_version`.
        Refused: `MANAGED_BY_FILE`, `FORBIDDEN`, `SELF_BENEFIT`.
        BadInput: `PROVIDER_INVALID`, `SECRET_REQUIRED`, `SECRET_INVALID`, `REDIRECT_URL_SHARED`.
    """
    _refuse_fixed(patch)
    _refuse_operators_own(actor, patch)
    async with deps.database.transaction(is_trial=dry_run) as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        before = await load(connection, actor, provider_id, expected_version=expected_version)
        if beside is not None:
            await beside(connection, before)
        owner, now = await owner_of(connection, actor), await transaction_time(connection)
        stored = await providers.secrets(connection, actor.tenant_id, provider_id)
        wanted = _patched(deps, before, patch, owner, has_stored=bool(stored), has_new=secret is not None, now=now)
        if has_moved(before, wanted) and not actor.is_operator:
            # The operator's exception was for the provider at the old address.
            usual = {name: getattr(ClientSettings(), name) for name in OPERATORS}
            agreed = msgspec.structs.replace(wanted.client_settings, **usual)
            wanted = msgspec.structs.replace(wanted, client_settings=agreed)
        if not changed_fields(before, wanted) and secret is None:
            return before
        was_mute = is_mute(before, stored, secret)
        await _check(deps, connection, actor, owner, before, wanted, was_mute=was_mute)
        secrets = None if secret is None else only_secret(deps.vault, wanted, secret, now)
        change = ProviderChange(before=before, wanted=wanted, secrets=secrets)
        return (await change_provider(connection, deps.vault, actor, change)).after


def _refuse_fixed(patch: Mapping[str, Any]) -> None:
    fixed = [name for name in FIXED if name in patch]
    Problems([BadInput("This cannot be changed.", code=INVALID, field=name) for name in fixed]).tell()


def _refuse_operators_own(actor: Actor, fields: Mapping[str, Any]) -> None:
    """Refuse a setting that weakens a login, or affects other tenants' logins as well."""
    own = [name for name in OPERATORS if name in fields and not actor.is_operator]
    Problems([BadInput("Only the operator can set this.", code=INVALID, field=name) for name in own]).tell()


async def _check(
    deps: ProviderDeps,
    connection: Connection,
    actor: Actor,
    owner: Owner,
    before: Provider | None,
    wanted: Provider,
    *,
    was_mute: bool = False,
) -> None:
    """The rules for tenants' own admins; those of files apply to the operator."""
    # What the operator entered stays usable: only new values are checked.
    is_new = before is None or has_moved(before, wanted) or before.redirect_url != wanted.redirect_url
    if not actor.is_operator and is_new:
        check_addresses(wanted, owner, deps.allow, deps.defaults.public_url)
    await check_word(connection, actor, before, wanted, was_mute=was_mute)


def _patched(
    deps: ProviderDeps,
    before: Provider,
    patch: Mapping[str, Any],
    owner: Owner,
    *,
    has_stored: bool,
    has_new: bool,
    now: datetime,
) -> Provider:
    """The row with the patch. A setting that is not part of a declaration is unchanged."""
    fields = declaration_of(before)
    known = {**fields, **patch}
    if has_new and before.client_authentication == NONE and "client_authentication" not in patch:
        known["client_authentication"] = None  # a secret that is given is meant to be used
    method = known["client_authentication"]
    has_secret = has_new or (has_stored and method in SECRET_METHODS)
    declared = checked(known, has_secret=has_secret, bounds=deps.bounds, stored=fields)

    def row(of: ProviderDeclaration) -> Provider:
        return provider_row(
            of,
            before,
            owner=owner,
            defaults=deps.defaults,
            has_secret=has_secret,
            now=now,
            managed_by=before.managed_by,
        )

    old, new = row(msgspec.convert(fields, ProviderDeclaration)), row(declared)
    return msgspec.structs.replace(before, **{name: getattr(new, name) for name in changed_fields(old, new)})
