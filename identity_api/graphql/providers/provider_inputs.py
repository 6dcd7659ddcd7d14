"""The inputs of providers, as the fields of a provider declaration: one list for making and for changing one."""

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry

from identity_api.config import Secret
from identity_api.graphql.providers.provider_enums import (
    AbsentGroups,
    AssertionAudience,
    ClientAuthenticationMethod,
    EmailVerifiedRule,
    GroupSource,
    ProviderProtocol,
    SigningAlgorithm,
    UserInfoMethod,
)
from identity_api.graphql.providers.provider_settings import ProviderProvisioning, ProviderSync, ProviderSyncMode
from identity_api.providers.secrets import NewSecret


@strawberry.input(description="A name with its value.")
class NameValueInput:
    """GraphQL has no tables."""

    name: str = strawberry.field(description="The name.")
    value: str = strawberry.field(description="The value, as text.")


@strawberry.input(description="Every setting that can be changed. What is left out stays as it is, or is as usual.")
class ProviderSettingsInput:
    """Fields of `tenants.declaration.ProviderDeclaration`. Null empties a field that may be
    empty; for other fields it counts as left out."""

    label: str | None = strawberry.field(default=strawberry.UNSET, description="The name on the login page.")
    icon: str | None = strawberry.field(
        default=strawberry.UNSET, description="The icon on the login page; null for none."
    )
    position: int | None = strawberry.field(
        default=strawberry.UNSET, description="The place on the login page; the lowest number comes first."
    )
    issuer: str | None = strawberry.field(
        default=strawberry.UNSET, description="The issuer URL. It is compared character by character."
    )
    discovery_url: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Where the provider metadata is; null for the well-known path under the issuer.",
    )
    endpoints: list[NameValueInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="The addresses of an OAuth 2.0 provider by name: `authorization`, `token` and `userinfo`.",
    )
    client_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="The `client_id` that the provider has registered for us."
    )
    client_authentication: ClientAuthenticationMethod | None = strawberry.field(
        default=strawberry.UNSET, description="How we authenticate at the token endpoint."
    )
    redirect_url: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Our redirect URL, exactly as it is registered at the provider.",
    )
    scopes: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="The OAuth scopes that a login asks for."
    )
    authorization_parameters: list[NameValueInput] | None = strawberry.field(
        default=strawberry.UNSET, description="Parameters that are added to the authorization request."
    )
    allowed_directories: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="The Entra directories whose people may sign in, where one issuer stands for many directories.",
    )
    anchor_claim: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Where the anchor is looked for, in order, such as `id_token / sub`.",
    )
    username_claim: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Where the username is looked for, in order."
    )
    display_claim: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Where the display label is looked for, in order."
    )
    email_claim: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Where the e-mail address is looked for, in order."
    )
    groups_claim: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Where the groups are looked for, in order."
    )
    group_source: GroupSource | None = strawberry.field(
        default=strawberry.UNSET,
        description="The vendor's API that lists groups that claims leave out. Null uses claims alone.",
    )
    name_in_callback: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether a name that no claim has is read from the callback's field `user` (Apple). Nobody signs "
        "that field.",
    )
    absent_groups: AbsentGroups | None = strawberry.field(
        default=strawberry.UNSET,
        description="What an absent groups claim means.",
    )
    userinfo_method: UserInfoMethod | None = strawberry.field(
        default=strawberry.UNSET, description="How the UserInfo endpoint is called."
    )
    provisioning: ProviderProvisioning | None = strawberry.field(
        default=strawberry.UNSET, description="Who may sign in for the first time."
    )
    adopt_by_name: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether a first login may take over a user with the same username who was never linked.",
    )
    deny_unmapped: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether people whose groups give no permission are refused."
    )
    email_verified_rule: EmailVerifiedRule | None = strawberry.field(
        default=strawberry.UNSET,
        description="What `email_verified` must say.",
    )
    sync: ProviderSync | None = strawberry.field(
        default=strawberry.UNSET, description="How the provider is asked again between logins."
    )
    sync_mode: ProviderSyncMode | None = strawberry.field(
        default=strawberry.UNSET, description="How permissions follow the provider's groups."
    )
    sync_interval_seconds: int | None = strawberry.field(
        default=strawberry.UNSET, description="The time between two syncs of an identity, in seconds."
    )
    outage_grace_seconds: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="How long permissions stay in force while the provider cannot be asked, in seconds.",
    )
    unsynced_lease_seconds: int | None = strawberry.field(
        default=strawberry.UNSET, description="How long the last login counts if sync is `OFF`, in seconds."
    )
    max_rate: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="How many calls a second each worker may make for syncs. Null for the rate that the provider allows.",
    )
    max_concurrent: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="How many calls for syncs may be under way at the provider at once.",
    )
    reauthentication: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether the provider can be asked for a new proof of who the person is (step-up).",
    )
    logout_page_url: str | None = strawberry.field(
        default=strawberry.UNSET, description="Where people are sent after they have signed out."
    )
    sign_out_at_provider: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether signing out ends the session at the provider as well. If false, only our own session ends.",
    )
    end_session_parameters: list[NameValueInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Parameters for the provider's end-session endpoint. `{return_url}` in a value is our address to "
        "come back to.",
    )
    signing_algorithm: SigningAlgorithm | None = strawberry.field(
        default=strawberry.UNSET,
        description="The algorithm that our JWTs for client authentication are signed with.",
    )
    assertion_audience: AssertionAudience | None = strawberry.field(
        default=strawberry.UNSET, description="The audience of our JWTs for client authentication."
    )
    dpop: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether the tokens of new logins are bound to a key (DPoP, RFC 9449).",
    )
    encrypted_id_tokens: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether ID Tokens must be encrypted to us."
    )
    signed_userinfo: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether UserInfo must be a signed JWT."
    )
    ca_certificate_pem: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The only certificate authorities trusted for this provider, as PEM; null for the usual ones.",
    )
    apple_team_id: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Apple's id of the developer account, for `apple_client_secret`.",
    )
    apple_key_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="Apple's id of the key, for `apple_client_secret`."
    )


