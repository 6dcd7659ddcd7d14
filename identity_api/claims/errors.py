"""Errors of claims, and of the settings that locate them.

IdentityAPIError
├── BadInput
│   ├── ClaimPathInvalid      a claim's location is not written as it should be
│   └── PatternInvalid        a group pattern cannot be used; .field is "pattern"
└── ClaimError                .claim says where it was looked for
    ├── ClaimMissing          the provider did not supply it
    └── ClaimUnusable         it is there, but has the wrong shape or content
"""

from typing import ClassVar

from identity_api.errors import BadInput, IdentityAPIError


class ClaimPathInvalid(BadInput):
    """The location of a claim cannot be read."""

    default_code = "CLAIM_PATH_INVALID"


class PatternInvalid(BadInput):
    """A group pattern cannot be used; the code names the rule."""

    default_code = "PATTERN_INVALID"

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message, code=code, field="pattern")


class ClaimError(IdentityAPIError):
    """A claim that a login needs is not usable; `claim` is its location as configured, never its value."""

    default_code: ClassVar[str] = "CLAIM_ERROR"

    def __init__(self, message: str, *, claim: str) -> None:
        super().__init__(message)
        self.claim = claim


class ClaimMissing(ClaimError):
    """The provider did not supply the claim."""

    default_code = "CLAIM_MISSING"


class ClaimUnusable(ClaimError):
    """The claim has a shape, a length or a character that cannot be used."""

    default_code = "CLAIM_UNUSABLE"
