"""Errors of providers and browsers, as one tree.

    ProtocolError                     .claim: the claim, member or parameter to blame, or None
    ├── InvalidMetadata               the discovery document cannot be used; .claim names the member
    │   └── IssuerMismatch            it names another issuer; .expected, .received
    ├── InvalidKeySet                 the JWKS document cannot be used
    ├── InvalidCallback               the authorization response is malformed
    │   └── CallbackIssuerMismatch    it comes from another provider than the login began with (RFC 9207)
    ├── InvalidParameters             another request of a browser or a provider cannot be read
    ├── ProviderRefused               the authorization response carries an error; .error
    ├── TokenEndpointError            .status, .error
    │   ├── TokenRequestRefused       the provider refused the request (4xx)
    │   ├── TokenEndpointUnavailable  it could not answer now (5xx, 429); .retry_after_seconds
    │   └── InvalidTokenResponse      it answered with a success that cannot be read
    ├── PushedRequestError            .status, .error
    │   ├── PushedRequestRefused      the provider refused the request (4xx)
    │   ├── PushedRequestUnavailable  it could not answer now (5xx, 429); .retry_after_seconds
    │   └── InvalidPushedResponse     it answered with a success that cannot be read
    ├── MalformedToken                not a signed JWT within the bounds
    ├── UndecryptableToken            encrypted for another key, or not as agreed
    ├── AlgorithmNotAllowed           signed, but not with an algorithm agreed on
    ├── UnknownKey                    no such key in the set: fetching the set again may help
    ├── AmbiguousKey                  several keys fit and the token does not say which
    ├── InvalidSignature              the signature does not fit the key
    ├── MissingClaim                  a required claim is absent
    ├── InvalidClaim                  a claim has a type or size that no rule accepts
    ├── UnexpectedClaim               a claim is present that must not be
    ├── ClaimMismatch                 a claim has another value than expected
    │   └── OtherPerson               that claim identifies the person: `iss` or `sub`; .expected, .received
    ├── TokenExpired                  too late (`exp`)
    ├── TokenNotYetValid              too early (`iat`, `nbf`)
    └── UserInfoError                 .status
        ├── AccessTokenRefused        the access token is not accepted any more (401)
        ├── UserInfoUnavailable       it could not answer now (5xx, 429); .retry_after_seconds
        └── InvalidUserInfo           it answered in a way that cannot be read

Messages never quote what a provider or a browser wrote. Attributes may hold such a value where an operator needs it
(`said`, the issuers); these values are bounded, and never a token.
"""

from typing import ClassVar

from identity_api.errors import IdentityAPIError


class ProtocolError(IdentityAPIError):
    """A message breaks the protocol. `claim` names the claim, member or parameter to blame, if one is.

    `length` is that of a parameter in characters, if it is too long. `said` is the provider's text for a refusal
    (`oidc.provider_error_text`): for administrators, and in no page.
    """

    default_code: ClassVar[str] = "PROTOCOL"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        claim: str | None = None,
        length: int | None = None,
        said: str | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.claim = claim
        self.length = length
        self.said = said

    @property
    def blame(self) -> str | None:
        """The faulty claim or parameter in the form of a reason: `code`, or `code:too_long:20000`."""
        return self.claim if self.length is None else f"{self.claim}:too_long:{self.length}"


class InvalidMetadata(ProtocolError):
    """The provider metadata cannot be used (Discovery 3)."""

    default_code = "INVALID_METADATA"


class IssuerMismatch(InvalidMetadata):
    """The metadata names another issuer than the expected one (Discovery 4.3)."""

    default_code = "ISSUER_MISMATCH"

    def __init__(self, expected: str, received: str) -> None:
        super().__init__("The provider's metadata names another issuer than the one configured.", claim="issuer")
        self.expected = expected
        self.received = received


class InvalidKeySet(ProtocolError):
    """The JWKS document cannot be used (RFC 7517 section 5)."""

    default_code = "INVALID_KEY_SET"


class InvalidCallback(ProtocolError):
    """The authorization response does not fit any request of this service (Core 3.1.2.5)."""

    default_code = "INVALID_CALLBACK"


class CallbackIssuerMismatch(InvalidCallback):
    """The authorization response comes from another provider than the login began with (RFC 9207 section 2.4)."""

    default_code = "CALLBACK_ISSUER_MISMATCH"


class InvalidParameters(ProtocolError):
    """A logout request or a third-party-initiated login lacks required parameters."""

    default_code = "INVALID_PARAMETERS"


class ProviderRefused(ProtocolError):
    """The provider sent the browser back with an error. `error` is a registered code, or `other`."""

    default_code = "PROVIDER_REFUSED"

    def __init__(self, error: str, *, said: str | None = None) -> None:
        super().__init__("The provider did not complete the login.", claim="error", said=said)
        self.error = error


class TokenEndpointError(ProtocolError):
    """The token endpoint gave no tokens. `error` is a code known to us, `other`, or None if there was none."""

    default_code = "TOKEN_ENDPOINT"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        error: str | None = None,
        claim: str | None = None,
        said: str | None = None,
    ) -> None:
        super().__init__(message, claim=claim, said=said)
        self.status = status
        self.error = error


class TokenRequestRefused(TokenEndpointError):
    """The provider refused the code or the client (RFC 6749 section 5.2)."""

    default_code = "TOKEN_REQUEST_REFUSED"


class TokenEndpointUnavailable(TokenEndpointError):
    """The provider could not answer now. `retry_after_seconds` is its own wish, bounded, or None."""

    default_code = "TOKEN_ENDPOINT_UNAVAILABLE"

    def __init__(self, *, status: int, retry_after_seconds: int | None = None) -> None:
        super().__init__("The provider's token endpoint cannot answer now.", status=status)
        self.retry_after_seconds = retry_after_seconds


