"""Step 4: judge what came with a refresh, and read profile and groups from it (OIDC Core 12.2, 5.3.2).

The rotated token has landed by now, so nothing that goes wrong here costs anybody their login. An ID Token that speaks
of somebody else, for somebody else, or of another login quarantines the identity; one that cannot be verified now (keys
away, a clock wrong) leaves it as it is.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from identity_api.db.sync import Claimed
from identity_api.lifecycle.refresh_tokens import LoginTokens
from identity_api.lifecycle.verified import Verified
from identity_api.mapping import ClaimError, ClaimSource, Document, Documents, read_groups, read_profile
from identity_api.mapping.source import ABSENT, look_up
from identity_api.oidc import userinfo
from identity_api.oidc.errors import ClaimMismatch, ProtocolError, UnknownKey, UserInfoUnavailable
from identity_api.oidc.id_token import RefreshExpectation, SignedClaims, validate_refreshed_id_token, verify_signature
from identity_api.oidc.jwks import allowed_algorithms
from identity_api.oidc.signed_token import ACCESS_TOKEN_TYPES, ID_TOKEN_TYPES
from identity_api.oidc.token_endpoint import Refreshed, TokenResponse
from identity_api.sync.access import Access
from identity_api.sync.call import Called
from identity_api.sync.outcome import Ended, Read, Stale, judge
from identity_api.sync.parts import SyncParts
from identity_api.upstream.errors import UpstreamError


async def validate(parts: SyncParts, claimed: Claimed, access: Access, called: Called) -> Read | Stale | Ended:
    """What the answer means: a verified reading, "not now", or an end. Never raises for what a provider does."""
    if not isinstance(called.outcome, Refreshed):
        judged = judge(called.outcome)
        assert judged is not None
        return judged
    assert called.presented is not None
    try:
        documents = await _documents(parts, claimed, access, called.presented, called.outcome.tokens)
        profile = read_profile(documents, access.profile_claims)
    except ClaimMismatch:
        return Ended("claims_mismatch")
    except UpstreamError as error:
        return Stale(reason=error.code.lower(), is_outage=True)
    except UserInfoUnavailable as error:
        return Stale(reason=error.code.lower(), retry_after_seconds=error.retry_after_seconds, is_outage=True)
    except (ProtocolError, ClaimError) as error:
        return Stale(reason=error.code.lower())
    if documents.id_token is None and access.endpoints.jwks is None and profile.anchor != claimed.anchor:
        # Plain OAuth 2.0 has no `sub` to compare: the anchor itself must be the one we know.
        return Ended("claims_mismatch")
    groups = read_groups(documents, access.groups_sources, absent_groups=access.provider.absent_groups)
    groups = parts.alarms.judge_absence(
        claimed.tenant_id,
        claimed.provider_id,
        groups,
        before=claimed.groups_completeness,
        interval_seconds=access.provider.sync_interval_seconds,
    )
    return Read(Verified(claimed.identity_id, profile, groups, claimed.generation))


async def _documents(
    parts: SyncParts, claimed: Claimed, access: Access, presented: LoginTokens, tokens: TokenResponse
) -> Documents:
    """The verified claims: ID Token if there is one, UserInfo if it is needed, access token if groups are in it."""
    now = parts.clock()
    id_token = None
    if tokens.id_token is not None and access.endpoints.jwks is not None:
        id_token = await _id_token(parts, claimed, access, presented, tokens.id_token, now)
    documents = Documents(id_token=id_token)
    if id_token is None or _needs_userinfo(documents, access):
        documents = Documents(id_token=id_token, userinfo=await _userinfo(parts, claimed, access, tokens, now))
    if documents.id_token is None and documents.userinfo is None:
        raise ProtocolError("The provider's refresh says nothing of the person.", code="NO_CLAIMS")
    if any(source.document is Document.ACCESS_TOKEN for source in access.groups_sources):
        read = await _access_token(parts, claimed, access, tokens, now)
        documents = Documents(documents.id_token, documents.userinfo, read, access_token_unreadable=read is None)
    return documents


async def _id_token(
    parts: SyncParts, claimed: Claimed, access: Access, presented: LoginTokens, token: str, now: datetime
) -> dict[str, Any]:
    signed = await _verified_signature(parts, access, token, ID_TOKEN_TYPES)
    expected = RefreshExpectation(
        issuer=claimed.issuer,
        client_id=access.provider.client_id,
        subject=claimed.subject or "",
        auth_time=presented.auth_time,
        # Every login of ours sends a nonce; without one on record, no nonce is the right one.
        nonce_hash=presented.nonce_hash or b"",
        leeway_seconds=parts.limits.leeway_seconds,
    )
    return dict(validate_refreshed_id_token(signed, expected, now).claims)


async def _verified_signature(parts: SyncParts, access: Access, token: str, types: Iterable[str]) -> SignedClaims:
    """Check a signature; keys rotate, so an unknown key is looked for once more in a fresh set (Core 10.1.1)."""
    assert access.endpoints.jwks is not None
    algorithms, kinds = allowed_algorithms(access.endpoints.algorithms), frozenset(types)
    keys = await parts.documents.keys(access.endpoints.jwks, tenant=access.tenant)
    try:
        return verify_signature(token, keys, algorithms, types=kinds)
    except UnknownKey:
        keys = await parts.documents.refetch_keys(access.endpoints.jwks, judged=keys, tenant=access.tenant)
        return verify_signature(token, keys, algorithms, types=kinds)


async def _userinfo(
    parts: SyncParts, claimed: Claimed, access: Access, tokens: TokenResponse, now: datetime
) -> dict[str, Any] | None:
    """UserInfo about the same person, or None where the provider has no such endpoint."""
    if access.endpoints.userinfo is None:
        return None
    answer = await parts.upstream.exchange(
        userinfo.userinfo_request(access.endpoints.userinfo, tokens.access_token),
        deadline=parts.limits.deadline_seconds,
        tenant=access.tenant,
    )
    if access.endpoints.jwks is None:
        return userinfo.read_profile(answer, now)
    return dict(userinfo.read_userinfo(answer, claimed.subject or "", now).claims)


async def _access_token(
    parts: SyncParts, claimed: Claimed, access: Access, tokens: TokenResponse, now: datetime
) -> dict[str, Any] | None:
    """The access token's claims, only as a JWS by the provider's keys about the same person; else it is unreadable."""
    if access.endpoints.jwks is None:
        return None
    try:
        claims = (await _verified_signature(parts, access, tokens.access_token, ACCESS_TOKEN_TYPES)).claims
    except ProtocolError:
        return None
    is_about_them = claims.get("iss") == claimed.issuer and claims.get("sub") == claimed.subject
    expires_at = claims.get("exp")
    is_alive = isinstance(expires_at, int | float) and now.timestamp() < expires_at + parts.limits.leeway_seconds
    return dict(claims) if is_about_them and is_alive else None


def _needs_userinfo(documents: Documents, access: Access) -> bool:
    """Whether a claim's first place that could hold it is in UserInfo: no earlier place in the ID Token does."""
    profile = access.profile_claims
    settings = (profile.anchor, profile.username, profile.display, profile.email, access.groups_sources)
    return access.endpoints.userinfo is not None and any(_leads_to_userinfo(documents, sources) for sources in settings)


def _leads_to_userinfo(documents: Documents, sources: Iterable[ClaimSource]) -> bool:
    for source in sources:
        if source.document is Document.USERINFO:
            return True
        claims = documents.get(source.document)
        if claims is not None and look_up(claims, source.path) is not ABSENT:
            return False
    return False
