"""Client secrets: written and never read back (S0-45, S4-28). Two may overlap while one replaces the other at the provider.

The newest is tried first. The older one stays until it expires or is removed, so a new one that was entered too early, or
wrongly, breaks nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from identity_api.config import Secret
from identity_api.db import locks, provider_changes, provider_tests, providers
from identity_api.db.database import transaction_time
from identity_api.db.providers import Provider, SealedSecret
from identity_api.errors import BadInput, Conflict, NotFound, Problems
from identity_api.oidc.client_assertion import MIN_SECRET_BYTES
from identity_api.oidc.client_auth import (
    APPLE_CLIENT_SECRET,
    CLIENT_SECRET_JWT,
    CLIENT_SECRET_POST,
    NONE,
    SECRET_METHODS,
)
from identity_api.oidc.own_keys import read_apple_key
from identity_api.permissions.delegation import Actor
from identity_api.providers.change import ProviderChange, change_provider
from identity_api.providers.deps import ProviderDeps, load, record
from identity_api.providers.provider_row import sealed_secret
from identity_api.providers.rules import check_word
from identity_api.vault import Vault

MAX_SECRETS = 2
MAX_LENGTH = 4_096


class NewSecret(msgspec.Struct, frozen=True):
    """A client secret as it was entered; its repr does not show it."""

    value: Secret
    expires_at: datetime | None = None


def _check(secret: NewSecret, provider: Provider, now: datetime) -> None:
    """Check that this can be a client secret; no message repeats it."""
    problems = Problems()
    if provider.client_authentication == APPLE_CLIENT_SECRET:
        problems.read("client_secret", lambda: check_apple_key(secret.value))
    else:
        problems.read("client_secret", lambda: _check_text(secret.value.reveal(), provider))
    problems.read("expires_at", lambda: _check_expiry(secret, now))
    problems.tell()


def _check_expiry(secret: NewSecret, now: datetime) -> None:
    if secret.expires_at is not None and (secret.expires_at.tzinfo is None or secret.expires_at <= now):
        raise BadInput(
            "The expiry must be in the future and have a time zone.", code="SECRET_INVALID", field="expires_at"
        )


def check_apple_key(secret: Secret) -> None:
    """Check that this is an Apple key from which client secrets can be made.

    Raises:
        BadInput: `SECRET_INVALID`.
    """
    try:
        read_apple_key(secret.reveal())
    except BadInput:
        problem = (
            "Apple's secret is made from the key file AuthKey_<key id>.p8: give the whole file, as it was downloaded."
        )
        raise BadInput(problem, code="SECRET_INVALID", field="client_secret") from None


def _check_text(value: str, provider: Provider) -> None:
    # VSCHAR, RFC 6749 appendix A.2. A line break at its end comes from pasting, and would never work.
    problem = f"A client secret is one line of 1 to {MAX_LENGTH} visible ASCII characters."
    is_usable = 0 < len(value) <= MAX_LENGTH and value.isascii() and value.isprintable()
    if is_usable and provider.client_authentication == CLIENT_SECRET_JWT and len(value) < MIN_SECRET_BYTES:
        problem, is_usable = f"{CLIENT_SECRET_JWT} needs a secret of at least {MIN_SECRET_BYTES} characters.", False
    if not is_usable:
        raise BadInput(problem, code="SECRET_INVALID", field="client_secret")


def only_secret(vault: Vault, provider: Provider, secret: NewSecret, now: datetime) -> tuple[SealedSecret]:
    """This secret, sealed, as the provider's only one.

    Raises:
        BadInput: `SECRET_INVALID`.
    """
    _check(secret, provider, now)
    return (sealed_secret(vault, provider.tenant_id, secret.value, secret.expires_at),)


def is_mute(provider: Provider, stored: Sequence[SealedSecret], secret: NewSecret | None) -> bool:
    """Whether the provider counts as disabled until now, so that the change is checked like enabling it.

    Without a secret nobody could sign in. Where the method needs none, a new secret changes the method with it.
    """
    if provider.client_authentication in SECRET_METHODS:
        return not stored
    return provider.client_authentication == NONE and secret is not None


async def set_secret(deps: ProviderDeps, actor: Actor, provider_id: UUID, secret: NewSecret) -> Provider:
    """Add the secret that is used first from now on; the one before stays until it expires or is removed.

    Raises:
        NotFound; Refused: `MANAGED_BY_FILE`; `FORBIDDEN`: where nobody could sign in without a secret, or the method
            needs none, it opens what `enableProvider` opens.
        BadInput: `SECRET_INVALID`.
        Conflict: `TOO_MANY_SECRETS`: two are stored; remove one first.
    """
    async with deps.database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        before = await load(connection, actor, provider_id)
        now = await transaction_time(connection)
        _check(secret, before, now)
        live = await providers.secrets(connection, actor.tenant_id, provider_id)
        if len(live) >= MAX_SECRETS:
            raise Conflict("Two secrets are stored already; remove one first.", code="TOO_MANY_SECRETS")
        if is_mute(before, live, secret):
            await check_word(connection, actor, before, before, was_mute=True)
        fresh = sealed_secret(deps.vault, actor.tenant_id, secret.value, secret.expires_at)
        await provider_changes.add_secret(connection, actor.tenant_id, provider_id, fresh)
        await provider_tests.forget_of_links(connection, actor.tenant_id, provider_id)
        await record(connection, actor, "secret_set", provider_id, {}, new=_told(fresh.id, secret.expires_at))
        if before.client_authentication != NONE:
            return before
        wanted = msgspec.structs.replace(before, client_authentication=CLIENT_SECRET_POST)
        made = await change_provider(connection, deps.vault, actor, ProviderChange(before=before, wanted=wanted))
        return made.after


async def remove_secret(deps: ProviderDeps, actor: Actor, provider_id: UUID, secret_id: UUID) -> Provider:
    """Delete one secret; a client that authenticates with secrets keeps at least one.

    Raises:
        NotFound: no such provider, or it has no such secret; Refused: `MANAGED_BY_FILE`.
        Conflict: `LAST_SECRET`.
    """
    async with deps.database.transaction() as connection:
        before = await load(connection, actor, provider_id)
        live = {one.id: one for one in await providers.secrets(connection, actor.tenant_id, provider_id)}
        if set(live) == {secret_id} and before.client_authentication in SECRET_METHODS:
            raise Conflict("This is the only secret that works; set another one first.", code="LAST_SECRET")
        if not await provider_changes.remove_secret(connection, actor.tenant_id, provider_id, secret_id):
            raise NotFound("There is no such secret.")
        await provider_tests.forget_of_links(connection, actor.tenant_id, provider_id)
        gone = live.get(secret_id)
        old = _told(secret_id, gone.expires_at if gone else None)
        await record(connection, actor, "secret_removed", provider_id, {}, old=old)
        return before


def _told(secret_id: UUID, expires_at: datetime | None) -> dict[str, Any]:
    """The secret's id for the audit; never its value."""
    return {"secret": secret_id, "expires_at": expires_at}