@strawberry.input(description="A new provider: a preset with its values, or every setting that has no default.")
class CreateProviderInput(ProviderSettingsInput):
    """A new provider: a preset with its values, or every setting that has no usual value."""

    slug: str = strawberry.field(
        description="The provider's name in addresses. It is unique within the tenant and cannot be changed."
    )
    protocol: ProviderProtocol | None = strawberry.field(
        default=strawberry.UNSET, description="What the provider speaks. The default is `OIDC`."
    )
    preset: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The name of a preset, such as `entra`, which fills in what is left out.",
    )
    preset_values: list[NameValueInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="What the preset asks for, by name, such as the directory of an Entra tenant.",
    )
    preset_alternatives: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="The names of the preset's alternatives to use."
    )
    enabled: bool = strawberry.field(default=True, description="Whether people can sign in there at once.")
    client_secret: str | None = strawberry.field(
        default=None, description="The client secret. It is never shown to anybody again."
    )
    client_secret_expires_at: datetime | None = strawberry.field(
        default=None,
        description="When the provider stops accepting the secret; null if that is not known.",
    )


@strawberry.input(description="Changes to a provider. What is left out stays as it is.")
class UpdateProviderInput(ProviderSettingsInput):
    """A changed provider."""

    id: strawberry.ID = strawberry.field(description="The id of the provider.")
    version: int = strawberry.field(
        description="The version that was read. An edit of another version is refused with a `ConflictError`."
    )
    client_secret: str | None = strawberry.field(
        default=None,
        description="The client secret, which replaces all others. It is needed again when issuer, discovery URL or an "
        "endpoint changes.",
    )
    client_secret_expires_at: datetime | None = strawberry.field(
        default=None,
        description="When the provider stops accepting the secret; null if that is not known.",
    )


_TABLES = ("endpoints", "authorization_parameters", "end_session_parameters", "preset_values")
_MAY_BE_EMPTY = (
    *("icon", "group_source", "discovery_url", "logout_page_url", "ca_certificate_pem"),
    *("apple_team_id", "apple_key_id"),
)
_SETTINGS = tuple([field.name for field in ProviderSettingsInput.__strawberry_definition__.fields])  # type: ignore[attr-defined]  # made by the decorator
_OF_CREATION = ("slug", "protocol", "preset", "preset_values", "preset_alternatives", "enabled")


def fields_of(given: CreateProviderInput | UpdateProviderInput) -> dict[str, Any]:
    """The fields of a declaration that were given."""
    is_new = isinstance(given, CreateProviderInput)
    found = {name: getattr(given, name) for name in (*_SETTINGS, *(_OF_CREATION if is_new else ()))}
    return {
        name: _plain(name, value)
        for name, value in found.items()
        if value is not strawberry.UNSET and (value is not None or (name in _MAY_BE_EMPTY and not is_new))
    }


def secret_of(value: str | None, expires_at: datetime | None) -> NewSecret | None:
    """The secret that was given, in a form that does not show itself."""
    return None if value is None else NewSecret(Secret(value), expires_at)


def _plain(name: str, value: Any) -> Any:
    if name in _TABLES:
        return {one.name: one.value for one in value}
    return value.value if isinstance(value, Enum) else value
