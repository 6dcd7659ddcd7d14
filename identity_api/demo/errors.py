"""Errors of the demo provider.

errors.IdentityAPIError
└── DemoError
    ├── UnusableRequest       no redirect is possible: shown as a page
    ├── AuthorizationError    sent to the client's redirect URI; .error, .address  (RFC 6749 section 4.1.2.1)
    ├── TokenError            sent to the client as JSON; .error, .status          (RFC 6749 section 5.2)
    └── AccessTokenRefused    sent in WWW-Authenticate                             (RFC 6750 section 3.1)
"""

from typing import Literal

import msgspec

from identity_api.errors import IdentityAPIError

ResponseMode = Literal["query", "form_post"]


class ReturnAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where an authorization response goes, and how: a checked redirect URI, the response mode, the client's state."""

    redirect_uri: str
    response_mode: ResponseMode = "query"
    state: str | None = None


class DemoError(IdentityAPIError):
    """Root of what the demo provider raises on purpose."""

    default_code = "DEMO_PROVIDER"


class UnusableRequest(DemoError):
    """The client or its redirect URI is not known, so a redirect could be an open redirect: a page shows the error."""

    default_code = "UNUSABLE_REQUEST"


class AuthorizationError(DemoError):
    """An authentication request that fails after its redirect URI was accepted."""

    default_code = "AUTHORIZATION_REFUSED"

    def __init__(self, error: str, message: str, address: ReturnAddress) -> None:
        super().__init__(message)
        self.error = error
        self.address = address


class TokenError(DemoError):
    """A token request that fails. `challenge` says whether the answer names HTTP Basic (RFC 6749 section 5.2)."""

    default_code = "TOKEN_REFUSED"

    def __init__(self, error: str, message: str, *, status: int = 400, challenge: bool = False) -> None:
        super().__init__(message)
        self.error = error
        self.status = status
        self.challenge = challenge


class AccessTokenRefused(DemoError):
    """The access token at UserInfo is absent, unknown, expired or revoked."""

    default_code = "ACCESS_TOKEN_REFUSED"
