"""The declaration of a provider, by a file or by an admin, and the loading of its secret."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from identity_api.config import Secret
from identity_api.db.providers import ClaimSettings, ClientSettings, GroupSource
from identity_api.errors import ConfigurationError

Table = dict[str, Any]
"""The fields of one table of a declaration, by name."""
ClientAuthenticationName = Literal[
    "client_secret_post",
    "client_secret_basic",
    "client_secret_jwt",
    "apple_client_secret",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
]


class ProviderDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An OpenID Provider of the tenant, or an OAuth 2.0 provider.

    Exactly one of the three forms of secret, or none for a public client. `issuer` is compared exactly; for OAuth 2.0
    it names the server, and is compared where the provider sends `iss` with a callback (RFC 9207). `endpoints` are for
    OAuth 2.0 only. `allowed_directories` are the Entra directories whose people may sign in where the issuer stands for
    all of them. A secret that is replaced works for `client_secret_overlap_seconds` more. From `signing_algorithm` to
    `apple_key_id` see `db.providers.ClientSettings`; `ca_file` is another form of `ca_certificate_pem`. With
    `apple_client_secret` the client secret is Apple's private key. `preset` names the preset that supplied the missing
    settings (see `presets`). `adopt_by_name` lets a first login take over a user who was never linked and has the
    username of the claim; `deny_unmapped` refuses people whose groups give no permission. `group_source` is the
    vendor's API that lists groups if claims do not, at `endpoints.groups` if that is set. `name_in_callback` reads a
    name that no claim has from the callback's field `user`, which is not signed.
    """

    slug: str
    label: str | None = None
    protocol: Literal["oidc", "oauth2"] = "oidc"
    preset: str | None = None
    issuer: str
    endpoints: dict[str, str] = {}
    discovery_url: str | None = None
    client_id: str
    client_secret: str | None = None
    client_secret_env: str | None = None
    client_secret_file: str | None = None
    client_secret_stored: bool = False
    client_secret_overlap_seconds: int = 0
    client_authentication: ClientAuthenticationName | None = None
    signing_algorithm: Literal["RS256", "PS256", "ES256"] = "RS256"
    assertion_audience: Literal["ISSUER", "TOKEN_ENDPOINT"] = "ISSUER"
    dpop: bool = False
    encrypted_id_tokens: bool = False
    signed_userinfo: bool = False
    accept_without_iss: bool = False
    pkce: Literal["S256", "OFF"] = "S256"
    missing_nonce: Literal["REFUSED", "ACCEPTED"] = "REFUSED"
    ca_file: str | None = None
    ca_certificate_pem: str | None = None
    apple_team_id: str | None = None
    apple_key_id: str | None = None
    tls_client_certificate_file: str | None = None
    tls_client_key_file: str | None = None
    tls_client_certificate_stored: bool = False
    redirect_url: str | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email", "offline_access")
    authorization_parameters: dict[str, str] = {}
    allowed_directories: tuple[str, ...] = ()
    anchor_claim: str | tuple[str, ...] = "sub"
    username_claim: str | tuple[str, ...] = "preferred_username"
    display_claim: str | tuple[str, ...] = ("name", "preferred_username")
    email_claim: str | tuple[str, ...] = "email"
    groups_claim: str | tuple[str, ...] = "groups"
    absent_groups: Literal["EMPTY", "UNKNOWN"] = "UNKNOWN"
    userinfo_method: Literal["GET", "POST"] = "GET"
    group_source: GroupSource | None = None
    name_in_callback: bool = False
    provisioning: Literal["JIT", "KNOWN_USERS", "LINKED_ONLY"] = "JIT"
    adopt_by_name: bool = False
    deny_unmapped: bool = False
    email_verified_rule: Literal["IGNORE", "REQUIRED", "TRUSTED"] = "IGNORE"
    sync: Literal["REFRESH_TOKEN", "ACCESS_TOKEN", "OFF"] = "REFRESH_TOKEN"
    sync_mode: Literal["STRICT", "ADDITIVE", "NONE"] = "STRICT"
    sync_interval_seconds: int | None = None
    outage_grace_seconds: int | None = None
    unsynced_lease_seconds: int | None = None
    max_rate: int | None = None
    max_concurrent: int = 100
    reauthentication: bool = False
    logout_page_url: str | None = None
    sign_out_at_provider: bool = True
    end_session_parameters: dict[str, str] = {}
    icon: str | None = None
    position: int = 0
    enabled: bool = True

    def claim_settings(self) -> ClaimSettings:
        """The claim settings, each as a list of sources."""

        def sources(value: str | tuple[str, ...]) -> tuple[str, ...]:
            return (value,) if isinstance(value, str) else tuple(value)

        return ClaimSettings(
            sources(self.anchor_claim),
            sources(self.username_claim),
            sources(self.display_claim),
            sources(self.email_claim),
            sources(self.groups_claim),
            self.allowed_directories,
            self.deny_unmapped,
            self.userinfo_method,
            self.group_source,
            self.name_in_callback,
        )

    def client_settings(self) -> ClientSettings:
        """Special settings agreed on with the provider."""
        return ClientSettings(**{name: getattr(self, name) for name in ClientSettings.__struct_fields__})

    def __repr__(self) -> str:
        return f"ProviderDeclaration({self.slug!r})"  # the client secret is in here


