"""Prepare: make the attempt of a login and the handle that will move it into the person's browser.

Nothing is bound to a browser yet and no provider is called; `launch` does both.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from identity_api.accounts import invitations
from identity_api.db import attempts, audit, providers, tenants
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, NotFound
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.relying_party.authorization_request import can_be_asked
from identity_api.sessions.login.deps import LoginDeps, LoginRequest, Prepared
from identity_api.sessions.login.return_to import ReturnTarget, decide_ending

LAUNCH_PATH = "/auth/launch/"
MAX_LOGIN_HINT_LENGTH = 320


async def prepare(deps: LoginDeps, tenant: Tenant, beginning: LoginRequest) -> Prepared:
    """Check the request, and make a login that its browser can launch within `handle_seconds`.

    Args:
        tenant: whose people sign in; known from the host or the path prefix, never from an argument (I2).

    Raises:
        NotFound: `PROVIDER_NOT_FOUND`: no such provider, or a disabled one; `INVITATION_UNKNOWN`: it has just gone.
        BadInput: `PROVIDER_CHOICE_REQUIRED`; what `return_to.decide_ending` raises; `LOGIN_HINT_INVALID`;
            `REAUTHENTICATION_NOT_OFFERED`.
    """
    _check_login_hint(beginning.login_hint)
    async with deps.database.reading() as connection:
        found = await providers.of_tenant(connection, tenant.id)
        frontends = await tenants.frontends(connection, tenant.id)
    provider = choose_provider(tenant, found, beginning.provider_slug)
    if beginning.protocol not in (None, provider.protocol):
        raise _not_found()
    if beginning.reauthentication and not can_be_asked(provider):
        raise BadInput("This provider cannot be asked for a new proof.", code="REAUTHENTICATION_NOT_OFFERED")
    try:
        ending = decide_ending(beginning, frontends)
    except BadInput as error:
        await _record_refusal(deps, tenant.id, error)
        raise
    attempt = _attempt(tenant, provider, beginning, ending)
    handle = new_tenant_token("ha", tenant.id)
    try:
        async with deps.database.writing() as connection:
            await attempts.insert(
                connection,
                attempt,
                token_hash(handle),
                seconds=deps.limits.attempt_seconds,
                handle_seconds=deps.limits.handle_seconds,
            )
    except asyncpg.ForeignKeyViolationError:
        if beginning.invitation_id is not None:  # it went with its user or with its provider
            raise invitations.ended() from None
        # The provider or the frontend has just been deleted: what is there now decides.
        return await prepare(deps, tenant, beginning)
    launch_url = f"{beginning.session_origin}{beginning.path_prefix}{LAUNCH_PATH}{handle}"
    return Prepared(handle=handle, launch_url=launch_url, attempt_id=str(attempt.id))


def choose_provider(tenant: Tenant, found: Sequence[Provider], slug: str | None) -> Provider:
    """The requested provider, otherwise the tenant's default, otherwise the only one.

    Raises:
        NotFound: none fits. A disabled provider counts as missing.
        BadInput: `PROVIDER_CHOICE_REQUIRED`: there are several, and no default.
    """
    enabled = {provider.slug: provider for provider in found if provider.enabled}
    wanted = slug if slug is not None else tenant.default_provider
    if wanted is not None and wanted in enabled:
        return enabled[wanted]
    if slug is not None or not enabled:
        raise _not_found()
    if len(enabled) > 1:
        raise BadInput("Say which provider to sign in with.", code="PROVIDER_CHOICE_REQUIRED", field="provider")
    return next(iter(enabled.values()))


def _not_found() -> NotFound:
    return NotFound("There is no such way of signing in.", code="PROVIDER_NOT_FOUND")


def _attempt(tenant: Tenant, provider: Provider, beginning: LoginRequest, ending: ReturnTarget) -> attempts.NewAttempt:
    return attempts.NewAttempt(
        id=uuid7(),
        tenant_id=tenant.id,
        provider_id=provider.id,
        frontend_id=ending.frontend.id if ending.frontend else None,
        delivery=ending.delivery,
        return_to=ending.url,
        session_origin=beginning.session_origin,
        path_prefix=beginning.path_prefix,
        client_state=beginning.client_state if ending.frontend else None,
        client_challenge=beginning.client_challenge if ending.delivery == "code" else None,
        login_hint=beginning.login_hint,
        reauthentication=beginning.reauthentication,
        invitation_id=beginning.invitation_id,
        # The current values: if the provider is set up again meanwhile, this login is refused.
        redirect_url=provider.redirect_url,
        issuer=provider.issuer,
    )


def is_login_hint(text: str) -> bool:
    """Whether the text can be sent as a `login_hint`."""
    return 0 < len(text) <= MAX_LOGIN_HINT_LENGTH and text.isprintable()


def _check_login_hint(hint: str | None) -> None:
    if hint is not None and not is_login_hint(hint):
        raise BadInput("The login hint cannot be used.", code="LOGIN_HINT_INVALID", field="login_hint")


async def _record_refusal(deps: LoginDeps, tenant_id: UUID, error: BadInput) -> None:
    """Record an attempt to redirect a login elsewhere. The address itself is not kept: anybody can write anything
    there.
    """
    event = audit.Event("login.refused", "tenant", tenant_id, {"code": error.code})
    async with deps.database.transaction() as connection:
        await audit.record(connection, tenant_id, "system", [event])
