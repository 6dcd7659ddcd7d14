"""Test the client authentication: a secret that is still valid, and a token endpoint that accepts it.

The test asks the token endpoint to exchange an invented code. A provider checks the client first (RFC 6749 section
3.2.1), so `invalid_grant` means that it accepted the client, and `invalid_client` that it did not.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from identity_api.clock import Clock
from identity_api.db.client_keys import SealedClient
from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import Finding, fail, listed, ok, shown_url, skipped, warn
from identity_api.errors import BadInput
from identity_api.ids import new_token
from identity_api.oidc.authorization import new_code_verifier
from identity_api.oidc.client_auth import (
    APPLE_CLIENT_SECRET,
    CLIENT_SECRET_BASIC,
    CLIENT_SECRET_POST,
    NONE,
    SECRET_METHODS,
    TLS_METHODS,
    ClientAuthentication,
)
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import InvalidTokenResponse, ProtocolError, TokenEndpointUnavailable, TokenRequestRefused
from identity_api.oidc.messages import Answer, Request
from identity_api.oidc.token_endpoint import INVALID_GRANT, code_request, error_code, read_code_response
from identity_api.providers.self_test.probe import CAP_BYTES, Probe, unreached
from identity_api.providers.waived_checks import PKCE_OFF
from identity_api.relying_party.authorization_request import resource_of, uses_pkce
from identity_api.relying_party.cache import ProviderCache
from identity_api.relying_party.client import ProviderClient, open_client
from identity_api.relying_party.connection import ProviderConnection, open_line
from identity_api.relying_party.requests import new_login_key, send_proven
from identity_api.upstream.errors import UpstreamError
from identity_api.upstream.exchange import Upstream
from identity_api.vault import Vault, VaultError

SECRET: Final = "client secret"  # noqa: S105 -- the name of a step, not a secret
STEP: Final = "client authentication"
ENDS_SOON: Final = timedelta(days=30)

_KNOWN_US: Final = frozenset({INVALID_GRANT, "bad_verification_code", "invalid_code"})
"""The second is GitHub's and the third Slack's, which answer in words of their own; so are the last of the next."""
_DID_NOT: Final = frozenset(
    {"invalid_client", "incorrect_client_credentials", "bad_client_secret", "invalid_client_id"}
)
_READ: Final = _KNOWN_US | _DID_NOT | {"unauthorized_client", "redirect_uri_mismatch", "unsupported_grant_type"}


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """What `send_proven` needs; the memory is this test's own, so that nothing learnt earlier hides a fault."""

    upstream: Upstream
    clock: Clock
    memory: ProviderCache = msgspec.field(default_factory=ProviderCache)


def examine_secret(provider: Provider, sealed: SealedClient, now: datetime) -> Finding:
    """Whether there is a secret where one is needed, and for how long."""
    if provider.client_authentication not in SECRET_METHODS:
        return ok(SECRET, f"The client authentication {provider.client_authentication} needs none.")
    if not sealed.secrets:
        message = "There is no client secret that is still valid, and the client authentication needs one."
        return fail(SECRET, "SECRET_MISSING", message, expected=provider.client_authentication)
    ends = [secret.expires_at for secret in sealed.secrets if secret.expires_at is not None]
    if len(ends) < len(sealed.secrets):
        return ok(SECRET, "There is one.")
    if max(ends) - now < ENDS_SOON:
        message = f"The client secret ends in {max(0, round((max(ends) - now) / timedelta(days=1)))} day(s)."
        return warn(SECRET, "SECRET_ENDS_SOON", message, found=max(ends).date().isoformat())
    return ok(SECRET, "There is one, and it is valid for more than a month.")


def line_for_test(
    vault: Vault, provider: Provider, tenant_slug: str, sealed: SealedClient
) -> ProviderConnection | Finding:
    """The line as a login would have it, or why it cannot be."""
    try:
        return open_line(vault, provider, tenant_slug, sealed)
    except (VaultError, BadInput) as error:
        return _impossible(provider, error)


def open_for_test(
    vault: Vault, carrier: Carrier, line: ProviderConnection, metadata: ProviderMetadata
) -> ProviderClient | Finding:
    """The client as a login would be it, or why it cannot be."""
    try:
        return open_client(vault, carrier.memory, line, metadata)
    except (VaultError, BadInput, ProtocolError) as error:
        return _impossible(line.provider, error)


