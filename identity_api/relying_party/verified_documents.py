"""Verify the documents in which a provider describes a person: ID Token, UserInfo, and the access token as a groups source.

OpenID Connect Core 3.1.3.7, 12.2 and 5.3. A login and a refresh verify the same documents with the same keys and rules;
their expectations are an argument:

                    login (3.1.3)                            refresh (12.2)
    ID Token        required; nonce, max_age, azp            may be left out; `iss` and `sub` of the login
    UserInfo        where a configured claim needs it        there too, and where no ID Token came
    its `sub`       the ID Token's                           the identity's
    access token    the ID Token's `iss` and `sub`           the identity's

Plain OAuth 2.0 has only UserInfo, and no keys; the caller compares whose it is (`person_of`).
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from identity_api.claims import Document, Documents, GroupsReading, Profile, within
from identity_api.db.database import Database
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.encrypted_token import decrypt_token
from identity_api.oidc.errors import ProtocolError
from identity_api.oidc.id_token import (
    LoginExpectation,
    RefreshExpectation,
    SignedClaims,
    VerifiedIDToken,
    subject_of,
    validate_id_token,
    validate_refreshed_id_token,
    verify_signature,
)
from identity_api.oidc.jwks import KeySet, allowed_algorithms
from identity_api.oidc.signed_token import ACCESS_TOKEN_TYPES, ID_TOKEN_TYPES
from identity_api.oidc.token_endpoint import TokenResponse
from identity_api.oidc.userinfo import read_profile, read_userinfo, userinfo_request
from identity_api.relying_party import connection
from identity_api.relying_party.claim_settings import (
    needs_access_token,
    needs_userinfo,
    read_person,
    signed_answers,
)
from identity_api.relying_party.client import ProviderClient
from identity_api.relying_party.connection import judged_by_keys
from identity_api.relying_party.group_sources import with_listed_groups
from identity_api.relying_party.requests import Carrying, LoginKey, send_with_token

T = TypeVar("T")

Expectation = LoginExpectation | RefreshExpectation
Judging = Callable[[Document], AbstractContextManager[None]]


class ReaderDeps(Carrying, Protocol):
    """The parts of a process that read documents; those of logins and those of syncs both have them."""

    @property
    def documents(self) -> connection.Documents:
        """Providers' keys."""

    @property
    def database(self) -> Database:
        """For the limits of a tenant."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a token endpoint: the client that asked, the tokens, and the key that the tokens are bound to."""

    client: ProviderClient
    metadata: ProviderMetadata
    tokens: TokenResponse
    login_key: LoginKey | None = None

    def __repr__(self) -> str:
        return f"Exchange({self.client!r})"


class VerifiedDocuments(msgspec.Struct, frozen=True, kw_only=True):
    """The verified documents of one exchange."""

    documents: Documents
    exchange: Exchange
    """With the signed ID Token: an encrypted one has been decrypted."""
    id_token: VerifiedIDToken | None
    """None if none came with a refresh, and for plain OAuth 2.0."""

    def __repr__(self) -> str:
        return "VerifiedDocuments()"


class Person(NamedTuple):
    """The person that a document must be about."""

    issuer: str
    subject: str


def _as_it_is(document: Document) -> AbstractContextManager[None]:
    return nullcontext()


async def read_documents(
    deps: ReaderDeps,
    exchange: Exchange,
    expected: Expectation,
    *,
    userinfo_seconds: float,
    judging: Judging = _as_it_is,
) -> VerifiedDocuments:
    """Verify the documents that came with the tokens, and request UserInfo if it is needed.

    Args:
        expected: a login's or a refresh's.
        userinfo_seconds: for UserInfo's answer.
        judging: a context manager around the verification of each document, for a caller with different codes for the
            same fault of two documents.

    Raises:
        OtherPerson: a document is about another person than the expected one, or than the ID Token's.
        ProtocolError: a document breaks a rule. `MISSING`: a login lacks the token that identifies the person.
            `NO_CLAIMS`: no document of a refresh has claims.
        UpstreamError: keys or UserInfo cannot be fetched.
        VaultError, BadInput: from this service's keys.
    """
    with judging(Document.ID_TOKEN):
        _ensure_complete(exchange, expected)
        exchange, id_token = await _id_token(deps, exchange, expected)
    documents = Documents(id_token=id_token.claims if id_token else None)
    with judging(Document.ACCESS_TOKEN):
        documents = await _with_access_token(deps, exchange, documents, _person(exchange, expected, id_token))
    told = VerifiedDocuments(documents=documents, exchange=exchange, id_token=id_token)
    if id_token is not None and not needs_userinfo(exchange.client.provider, documents):
        return told
    with judging(Document.USERINFO):
        told = await with_userinfo(deps, told, expected, seconds=userinfo_seconds)
        if id_token is None and (told.documents.userinfo is None or exchange.metadata.has_no_userinfo):
            raise ProtocolError("The provider says nothing of the person.", code="NO_CLAIMS")
    return told


async def with_userinfo(
    deps: ReaderDeps, told: VerifiedDocuments, expected: Expectation, *, seconds: float
) -> VerifiedDocuments:
    """The documents with UserInfo's claims, about the same person (Core 5.3.2).

    A provider without the endpoint counts as an answer without claims, not as a missing answer. It is missing (None) if
    the endpoint's address cannot be used, or no access token came for the request.

    Raises:
        as `read_documents`.
    """
    userinfo = await _userinfo(deps, told.exchange, expected, _person(told.exchange, expected, told.id_token), seconds)
    return msgspec.structs.replace(told, documents=replace(told.documents, userinfo=userinfo))


