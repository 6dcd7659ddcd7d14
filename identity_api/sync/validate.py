"""Step 4: check what came with a refresh, and read profile and groups from it (OIDC Core 12.2, 5.3.2).

The documents are read as a login's are (`relying_party.verified_documents`); this module has the rules of a refresh.

The rotated token has landed by now, so no failure here ends a login. A document about another person, by `iss` or
`sub`, quarantines the identity, and nothing else does. If a document differs from the login's only in claims that do
not identify the person (`auth_time`, `nonce`, `azp`), the difference is noted and the document is used. An unusable
document (bad signature, for another client, expired, keys unavailable) leaves the identity as it is, with the reason.
"""

from typing import Literal

from identity_api.claims import ClaimError
from identity_api.db.sync import Claimed
from identity_api.ids import token_hash
from identity_api.lifecycle.apply_verified import Verified
from identity_api.oidc.errors import (
    AccessTokenRefused,
    ClaimMismatch,
    OtherPerson,
    ProtocolError,
    UserInfoUnavailable,
)
from identity_api.oidc.id_token import RefreshExpectation
from identity_api.oidc.token_endpoint import Refreshed
from identity_api.relying_party.refresh_tokens import LoginTokens
from identity_api.relying_party.verified_documents import (
    Exchange,
    VerifiedDocuments,
    person_of,
    read_documents,
    told_subject,
)
from identity_api.sync.access import Access
from identity_api.sync.call import Called
from identity_api.sync.deps import SyncDeps
from identity_api.sync.outcome import Ended, Read, Stale, judge
from identity_api.upstream.errors import UpstreamError


async def validate(deps: SyncDeps, claimed: Claimed, access: Access, called: Called) -> Read | Stale | Ended:
    """Interpret the answer: a verified reading, "not now", or an end. Never raises for a fault of a provider."""
    if not isinstance(called.outcome, Refreshed):
        judged = judge(called.outcome, said=called.said)
        assert judged is not None
        return judged
    assert called.presented is not None
    exchange = Exchange(
        client=access.client, metadata=access.metadata, tokens=called.outcome.tokens, login_key=called.login_key
    )
    expected = _expectation(deps, claimed, access, called.presented)
    try:
        told = await read_documents(deps, exchange, expected, userinfo_seconds=deps.limits.deadline_seconds)
        _, profile, groups = await person_of(deps, told)
        if not access.has_id_tokens:
            _ensure_same_person(claimed, told, profile.anchor)
    except OtherPerson as error:
        if error.claim == "anchor" and called.presented.anchored_by not in (None, tuple(access.provider.claims.anchor)):
            # Another claim has another value, also of the same person.
            return Stale(reason="anchor_changed")
        return _other_person("issuer_changed" if error.claim == "iss" else "subject_changed", error)
    except ClaimMismatch as error:
        # An access token that does not match the ID Token is no evidence of another person: it is only not used.
        return Stale(reason="access_token_mismatch" if error.claim == "at_hash" else error.code.lower())
    except AccessTokenRefused as error:
        is_the_logins = access.asks_with_access_token(called.presented)
        return Stale(reason=error.code.lower(), refusal="access_token_refused" if is_the_logins else None)
    except UpstreamError as error:
        return Stale(reason=error.code.lower(), is_outage=True)
    except UserInfoUnavailable as error:
        return Stale(reason=error.code.lower(), retry_after_seconds=error.retry_after_seconds, is_outage=True)
    except (ProtocolError, ClaimError) as error:
        return Stale(reason=error.code.lower())
    groups = deps.alarms.judge_absence(
        claimed.tenant_id,
        claimed.provider_id,
        groups,
        before=claimed.groups_completeness,
        interval_seconds=access.provider.sync_interval_seconds,
    )
    deviations = told.id_token.deviations if told.id_token is not None else None
    verified = Verified(
        claimed.identity_id, profile, groups, claimed.generation, deviations=deviations, was_due_at=claimed.due_at
    )
    return Read(verified)


def _other_person(reason: Literal["subject_changed", "issuer_changed"], error: OtherPerson) -> Ended:
    """For the audit: which claim differs, and both values as hashes, which an admin can compare with others."""
    assert error.claim is not None
    hashes = {"expected_hash": token_hash(error.expected).hex(), "received_hash": token_hash(error.received).hex()}
    return Ended(reason, {"claim": error.claim, **hashes})


def _expectation(deps: SyncDeps, claimed: Claimed, access: Access, presented: LoginTokens) -> RefreshExpectation:
    """The claims of the login's ID Token, which this refresh must repeat."""
    return RefreshExpectation(
        issuer=claimed.issuer,
        client_id=access.provider.client_id,
        subject=claimed.subject or "",
        auth_time=presented.auth_time,
        # Every login sends a nonce; without a stored one, no nonce is right.
        nonce_hash=presented.nonce_hash or b"",
        leeway_seconds=deps.limits.leeway_seconds,
        announced_issuer=access.metadata.issuer,
        directories=frozenset(access.provider.claims.directories),
    )


def _ensure_same_person(claimed: Claimed, told: VerifiedDocuments, anchor: str) -> None:
    """Of plain OAuth 2.0, which signs nobody's `sub`: what a login finds the identity by must be the one we know.

    As at a login, the same subject under a new anchor is the same person, and the same anchor under another subject is not.
    A provider that names no `sub` is known by its anchor alone.

    Raises:
        OtherPerson: it is another one.
    """
    subject = told_subject(told)
    if subject is not None and subject == claimed.subject:
        return
    if anchor != claimed.anchor:
        raise OtherPerson("anchor", expected=claimed.anchor, received=anchor)
    knows_subject = claimed.subject is not None and claimed.subject != claimed.anchor
    if subject is not None and knows_subject:
        raise OtherPerson("sub", expected=claimed.subject or "", received=subject)
