"""Read the provider's answer to a login: code against tokens, ID Token, UserInfo, then profile and groups.

OIDC Core 3.1.3 and 5.3. The documents are verified as in a refresh (`relying_party.verified_documents`); this module sets
a login's expectations of them. No transaction is open meanwhile.
"""

from contextlib import AbstractContextManager
from datetime import UTC, datetime

import msgspec

from identity_api.accounts.provisioning import VerifiedPerson
from identity_api.claims import Document, GroupsReading
from identity_api.db.attempts import Attempt
from identity_api.db.providers import Provider
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.dpop import TOKEN_TYPE
from identity_api.oidc.id_token import LoginExpectation
from identity_api.oidc.token_endpoint import BEARER, code_request, read_code_response
from identity_api.relying_party.authorization_request import can_be_asked, request_options, resource_of, uses_pkce
from identity_api.relying_party.client import open_client
from identity_api.relying_party.connection import ProviderConnection
from identity_api.relying_party.requests import new_login_key, send_proven
from identity_api.relying_party.verified_documents import Exchange, VerifiedDocuments, person_of, read_documents
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sessions.login.failures import judging

EXCHANGE_SECONDS = 10.0
USERINFO_SECONDS = 5.0
MAX_TOKEN_ANSWER_BYTES = 512 * 1024
NOT_TOLD = datetime.fromtimestamp(0, UTC)
"""The time of the proof if the provider does not send it: too long ago for anything that needs a recent proof."""


class VerifiedLogin(msgspec.Struct, frozen=True, kw_only=True):
    """The verified content of a login."""

    person: VerifiedPerson
    groups: GroupsReading
    told: VerifiedDocuments
    authenticated_at: datetime
    """When the person proved who they are, aware UTC; `NOT_TOLD` if the provider could have sent it and did not."""

    def __repr__(self) -> str:
        return "VerifiedLogin()"

    @property
    def provider_session(self) -> str | None:
        """The `sid` of the ID Token."""
        return self.told.id_token.session_id if self.told.id_token is not None else None

    @property
    def auth_time(self) -> int | None:
        """The ID Token's, which a refreshed one is compared with; seconds since 1970."""
        return self.told.id_token.auth_time if self.told.id_token is not None else None


async def exchange_code(
    deps: LoginDeps, attempt: Attempt, line: ProviderConnection, metadata: ProviderMetadata, code: str
) -> Exchange:
    """Exchange the code, once, with the verifier of this attempt (RFC 7636).

    It is sent again only after an answer that says that it was not processed (`relying_party.requests`).

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
        return Exchange(client=client, metadata=metadata, tokens=tokens, login_key=login_key)


async def read_answer(deps: LoginDeps, attempt: Attempt, exchange: Exchange) -> VerifiedLogin:
    """Verify what came with the tokens, ask UserInfo where a configured claim needs it, and read the person.

    Raises:
        LoginFailed: TOKEN_REFUSED, USERINFO_REFUSED, CLAIM_UNUSABLE; the provider's own trouble.
    """
    told = await read_login_documents(deps, attempt, exchange)
    with judging("CLAIM_UNUSABLE"):
        subject, profile, groups = await person_of(deps, told)
    issuer = told.id_token.issuer if told.id_token is not None else exchange.client.provider.issuer
    auth_time = told.id_token.auth_time if told.id_token is not None else None
    return VerifiedLogin(
        person=VerifiedPerson(issuer=issuer, subject=subject, profile=profile),
        groups=groups,
        told=told,
        authenticated_at=_authenticated_at(exchange.client.provider, auth_time, deps.clock()),
    )


async def read_login_documents(deps: LoginDeps, attempt: Attempt, exchange: Exchange) -> VerifiedDocuments:
    """Verify what came with the tokens, and ask UserInfo where a configured claim needs it.

    Plain OAuth 2.0: UserInfo alone says who this is. It is bound to this login by the code and its verifier only.

    Raises:
        LoginFailed: TOKEN_REFUSED, USERINFO_REFUSED; the provider's own trouble.
    """
    expected = login_expectation(deps, attempt, exchange)
    return await read_documents(deps, exchange, expected, userinfo_seconds=USERINFO_SECONDS, judging=_judging)


def login_expectation(deps: LoginDeps, attempt: Attempt, exchange: Exchange) -> LoginExpectation:
    """The parameters that this attempt requested from the provider."""
    provider = exchange.client.provider
    options = request_options(provider, reauthentication=attempt.reauthentication)
    return LoginExpectation(
        issuer=exchange.metadata.issuer,
        client_id=provider.client_id,
        nonce_hash=attempt.nonce_hash or b"",
        # A demand for a new proof is measured from when it was sent: the person may take minutes at the provider.
        max_age_seconds=None if options.demands_proof else options.max_age_seconds,
        authenticated_since=attempt.launched_at if options.demands_proof else None,
        leeway_seconds=deps.limits.leeway_seconds,
        directories=frozenset(provider.claims.directories),
        accepts_missing_nonce=provider.client_settings.missing_nonce == "ACCEPTED",
    )


def _judging(document: Document) -> AbstractContextManager[None]:
    return judging("USERINFO_REFUSED" if document is Document.USERINFO else "TOKEN_REFUSED")


def _authenticated_at(provider: Provider, auth_time: int | None, now: datetime) -> datetime:
    """When the person proved who they are. Some providers send 0 for "not told"; a moment ahead of us is now.

    Without `auth_time` the provider may have used a session from yesterday. One that can be asked for a proof is then
    asked when one is needed: that request obliges it to send `auth_time` (Core 2). If it cannot be asked, its people
    would have no proof at all, so its login counts as one.
    """
    if auth_time:
        return min(datetime.fromtimestamp(auth_time, UTC), now)
    return NOT_TOLD if can_be_asked(provider) else now
