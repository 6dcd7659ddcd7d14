"""A page of the provider, in the person's browser, ends their session here: Front-Channel Logout 1.0 section 3.

The request is not signed, and browsers rarely send the session's cookie with it (SameSite=Lax, in a frame of another site).
It is safe nevertheless: only the provider, this service and that browser know `sid`, so a stranger cannot end a session
without guessing it. And only one session ends, which the person begins again by signing in: no login ends, no permission
changes. A `sid` that is short enough to be guessed works only together with the session's own cookie.

A login that is under way on that session ends too. Its `sid` is not known here before the login ends, so the `sid` of a
request is stored for as long as a login may take: one row of hashes for each, and a limited number of unknown ones per
minute. Many invented values can use that limit up, which suspends this protection meanwhile but breaks no login.
"""

from typing import Protocol

import msgspec

from identity_api.db import logout_tokens
from identity_api.db.logout_tokens import ProviderSession
from identity_api.db.providers import Provider
from identity_api.errors import BadInput
from identity_api.ids import token_hash
from identity_api.oidc.errors import ProtocolError
from identity_api.oidc.frontchannel_logout import FrontChannelLogout
from identity_api.oidc.issuer import accepts_issuer
from identity_api.relying_party.connection import line_to, metadata_of
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sessions.logout.provider_logout import LogoutRefused, Outcome, end_provider_session, hold_and_remember
from identity_api.upstream.errors import UpstreamError
from identity_api.upstream.targets import parse_target
from identity_api.vault import VaultError

MIN_UNGUESSABLE_LENGTH = 16
LANDING_SECONDS = 60
"""How long a login may still take after a callback at the last moment."""


class UnknownSessions(Protocol):
    """The caller's counts of named sessions that are unknown here."""

    async def may_be_remembered(self) -> bool:
        """Called for each; raises the error that the caller of `end_by_browser` expects if there are too many."""


class BrowserLogout(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the request."""

    outcome: Outcome
    ends_own_cookie: bool
    """The browser's own session has ended, so its cookie is of no use any more."""
    framed_by: tuple[str, ...]
    """Origins whose pages may show the answer in a frame: the issuer's and that of its sign-out page."""


async def end_by_browser(
    deps: LoginDeps,
    provider: Provider,
    tenant_slug: str,
    logout: FrontChannelLogout,
    session_token: str | None,
    unknown: UnknownSessions,
) -> BrowserLogout:
    """End our sessions that came from the session of the provider that a browser names, and logins under way on it.

    Args:
        session_token: the value of the browser's session cookie, if it was sent.
        unknown: called once, if no session here has this `sid`.

    Raises:
        LogoutRefused: the issuer is not the provider's.
        Unavailable: the database does not answer.
        And what `unknown` raises; then no session has ended, and nothing is stored.
    """
    try:
        metadata = await metadata_of(deps.documents, await line_to(deps, provider, tenant_slug))
        issuer, pages = metadata.issuer, (metadata.end_session_endpoint,)
    except (UpstreamError, ProtocolError, BadInput, VaultError):
        issuer, pages = provider.issuer, (None,)  # a session ends here whether or not the provider can be asked
    if not accepts_issuer(issuer, logout.issuer, frozenset(provider.claims.directories)):
        raise LogoutRefused("CLAIM_MISMATCH:iss")
    ended, is_own = await _end(deps, provider, logout, session_token, unknown)
    origins = [parse_target(url).origin for url in (issuer, *pages) if url is not None]
    return BrowserLogout(
        outcome="ended" if ended else "nothing", ends_own_cookie=is_own, framed_by=tuple(dict.fromkeys(origins))
    )


async def _end(
    deps: LoginDeps,
    provider: Provider,
    logout: FrontChannelLogout,
    session_token: str | None,
    unknown: UnknownSessions,
) -> tuple[bool, bool]:
    """Whether sessions ended, and whether the browser's own was among them."""
    named = ProviderSession(
        tenant_id=provider.tenant_id, provider_id=provider.id, issuer=logout.issuer, session_id=logout.session_id
    )
    held = token_hash(session_token) if session_token else None
    async with deps.database.reading() as connection:
        found = await logout_tokens.sessions_from(connection, named)
        is_known = bool(found) or await logout_tokens.codes_wait_from(connection, named)
    is_own = any(one.token_hash == held for one in found)
    if not is_own and len(logout.session_id) < MIN_UNGUESSABLE_LENGTH:
        await unknown.may_be_remembered()
        return False, False
    is_remembered = is_known or await unknown.may_be_remembered()
    seconds = deps.limits.attempt_seconds + LANDING_SECONDS
    async with deps.database.transaction() as connection:
        await hold_and_remember(connection, named, remembered_seconds=seconds if is_remembered else None)
        return bool(await end_provider_session(connection, provider, named)), is_own
