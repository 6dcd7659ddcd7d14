"""Authenticated requests to a provider, repeated only if the provider has not acted on the first one.

A code or refresh token must never be presented twice while the result of the first time is unknown: the second
presentation of a rotated token makes strict providers revoke the whole login. Two answers show that the provider did not
act, and after each of them the request is made once more:

    invalid_client    the client was not accepted, which is judged before the grant is looked at (RFC 6749 sections 3.2.1
                      and 5.2); while two client secrets overlap, the other one may be valid.
                      unauthorized_client is judged before the grant as well, and some providers send it for a wrong
                      secret (Keycloak, with 401)
    use_dpop_nonce    the proof lacked the server's nonce, and the request was refused only for that (RFC 9449
                      section 8)

Every other answer, and a missing answer, is passed to the caller unchanged.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from identity_api.clock import Clock
from identity_api.oidc.client_auth import ClientAuthentication
from identity_api.oidc.dpop import next_nonce, nonce_challenge, with_proof
from identity_api.oidc.errors import InvalidMetadata
from identity_api.oidc.messages import Answer, Request
from identity_api.oidc.new_keys import QUICK_ALGORITHMS, new_private_jwk
from identity_api.oidc.own_keys import OwnKey, read_own_key
from identity_api.oidc.token_endpoint import error_code
from identity_api.relying_party.cache import ProviderCache
from identity_api.relying_party.client import Proof, ProviderClient
from identity_api.telemetry import get_logger
from identity_api.upstream.exchange import DEFAULT_CAP_BYTES, Upstream

INVALID_CLIENT = "invalid_client"
UNAUTHORIZED_CLIENT = "unauthorized_client"

_log = get_logger(__name__)


class Carrying(Protocol):
    """The parts of a process that carry requests; those of logins and those of syncs both have them."""

    @property
    def upstream(self) -> Upstream:
        """Outbound HTTP."""

    @property
    def memory(self) -> ProviderCache:
        """Cached data about providers."""

    @property
    def clock(self) -> Clock:
        """The time that JWTs are made for."""


class _Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of `send_proven` that hold for each sending."""

    deadline: float
    cap: int = DEFAULT_CAP_BYTES
    answer_seconds: float | None = None
    may_send: Callable[[], bool] | None = None


class LoginKey(msgspec.Struct, frozen=True):
    """The key that a login's tokens are bound to (RFC 9449); `jwk` is what is sealed with them."""

    jwk: str
    key: OwnKey

    def __repr__(self) -> str:
        return "LoginKey()"


def new_login_key(announced: tuple[str, ...]) -> LoginKey:
    """A key for one login's tokens.

    Args:
        announced: `ProviderMetadata.dpop_algorithms`; empty if the provider does not say.

    Raises:
        InvalidMetadata: the provider accepts no algorithm for which such keys are made.
    """
    for algorithm in QUICK_ALGORITHMS:
        if algorithm in announced or not announced:
            return read_login_key(new_private_jwk(algorithm).decode())
    raise InvalidMetadata(
        "The provider takes DPoP proofs with other algorithms only.", claim="dpop_signing_alg_values_supported"
    )


def read_login_key(jwk: str) -> LoginKey:
    """The key from its sealed form, after opening.

    Raises:
        BadInput: it is not a key.
    """
    return LoginKey(jwk, read_own_key(jwk.encode()))


async def send_proven(
    deps: Carrying,
    client: ProviderClient,
    make: Callable[[ClientAuthentication, datetime], Request],
    *,
    deadline: float,
    cap: int = DEFAULT_CAP_BYTES,
    login_key: LoginKey | None = None,
    answer_seconds: float | None = None,
    may_send: Callable[[], bool] | None = None,
) -> Answer:
    """Send a request with the client's proof, and with the login's DPoP proof if it has a key.

    Args:
        make: the request for one proof and time; called for every sending, since no JWT may be used twice.
        deadline: seconds for all attempts together; with `answer_seconds`, for making each connection.
        answer_seconds: for each answer, from when its connection is made.
        may_send: called before every attempt, when its connection is made.

    Raises:
        UpstreamError: of the last attempt. Earlier attempts were refused, so `.sent` is valid for all of them.
    """
    ends_at = asyncio.get_running_loop().time() + deadline
    bounds = _Bounds(deadline=deadline, cap=cap, answer_seconds=answer_seconds, may_send=may_send)
    first, *others = _in_order(deps.memory, client)
    answer = await _send(deps, client, lambda: make(first.authentication, deps.clock()), ends_at, bounds, login_key)
    if not others or not _refuses_client(answer):
        return answer
    other = others[0]
    _log.warning(
        "provider.other_secret_tried",
        tenant_id=str(client.provider.tenant_id),
        provider_id=str(client.provider.id),
        secret_id=str(other.secret_id),
    )
    answer = await _send(deps, client, lambda: make(other.authentication, deps.clock()), ends_at, bounds, login_key)
    if other.secret_id is not None and not _refuses_client(answer):
        deps.memory.accept_secret(client.provider.id, other.secret_id)
    return answer


async def send_with_token(
    deps: Carrying,
    client: ProviderClient,
    request: Request,
    *,
    access_token: str,
    deadline: float,
    login_key: LoginKey | None = None,
) -> Answer:
    """Send a request to a resource (UserInfo); with a key the access token is presented as bound to it.

    Raises:
        UpstreamError: of the last attempt.
    """
    ends_at = asyncio.get_running_loop().time() + deadline
    return await _send(deps, client, lambda: request, ends_at, _Bounds(deadline=deadline), login_key, access_token)


def _in_order(memory: ProviderCache, client: ProviderClient) -> list[Proof]:
    accepted = memory.accepted_secret(client.provider.id)
    # Stable: behind the one that worked they stay as they are, the newest first.
    return sorted(client.proofs, key=lambda proof: proof.secret_id is None or proof.secret_id != accepted)


def _refuses_client(answer: Answer) -> bool:
    refusals = (INVALID_CLIENT, UNAUTHORIZED_CLIENT)
    return answer.status in (400, 401) and error_code(answer, refusals) in refusals


async def _send(
    deps: Carrying,
    client: ProviderClient,
    make: Callable[[], Request],
    ends_at: float,
    bounds: _Bounds,
    login_key: LoginKey | None,
    access_token: str | None = None,
) -> Answer:
    async def send(request: Request) -> Answer:
        left = max(0.0, ends_at - asyncio.get_running_loop().time())
        return await client.line.send(
            deps.upstream,
            request,
            deadline=left if bounds.answer_seconds is None else bounds.deadline,
            cap=bounds.cap,
            answer_seconds=bounds.answer_seconds,
            may_send=bounds.may_send,
        )

    def proven(nonce: str | None) -> Request:
        assert login_key is not None
        return with_proof(make(), login_key.key, deps.clock(), nonce=nonce, access_token=access_token)

    request = make()
    if login_key is None:
        return await send(request)
    server = urlsplit(request.url).netloc
    provider_id = client.provider.id
    answer = await send(proven(deps.memory.nonce(provider_id, server)))
    challenge = nonce_challenge(answer)
    if challenge is not None:
        answer = await send(proven(challenge))
    nonce = next_nonce(answer) or challenge
    if nonce is not None:
        deps.memory.keep_nonce(provider_id, server, nonce)
    return answer
