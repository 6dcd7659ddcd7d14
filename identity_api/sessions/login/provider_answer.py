"""What the provider says of the person: code against tokens, ID Token, UserInfo, then profile and groups.

OIDC Core 3.1.3 and 5.3. The rules are `oidc`'s and `mapping`'s; here they are applied in order to one login. No
transaction is open meanwhile.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from identity_api.accounts.provisioning import VerifiedPerson
from identity_api.claims import Documents, GroupsReading
from identity_api.db.attempts import Attempt
from identity_api.db.providers import Provider
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.dpop import TOKEN_TYPE
from identity_api.oidc.encrypted_token import decrypt_token
from identity_api.oidc.errors import ProtocolError
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
from identity_api.oidc.token_endpoint import BEARER, TokenResponse, code_request, read_code_response
from identity_api.oidc.userinfo import read_profile, read_userinfo, userinfo_request
from identity_api.relying_party.authorization_request import request_options, resource_of, uses_pkce
from identity_api.relying_party.claim_settings import (
    needs_access_token,
    needs_userinfo,
    read_person,
    signed_answers,
)
from identity_api.relying_party.client import ProviderClient, open_client
from identity_api.relying_party.connection import ProviderConnection, judged_by_keys
from identity_api.relying_party.group_sources import with_listed_groups
from identity_api.relying_party.requests import LoginKey, new_login_key, send_proven, send_with_token
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sessions.login.failures import judging

EXCHANGE_SECONDS = 10.0
USERINFO_SECONDS = 5.0
MAX_TOKEN_ANSWER_BYTES = 512 * 1024


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """What came for the code, who we were when we asked, and the key that the tokens are bound to if they are."""

    client: ProviderClient
    tokens: TokenResponse
    login_key: LoginKey | None

    def __repr__(self) -> str:
        return "Exchanged()"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a login learns from its provider."""

    person: VerifiedPerson
    groups: GroupsReading
    tokens: TokenResponse
    """With the ID Token as it was signed: an envelope around it has been opened."""
    login_key: LoginKey | None
    auth_time: int | None
    authenticated_at: datetime
    provider_session: str | None

    def __repr__(self) -> str:
        return "Answered()"


async def exchange_code(
    deps: LoginDeps, attempt: Attempt, line: ProviderConnection, metadata: ProviderMetadata, code: str
) -> Exchanged:
    """Exchange the code, once, with the verifier of this attempt (RFC 7636).

    It is presented again only after an answer that says that it was not looked at (`relying_party.requests`).

    Raises:
        LoginFailed: EXCHANGE_REFUSED; PROVIDER_UNAVAILABLE, PROVIDER_TIMED_OUT, PROVIDER_MISCONFIGURED.
    """
    with judging("EXCHANGE_REFUSED"):
        assert attempt.code_verifier_sealed is not None
        verifier = deps.vault.open(
            attempt.code_verifier_sealed,
            tenant_id=attempt.tenant_id,
            table="login_attempt",
            column="code_verifier_sealed",
            row_id=attempt.id,
        ).decode()
        provider = line.provider
        client = open_client(deps.vault, deps.memory, line, metadata)
        login_key = new_login_key(metadata.dpop_algorithms) if provider.client_settings.dpop else None
        answer = await send_proven(
            deps,
            client,
            lambda proof, now: code_request(
                metadata.token_endpoint,
                client=proof,
                code=code,
                redirect_uri=attempt.redirect_url,
                code_verifier=verifier if uses_pkce(provider) else None,
                extra=resource_of(provider),
                now=now,
            ),
            deadline=EXCHANGE_SECONDS,
            cap=MAX_TOKEN_ANSWER_BYTES,
            login_key=login_key,
        )
        tokens = read_code_response(answer, deps.clock(), token_type=BEARER if login_key is None else TOKEN_TYPE)
        return Exchanged(client=client, tokens=tokens, login_key=login_key)


class VerifiedDocuments(msgspec.Struct, frozen=True, kw_only=True):
    """The verified documents of one exchange; `verified` is the ID Token, None for plain OAuth 2.0."""

    documents: Documents
    verified: VerifiedIDToken | None
    tokens: TokenResponse

    def __repr__(self) -> str:
        return "Told()"


async def read_answer(
    deps: LoginDeps, attempt: Attempt, provider: Provider, metadata: ProviderMetadata, exchanged: Exchanged
) -> Answered:
    """Verify what came with the tokens, ask UserInfo where a configured claim needs it, and read the person.

    Raises:
        LoginFailed: TOKEN_REFUSED, USERINFO_REFUSED, CLAIM_UNUSABLE; the provider's own trouble.
    """
    told = await read_documents(deps, attempt, provider, metadata, exchanged)
    with judging("CLAIM_UNUSABLE"):
        profile, groups = read_person(provider, told.documents)
    groups = await with_listed_groups(
        deps.upstream, exchanged.client.line, told.tokens.access_token, told.documents, groups
    )
    now, verified = deps.clock(), told.verified
    auth_time = verified.auth_time if verified is not None else None
    issuer, subject = _who(provider, told, profile.anchor)
    return Answered(
        person=VerifiedPerson(issuer=issuer, subject=subject, profile=profile),
        groups=groups,
        tokens=told.tokens,
        login_key=exchanged.login_key,
        auth_time=auth_time,
        authenticated_at=_authenticated_at(auth_time, now),
        provider_session=verified.session_id if verified is not None else None,
    )


