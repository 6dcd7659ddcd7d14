"""The settings of a provider, as parts of the schema."""

from datetime import datetime
from enum import StrEnum
from typing import get_args

import strawberry

from identity_api.db.providers import Provisioning, Sync, SyncMode
from identity_api.graphql.access import object_type
from identity_api.graphql.enums import enum_type
from identity_api.graphql.providers.provider_enums import (
    AssertionAudience,
    GroupSource,
    SigningAlgorithm,
    UserInfoMethod,
)


@enum_type(
    "How permissions follow a provider's groups.",
    {
        "STRICT": "Only groups decide: leaving a group takes away what it gave.",
        "ADDITIVE": "Groups add permissions; leaving a group takes nothing away.",
        "NONE": "Groups give nothing.",
    },
)
class ProviderSyncMode(StrEnum):
    """What a provider's groups do to permissions."""

    STRICT = "STRICT"
    ADDITIVE = "ADDITIVE"
    NONE = "NONE"


@enum_type(
    "How a provider is asked between logins.",
    {
        "REFRESH_TOKEN": "With the login's refresh token.",
        "ACCESS_TOKEN": "With the login's access token.",
        "OFF": "It is not asked; the claims of the last login count for `unsyncedLeaseSeconds`.",
    },
)
class ProviderSync(StrEnum):
    """How a provider is asked between logins."""

    REFRESH_TOKEN = "REFRESH_TOKEN"  # noqa: S105  # a name, not a token
    ACCESS_TOKEN = "ACCESS_TOKEN"  # noqa: S105  # a name, not a token
    OFF = "OFF"


@enum_type(
    "Who may sign in for the first time.",
    {
        "JIT": "Anybody whom the provider signs in; a user is made at the first login.",
        "KNOWN_USERS": "Only a person whose username is that of an existing user, compared exactly, capitals included.",
        "LINKED_ONLY": "Only a person whom an admin has linked to a user before.",
    },
)
class ProviderProvisioning(StrEnum):
    """Which account a person gets who signs in for the first time."""

    JIT = "JIT"
    KNOWN_USERS = "KNOWN_USERS"
    LINKED_ONLY = "LINKED_ONLY"


for shown, stored in ((ProviderSyncMode, SyncMode), (ProviderSync, Sync), (ProviderProvisioning, Provisioning)):
    assert {str(member) for member in shown} == set(get_args(stored))


@object_type(description="Where each claim is looked for, in order.")
class ProviderClaims:
    """As claim sources are written (`claims.source`)."""

    anchor: list[str] = strawberry.field(
        description="Where the anchor is looked for, in order, such as `id_token / sub`."
    )
    username: list[str] = strawberry.field(description="Where the username is looked for, in order.")
    display: list[str] = strawberry.field(description="Where the display label is looked for, in order.")
    email: list[str] = strawberry.field(description="Where the e-mail address is looked for, in order.")
    groups: list[str] = strawberry.field(description="Where the groups are looked for, in order.")
    directories: list[str] = strawberry.field(
        description="The Entra directories whose people may sign in. Empty where the issuer stands for one directory."
    )
    deny_unmapped: bool = strawberry.field(description="Whether people whose groups give no permission are refused.")
    userinfo_method: UserInfoMethod = strawberry.field(description="How the UserInfo endpoint is called.")
    name_in_callback: bool = strawberry.field(
        description="Whether a name that no claim has is read from the callback's field `user` (Apple). Nobody signs "
        "that field."
    )
    group_source: GroupSource | None = strawberry.field(
        description="The vendor's API that lists groups that claims leave out. Null uses claims alone."
    )


@object_type(description="A name with its value.")
class NameValue:
    """GraphQL has no tables."""

    name: str = strawberry.field(description="The name.")
    value: str = strawberry.field(description="The value, as text.")


@object_type(description="A stored client secret. Its value is never shown.")
class ProviderSecret:
    """Two may overlap; the newest is used first."""

    id: strawberry.ID = strawberry.field(description="For `removeProviderSecret`.")
    created_at: datetime = strawberry.field(description="When it was stored.")
    expires_at: datetime | None = strawberry.field(
        description="When the provider stops accepting it; null if that is not known."
    )


@object_type(description="Our URLs to register at the provider. OAuth 2.0 uses the redirect URL alone.")
class ProviderURLs:
    """As `providers.urls` makes them."""

    redirect: str = strawberry.field(description="The redirect URL.")
    backchannel_logout: str | None = strawberry.field(
        description="The back-channel logout URL, to which the provider posts logout tokens; null for OAuth 2.0."
    )
    frontchannel_logout: str | None = strawberry.field(
        description="The front-channel logout URL, which the provider loads in the browser; null for OAuth 2.0."
    )
    post_logout_redirects: list[str] = strawberry.field(
        description="Where the provider sends people after they have signed out, one URL for each host. Empty for OAuth "
        "2.0."
    )
    initiate_login: str | None = strawberry.field(
        description="The URL at which the provider can start a login; null for OAuth 2.0."
    )


@object_type(description="Settings of the client that differ from the usual.")
class ProviderClientSettings:
    """As `db.providers.ClientSettings`."""

    signing_algorithm: SigningAlgorithm = strawberry.field(
        description="The algorithm that our JWTs for client authentication are signed with."
    )
    assertion_audience: AssertionAudience = strawberry.field(
        description="The audience of our JWTs for client authentication."
    )
    dpop: bool = strawberry.field(description="Whether the tokens of new logins are bound to a key (DPoP, RFC 9449).")
    encrypted_id_tokens: bool = strawberry.field(description="Whether ID Tokens must be encrypted to us.")
    signed_userinfo: bool = strawberry.field(description="Whether UserInfo must be a signed JWT.")
    ca_certificate_pem: str | None = strawberry.field(
        description="The only certificate authorities trusted for this provider, as PEM; null for the usual ones."
    )
    apple_team_id: str | None = strawberry.field(
        description="Apple's id of the developer account, for `apple_client_secret`; null elsewhere."
    )
    apple_key_id: str | None = strawberry.field(
        description="Apple's id of the key, for `apple_client_secret`; null elsewhere."
    )
    sign_out_at_provider: bool = strawberry.field(
        description="Whether signing out ends the session at the provider as well. If false, only our own session ends."
    )
    end_session_parameters: list[NameValue] = strawberry.field(
        description="Parameters for the provider's end-session endpoint. `{return_url}` in a value is our address to "
        "come back to."
    )
    exceptions: list[str] = strawberry.field(
        description="Checks that the operator has switched off for this provider, each with its risk."
    )
