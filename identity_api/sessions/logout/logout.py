"""End a session at its user's request, and list a user's sessions (RP-Initiated Logout 1.0 section 2)."""

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import quote
from uuid import UUID

import msgspec

from identity_api.accounts.ways_in import check_may_take
from identity_api.db import logout_handles, providers, sessions, tenants
from identity_api.db.database import Connection, Database
from identity_api.db.logout_handles import SealedTarget
from identity_api.db.providers import Provider
from identity_api.db.sessions import ProviderSession, SessionRecord
from identity_api.errors import BadInput, NotFound
from identity_api.ids import new_tenant_token, new_token, token_hash, uuid7
from identity_api.lifecycle import end_login
from identity_api.oidc.end_session import end_session_url, is_return_of
from identity_api.oidc.errors import ProtocolError
from identity_api.permissions.delegation import Actor
from identity_api.relying_party.connection import line_to, metadata_of
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.login.deps import LoginDeps
from identity_api.telemetry import get_logger
from identity_api.upstream.errors import UpstreamError
from identity_api.vault import VaultError

_log = get_logger(__name__)
RETURN_PATH = "/auth/logout/return"
RETURN_SECONDS = 600
LEAVE_PATH = "/auth/logout/leave"
LEAVE_SECONDS = 60
"""How long a handle works."""


class SignedOut(msgspec.Struct, frozen=True, kw_only=True):
    """The session has ended, and the browser goes to `location`.

    `return_state` is set if that is the provider, which will send it back: keep it in a cookie of this browser until then.
    """

    location: str
    return_state: str | None = None

    def __repr__(self) -> str:
        return "SignedOut()"


class AfterSignOut(msgspec.Struct, frozen=True):
    """Where a browser goes after sign-out: an address that is registered, with the frontend's state.

    `is_asked` is False for the first address of the frontend whose page asks: the provider's logout page comes before it.
    """

    url: str
    state: str | None = None
    is_asked: bool = True

    @property
    def location(self) -> str:
        """The address with the state."""
        return (
            self.url if self.state is None else f"{self.url}{'&' if '?' in self.url else '?'}state={quote(self.state)}"
        )


async def logout(
    deps: LoginDeps,
    authenticated: Authenticated,
    *,
    return_origin: str,
    path_prefix: str = "",
    after: AfterSignOut | None = None,
) -> SignedOut:
    """End this session, and return where the browser goes: if possible, to the provider, which ends its session too.

    First the provider's end-session endpoint, which redirects to `/auth/logout/return` here (it must be registered at
    the provider). After that, or without such an endpoint, or if the provider is not to be asked: the address of
    `after`; otherwise the configured logout page, the frontend's own, or this service's login page.
    """
    tenant_id = authenticated.tenant_id
    async with deps.database.reading() as connection:
        found = await sessions.provider_session(connection, tenant_id, authenticated.session_id)
        provider = await providers.get(connection, tenant_id, found.provider_id) if found else None
    await end_session(
        deps.database, tenant_id, authenticated.session_id, reason="signed_out", actor=authenticated.actor
    )
    if found is not None and provider is not None:
        # The provider's id is stored with it, so that the return uses the logout page of the right provider.
        state = f"{new_token('lo')}.{provider.id.hex}"
        return_url = f"{return_origin}{path_prefix}{RETURN_PATH}"
        url = await _provider_url(deps, authenticated, provider, found, return_url, state)
        if provider.logout_page_url is not None and (after is None or not after.is_asked):
            after = AfterSignOut(provider.logout_page_url)
        if url is not None:
            return SignedOut(location=url, return_state=_kept(state, after))
    return SignedOut(
        location=after.location if after is not None else f"{return_origin}{path_prefix}/login?signed_out=1"
    )


def _kept(state: str, after: AfterSignOut | None) -> str:
    """The state with where the browser goes once it is back, for its cookie alone."""
    if after is None:
        return state
    encoded = base64.urlsafe_b64encode(msgspec.json.encode([after.url, after.state])).decode().rstrip("=")
    return f"{state}~{encoded}"


async def keep_for_browser(deps: LoginDeps, tenant_id: UUID, target: SignedOut) -> str:
    """A one-time handle for where a browser goes, for a program that asked: the address itself holds the ID Token, which is
    for the provider alone. Returns the handle.
    """
    handle, row_id = new_tenant_token("lh", tenant_id), uuid7()
    sealed = deps.vault.seal(
        msgspec.json.encode([target.location, target.return_state]),
        tenant_id=tenant_id,
        table="logout_handle",
        column="sealed",
        row_id=row_id,
    )
    async with deps.database.transaction() as connection:
        kept = SealedTarget(row_id, sealed)
        await logout_handles.insert(connection, tenant_id, kept, token_hash(handle), seconds=LEAVE_SECONDS)
    return handle