class InvalidTokenResponse(TokenEndpointError):
    """The answer says success and cannot be read as one (RFC 6749 section 5.1)."""

    default_code = "INVALID_TOKEN_RESPONSE"


class PushedRequestError(ProtocolError):
    """The authorization request could not be pushed. `error` is a code known to us, `other`, or None."""

    default_code = "PUSHED_REQUEST"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        error: str | None = None,
        claim: str | None = None,
        said: str | None = None,
    ) -> None:
        super().__init__(message, claim=claim, said=said)
        self.status = status
        self.error = error


class PushedRequestRefused(PushedRequestError):
    """The provider refused the request or the client (RFC 9126 section 2.3)."""

    default_code = "PUSHED_REQUEST_REFUSED"


class PushedRequestUnavailable(PushedRequestError):
    """The provider could not answer now. `retry_after_seconds` is its own wish, bounded, or None."""

    default_code = "PUSHED_REQUEST_UNAVAILABLE"

    def __init__(self, *, status: int, retry_after_seconds: int | None = None) -> None:
        super().__init__("The provider's endpoint for pushed requests cannot answer now.", status=status)
        self.retry_after_seconds = retry_after_seconds


class InvalidPushedResponse(PushedRequestError):
    """The answer says success and cannot be read as one (RFC 9126 section 2.2)."""

    default_code = "INVALID_PUSHED_RESPONSE"


class MalformedToken(ProtocolError):
    """Not a signed JWT within our bounds (RFC 7515, RFC 7519)."""

    default_code = "MALFORMED_TOKEN"


class UndecryptableToken(ProtocolError):
    """The token is encrypted, and none of this service's keys opens it. One message for every cause reveals nothing
    more.
    """

    default_code = "UNDECRYPTABLE_TOKEN"

    def __init__(self) -> None:
        super().__init__("The token cannot be decrypted.")


class AlgorithmNotAllowed(ProtocolError):
    """The token is signed with an algorithm that was not agreed on (Core 3.1.3.7 step 7)."""

    default_code = "ALGORITHM_NOT_ALLOWED"


class UnknownKey(ProtocolError):
    """No key of the set can have signed the token. Keys rotate: the caller may fetch the set again (Core 10.1.1)."""

    default_code = "UNKNOWN_KEY"


class AmbiguousKey(ProtocolError):
    """Several keys fit and the token does not say which (Core 10.1 asks for `kid` then)."""

    default_code = "AMBIGUOUS_KEY"


class InvalidSignature(ProtocolError):
    """The signature does not belong to this token and this key."""

    default_code = "INVALID_SIGNATURE"


class MissingClaim(ProtocolError):
    """A required claim is absent."""

    default_code = "MISSING_CLAIM"

    def __init__(self, claim: str) -> None:
        super().__init__(f"The claim {claim} is missing.", claim=claim)


class InvalidClaim(ProtocolError):
    """A claim is present with a type or size that no rule accepts."""

    default_code = "INVALID_CLAIM"

    def __init__(self, claim: str) -> None:
        super().__init__(f"The claim {claim} has an unusable value.", claim=claim)


class UnexpectedClaim(ProtocolError):
    """A claim is present that a token of this kind must not have, so it is a token of another kind."""

    default_code = "UNEXPECTED_CLAIM"

    def __init__(self, claim: str) -> None:
        super().__init__(f"The claim {claim} must not be present.", claim=claim)


class ClaimMismatch(ProtocolError):
    """A claim has another value than expected."""

    default_code = "CLAIM_MISMATCH"

    def __init__(self, claim: str) -> None:
        super().__init__(f"The claim {claim} does not have the expected value.", claim=claim)


class OtherPerson(ClaimMismatch):
    """A message about a known person names another issuer or subject.

    `expected` and `received` are the values of `claim`. Both identify somebody: show them hashed, or not at all.
    """

    default_code = "PERSON_MISMATCH"

    def __init__(self, claim: str, *, expected: str, received: str) -> None:
        super().__init__(claim)
        self.expected = expected
        self.received = received


class TokenExpired(ProtocolError):
    """The token is no longer valid, leeway included."""

    default_code = "TOKEN_EXPIRED"

    def __init__(self) -> None:
        super().__init__("The token has expired.", claim="exp")


class TokenNotYetValid(ProtocolError):
    """The token is from the future, leeway included. Usually the clock here or at the provider is wrong."""

    default_code = "TOKEN_NOT_YET_VALID"

    def __init__(self, claim: str) -> None:
        super().__init__(f"The token is not valid yet, by its claim {claim}.", claim=claim)


class UserInfoError(ProtocolError):
    """The UserInfo endpoint gave no claims."""

    default_code = "USERINFO"

    def __init__(self, message: str, *, status: int, claim: str | None = None, said: str | None = None) -> None:
        super().__init__(message, claim=claim, said=said)
        self.status = status


class AccessTokenRefused(UserInfoError):
    """The access token is not accepted (RFC 6750 section 3.1)."""

    default_code = "ACCESS_TOKEN_REFUSED"


class UserInfoUnavailable(UserInfoError):
    """The UserInfo endpoint could not answer now. `retry_after_seconds` is its own wish, bounded, or None."""

    default_code = "USERINFO_UNAVAILABLE"

    def __init__(self, *, status: int, retry_after_seconds: int | None = None) -> None:
        super().__init__("The provider's UserInfo endpoint cannot answer now.", status=status)
        self.retry_after_seconds = retry_after_seconds


class InvalidUserInfo(UserInfoError):
    """The UserInfo answer cannot be read (Core 5.3.2)."""

    default_code = "INVALID_USERINFO"
