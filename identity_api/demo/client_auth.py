"""Client authentication at the token endpoint (RFC 6749 sections 2.3.1 and 3.2.1; Core section 9)."""

import hmac
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import unquote_plus

from identity_api.demo.config import Client
from identity_api.demo.errors import TokenError

METHODS = ("client_secret_basic", "client_secret_post", "none")


def authenticate_client(
    parameters: Mapping[str, str], authorization: str | None, clients: Mapping[str, Client]
) -> Client:
    """The client that sent this request: by HTTP Basic, by secret in the form, or (public clients) by name only.

    Raises:
        TokenError: `invalid_request` if two ways are used at once, otherwise `invalid_client` with status 401.
    """
    if authorization is None:
        client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    else:
        if "client_secret" in parameters:
            raise TokenError("invalid_request", "Use one way of client authentication, not two.")
        client_id, secret = _basic_credentials(authorization)
        if parameters.get("client_id", client_id) != client_id:
            raise TokenError("invalid_request", "client_id differs from the authenticated client.")
    client = clients.get(client_id or "")
    if client is None or not _proves(client, secret):
        raise TokenError(
            "invalid_client", "Client authentication failed.", status=401, challenge=authorization is not None
        )
    return client


def _proves(client: Client, secret: str | None) -> bool:
    if client.client_secret is None:
        return secret is None
    return secret is not None and hmac.compare_digest(
        secret.encode("utf-8", "surrogatepass"), client.client_secret.encode("utf-8", "surrogatepass")
    )


def _basic_credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, password = b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except ValueError:
        user = colon = password = ""
    if scheme.lower() != "basic" or not colon:
        raise TokenError("invalid_client", "Client authentication failed.", status=401, challenge=True)
    # Both halves are form-encoded before Basic joins them (RFC 6749 section 2.3.1); many clients forget.
    return unquote_plus(user), unquote_plus(password)
