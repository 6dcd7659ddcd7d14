"""The type of a preset: a well-known provider's settings as data."""

import re
from typing import Literal

import msgspec


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A value of the customer's own account there. `{name}` in settings is replaced by it.

    The whole value must match `pattern`, so that it cannot change the host of an address.
    """

    name: str
    label: str
    pattern: str
    example: str

    def read(self, value: object) -> object:
        """The value; of an address that was pasted for a host name, that host."""
        if self.pattern != HOST or not isinstance(value, str):
            return value
        return value.strip().removeprefix("https://").removesuffix("/")

    def accepts(self, value: object) -> bool:
        """Whether the value is a text of the expected form."""
        return isinstance(value, str) and len(value) <= 253 and re.fullmatch(self.pattern, value) is not None


HOST = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?"
"""A host name in lower case, with an optional port."""


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """An alternative set-up of the provider. `settings` are fields of a provider declaration and replace the preset's."""

    name: str
    why: str
    settings: dict[str, str | bool | tuple[str, ...] | dict[str, str]]


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A well-known provider. The fields from `issuer` to `sync_mode` are those of a provider declaration. In their
    texts `{client_id}` is the declared client ID. None means that the preset does not set the field.

    `endpoints` are used where the protocol is `oauth2`; an OpenID Provider publishes its own. `register_redirect_at` is
    the place in the provider's console where the redirect URI is entered, `steps` are the other steps there, and
    `unverified` lists statements here that come from documentation or common knowledge and were not tried.
    """

    name: str
    label: str
    icon: str
    register_redirect_at: str
    steps: tuple[str, ...]
    documentation: str
    unverified: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    protocol: Literal["oidc", "oauth2"] = "oidc"
    issuer: str
    discovery_url: str | None = None
    endpoints: dict[str, str] = {}
    client_authentication: str | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email", "offline_access")
    authorization_parameters: dict[str, str] = {}
    anchor_claim: tuple[str, ...] = ("sub",)
    username_claim: tuple[str, ...] = ("preferred_username",)
    display_claim: tuple[str, ...] = ("name", "preferred_username")
    email_claim: tuple[str, ...] = ("email",)
    groups_claim: tuple[str, ...] = ("id_token / groups",)
    absent_groups: Literal["EMPTY", "UNKNOWN"] = "UNKNOWN"
    end_session_parameters: dict[str, str] | None = None
    name_in_callback: bool | None = None
    provisioning: Literal["JIT", "KNOWN_USERS", "LINKED_ONLY"] = "JIT"
    deny_unmapped: bool | None = None
    email_verified_rule: Literal["IGNORE", "REQUIRED", "TRUSTED"] = "IGNORE"
    sync: Literal["REFRESH_TOKEN", "ACCESS_TOKEN", "OFF"] = "REFRESH_TOKEN"
    sync_mode: Literal["STRICT", "ADDITIVE", "NONE"] = "STRICT"


SETTINGS = (
    "protocol",
    "issuer",
    "discovery_url",
    "endpoints",
    "client_authentication",
    "scopes",
    "authorization_parameters",
    "anchor_claim",
    "username_claim",
    "display_claim",
    "email_claim",
    "groups_claim",
    "absent_groups",
    "end_session_parameters",
    "name_in_callback",
    "provisioning",
    "deny_unmapped",
    "email_verified_rule",
    "sync",
    "sync_mode",
    "label",
    "icon",
)
"""The fields of a preset that become fields of a provider declaration."""
