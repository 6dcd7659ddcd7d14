"""What an operator declares in a file: tenants, frontends, providers, permissions, group mappings (design 11).

Parsing finds every problem at once and names each by its place in the document; no message holds a secret.
"""

import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from identity_api.config import Secret, is_loopback
from identity_api.db.providers import ClaimSettings
from identity_api.errors import BadInput, ConfigurationError
from identity_api.mapping import MatchKind, PatternInvalid, parse_claim_sources, validate_pattern
from identity_api.mapping.errors import ClaimPathInvalid
from identity_api.permissions.names import check_permission_name
from identity_api.permissions.service import SERVICE_PREFIX

MAX_BYTES = 1_048_576
SCOPE_FLOOR = "openid"


class FrontendDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program that signs people in through us."""

    slug: str
    origins: tuple[str, ...]
    return_urls: tuple[str, ...]
    deliveries: tuple[Literal["cookie", "code", "fragment"], ...] = ("cookie",)


class PermissionDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A permission of the tenant's vocabulary."""

    name: str
    description: str = ""
    delegable: bool = True


class MappingDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule from groups to permissions; without `provider` it holds for every provider of the tenant."""

    group: str
    permissions: tuple[str, ...]
    provider: str | None = None
    match: MatchKind = MatchKind.EXACT
    enabled: bool = True


class ProviderDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An OpenID Provider of the tenant. Exactly one of the three forms of secret, or none for a public client."""

    slug: str
    label: str | None = None
    protocol: Literal["oidc"] = "oidc"
    issuer: str
    discovery_url: str | None = None
    client_id: str
    client_secret: str | None = None
    client_secret_env: str | None = None
    client_secret_file: str | None = None
    client_authentication: Literal["client_secret_post", "client_secret_basic", "none"] | None = None
    redirect_url: str | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email", "offline_access")
    authorization_parameters: dict[str, str] = {}
    anchor_claim: str | tuple[str, ...] = "sub"
    username_claim: str | tuple[str, ...] = "preferred_username"
    display_claim: str | tuple[str, ...] = ("name", "preferred_username")
    email_claim: str | tuple[str, ...] = "email"
    groups_claim: str | tuple[str, ...] = "groups"
    absent_groups: Literal["EMPTY", "UNKNOWN"] = "UNKNOWN"
    provisioning: Literal["JIT", "KNOWN_USERS", "LINKED_ONLY"] = "JIT"
    sync: Literal["REFRESH_TOKEN", "OFF"] = "REFRESH_TOKEN"
    sync_mode: Literal["STRICT", "ADDITIVE", "NONE"] = "STRICT"
    sync_interval_seconds: int | None = None
    outage_grace_seconds: int | None = None
    unsynced_lease_seconds: int | None = None
    max_concurrent: int = 20
    logout_page_url: str | None = None
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
        )


class TenantDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant with all that is its own."""

    slug: str
    name: str
    hosts: tuple[str, ...] = ()
    default_provider: str | None = None
    frontends: tuple[FrontendDeclaration, ...] = ()
    permissions: tuple[PermissionDeclaration, ...] = ()
    providers: tuple[ProviderDeclaration, ...] = ()
    group_mappings: tuple[MappingDeclaration, ...] = ()


class Bounds(msgspec.Struct, frozen=True):
    """What a declared number may be, from the settings' own table."""

    sync_interval_seconds: tuple[int, int] = (60, 420)
    outage_grace_seconds: tuple[int, int] = (0, 86_400)
    unsynced_lease_seconds: tuple[int, int] = (300, 2_592_000)


