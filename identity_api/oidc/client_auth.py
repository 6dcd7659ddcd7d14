"""Client authentication at the token endpoint, and at every other endpoint that requires it.

Core 9, RFC 6749 section 2.3, RFC 7523, RFC 8705 section 2. The TLS methods add no proof to the request: the connection
does, and the sender of the request presents the client certificate. To add a method, add a name to `METHODS` and a branch
to `authenticate`; the callers pass parameters and headers on and need not change.
"""

import base64
from datetime import datetime
from typing import Final
from urllib.parse import quote_plus

import msgspec

from identity_api.errors import BadInput
from identity_api.oidc.client_assertion import (
    ASSERTION_TYPE,
    MIN_SECRET_BYTES,
    apple_client_secret,
    client_secret_jwt,
    private_key_jwt,
)
from identity_api.oidc.own_keys import OwnKey

CLIENT_SECRET_BASIC: Final = "client_secret_basic"  # noqa: S105 -- the name of a method, not a secret
CLIENT_SECRET_POST: Final = "client_secret_post"  # noqa: S105 -- the name of a method, not a secret
CLIENT_SECRET_JWT: Final = "client_secret_jwt"  # noqa: S105 -- the name of a method, not a secret
APPLE_CLIENT_SECRET: Final = "apple_client_secret"  # noqa: S105 -- the name of a method, not a secret
PRIVATE_KEY_JWT: Final = "private_key_jwt"
TLS_CLIENT_AUTH: Final = "tls_client_auth"
SELF_SIGNED_TLS_CLIENT_AUTH: Final = "self_signed_tls_client_auth"
NONE: Final = "none"
SHARED_SECRET_METHODS = (CLIENT_SECRET_BASIC, CLIENT_SECRET_POST, CLIENT_SECRET_JWT)
"""The provider and this client have the same secret."""
SECRET_METHODS = (*SHARED_SECRET_METHODS, APPLE_CLIENT_SECRET)
"""The provider issues a secret that is stored sealed; Apple's is a private key, from which the sent secret is made."""
TLS_METHODS = (TLS_CLIENT_AUTH, SELF_SIGNED_TLS_CLIENT_AUTH)
"""By a certificate of an authority, or by a registered certificate (RFC 8705 sections 2.1 and 2.2). No difference here.
"""
METHODS = (*SECRET_METHODS, PRIVATE_KEY_JWT, *TLS_METHODS, NONE)
"""The supported methods. Of those with a secret the preferred one comes first: basic is what every server must support
(RFC 6749 section 2.3.1)."""
_ASSERTIONS = (CLIENT_SECRET_JWT, PRIVATE_KEY_JWT)
_WITH_KEY = (PRIVATE_KEY_JWT, APPLE_CLIENT_SECRET)


class ClientAuthentication(msgspec.Struct, frozen=True, kw_only=True):
    """The client at one provider, and its authentication method.

    `client_secret` is set for the methods with a shared secret, `signing_key` for `private_key_jwt` and, with
    `team_id`, for `apple_client_secret`, and neither otherwise. `audience` is for the methods with a JWT: the
    provider's issuer, or its token endpoint if an older one requires that (Core 9). The issuer is better: it is
    checked, whereas the endpoint comes from the metadata, and a hostile provider could name another provider's endpoint
    to obtain a JWT that is valid there.
    """

    method: str
    client_id: str
    client_secret: str | None = None
    signing_key: OwnKey | None = None
    audience: str | None = None
    team_id: str | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadInput("This client authentication method is not supported.", field="method")
        if (self.client_secret is not None) != (self.method in SHARED_SECRET_METHODS):
            raise BadInput("The client authentication method and the client secret do not fit.", field="client_secret")
        if not self.client_id or self.client_secret == "":
            raise BadInput("A client needs an id, and its secret cannot be empty.", field="client_id")
        if (self.signing_key is not None) != (self.method in _WITH_KEY):
            raise BadInput("The client authentication method and the signing key do not fit.", field="signing_key")
        if bool(self.team_id) != (self.method == APPLE_CLIENT_SECRET):
            raise BadInput("The client authentication method and the team ID do not fit.", field="apple_team_id")
        if not self.audience and self.method in (*_ASSERTIONS, APPLE_CLIENT_SECRET):
            raise BadInput("This client authentication method needs to know for whom it is.", field="audience")
        if self.method == CLIENT_SECRET_JWT and len((self.client_secret or "").encode()) < MIN_SECRET_BYTES:
            raise BadInput("The client secret is too short to sign with.", field="client_secret")

    def __repr__(self) -> str:
        return f"ClientAuthentication(method={self.method!r}, client_id={self.client_id!r})"


def authenticate(
    client: ClientAuthentication, parameters: dict[str, str], headers: dict[str, str], *, now: datetime | None = None
) -> None:
    """Add the client's proof to a request being built: to its form `parameters`, or to its `headers`.

    Args:
        now: aware UTC time; only the methods with a JWT need it.

    Raises:
        BadInput: `now` is needed and None.
    """
    if client.method == CLIENT_SECRET_BASIC:
        # RFC 6749 section 2.3.1: both halves are form-encoded before they are joined, so a colon in one of them cannot
        # change the split.
        pair = f"{_form_encode(client.client_id)}:{_form_encode(client.client_secret or '')}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")
        return
    parameters["client_id"] = client.client_id
    if client.method in _ASSERTIONS:
        parameters["client_assertion_type"] = ASSERTION_TYPE
        parameters["client_assertion"] = _assertion(client, now)
    elif client.method == APPLE_CLIENT_SECRET:
        parameters["client_secret"] = _assertion(client, now)
    elif client.client_secret is not None:
        parameters["client_secret"] = client.client_secret


def _assertion(client: ClientAuthentication, now: datetime | None) -> str:
    if now is None:
        raise BadInput("This client authentication method needs to know the time.", field="now")
    audience = client.audience or ""  # never empty here, see __post_init__
    if client.signing_key is not None and client.team_id is not None:
        return apple_client_secret(
            client.signing_key, team_id=client.team_id, client_id=client.client_id, audience=audience, now=now
        )
    if client.signing_key is not None:
        return private_key_jwt(client.signing_key, client_id=client.client_id, audience=audience, now=now)
    return client_secret_jwt(client.client_secret or "", client_id=client.client_id, audience=audience, now=now)


def _form_encode(value: str) -> str:
    return quote_plus(value, errors="replace")
