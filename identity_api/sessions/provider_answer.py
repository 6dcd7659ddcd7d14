"""What the provider says of the person: code against tokens, ID Token, UserInfo, then profile and groups.

OIDC Core 3.1.3 and 5.3. The rules are `oidc`'s and `mapping`'s; here they are applied in order to one login. No
transaction is open meanwhile.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from identity_api.accounts.provisioning import VerifiedPerson
from identity_api.db.attempts import Attempt
from identity_api.db.providers import Provider
from identity_api.lifecycle.authorization_request import request_options
from identity_api.lifecycle.provider_answers import needs_access_token, needs_userinfo, read_person
from identity_api.lifecycle.provider_client import client_of
from identity_api.mapping import Documents, GroupsReading
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import ProtocolError, UnknownKey
from identity_api.oidc.id_token import (
    LoginExpectation,
    SignedClaims,
    VerifiedIDToken,
    subject_of,
    validate_id_token,
    verify_signature,
)
from identity_api.oidc.jwks import KeySet, allowed_algorithms
from identity_api.oidc.signed_token import ACCESS_TOKEN_TYPES, ID_TOKEN_TYPES
from identity_api.oidc.token_endpoint import TokenResponse, code_request, read_code_response
from identity_api.oidc.userinfo import read_profile, read_userinfo, userinfo_request
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.failures import judging
from identity_api.sessions.parts import LoginParts

EXCHANGE_SECONDS = 10.0
USERINFO_SECONDS = 5.0
MAX_TOKEN_ANSWER_BYTES = 512 * 1024


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a login learns from its provider."""

    person: VerifiedPerson
    groups: GroupsReading
    tokens: TokenResponse
    auth_time: int | None
    authenticated_at: datetime
    provider_session: str | None

    def __repr__(self) -> str:
        return "Answered()"


async def exchange_code(
    parts: LoginParts, attempt: Attempt, provider: Provider, metadata: ProviderMetadata, code: str
) -> TokenResponse:
    """Exchange the code, once, with the verifier of this attempt (RFC 7636).

    Raises:
        LoginFailed: EXCHANGE_REFUSED; PROVIDER_UNAVAILABLE, PROVIDER_TIMED_OUT, PROVIDER_MISCONFIGURED.
    """
    with judging("EXCHANGE_REFUSED"):
        assert attempt.code_verifier_sealed is not None
        verifier = parts.vault.open(
            attempt.code_verifier_sealed,
            tenant_id=attempt.tenant_id,
            table="login_attempt",
            column="code_verifier_sealed",
            row_id=attempt.id,
        ).decode()
        async with parts.database.reading() as connection:
            client = await client_of(connection, parts.vault, provider)
        request = code_request(
            metadata.token_endpoint,
            client=client,
            code=code,
            redirect_uri=attempt.redirect_url,
            code_verifier=verifier,
        )
        answer = await parts.upstream.exchange(
            request, deadline=EXCHANGE_SECONDS, cap=MAX_TOKEN_ANSWER_BYTES, tenant=attempt.tenant_slug
        )
        return read_code_response(answer, parts.clock())


async def read_answer(
    parts: LoginParts, attempt: Attempt, provider: Provider, metadata: ProviderMetadata, tokens: TokenResponse
) -> Answered:
    """Verify what came with the tokens, ask UserInfo where a configured claim needs it, and read the person.

    Raises:
        LoginFailed: TOKEN_REFUSED, USERINFO_REFUSED, CLAIM_UNUSABLE; the provider's own trouble.
    """
    now = parts.clock()
    if provider.protocol == "oauth2":
        return await _read_plain(parts, attempt, provider, metadata, tokens)
    with judging("TOKEN_REFUSED"):
        if tokens.id_token is None:
            raise LoginFailed("TOKEN_REFUSED", reason="MISSING:id_token")
        keys, signed = await _signed(parts, attempt, metadata, tokens.id_token)
        expected = _expectation(parts, attempt, provider, metadata)
        verified = validate_id_token(signed, expected, now, access_token=tokens.access_token)
    documents = _with_access_token(Documents(id_token=verified.claims), provider, metadata, keys, tokens, verified)
    if needs_userinfo(provider, documents):
        with judging("USERINFO_REFUSED"):
            userinfo = await _userinfo(parts, attempt, metadata, tokens, verified.subject)
        documents = _replace(documents, userinfo=userinfo)
    with judging("CLAIM_UNUSABLE"):
        profile, groups = read_person(provider, documents)
    return Answered(
        person=VerifiedPerson(issuer=verified.issuer, subject=verified.subject, profile=profile),
        groups=groups,
        tokens=tokens,
        auth_time=verified.auth_time,
        authenticated_at=_authenticated_at(verified.auth_time, now),
        provider_session=verified.session_id,
    )