def _impossible(provider: Provider, error: VaultError | BadInput | ProtocolError) -> Finding:
    if isinstance(error, VaultError):
        return fail(STEP, error.code, "The stored client secret or key cannot be opened with our keys.")
    return fail(STEP, "CLIENT_NOT_POSSIBLE", error.message, expected=provider.client_authentication)


async def examine_client(probe: Probe, carrier: Carrier, client: ProviderClient, metadata: ProviderMetadata) -> Finding:
    """Whether the token endpoint knows us by the configured method; if not, whether the method or the secret is wrong."""
    try:
        judged = _judge(await _ask(probe, carrier, client, metadata), client.provider, metadata, carrier.clock())
        if judged is not None and judged.code == "CLIENT_MAY_NOT":
            return await _compared(probe, carrier, client, metadata, judged)
        if (
            judged is not None
            and judged.code == "CLIENT_NOT_TOLD"
            and await _refuses_pkce(probe, carrier, client, metadata)
        ):
            return _pkce_refused()
        if judged is not None:
            return judged if judged.status != "ok" else _newest_refused(carrier, client) or judged
        other = await _other_method(probe, carrier, client, metadata)
        if other is None and await _refuses_pkce(probe, carrier, client, metadata):
            return _pkce_refused()
    except UpstreamError as error:
        return unreached(STEP, "the token endpoint", error)
    except ProtocolError as error:
        return fail(STEP, "CLIENT_NOT_POSSIBLE", error.message)
    return _not_known(client.provider, metadata, other)


async def _ask(
    probe: Probe, carrier: Carrier, client: ProviderClient, metadata: ProviderMetadata, *, without_pkce: bool = False
) -> Answer:
    """A code that nobody issued, and otherwise the request of a login."""
    proves_beginning = uses_pkce(client.provider) and not without_pkce
    uses_proof = client.provider.client_settings.dpop

    def made_up(authentication: ClientAuthentication, now: datetime) -> Request:
        return code_request(
            metadata.token_endpoint,
            client=authentication,
            code=new_token("selftest"),
            redirect_uri=client.provider.redirect_url,
            code_verifier=new_code_verifier() if proves_beginning else None,
            extra=resource_of(client.provider),
            now=now,
        )

    return await send_proven(
        carrier,
        client,
        made_up,
        deadline=probe.deadline_seconds,
        cap=CAP_BYTES,
        login_key=new_login_key(metadata.dpop_algorithms) if uses_proof else None,
    )


async def _compared(
    probe: Probe, carrier: Carrier, client: ProviderClient, metadata: ProviderMetadata, judged: Finding
) -> Finding:
    """The finding, unless the provider gives the same answer to a wrong secret: then it shows nothing about the right one."""
    proof = client.proofs[0]
    if proof.authentication.method not in SECRET_METHODS:
        return judged
    wrong = msgspec.structs.replace(proof.authentication, client_secret=new_token("selftest"))
    stranger = msgspec.structs.replace(client, proofs=(msgspec.structs.replace(proof, authentication=wrong),))
    answer = await _ask(probe, carrier, stranger, metadata)
    if error_code(answer, _READ) != judged.found:
        return judged
    message = (
        f"The provider refuses the client with {judged.found}, and a wrong secret in the same words: the client secret or "
        "the client ID is wrong, or the application may not use the authorization code flow."
    )
    return fail(STEP, "CLIENT_NOT_ACCEPTED", message, expected=client.provider.client_id, found=judged.found)


def _newest_refused(carrier: Carrier, client: ProviderClient) -> Finding | None:
    """While two secrets overlap, the newest should be the one that works."""
    accepted = carrier.memory.accepted_secret(client.provider.id)
    if accepted is None or accepted == client.proofs[0].secret_id:
        return None
    message = "The provider takes the older client secret and not the newest: it has not been changed there yet."
    return warn(STEP, "SECRET_NEWEST_REFUSED", message)