def _who(provider: Provider, told: VerifiedDocuments, anchor: str) -> tuple[str, str]:
    """Issuer and subject of the person."""
    if told.verified is not None:
        return told.verified.issuer, told.verified.subject
    try:
        return provider.issuer, subject_of(told.documents.userinfo or {})
    except ProtocolError:
        return provider.issuer, anchor  # GitHub numbers its people and knows no `sub`


async def read_documents(
    deps: LoginDeps, attempt: Attempt, provider: Provider, metadata: ProviderMetadata, exchanged: Exchanged
) -> VerifiedDocuments:
    """Verify what came with the tokens, and ask UserInfo where a configured claim needs it.

    Plain OAuth 2.0: UserInfo alone says who this is. It is bound to this login by the code and its verifier only.

    Raises:
        LoginFailed: TOKEN_REFUSED, USERINFO_REFUSED; the provider's own trouble.
    """
    now, tokens = deps.clock(), exchanged.tokens
    if provider.protocol == "oauth2":
        with judging("USERINFO_REFUSED"):
            if tokens.access_token is None:
                raise LoginFailed("TOKEN_REFUSED", reason="MISSING:access_token")
            userinfo = await ask_userinfo(deps, provider, metadata, exchanged, None)
        return VerifiedDocuments(documents=Documents(userinfo=userinfo), verified=None, tokens=tokens)
    with judging("TOKEN_REFUSED"):
        if tokens.id_token is None:
            raise LoginFailed("TOKEN_REFUSED", reason="MISSING:id_token")
        if provider.client_settings.encrypted_id_tokens:
            opened = decrypt_token(tokens.id_token, exchanged.client.decryption_keys)
            tokens = msgspec.structs.replace(tokens, id_token=opened)
        keys, signed = await _signed(deps, exchanged.client.line, metadata, tokens.id_token or "")
        expected = _expectation(deps, attempt, provider, metadata)
        verified = validate_id_token(signed, expected, now, access_token=tokens.access_token)
    documents = _with_access_token(Documents(id_token=verified.claims), provider, metadata, keys, tokens, verified)
    if needs_userinfo(provider, documents):
        with judging("USERINFO_REFUSED"):
            userinfo = await ask_userinfo(deps, provider, metadata, exchanged, verified)
        documents = _replace(documents, userinfo=userinfo)
    return VerifiedDocuments(documents=documents, verified=verified, tokens=tokens)


def _authenticated_at(auth_time: int | None, now: datetime) -> datetime:
    """When the person proved who they are. Some providers send 0 for "not told"; a moment ahead of us is now."""
    return min(datetime.fromtimestamp(auth_time, UTC), now) if auth_time else now


def _expectation(deps: LoginDeps, attempt: Attempt, provider: Provider, metadata: ProviderMetadata) -> LoginExpectation:
    options = request_options(provider, reauthentication=attempt.reauthentication)
    return LoginExpectation(
        issuer=metadata.issuer,
        client_id=provider.client_id,
        nonce_hash=attempt.nonce_hash or b"",
        # A demand for a new proof is measured from when it was sent: the person may take minutes at the provider.
        max_age_seconds=None if options.demands_proof else options.max_age_seconds,
        authenticated_since=attempt.launched_at if options.demands_proof else None,
        leeway_seconds=deps.limits.leeway_seconds,
        directories=frozenset(provider.claims.directories),
        accepts_missing_nonce=provider.client_settings.missing_nonce == "ACCEPTED",
    )


async def _signed(
    deps: LoginDeps, line: ProviderConnection, metadata: ProviderMetadata, token: str
) -> tuple[KeySet, SignedClaims]:
    """The ID Token's claims with a checked signature, and the keys it was checked with."""
    algorithms = allowed_algorithms(metadata.id_token_algorithms)

    def judge(keys: KeySet) -> tuple[KeySet, SignedClaims]:
        return keys, verify_signature(token, keys, algorithms, types=ID_TOKEN_TYPES)

    return await judged_by_keys(deps.documents, line, metadata, judge)


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
    if not needs_access_token(provider) or tokens.access_token is None:
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


async def ask_userinfo(
    deps: LoginDeps,
    provider: Provider,
    metadata: ProviderMetadata,
    exchanged: Exchanged,
    verified: VerifiedIDToken | None,
) -> Mapping[str, Any] | None:
    """UserInfo's claims, about the subject of the ID Token (Core 5.3.2), if there was one to say whose they are.

    A provider without the endpoint says nothing there: that is an answer with no claims, not one that is missing. It is
    missing (None) where the endpoint's address cannot be used, or no access token came to ask with.
    """
    if metadata.has_no_userinfo:
        return {}
    if metadata.userinfo_endpoint is None or exchanged.tokens.access_token is None:
        return None
    is_signed = verified is not None and provider.client_settings.signed_userinfo
    access_token = exchanged.tokens.access_token
    method = exchanged.client.provider.claims.userinfo_method
    answer = await send_with_token(
        deps,
        exchanged.client,
        userinfo_request(metadata.userinfo_endpoint, access_token, accepts_jwt=is_signed, method=method),
        access_token=access_token,
        deadline=USERINFO_SECONDS,
        login_key=exchanged.login_key,
    )
    now = deps.clock()
    if verified is None:
        return read_profile(answer, now)
    subject, issuer = verified.subject, verified.issuer
    if not is_signed:
        return read_userinfo(answer, subject, now).claims

    def judge(keys: KeySet) -> Mapping[str, Any]:
        leeway_seconds = deps.limits.leeway_seconds
        agreed = signed_answers(provider, metadata, keys, issuer=issuer, leeway_seconds=leeway_seconds)
        return read_userinfo(answer, subject, now, signed_answers=agreed).claims

    return await judged_by_keys(deps.documents, exchanged.client.line, metadata, judge)