async def leave(deps: LoginDeps, tenant_id: UUID, handle: str) -> SignedOut | None:
    """Where the browser of this handle goes, once; None if the handle is used, expired or unknown."""
    async with deps.database.transaction() as connection:
        found = await logout_handles.take(connection, tenant_id, token_hash(handle))
    if found is None:
        return None
    opened = deps.vault.open(found.sealed, tenant_id=tenant_id, table="logout_handle", column="sealed", row_id=found.id)
    location, state = msgspec.json.decode(opened, type=tuple[str, str | None])
    return SignedOut(location=location, return_state=state)


async def logout_page(
    database: Database, tenant_id: UUID, pairs: Sequence[tuple[str, str]], kept: str | None
) -> str | None:
    """Where a browser goes after its provider's sign-out: the kept address, if that is still registered.

    Args:
        pairs: the parameters that the provider sent, which may be anything: the session here has ended in any case.
        kept: this browser's cookie with the `return_state`.

    Returns:
        None also if the state is missing or another than the one kept (RP-Initiated Logout section 3).
    """
    state, _, encoded = (kept or "").partition("~")
    if not state or not encoded or not is_return_of(pairs, state):
        return None
    try:
        provider_id = UUID(state.rpartition(".")[2])
        padded = encoded + "=" * (-len(encoded) % 4)
        after = AfterSignOut(*msgspec.json.decode(base64.urlsafe_b64decode(padded), type=tuple[str, str | None]))
    except (ValueError, binascii.Error, msgspec.DecodeError):
        return None
    async with database.reading() as connection:
        provider = await providers.get(connection, tenant_id, provider_id)
        frontends = await tenants.frontends(connection, tenant_id)
    registered = {url for frontend in frontends for url in frontend.return_urls}
    if provider is not None and provider.logout_page_url is not None:
        registered.add(provider.logout_page_url)
    return after.location if after.url in registered else None


async def _provider_url(
    deps: LoginDeps,
    authenticated: Authenticated,
    provider: Provider,
    found: ProviderSession,
    return_url: str,
    state: str,
) -> str | None:
    """None if the provider cannot or must not be asked: the session has ended in any case."""
    if not provider.client_settings.sign_out_at_provider:
        return None
    try:
        metadata = await metadata_of(deps.documents, await line_to(deps, provider, authenticated.tenant_slug))
        if metadata.end_session_endpoint is None:
            return None
        return end_session_url(
            metadata.end_session_endpoint,
            id_token_hint=_id_token(deps, authenticated, found),
            client_id=provider.client_id,
            post_logout_redirect_uri=return_url,
            state=state,
            extra=provider.client_settings.end_session_parameters,
        )
    except (UpstreamError, ProtocolError, BadInput, VaultError) as error:
        _log.warning("logout.provider_not_asked", reason=error.code, provider_id=str(provider.id))
        return None


def _id_token(deps: LoginDeps, authenticated: Authenticated, found: ProviderSession) -> str | None:
    if found.id_token_sealed is None:
        return None
    return deps.vault.open(
        found.id_token_sealed,
        tenant_id=authenticated.tenant_id,
        table="session",
        column="id_token_sealed",
        row_id=authenticated.session_id,
    ).decode()


async def sessions_of(
    connection: Connection, tenant_id: UUID, user_id: UUID, *, idle_seconds: int
) -> list[SessionRecord]:
    """The user's live sessions, the oldest first."""
    return await sessions.of_user(connection, tenant_id, user_id, idle_seconds=idle_seconds)


async def end_session(database: Database, tenant_id: UUID, session_id: UUID, *, reason: str, actor: str) -> bool:
    """End one session, with its audit; False if it had ended, or is another tenant's. The caller has checked the user."""
    async with database.transaction() as connection:
        return await end_login.end_session(connection, tenant_id, session_id, reason=reason, actor=actor)


async def end_session_of_user(database: Database, actor: Actor, session_id: UUID) -> None:
    """End a user's session, as an admin. If it has already ended, nothing changes.

    Raises:
        NotFound: the tenant has no such session.
        Refused: `FORBIDDEN`: see `permissions.ways_in.check_may_take`.
    """
    async with database.transaction() as connection:
        user_id = await sessions.owner(connection, actor.tenant_id, session_id)
        if user_id is None:
            raise NotFound("There is no such session.")
        await check_may_take(connection, actor, user_id)
        await end_login.end_session(connection, actor.tenant_id, session_id, reason="admin", actor=actor.name)


async def end_own_session(database: Database, authenticated: Authenticated, session_id: UUID) -> None:
    """End one of the user's own sessions, by its user.

    Raises:
        NotFound: no live session of this user has the id.
    """
    async with database.transaction() as connection:
        if await sessions.owner(connection, authenticated.tenant_id, session_id) != authenticated.user.id:
            raise NotFound("There is no such session.")
        await end_login.end_session(
            connection, authenticated.tenant_id, session_id, reason="signed_out", actor=authenticated.actor
        )
