"""Step 2: present the refresh token (RFC 6749 section 6; OIDC Core 12.1).

Outside any transaction, within a deadline, and once: after a second presentation of a rotated token, strict providers
revoke the whole login. A presentation is repeated only if it was refused before the token was looked at
(`relying_party.requests`). Every failure records whether the provider may have carried out the request.
"""

from collections.abc import Callable
from uuid import UUID

import msgspec

from identity_api.db.sync import Claimed
from identity_api.errors import BadInput
from identity_api.oidc.dpop import TOKEN_TYPE
from identity_api.oidc.provider_error_text import words_in_answer
from identity_api.oidc.token_endpoint import (
    BEARER,
    Refreshed,
    RefreshOutcome,
    TokenResponse,
    Transient,
    read_refresh_response,
    refresh_request,
)
from identity_api.relying_party import refresh_tokens
from identity_api.relying_party.authorization_request import resource_of
from identity_api.relying_party.refresh_tokens import LoginTokens
from identity_api.relying_party.requests import LoginKey, read_login_key, send_proven
from identity_api.sync.access import Access
from identity_api.sync.deps import SyncDeps
from identity_api.sync.outcome import Stale
from identity_api.telemetry import get_logger
from identity_api.upstream.errors import UpstreamError, Withdrawn
from identity_api.vault import VaultError

_log = get_logger(__name__)
MAX_ANSWER_BYTES = 512 * 1024
"""Three tokens, one of which may carry hundreds of groups."""


LEASE_OVER = Stale(reason="lease_over")
"""Nothing was sent, and nothing new is known about the login."""
CLIENT_CHANGED = Stale(reason="client_changed")
"""Nothing was sent: the token was issued to a client that the provider's settings do not name any more. To the other one the
provider would say that it is dead (RFC 6749 section 5.2).
"""


class Called(msgspec.Struct, frozen=True):
    """The token endpoint's answer, and the tokens that were presented to it.

    `said` is a refusal in the provider's own words (`oidc.provider_error_text`), for the log and the audit.
    """

    outcome: RefreshOutcome | Stale
    presented: LoginTokens | None
    login_key: LoginKey | None = None
    said: str | None = None

    def __repr__(self) -> str:
        return f"Called({type(self.outcome).__name__})"


async def call(deps: SyncDeps, claimed: Claimed, access: Access, *, may_send: Callable[[], bool]) -> Called:
    """Ask the provider for fresh tokens. Never raises for a fault of a provider, a network or a sealed value.

    A value sealed under a key that the ring lacks makes this one identity `key_missing` and nobody else.

    Args:
        may_send: whether the claim is still held, asked as the last thing before the token is sent: a worker that was
            stopped past its lease must not present a token that another has presented since.
    """
    assert claimed.token_id is not None
    assert claimed.token_sealed is not None
    try:
        presented = refresh_tokens.open_sealed(deps.vault, claimed.tenant_id, claimed.token_id, claimed.token_sealed)
        login_key = None if presented.login_key is None else read_login_key(presented.login_key)
    except (VaultError, BadInput) as error:
        return Called(Stale(reason=error.code.lower()), None)
    # Whether tokens are bound was decided at the login, whatever the provider's setting says by now.
    token_type = BEARER if login_key is None else TOKEN_TYPE
    if access.asks_with_access_token(presented):
        # Nothing to exchange: UserInfo is asked with the access token of the login itself.
        tokens = TokenResponse(access_token=presented.refresh_token, token_type=token_type)
        return Called(Refreshed(tokens), presented, login_key)
    if presented.client_id not in (None, access.provider.client_id):
        return Called(CLIENT_CHANGED, presented, login_key)
    try:
        answer = await send_proven(
            deps,
            access.client,
            lambda proof, now: refresh_request(
                access.metadata.token_endpoint,
                client=proof,
                refresh_token=presented.refresh_token,
                extra=resource_of(access.provider),
                now=now,
            ),
            deadline=deps.limits.deadline_seconds,
            cap=MAX_ANSWER_BYTES,
            login_key=login_key,
            answer_seconds=deps.limits.answer_seconds,
            may_send=may_send,
        )
    except Withdrawn:
        return Called(LEASE_OVER, presented, login_key)
    except UpstreamError as error:
        return Called(Transient(error.code.lower(), uncertain=error.sent), presented, login_key)
    outcome = read_refresh_response(answer, deps.clock(), token_type=token_type)
    said = None if isinstance(outcome, Refreshed) else words_in_answer(answer)
    if said is not None:
        _log_said(claimed, access.provider.id, said)
    return Called(outcome, presented, login_key, said)


def _log_said(claimed: Claimed, provider_id: UUID, said: str) -> None:
    _log.info(
        "sync.provider_said",
        tenant=str(claimed.tenant_id),
        user=str(claimed.user_id),
        identity=str(claimed.identity_id),
        provider=str(provider_id),
        said=said,
    )