async def person_of(deps: ReaderDeps, told: VerifiedDocuments) -> tuple[str, Profile, GroupsReading]:
    """Subject, profile and groups of the person that the documents are about; groups also from a vendor's API.

    The subject of plain OAuth 2.0 is UserInfo's `sub`, or the anchor if the provider has no `sub` (GitHub).

    Raises:
        ClaimMissing, ClaimUnusable: the anchor is not there, or is nothing that can be kept.
    """
    client, tokens = told.exchange.client, told.exchange.tokens
    profile, groups = read_person(client.provider, told.documents)
    groups = await with_listed_groups(deps.upstream, client.line, tokens.access_token, told.documents, groups)
    groups = within(groups, deps.database.limits.max_answer_groups)
    return told_subject(told) or profile.anchor, profile, groups


def told_subject(told: VerifiedDocuments) -> str | None:
    """The `sub` that the documents name; None if the provider has none."""
    if told.id_token is not None:
        return told.id_token.subject
    try:
        return subject_of(told.documents.userinfo or {})
    except ProtocolError:
        return None


def _person(exchange: Exchange, expected: Expectation, id_token: VerifiedIDToken | None) -> Person | None:
    """The person that every further document must be about; None for plain OAuth 2.0, where no signed document
    identifies them.
    """
    if id_token is not None:
        return Person(id_token.issuer, id_token.subject)
    if isinstance(expected, RefreshExpectation) and exchange.client.provider.protocol == "oidc":
        return Person(expected.issuer, expected.subject)
    return None


def _ensure_complete(exchange: Exchange, expected: Expectation) -> None:
    """A login must bring the token that identifies the person (Core 3.1.3.3; RFC 6749 section 5.1). A refresh need not
    (12.2).
    """
    if isinstance(expected, RefreshExpectation):
        return
    wanted = "id_token" if exchange.client.provider.protocol == "oidc" else "access_token"
    if getattr(exchange.tokens, wanted) is None:
        raise ProtocolError(f"The provider's answer has no {wanted}.", code="MISSING", claim=wanted)


async def _id_token(
    deps: ReaderDeps, exchange: Exchange, expected: Expectation
) -> tuple[Exchange, VerifiedIDToken | None]:
    """The verified ID Token, and the exchange with the signed token. That of a plain OAuth 2.0 server is not read."""
    provider, token = exchange.client.provider, exchange.tokens.id_token
    if token is None or provider.protocol != "oidc":
        return exchange, None
    if provider.client_settings.encrypted_id_tokens:
        token = decrypt_token(token, exchange.client.decryption_keys)
        exchange = msgspec.structs.replace(exchange, tokens=msgspec.structs.replace(exchange.tokens, id_token=token))
    signed, now = await _signed(deps, exchange, token, ID_TOKEN_TYPES), deps.clock()
    if isinstance(expected, LoginExpectation):
        return exchange, validate_id_token(signed, expected, now, access_token=exchange.tokens.access_token)
    return exchange, validate_refreshed_id_token(signed, expected, now, access_token=exchange.tokens.access_token)


async def _with_access_token(
    deps: ReaderDeps, exchange: Exchange, documents: Documents, about: Person | None
) -> Documents:
    """Add the access token's claims if groups are configured to be in it: only if the provider's keys verify it, and
    only about the same person; otherwise it is unreadable.
    """
    token = exchange.tokens.access_token
    if token is None or not needs_access_token(exchange.client.provider):
        return documents
    unreadable = replace(documents, access_token_unreadable=True)
    if about is None:
        return unreadable
    try:
        claims = (await _signed(deps, exchange, token, ACCESS_TOKEN_TYPES)).claims
    except ProtocolError:
        return unreadable
    return replace(documents, access_token=claims) if (claims.get("iss"), claims.get("sub")) == about else unreadable


async def _userinfo(
    deps: ReaderDeps, exchange: Exchange, expected: Expectation, about: Person | None, seconds: float
) -> Mapping[str, Any] | None:
    metadata, provider, access_token = exchange.metadata, exchange.client.provider, exchange.tokens.access_token
    if metadata.has_no_userinfo:
        return {}
    if metadata.userinfo_endpoint is None or access_token is None:
        return None
    is_signed = about is not None and provider.client_settings.signed_userinfo
    method = provider.claims.userinfo_method
    answer = await send_with_token(
        deps,
        exchange.client,
        userinfo_request(metadata.userinfo_endpoint, access_token, accepts_jwt=is_signed, method=method),
        access_token=access_token,
        deadline=seconds,
        login_key=exchange.login_key,
    )
    now = deps.clock()
    if about is None:
        return read_profile(answer, now)
    if not is_signed:
        return read_userinfo(answer, about.subject, now).claims

    def judge(keys: KeySet) -> Mapping[str, Any]:
        agreed = signed_answers(provider, metadata, keys, issuer=about.issuer, leeway_seconds=expected.leeway_seconds)
        return read_userinfo(answer, about.subject, now, signed_answers=agreed).claims

    return await judged_by_keys(deps.documents, exchange.client.line, metadata, judge)


async def _signed(deps: ReaderDeps, exchange: Exchange, token: str, types: frozenset[str]) -> SignedClaims:
    """A token's claims with a checked signature. Raises as `judged_by_keys`."""
    algorithms = allowed_algorithms(exchange.metadata.id_token_algorithms)

    def judge(keys: KeySet) -> SignedClaims:
        return verify_signature(token, keys, algorithms, types=types)

    return await judged_by_keys(deps.documents, exchange.client.line, exchange.metadata, judge)
