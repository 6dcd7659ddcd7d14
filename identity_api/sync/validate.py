"""Step 4: judge what came with a refresh, and read profile and groups from it (OIDC Core 12.2, 5.3.2).

The rotated token has landed by now, so nothing that goes wrong here costs anybody their login. A document that speaks of
another person, by `iss` or `sub`, quarantines the identity, and nothing else does. One that differs from the login's in
what does not say who somebody is (`auth_time`, `nonce`, `azp`) is noted and used. One that says nothing that can be used
(bad signature, for another client, expired, keys away) leaves the identity as it is, with the reason.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeVar

from identity_api.claims import ClaimError, Documents
from identity_api.db.sync import Claimed
from identity_api.ids import token_hash
from identity_api.lifecycle.apply_verified import Verified
from identity_api.oidc import userinfo
from identity_api.oidc.encrypted_token import decrypt_token
from identity_api.oidc.errors import (
    AccessTokenRefused,
    ClaimMismatch,
    OtherPerson,
    ProtocolError,
    UserInfoUnavailable,
)
from identity_api.oidc.id_token import (
    Deviation,
    RefreshExpectation,
    SignedClaims,
    VerifiedIDToken,
    validate_refreshed_id_token,
    verify_signature,
)
from identity_api.oidc.jwks import KeySet, allowed_algorithms
from identity_api.oidc.signed_token import ACCESS_TOKEN_TYPES, ID_TOKEN_TYPES
from identity_api.oidc.token_endpoint import Refreshed, TokenResponse
from identity_api.relying_party.claim_settings import (
    needs_access_token,
    needs_userinfo,
    read_person,
    signed_answers,
)
from identity_api.relying_party.connection import judged_by_keys
from identity_api.relying_party.group_sources import with_listed_groups
from identity_api.relying_party.refresh_tokens import LoginTokens
from identity_api.relying_party.requests import send_with_token
from identity_api.sync.access import Access
from identity_api.sync.call import Called
from identity_api.sync.deps import SyncDeps
from identity_api.sync.outcome import Ended, Read, Stale, judge
from identity_api.upstream.errors import UpstreamError

T = TypeVar("T")


async def validate(deps: SyncDeps, claimed: Claimed, access: Access, called: Called) -> Read | Stale | Ended:
    """What the answer means: a verified reading, "not now", or an end. Never raises for what a provider does."""
    if not isinstance(called.outcome, Refreshed):
        judged = judge(called.outcome, said=called.said)
        assert judged is not None
        return judged
    assert called.presented is not None
    try:
        documents, deviations = await _documents(deps, claimed, access, called, called.outcome.tokens)
        profile, groups = read_person(access.provider, documents)
        groups = await with_listed_groups(
            deps.upstream,
            access.client.line,
            called.outcome.tokens.access_token,
            documents,
            groups,
        )
    except OtherPerson as error:
        return _other_person("issuer_changed" if error.claim == "iss" else "subject_changed", error)
    except ClaimMismatch as error:
        # An access token that is not the ID Token's makes nobody somebody else: it is only not used.
        return Stale(reason="access_token_mismatch" if error.claim == "at_hash" else error.code.lower())
    except AccessTokenRefused as error:
        is_the_logins = access.provider.sync == "ACCESS_TOKEN"
        return Stale(reason=error.code.lower(), refusal="access_token_refused" if is_the_logins else None)
    except UpstreamError as error:
        return Stale(reason=error.code.lower(), is_outage=True)
    except UserInfoUnavailable as error:
        return Stale(reason=error.code.lower(), retry_after_seconds=error.retry_after_seconds, is_outage=True)
    except (ProtocolError, ClaimError) as error:
        return Stale(reason=error.code.lower())
    if not access.has_id_tokens and profile.anchor != claimed.anchor:
        # Plain OAuth 2.0 has no `sub` to compare: the anchor itself must be the one we know.
        return _other_person("subject_changed", OtherPerson("anchor", expected=claimed.anchor, received=profile.anchor))
    groups = deps.alarms.judge_absence(
        claimed.tenant_id,
        claimed.provider_id,
        groups,
        before=claimed.groups_completeness,
        interval_seconds=access.provider.sync_interval_seconds,
    )
    return Read(Verified(claimed.identity_id, profile, groups, claimed.generation, deviations=deviations))


def _other_person(reason: Literal["subject_changed", "issuer_changed"], error: OtherPerson) -> Ended:
    """What the audit says of it: which claim it was, and both values as hashes, which an admin can compare with others."""
    assert error.claim is not None
    hashes = {"expected_hash": token_hash(error.expected).hex(), "received_hash": token_hash(error.received).hex()}
    return Ended(reason, {"claim": error.claim, **hashes})


async def _documents(
    deps: SyncDeps, claimed: Claimed, access: Access, called: Called, tokens: TokenResponse
) -> tuple[Documents, tuple[Deviation, ...] | None]:
    """The verified claims: ID Token if there is one, UserInfo if it is needed, access token if groups are in it.

    With them, where the ID Token does not repeat the login's; None without one.
    """
    now = deps.clock()
    id_token, deviations = None, None
    if tokens.id_token is not None and access.has_id_tokens:
        assert called.presented is not None
        token = tokens.id_token
        if access.provider.client_settings.encrypted_id_tokens:
            token = decrypt_token(token, access.client.decryption_keys)
        signed = await _signed(deps, access, token, ID_TOKEN_TYPES)
        verified = _id_token(deps, claimed, access, called.presented, signed, now, tokens.access_token)
        id_token, deviations = verified.claims, verified.deviations
    access_token, is_unreadable = None, False
    if needs_access_token(access.provider):
        access_token = await _access_token(deps, claimed, access, tokens)
        is_unreadable = access_token is None and tokens.access_token is not None
    documents = Documents(id_token, None, access_token, is_unreadable)
    if id_token is None or needs_userinfo(access.provider, documents):
        said = await _userinfo(deps, claimed, access, called, tokens, now)
        if said is None and id_token is None:
            raise ProtocolError("The provider's refresh says nothing of the person.", code="NO_CLAIMS")
        # A provider without the endpoint says nothing there, as at the login: an answer with no claims.
        userinfo_claims = {} if said is None and access.metadata.has_no_userinfo else said
        documents = Documents(id_token, userinfo_claims, access_token, is_unreadable)
    return documents, deviations


def _id_token(
    deps: SyncDeps,
    claimed: Claimed,
    access: Access,
    presented: LoginTokens,
    signed: SignedClaims,
    now: datetime,
    access_token: str | None,
) -> VerifiedIDToken:
    expected = RefreshExpectation(
        issuer=claimed.issuer,
        client_id=access.provider.client_id,
        subject=claimed.subject or "",
        auth_time=presented.auth_time,
        # Every login of ours sends a nonce; without one on record, no nonce is the right one.
        nonce_hash=presented.nonce_hash or b"",
        leeway_seconds=deps.limits.leeway_seconds,
    )
    return validate_refreshed_id_token(signed, expected, now, access_token=access_token)


async def _signed(deps: SyncDeps, access: Access, token: str, types: frozenset[str]) -> SignedClaims:
    algorithms = allowed_algorithms(access.metadata.id_token_algorithms)
    return await _by_keys(deps, access, lambda keys: verify_signature(token, keys, algorithms, types=types))


async def _by_keys(deps: SyncDeps, access: Access, judge: Callable[[KeySet], T]) -> T:
    return await judged_by_keys(deps.documents, access.client.line, access.metadata, judge)


async def _userinfo(
    deps: SyncDeps, claimed: Claimed, access: Access, called: Called, tokens: TokenResponse, now: datetime
) -> Mapping[str, Any] | None:
    """UserInfo about the same person, or None where there is no such endpoint or no access token to ask it with."""
    endpoint = access.metadata.userinfo_endpoint
    if endpoint is None or tokens.access_token is None:
        return None
    is_signed = access.has_id_tokens and access.provider.client_settings.signed_userinfo
    method = access.provider.claims.userinfo_method
    answer = await send_with_token(
        deps,
        access.client,
        userinfo.userinfo_request(endpoint, tokens.access_token, accepts_jwt=is_signed, method=method),
        access_token=tokens.access_token,
        deadline=deps.limits.deadline_seconds,
        login_key=called.login_key,
    )
    if not access.has_id_tokens:
        return userinfo.read_profile(answer, now)
    subject = claimed.subject or ""
    if not is_signed:
        return userinfo.read_userinfo(answer, subject, now).claims

    def judge(keys: KeySet) -> Mapping[str, Any]:
        agreed = signed_answers(
            access.provider,
            access.metadata,
            keys,
            issuer=claimed.issuer,
            leeway_seconds=deps.limits.leeway_seconds,
        )
        return userinfo.read_userinfo(answer, subject, now, signed_answers=agreed).claims

    return await _by_keys(deps, access, judge)


async def _access_token(
    deps: SyncDeps, claimed: Claimed, access: Access, tokens: TokenResponse
) -> Mapping[str, Any] | None:
    """The access token's claims, only as a JWS by the provider's keys about the same person; else None: unreadable."""
    if not access.has_id_tokens or tokens.access_token is None:
        return None
    try:
        claims = (await _signed(deps, access, tokens.access_token, ACCESS_TOKEN_TYPES)).claims
    except ProtocolError:
        return None
    return claims if (claims.get("iss"), claims.get("sub")) == (claimed.issuer, claimed.subject) else None