def parse(document: bytes, bounds: Bounds = Bounds()) -> list[TenantDeclaration]:  # noqa: B008  # frozen
    """Read a declaration file.

    Raises:
        ConfigurationError: it is no TOML, or anything in it is wrong; lists every problem with its place.
    """
    if len(document) > MAX_BYTES:
        raise ConfigurationError([f"The file is larger than {MAX_BYTES} bytes."])
    try:
        content = tomllib.loads(document.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigurationError(["The file is not UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"The file is no TOML: {error}."]) from None
    problems = [f"{name}: unknown key; expected [[tenants]]." for name in content if name != "tenants"]
    tables = _tables(content.get("tenants"), "tenants", problems)
    tenants = [_tenant(raw, f"tenants[{place}]", problems) for place, raw in enumerate(tables)]
    if not content.get("tenants"):
        problems.append("The file declares no [[tenants]].")
    for place, tenant in enumerate(tenants):
        _check_tenant(tenant, f"tenants[{place}]", bounds, problems)
    problems.extend(_twice("tenants: slug", [tenant.slug for tenant in tenants]))
    problems.extend(_twice("tenants: host", [host for tenant in tenants for host in tenant.hosts]))
    if problems:
        raise ConfigurationError(problems)
    return tenants


_PARTS: dict[str, type[msgspec.Struct]] = {
    "frontends": FrontendDeclaration,
    "permissions": PermissionDeclaration,
    "providers": ProviderDeclaration,
    "group_mappings": MappingDeclaration,
}


def _tables(value: Any, place: str, problems: list[str]) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        problems.append(f"{place}: expected a list of tables, [[{place.rpartition('.')[2]}]].")
        return []
    return value


def _tenant(raw: Mapping[str, Any], place: str, problems: list[str]) -> TenantDeclaration:
    """Each part on its own, so that one mistake does not hide the next."""
    parts = {
        name: [
            one
            for number, table in enumerate(_tables(raw.get(name), f"{place}.{name}", problems))
            if (one := _convert(table, kind, f"{place}.{name}[{number}]", problems)) is not None
        ]
        for name, kind in _PARTS.items()
    }
    own: TenantDeclaration | None = _convert(
        {key: value for key, value in raw.items() if key not in _PARTS}, TenantDeclaration, place, problems
    )
    # With a problem noted nothing is used, but its parts are still worth checking.
    own = own or TenantDeclaration(slug=str(raw.get("slug")), name="", default_provider=None)
    return msgspec.structs.replace(own, **{name: tuple(values) for name, values in parts.items()})


def _convert(table: Mapping[str, Any], kind: type[Any], place: str, problems: list[str]) -> Any:
    try:
        return msgspec.convert(dict(table), kind)
    except msgspec.ValidationError as error:
        # msgspec names the field and the types, never the value.
        problems.append(f"{place}: {error}.")
        return None


def _check_tenant(tenant: TenantDeclaration, place: str, bounds: Bounds, problems: list[str]) -> None:
    slugs = [provider.slug for provider in tenant.providers]
    problems.extend(_twice(f"{place}.providers: slug", slugs))
    problems.extend(_twice(f"{place}.frontends: slug", [frontend.slug for frontend in tenant.frontends]))
    problems.extend(_twice(f"{place}.permissions: name", [permission.name for permission in tenant.permissions]))
    if tenant.default_provider is not None and tenant.default_provider not in slugs:
        problems.append(f"{place}.default_provider: {tenant.default_provider!r} is not declared among the providers.")
    for host in tenant.hosts:
        if host != host.lower() or "/" in host or ":" in host or not host:
            problems.append(f"{place}.hosts: {host!r} must be a lower-case host name, without scheme and port.")
    for number, frontend in enumerate(tenant.frontends):
        _check_frontend(frontend, f"{place}.frontends[{number}]", problems)
    for number, permission in enumerate(tenant.permissions):
        _check(f"{place}.permissions[{number}]", problems, partial(_check_permission, permission))
    for number, provider in enumerate(tenant.providers):
        _check_provider(provider, f"{place}.providers[{number}]", bounds, problems)
    for number, mapping in enumerate(tenant.group_mappings):
        _check_mapping(mapping, slugs, f"{place}.group_mappings[{number}]", problems)


def _check(place: str, problems: list[str], check: Callable[[], object]) -> None:
    try:
        check()
    except (BadInput, ClaimPathInvalid, PatternInvalid) as error:
        problems.append(f"{place}: {error.message}")


def _check_permission(permission: PermissionDeclaration) -> None:
    check_permission_name(permission.name)
    if permission.name.startswith(SERVICE_PREFIX):
        raise BadInput(f"Permissions under {SERVICE_PREFIX} exist in every tenant and are not declared.")


def _check_frontend(frontend: FrontendDeclaration, place: str, problems: list[str]) -> None:
    for origin in frontend.origins:
        if not _is_web_address(origin) or urlsplit(origin)._replace(scheme="", netloc="").geturl():
            problems.append(f"{place}.origins: {origin!r} must be an origin such as https://app.example.com.")
    for address in frontend.return_urls:
        if not _is_web_address(address) or urlsplit(address).fragment:
            problems.append(f"{place}.return_urls: {address!r} must be a complete https address without a fragment.")
    if not frontend.deliveries:
        problems.append(f"{place}.deliveries: name at least one of cookie, code, fragment.")


def _check_provider(provider: ProviderDeclaration, place: str, bounds: Bounds, problems: list[str]) -> None:
    for name in ("issuer", "discovery_url", "redirect_url", "logout_page_url"):
        address = getattr(provider, name)
        if address is not None and not _is_web_address(address):
            problems.append(f"{place}.{name}: {address!r} must be a complete https address.")
    if SCOPE_FLOOR not in provider.scopes:
        problems.append(f"{place}.scopes: {SCOPE_FLOOR!r} is required by OpenID Connect.")
    forms = [provider.client_secret, provider.client_secret_env, provider.client_secret_file]
    given = len([form for form in forms if form is not None])
    if given > 1:
        problems.append(f"{place}: give one of client_secret, client_secret_env and client_secret_file, not several.")
    if given and provider.client_authentication == "none":
        problems.append(f"{place}.client_authentication: none is for clients without a secret.")
    if not given and provider.client_authentication not in (None, "none"):
        problems.append(f"{place}: {provider.client_authentication} needs a client secret.")
    for name in ("sync_interval_seconds", "outage_grace_seconds", "unsynced_lease_seconds"):
        low, high = getattr(bounds, name)
        value = getattr(provider, name)
        if value is not None and not low <= value <= high:
            problems.append(f"{place}.{name}: {value} is not between {low} and {high}.")
    if provider.sync == "REFRESH_TOKEN" and not 1 <= provider.max_concurrent <= 500:
        problems.append(f"{place}.max_concurrent: must be between 1 and 500.")
    claims = provider.claim_settings()
    for name in ClaimSettings.__struct_fields__:
        _check(f"{place}.{name}_claim", problems, partial(parse_claim_sources, list(getattr(claims, name))))


def _check_mapping(mapping: MappingDeclaration, slugs: list[str], place: str, problems: list[str]) -> None:
    _check(f"{place}.group", problems, lambda: validate_pattern(mapping.group, mapping.match))
    if mapping.provider is not None and mapping.provider not in slugs:
        problems.append(f"{place}.provider: {mapping.provider!r} is not declared among the providers.")
    if not mapping.permissions:
        problems.append(f"{place}.permissions: name at least one.")
    for name in mapping.permissions:
        _check(f"{place}.permissions", problems, partial(check_permission_name, name))
        if mapping.match is MatchKind.GLOB and name.startswith(SERVICE_PREFIX):
            problems.append(f"{place}: permissions under {SERVICE_PREFIX} are given by exact group names only.")


def _twice(what: str, values: list[str]) -> list[str]:
    return [
        f"{what} {value!r} is declared twice." for value in sorted({one for one in values if values.count(one) > 1})
    ]


def _is_web_address(address: str) -> bool:
    """https with a host, or http on this machine; no user part."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def client_secret(provider: ProviderDeclaration, environ: Mapping[str, str], folder: Path) -> Secret | None:
    """The declared client secret, from wherever it is; None for a public client.

    Args:
        folder: where a relative `client_secret_file` is looked for: beside the declaration file.

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
        try:
            value = (folder / provider.client_secret_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            value = ""
        if not value:
            raise ConfigurationError(
                [f"Provider {provider.slug}: the file {provider.client_secret_file} cannot be read."]
            )
        return Secret(value)
    return None
