"""The authentication request as a provider's settings make it: for logins, and for whoever tests the settings.

What is sent is decided here, once, so that a self-test asks exactly what a login will ask (OIDC Core 3.1.2.1).
"""

from collections.abc import Mapping

import msgspec

from identity_api.db.providers import Provider
from identity_api.oidc.authorization import authorization_url, code_challenge, new_code_verifier, new_nonce, new_state
from identity_api.oidc.discovery import ProviderMetadata

FORM_POST = "form_post"


class RequestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider's configured authorization parameters ask for."""

    response_mode: str | None
    prompt: str | None
    max_age_seconds: int | None
    extra: Mapping[str, str]

    @property
    def demands_proof(self) -> bool:
        """Whether the person must prove who they are anew, whatever session the provider has."""
        return self.max_age_seconds == 0


def request_options(provider: Provider) -> RequestOptions:
    """Take out the parameters that change what we must do ourselves; the rest travels as it is."""
    extra = dict(provider.authorization_parameters)
    response_mode, prompt, max_age = (
        extra.pop("response_mode", None),
        extra.pop("prompt", None),
        extra.pop("max_age", ""),
    )
    return RequestOptions(
        response_mode=response_mode if response_mode in ("query", FORM_POST) else None,
        prompt=prompt,
        max_age_seconds=int(max_age) if max_age.isascii() and max_age.isdigit() else None,
        extra=extra,
    )


class AuthenticationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Where the browser goes, and the fresh secrets that bind what comes back. `nonce` is None for plain OAuth 2.0."""

    location: str
    state: str
    nonce: str | None
    code_verifier: str
    response_mode: str | None

    def __repr__(self) -> str:
        return "AuthenticationRequest()"


def authentication_request(
    provider: Provider, metadata: ProviderMetadata, *, redirect_url: str, login_hint: str | None = None
) -> AuthenticationRequest:
    """A request with fresh state, nonce and code verifier.

    Raises:
        BadInput, InvalidMetadata: a setting, or the endpoint's own query, cannot be sent.
    """
    state, nonce, verifier = new_state(), new_nonce(), new_code_verifier()
    options = request_options(provider)
    sends_nonce = provider.protocol == "oidc" or "openid" in provider.scopes
    location = authorization_url(
        metadata.authorization_endpoint,
        client_id=provider.client_id,
        redirect_uri=redirect_url,
        scopes=provider.scopes,
        state=state,
        nonce=nonce if sends_nonce else None,
        code_challenge=code_challenge(verifier),
        extra=options.extra,
        login_hint=login_hint,
        response_mode=options.response_mode,
        prompt=options.prompt,
        max_age_seconds=options.max_age_seconds,
    )
    return AuthenticationRequest(
        location=location,
        state=state,
        nonce=nonce if sends_nonce else None,
        code_verifier=verifier,
        response_mode=options.response_mode,
    )
