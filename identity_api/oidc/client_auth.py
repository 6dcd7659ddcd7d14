"""How the client proves itself to the token endpoint.

Core 9, RFC 6749 section 2.3. A further method (`private_key_jwt`, `tls_client_auth`) is a further name in `METHODS` and
a further branch in `authenticate`; the callers hand over parameters and headers and need not change.
"""

import base64
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote_plus

import msgspec

from identity_api.errors import BadInput
from identity_api.oidc.errors import InvalidMetadata

CLIENT_SECRET_BASIC: Final = "client_secret_basic"  # noqa: S105 -- the name of a method, not a secret
CLIENT_SECRET_POST: Final = "client_secret_post"  # noqa: S105 -- the name of a method, not a secret
NONE: Final = "none"
METHODS = (CLIENT_SECRET_BASIC, CLIENT_SECRET_POST, NONE)
"""The methods we know, the preferred one first: basic is what every server must support (RFC 6749 section 2.3.1)."""


class ClientAuthentication(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are at one provider, and the method to prove it. `client_secret` is None for `none`, and only then."""

    method: str
    client_id: str
    client_secret: str | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadInput("This client authentication method is not supported.", field="method")
        if (self.client_secret is None) != (self.method == NONE):
            raise BadInput("The client authentication method and the client secret do not fit.", field="client_secret")
        if not self.client_id or self.client_secret == "":
            raise BadInput("A client needs an id, and its secret cannot be empty.", field="client_id")

    def __repr__(self) -> str:
        return f"ClientAuthentication(method={self.method!r}, client_id={self.client_id!r})"


def choose_method(configured: str | None, announced: Sequence[str], *, has_secret: bool) -> str:
    """The method to use at a provider.

    Args:
        configured: the operator's choice; it wins even when not announced, since announcements are often incomplete.
        announced: `ProviderMetadata.token_endpoint_auth_methods`.
        has_secret: without one, only `none` is possible (a public client, which PKCE protects).

    Raises:
        BadInput: the configured method is unknown to us, or does not fit `has_secret`.
        InvalidMetadata: the provider announces nothing that we can do.
    """
    if configured is not None:
        if configured not in METHODS or (configured == NONE) == has_secret:
            raise BadInput("This client authentication method cannot be used.", field="token_endpoint_auth_method")
        return configured
    if not has_secret:
        # Providers rarely announce `none` although they accept public clients; the token endpoint will say.
        return NONE
    for method in METHODS:
        if method in announced and method != NONE:
            return method
    raise InvalidMetadata(
        "The provider offers no client authentication method that we support.",
        claim="token_endpoint_auth_methods_supported",
    )


def authenticate(client: ClientAuthentication, parameters: dict[str, str], headers: dict[str, str]) -> None:
    """Add the client's proof to a request being built: to its form `parameters`, or to its `headers`."""
    if client.method == CLIENT_SECRET_BASIC:
        # RFC 6749 section 2.3.1: both halves are form-encoded before they are joined, so a colon cannot move the seam.
        pair = f"{_form_encode(client.client_id)}:{_form_encode(client.client_secret or '')}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")
        return
    parameters["client_id"] = client.client_id
    if client.client_secret is not None:
        parameters["client_secret"] = client.client_secret


def _form_encode(value: str) -> str:
    return quote_plus(value, errors="replace")