def _judge(answer: Answer, provider: Provider, metadata: ProviderMetadata, now: datetime) -> Finding | None:
    """The finding for the answer; None if the provider does not know the client."""
    place = shown_url(metadata.token_endpoint)
    try:
        read_code_response(answer, now)
    except TokenRequestRefused as error:
        said = error_code(answer, _READ)
        if said in _KNOWN_US:
            return ok(STEP, "The token endpoint accepts the client.")
        # 401 is for client authentication that failed (section 5.2), whatever the code: Keycloak's is unauthorized_client.
        if said in _DID_NOT or answer.status == 401:
            return None
        if answer.status in (404, 405, 410):
            message = f"There is no token endpoint at its address (status {answer.status})."
            return fail(STEP, "TOKEN_ENDPOINT_STATUS", message, found=place)
        return _refused_otherwise(said, error.error, provider)
    except TokenEndpointUnavailable as error:
        message = f"The token endpoint answers with status {error.status}."
        return fail(STEP, error.code, message, found=place)
    except InvalidTokenResponse as error:
        return fail(STEP, error.code, f"{error.message} Is this the token endpoint?", found=place)
    return fail(STEP, "CODE_NOT_CHECKED", "The token endpoint gave tokens for a code that nobody issued.", found=place)


def _refused_otherwise(said: str | None, known: str | None, provider: Provider) -> Finding:
    if said in ("unauthorized_client", "unsupported_grant_type"):
        message = "The provider knows the client and does not let it use the authorization code flow."
        return fail(STEP, "CLIENT_MAY_NOT", message, expected="authorization_code", found=said)
    if said == "redirect_uri_mismatch":
        message = "The provider knows the client and does not know its redirect URL."
        return fail(STEP, "REDIRECT_URI_REFUSED", message, expected=provider.redirect_url)
    # Entra says `invalid_request` of a code whose form it does not like, before it looks at the client.
    message = f"The token endpoint refuses a made-up code with {known or 'no error code'}, which shows nothing about the client."
    return skipped(STEP, "CLIENT_NOT_TOLD", message, expected=f"{provider.client_id}, {provider.client_authentication}")


async def _other_method(
    probe: Probe, carrier: Carrier, client: ProviderClient, metadata: ProviderMetadata
) -> str | None:
    """The other of the two ways to send this very secret to this very endpoint, if the provider knows us by it."""
    proof = client.proofs[0]
    method = proof.authentication.method
    other = {CLIENT_SECRET_BASIC: CLIENT_SECRET_POST, CLIENT_SECRET_POST: CLIENT_SECRET_BASIC}.get(method)
    if other is None:
        return None
    changed = msgspec.structs.replace(proof, authentication=msgspec.structs.replace(proof.authentication, method=other))
    answer = await _ask(probe, carrier, msgspec.structs.replace(client, proofs=(changed,)), metadata)
    return other if error_code(answer, _READ) in _KNOWN_US else None


def _pkce_refused() -> Finding:
    message = "The provider knows the client, and refuses its requests with PKCE (a `code_verifier`)."
    return fail(STEP, "PKCE_REFUSED", message, expected=PKCE_OFF.setting)


async def _refuses_pkce(probe: Probe, carrier: Carrier, client: ProviderClient, metadata: ProviderMetadata) -> bool:
    """Whether the provider knows us by the same request without code verifier: then neither secret nor ID is wrong."""
    if not uses_pkce(client.provider) or client.provider.client_authentication == NONE:
        return False
    answer = await _ask(probe, carrier, client, metadata, without_pkce=True)
    return error_code(answer, _READ) in _KNOWN_US


def _not_known(provider: Provider, metadata: ProviderMetadata, other: str | None) -> Finding:
    configured, announced = provider.client_authentication, metadata.token_endpoint_auth_methods
    if other is not None:
        message = "The client secret is right, and sent in a way that the provider does not take."
        return fail(STEP, "CLIENT_METHOD_WRONG", message, expected=other, found=configured)
    if configured in TLS_METHODS:
        message = "The provider does not accept the client: it does not know our TLS certificate, or not the client ID."
        return fail(STEP, "CLIENT_CERTIFICATE_WRONG", message, expected=provider.client_id)
    if configured == APPLE_CLIENT_SECRET:
        message = "Apple does not accept the client: key, key ID, team ID and client ID do not belong together."
        return fail(STEP, "CLIENT_SECRET_WRONG", message, expected=provider.client_id)
    if configured == NONE:
        message = "The provider does not take this client without a secret."
        return fail(STEP, "CLIENT_METHOD_WRONG", message, expected=listed(announced), found=configured)
    if announced and configured not in announced:
        message = "The provider does not know the client, and does not announce the configured client authentication."
        return fail(STEP, "CLIENT_METHOD_WRONG", message, expected=listed(announced), found=configured)
    message = "The provider does not accept the client: the client secret is wrong, or the client ID."
    return fail(STEP, "CLIENT_SECRET_WRONG", message, expected=provider.client_id)