def settings_given(declared: ProviderDeclaration) -> tuple[str, ...]:
    """The names of the settings that differ from the defaults, including the forms of secrets."""
    usual = ProviderDeclaration(slug="", issuer="", client_id="")
    names = ProviderDeclaration.__struct_fields__
    return tuple([name for name in names if getattr(declared, name) != getattr(usual, name)])


def client_secret(provider: ProviderDeclaration, environ: Mapping[str, str], folder: Path) -> Secret | None:
    """The declared client secret, from its text, variable or file; None for a public client.

    Args:
        folder: the base of a relative `client_secret_file`: the declaration's directory.

    Raises:
        ConfigurationError: the variable or the file named is not there, or empty.
    """
    if provider.client_secret is not None:
        return Secret(provider.client_secret)
    if provider.client_secret_env is not None:
        value = environ.get(provider.client_secret_env, "")
        if not value:
            raise ConfigurationError(
                [f"Provider {provider.slug}: the variable {provider.client_secret_env} is not set."]
            )
        return Secret(value)
    if provider.client_secret_file is not None:
        return Secret(_read(provider, folder, provider.client_secret_file))
    return None


def with_files(provider: ProviderDeclaration, folder: Path) -> ProviderDeclaration:
    """The declaration with `ca_file` read into `ca_certificate_pem`.

    Raises:
        ConfigurationError: the file is not there, or holds no certificates.
    """
    if provider.ca_file is None:
        return provider
    pem = _read(provider, folder, provider.ca_file)
    if not is_certificates(pem):
        raise ConfigurationError([f"Provider {provider.slug}: the file {provider.ca_file} holds no certificates."])
    return msgspec.structs.replace(provider, ca_file=None, ca_certificate_pem=pem)


def client_certificate(provider: ProviderDeclaration, folder: Path) -> Secret | None:
    """The declared TLS client certificate with its key, as one PEM text; None if there is none.

    Raises:
        ConfigurationError: a file is not there, or empty.
    """
    files = [provider.tls_client_certificate_file, provider.tls_client_key_file]
    texts = [_read(provider, folder, name) for name in files if name is not None]
    return Secret("\n".join(texts) + "\n") if texts else None


def _read(provider: ProviderDeclaration, folder: Path, name: str) -> str:
    try:
        value = (folder / name).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        value = ""
    if not value:
        raise ConfigurationError([f"Provider {provider.slug}: the file {name} cannot be read."])
    return value


def is_certificates(pem: str) -> bool:
    """Whether a text holds at least one certificate that TLS can use, and no secret."""
    try:
        return "PRIVATE KEY" not in pem and bool(ssl.create_default_context(cadata=pem).get_ca_certs())
    except (ssl.SSLError, ValueError):
        return False
