"""Settings of a provider that have few values."""

from enum import StrEnum

from identity_api.graphql.enums import enum_type


@enum_type(
    "What an absent groups claim means.",
    {
        "EMPTY": "The person is in no group.",
        "UNKNOWN": "It is not known which groups the person is in.",
    },
)
class AbsentGroups(StrEnum):
    """As rows have it."""

    EMPTY = "EMPTY"
    UNKNOWN = "UNKNOWN"


@enum_type(
    "What the claim `email_verified` must say.",
    {
        "IGNORE": "It is not looked at.",
        "REQUIRED": "It must be true for a sign-in.",
        "TRUSTED": "Every address of the provider counts as verified.",
    },
)
class EmailVerifiedRule(StrEnum):
    """As rows have it."""

    IGNORE = "IGNORE"
    REQUIRED = "REQUIRED"
    TRUSTED = "TRUSTED"


@enum_type(
    "How the UserInfo endpoint is called.",
    {"GET": "With a GET request.", "POST": "With a POST request, which some providers ask for."},
)
class UserInfoMethod(StrEnum):
    """As rows have it."""

    GET = "GET"
    POST = "POST"


@enum_type(
    "The algorithm that our JWTs for client authentication are signed with.",
    {
        "RS256": "RSA with PKCS #1 and SHA-256.",
        "PS256": "RSA with PSS and SHA-256.",
        "ES256": "ECDSA with P-256 and SHA-256.",
    },
)
class SigningAlgorithm(StrEnum):
    """As rows have it (RFC 7518 section 3.1)."""

    RS256 = "RS256"
    PS256 = "PS256"
    ES256 = "ES256"


AssertionAudience = StrEnum("AssertionAudience", {"ISSUER": "ISSUER", "TOKEN_ENDPOINT": "TOKEN_ENDPOINT"})
enum_type(
    "Whom our JWTs for client authentication are for.",
    {
        "ISSUER": "The provider, by its issuer.",
        "TOKEN_ENDPOINT": "The token endpoint, by its address, which some providers ask for.",
    },
)(AssertionAudience)
