"""The authentication request that a provider's settings give: for logins and for the self-test.

It is built only here, so that the self-test sends exactly what a login will send (OIDC Core 3.1.2.1).
"""

import re
from collections.abc import Mapping

import msgspec

from identity_api.db.providers import Provider
from identity_api.oidc.authorization import (
    FORM_POST,
    PROTECTED_PARAMETERS,
    authorization_parameters,
    code_challenge,
    new_code_verifier,
    new_nonce,
    new_state,
)
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import InvalidMetadata
from identity_api.oidc.par import pushed_authorization_request, pushed_authorization_url, read_pushed_response
from identity_api.oidc.redirects import add_query
from identity_api.relying_party.client import ProviderClient
from identity_api.relying_party.requests import Carrying, send_proven


class RequestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The requests in a provider's configured authorization parameters."""

    response_mode: str | None
    prompt: str | None
    max_age_seconds: int | None
    extra: Mapping[str, str]

    @property
    def demands_proof(self) -> bool:
        """Whether the person must prove again who they are, even with a session at the provider."""
        return self.max_age_seconds == 0


def request_options(provider: Provider, *, reauthentication: bool = False) -> RequestOptions:
    """Take out the parameters that change this service's own behaviour; the others are sent unchanged.

    Args:
        reauthentication: demand a new proof from the person, independent of the configuration (Core 3.1.2.1).
    """
    extra = dict(provider.authorization_parameters)
    response_mode, prompt, max_age = (
        extra.pop("response_mode", None),
        extra.pop("prompt", None),
        extra.pop("max_age", ""),
    )
    if reauthentication:
        # Without `consent` some providers that are configured to ask for it leave out the refresh token.
        prompt, max_age = "login consent" if "consent" in (prompt or "").split() else "login", "0"
    return RequestOptions(
        response_mode=response_mode if response_mode in ("query", FORM_POST) else None,
        prompt=prompt,
        max_age_seconds=int(max_age) if re.fullmatch("[0-9]{1,9}", max_age) else None,
        extra=extra,
    )


def can_be_asked(provider: Provider) -> bool:
    """Whether people can be sent there for a new proof of who they are: plain OAuth 2.0 knows no such request."""
    return provider.reauthentication and provider.protocol == "oidc"


def resource_of(provider: Provider) -> dict[str, str]:
    """The `resource` parameter for the token endpoint, where one is configured (RFC 8707 section 2.2).

    Without it, a server may issue a token for its default resource, although another was authorized.
    """
    return {name: value for name, value in provider.authorization_parameters.items() if name == "resource"}


def uses_pkce(provider: Provider) -> bool:
    """Whether a login proves with a code verifier that it began here (RFC 7636); all do but the operator's exceptions."""
    return provider.client_settings.pkce == "S256"


class AuthenticationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Where the browser goes, and the fresh secrets that bind the callback. `nonce` is None for plain OAuth 2.0."""

    location: str
    state: str
    nonce: str | None
    code_verifier: str
    response_mode: str | None
    parameters: Mapping[str, str] = {}
    """The parameters of `location`, for pushing them instead."""

    def __repr__(self) -> str:
        return "AuthenticationRequest()"


def authentication_request(
    provider: Provider,
    metadata: ProviderMetadata,
    *,
    redirect_url: str,
    login_hint: str | None = None,
    reauthentication: bool = False,
    form_post: bool = False,
) -> AuthenticationRequest:
    """A request with fresh state, nonce and code verifier, all in `location`.

    If the provider announces pushed requests, a login continues with `pushed`.

    Args:
        provider: as it is configured.
        metadata: the provider's.
        redirect_url: where the answer arrives.
        login_hint: who is likely to sign in.
        reauthentication: see `request_options`.
        form_post: post the answer, so that its `Origin` identifies the provider, unless another mode is set.

    Raises:
        BadInput, InvalidMetadata: a setting, or the endpoint's own query, cannot be sent.
    """
    endpoint = metadata.authorization_endpoint
    state, verifier = new_state(provider.tenant_id), new_code_verifier()
    nonce = new_nonce() if provider.protocol == "oidc" or "openid" in provider.scopes else None
    options = request_options(provider, reauthentication=reauthentication)
    response_mode = options.response_mode or (FORM_POST if form_post else None)
    parameters = authorization_parameters(
        client_id=provider.client_id,
        redirect_uri=redirect_url,
        scopes=provider.scopes,
        state=state,
        nonce=nonce,
        code_challenge=code_challenge(verifier) if uses_pkce(provider) else None,
        extra=options.extra,
        login_hint=login_hint,
        response_mode=response_mode,
        prompt=options.prompt,
        max_age_seconds=options.max_age_seconds,
    )
    return AuthenticationRequest(
        location=add_query(endpoint, parameters, ours=PROTECTED_PARAMETERS, blame="authorization_endpoint"),
        state=state,
        nonce=nonce,
        code_verifier=verifier,
        response_mode=response_mode,
        parameters=parameters,
    )


def pushes(metadata: ProviderMetadata) -> bool:
    """Whether the request is pushed: if the provider offers it (RFC 9126 section 5).

    Raises:
        InvalidMetadata: the provider requires it and announces no endpoint.
    """
    if metadata.pushed_authorization_request_endpoint is not None:
        return True
    if metadata.requires_pushed_authorization_requests:
        message = "The provider requires pushed requests and announces no endpoint for them."
        raise InvalidMetadata(message, claim="pushed_authorization_request_endpoint")
    return False


async def pushed(
    deps: Carrying,
    client: ProviderClient,
    metadata: ProviderMetadata,
    asked: AuthenticationRequest,
    *,
    deadline: float,
) -> AuthenticationRequest:
    """The same request, pushed to the provider; the browser carries `client_id` and `request_uri` only (RFC 9126).

    Raises:
        UpstreamError, PushedRequestError: the provider does not accept it, or cannot now.
    """
    endpoint = metadata.pushed_authorization_request_endpoint
    assert endpoint is not None
    answer = await send_proven(
        deps,
        client,
        lambda proof, now: pushed_authorization_request(endpoint, client=proof, parameters=asked.parameters, now=now),
        deadline=deadline,
    )
    held = read_pushed_response(answer, deps.clock())
    location = pushed_authorization_url(
        metadata.authorization_endpoint, client_id=client.provider.client_id, pushed=held
    )
    return msgspec.structs.replace(asked, location=location)
