"""Settings of a provider that have few values."""

from enum import StrEnum
from typing import get_args

from identity_api.db.providers import GroupSource as StoredGroupSource
from identity_api.graphql.enums import enum_type
from identity_api.oidc.client_auth import METHODS


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


@enum_type(
    "What a provider speaks.",
    {"OIDC": "OpenID Connect.", "OAUTH2": "OAuth 2.0 alone: people are known by what its UserInfo says."},
)
class ProviderProtocol(StrEnum):
    """As rows and files have it."""

    OIDC = "oidc"
    OAUTH2 = "oauth2"


ClientAuthenticationMethod = StrEnum(
    "ClientAuthenticationMethod",
    {
        "CLIENT_SECRET_BASIC": "client_secret_basic",
        "CLIENT_SECRET_POST": "client_secret_post",
        "CLIENT_SECRET_JWT": "client_secret_jwt",
        "APPLE_CLIENT_SECRET": "apple_client_secret",
        "PRIVATE_KEY_JWT": "private_key_jwt",
        "TLS_CLIENT_AUTH": "tls_client_auth",
        "SELF_SIGNED_TLS_CLIENT_AUTH": "self_signed_tls_client_auth",
        "NONE": "none",
    },
)
enum_type(
    "How we authenticate at the provider's token endpoint.",
    {
        "CLIENT_SECRET_BASIC": "With the client secret, in the Authorization header.",
        "CLIENT_SECRET_POST": "With the client secret, in the request's body.",
        "CLIENT_SECRET_JWT": "With a JWT that the client secret signs. The secret is never sent.",
        "APPLE_CLIENT_SECRET": "With a secret that is made anew from Apple's key for every request.",
        "PRIVATE_KEY_JWT": "With a JWT that a key of ours signs, which never leaves this service.",
        "TLS_CLIENT_AUTH": "With our TLS certificate, which an authority has issued (RFC 8705).",
        "SELF_SIGNED_TLS_CLIENT_AUTH": "With our TLS certificate, which itself is registered (RFC 8705).",
        "NONE": "Not at all: a public client, which PKCE alone protects.",
    },
)(ClientAuthenticationMethod)


@enum_type(
    "The vendor's API that lists groups that claims leave out.",
    {
        "ENTRA": "Microsoft Graph.",
        "GITHUB": "GitHub's REST API: organisations and teams.",
        "GOOGLE": "Google's Cloud Identity API.",
        "OKTA": "Okta's API.",
    },
)
class GroupSource(StrEnum):
    """As rows and files have it."""

    ENTRA = "entra"
    GITHUB = "github"
    GOOGLE = "google"
    OKTA = "okta"


assert {str(member) for member in ClientAuthenticationMethod} == set(METHODS)
assert {str(member) for member in GroupSource} == set(get_args(StoredGroupSource))