def _authenticated_at(auth_time: int | None, now: datetime) -> datetime:
    """When the person proved who they are. Some providers send 0 for "not told"; a moment ahead of us is now."""
    return min(datetime.fromtimestamp(auth_time, UTC), now) if auth_time else now


def _expectation(
    parts: LoginParts, attempt: Attempt, provider: Provider, metadata: ProviderMetadata
) -> LoginExpectation:
    options = request_options(provider)
    return LoginExpectation(
        issuer=metadata.issuer,
        client_id=provider.client_id,
        nonce_hash=attempt.nonce_hash or b"",
        # A demand for a new proof is measured from when it was sent: the person may take minutes at the provider.
        max_age_seconds=None if options.demands_proof else options.max_age_seconds,
        authenticated_since=attempt.launched_at if options.demands_proof else None,
        leeway_seconds=parts.limits.leeway_seconds,
        directories=frozenset(provider.claims.directories),
    )


async def _signed(
    parts: LoginParts, attempt: Attempt, metadata: ProviderMetadata, token: str
) -> tuple[KeySet, SignedClaims]:
    """The ID Token's claims with a checked signature. Keys rotate: an unknown one is looked for anew, once."""
    algorithms = allowed_algorithms(metadata.id_token_algorithms)
    keys = await parts.documents.keys(metadata.jwks_uri, tenant=attempt.tenant_slug)
    try:
        return keys, verify_signature(token, keys, algorithms, types=ID_TOKEN_TYPES)
    except UnknownKey:
        keys = await parts.documents.refetch_keys(metadata.jwks_uri, judged=keys, tenant=attempt.tenant_slug)
        return keys, verify_signature(token, keys, algorithms, types=ID_TOKEN_TYPES)


def _with_access_token(
    documents: Documents,
    provider: Provider,
    metadata: ProviderMetadata,
    keys: KeySet,
    tokens: TokenResponse,
    verified: VerifiedIDToken,
) -> Documents:
    """Add the access token's claims where groups are configured to be in it: only by the provider's keys, and only about
    the same person; otherwise it is unreadable.
    """
    if not needs_access_token(provider):
        return documents
    try:
        algorithms = allowed_algorithms(metadata.id_token_algorithms)
        claims = verify_signature(tokens.access_token, keys, algorithms, types=ACCESS_TOKEN_TYPES).claims
    except ProtocolError:
        return _replace(documents, access_token_unreadable=True)
    if (claims.get("iss"), claims.get("sub")) != (verified.issuer, verified.subject):
        return _replace(documents, access_token_unreadable=True)
    return _replace(documents, access_token=claims)


def _replace(documents: Documents, **changes: Any) -> Documents:
    names = ("id_token", "userinfo", "access_token", "access_token_unreadable")
    return Documents(**{**{name: getattr(documents, name) for name in names}, **changes})


async def _userinfo(
    parts: LoginParts, attempt: Attempt, metadata: ProviderMetadata, tokens: TokenResponse, subject: str | None
) -> Mapping[str, Any]:
    """UserInfo's claims, which must be about `subject` (Core 5.3.2); None where no ID Token said whose they are.

    A provider without the endpoint says nothing there: that is an answer with no claims, not one that is missing.
    """
    if metadata.userinfo_endpoint is None:
        return {}
    request = userinfo_request(metadata.userinfo_endpoint, tokens.access_token)
    answer = await parts.upstream.exchange(request, deadline=USERINFO_SECONDS, tenant=attempt.tenant_slug)
    if subject is None:
        return read_profile(answer, parts.clock())
    return read_userinfo(answer, subject, parts.clock()).claims


async def _read_plain(
    parts: LoginParts, attempt: Attempt, provider: Provider, metadata: ProviderMetadata, tokens: TokenResponse
) -> Answered:
    """Plain OAuth 2.0: UserInfo alone says who this is. It is bound to this login by the code and its verifier only."""
    with judging("USERINFO_REFUSED"):
        claims = await _userinfo(parts, attempt, metadata, tokens, None)
    with judging("CLAIM_UNUSABLE"):
        profile, groups = read_person(provider, Documents(userinfo=claims))
    try:
        subject = subject_of(claims)
    except ProtocolError:
        subject = profile.anchor  # GitHub numbers its people and knows no `sub`
    return Answered(
        person=VerifiedPerson(issuer=provider.issuer, subject=subject, profile=profile),
        groups=groups,
        tokens=tokens,
        auth_time=None,
        authenticated_at=parts.clock(),
        provider_session=None,
    )
