"""What is entered about a provider, as the fields of a provider declaration: one list for making and for changing one."""

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry

from identity_api.config import Secret
from identity_api.graphql.providers.providers import ProviderProvisioning, ProviderSync, ProviderSyncMode
from identity_api.providers.secrets import NewSecret


@strawberry.input(description="A name with its value.")
class NameValueInput:
    """GraphQL has no tables."""

    name: str
    value: str


@strawberry.input(description="Every setting that can be changed. What is left out stays as it is, or is as usual.")
class ProviderSettingsInput:
    """Fields of `tenants.declaration.ProviderDeclaration`. Null empties what may be empty, and else counts as left out."""

    label: str | None = strawberry.UNSET
    icon: str | None = strawberry.UNSET
    position: int | None = strawberry.UNSET
    issuer: str | None = strawberry.field(default=strawberry.UNSET, description="Compared character by character.")
    discovery_url: str | None = strawberry.UNSET
    endpoints: list[NameValueInput] | None = strawberry.field(
        default=strawberry.UNSET, description="OAuth 2.0 only: `authorization`, `token` and `userinfo`."
    )
    client_id: str | None = strawberry.UNSET
    client_authentication: str | None = strawberry.UNSET
    redirect_url: str | None = strawberry.UNSET
    scopes: list[str] | None = strawberry.UNSET
    authorization_parameters: list[NameValueInput] | None = strawberry.UNSET
    allowed_directories: list[str] | None = strawberry.UNSET
    anchor_claim: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Like every claim: its sources in order, such as `id_token / sub`."
    )
    username_claim: list[str] | None = strawberry.UNSET
    display_claim: list[str] | None = strawberry.UNSET
    email_claim: list[str] | None = strawberry.UNSET
    groups_claim: list[str] | None = strawberry.UNSET
    group_source: str | None = strawberry.field(
        default=strawberry.UNSET, description="The vendor's interface that lists groups where claims leave them out."
    )
    name_in_callback: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="A name that no claim says is read from the callback's field `user` (Apple).",
    )
    absent_groups: str | None = strawberry.UNSET
    userinfo_method: str | None = strawberry.UNSET
    provisioning: ProviderProvisioning | None = strawberry.UNSET
    adopt_by_name: bool | None = strawberry.UNSET
    deny_unmapped: bool | None = strawberry.UNSET
    email_verified_rule: str | None = strawberry.UNSET
    sync: ProviderSync | None = strawberry.UNSET
    sync_mode: ProviderSyncMode | None = strawberry.UNSET
    sync_interval_seconds: int | None = strawberry.UNSET
    outage_grace_seconds: int | None = strawberry.UNSET
    unsynced_lease_seconds: int | None = strawberry.UNSET
    max_concurrent: int | None = strawberry.UNSET
    reauthentication: bool | None = strawberry.UNSET
    logout_page_url: str | None = strawberry.field(
        default=strawberry.UNSET, description="Where people end after they have signed out."
    )
    sign_out_at_provider: bool | None = strawberry.field(
        default=strawberry.UNSET, description="False: only our own session ends, and the logout page comes at once."
    )
    end_session_parameters: list[NameValueInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="For the provider's end-session endpoint; `{return_url}` in a value is our address to come back to.",
    )
    signing_algorithm: str | None = strawberry.UNSET
    assertion_audience: str | None = strawberry.UNSET
    dpop: bool | None = strawberry.UNSET
    encrypted_id_tokens: bool | None = strawberry.UNSET
    signed_userinfo: bool | None = strawberry.UNSET
    ca_certificate_pem: str | None = strawberry.UNSET
    apple_team_id: str | None = strawberry.UNSET
    apple_key_id: str | None = strawberry.UNSET


@strawberry.input
class CreateProviderInput(ProviderSettingsInput):
    """A new provider: a preset with its values, or every setting that has no usual value."""

    slug: str = strawberry.field(description="In addresses, and never changed.")
    protocol: str | None = strawberry.field(default=strawberry.UNSET, description="`oidc` or `oauth2`.")
    preset: str | None = strawberry.UNSET
    preset_values: list[NameValueInput] | None = strawberry.UNSET
    preset_alternatives: list[str] | None = strawberry.UNSET
    enabled: bool = True
    client_secret: str | None = strawberry.field(default=None, description="Written, and never shown to anybody again.")
    client_secret_expires_at: datetime | None = None


@strawberry.input
class UpdateProviderInput(ProviderSettingsInput):
    """A changed provider."""

    id: strawberry.ID
    version: int
    client_secret: str | None = strawberry.field(
        default=None,
        description="Becomes the only one. Needed again when issuer, discovery URL or an endpoint changes.",
    )
    client_secret_expires_at: datetime | None = None


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
