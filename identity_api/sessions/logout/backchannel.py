"""A logout token from the provider's server: Back-Channel Logout 1.0 sections 2.4 to 2.8; promises 17 and 18.

The request has no session: the token's signature and rules alone authenticate it, and no setting turns them off.
`provider_logout` then ends the sessions.
"""

from uuid import UUID

from identity_api.db import audit, identities, locks, logout_tokens
from identity_api.db.database import Connection, Database
from identity_api.db.logout_tokens import ProviderSession, UsedToken
from identity_api.db.providers import Provider
from identity_api.errors import BadInput
from identity_api.ids import token_hash
from identity_api.lifecycle.end_login import end_logins
from identity_api.oidc.errors import ProtocolError
from identity_api.oidc.jwks import allowed_algorithms
from identity_api.oidc.logout_token import LOGOUT_TOKEN_TYPES, LogoutExpectation, LogoutToken, validate_logout_token
from identity_api.oidc.signed_token import verify_signature
from identity_api.relying_party.connection import judged_by_keys, line_to, metadata_of
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sessions.logout.provider_logout import (
    REASON,
    LogoutRefused,
    LogoutReplayed,
    Outcome,
    end_provider_session,
    ended_hash,
)
from identity_api.upstream.errors import UpstreamError
from identity_api.vault import VaultError


async def use_logout_token(deps: LoginDeps, provider: Provider, tenant_slug: str, token: str) -> Outcome:
    """Verify a logout token of exactly this provider and end what it names: once, in one transaction.

    Returns:
        `nothing` for a valid token about a session or person that is not signed in here.

    Raises:
        LogoutReplayed: it is valid, and was used before.
        LogoutRefused: it is not valid, or cannot be verified because the provider does not answer.
        Unavailable: the database does not answer; the token has not been used.
    """
    try:
        logout = await _verified(deps, provider, tenant_slug, token)
    except (ProtocolError, UpstreamError, BadInput, VaultError) as error:
        claim = getattr(error, "claim", None)
        raise LogoutRefused(f"{error.code}:{claim}" if claim else error.code) from error
    used = UsedToken(
        token_hash=token_hash(f"{logout.issuer}\0{logout.token_id}"),
        ended_hash=ended_hash(logout.issuer, logout.subject, logout.session_id),
        expires_at=logout.remember_until,
    )
    async with deps.database.reading() as connection:
        # A flood of replays ends here, and holds no connection while it waits for a lock.
        if await logout_tokens.is_used(connection, provider.tenant_id, provider.id, used.token_hash):
            raise LogoutReplayed
    async with deps.database.transaction() as connection:
        await locks.logouts(connection, provider.tenant_id, provider.id, [used.ended_hash])
        if not await logout_tokens.remember(connection, provider.tenant_id, provider.id, used):
            raise LogoutReplayed
        return await _end(connection, provider, logout)


async def _verified(deps: LoginDeps, provider: Provider, tenant_slug: str, token: str) -> LogoutToken:
    line = await line_to(deps, provider, tenant_slug)
    metadata = await metadata_of(deps.documents, line)
    # Section 2.4: signed as an ID Token is.
    algorithms = allowed_algorithms(metadata.id_token_algorithms)
    signed = await judged_by_keys(
        deps.documents,
        line,
        metadata,
        lambda keys: verify_signature(token, keys, algorithms, types=LOGOUT_TOKEN_TYPES),
    )
    expected = LogoutExpectation(
        issuer=metadata.issuer,
        client_id=provider.client_id,
        leeway_seconds=deps.limits.leeway_seconds,
        directories=frozenset(provider.claims.directories),
    )
    return validate_logout_token(signed, expected, deps.clock())


async def _end(connection: Connection, provider: Provider, logout: LogoutToken) -> Outcome:
    tenant_id = provider.tenant_id
    if logout.session_id is not None:
        named = ProviderSession(
            tenant_id=tenant_id,
            provider_id=provider.id,
            issuer=logout.issuer,
            session_id=logout.session_id,
            subject=logout.subject,
        )
        return "ended" if await end_provider_session(connection, provider, named) else "nothing"
    assert logout.subject is not None
    found = await identities.by_subject(connection, tenant_id, provider.id, logout.issuer, logout.subject)
    if found is None:
        return "nothing"
    await locks.users(connection, tenant_id, [found.user_id])
    await end_logins(connection, tenant_id, [found.id], reason=REASON, actor=f"provider:{provider.id}")
    return "ended"


async def record_refusal(database: Database, tenant_id: UUID, provider_id: UUID, reason: str) -> None:
    """Record in the audit that somebody sent a logout token that is not the provider's, or is not new."""
    event = audit.Event("logout_token.refused", "provider", provider_id, {"reason": reason})
    async with database.transaction() as connection:
        await audit.record(connection, tenant_id, "system", [event])
