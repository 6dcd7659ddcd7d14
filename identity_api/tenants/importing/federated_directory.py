"""What Federated Directory asks for per directory, as a small TOML form (S1-04 to S1-15); it has no file of its own.

[[federated_directory]]
directory = "sales"
name = "Sales"
host = "sales.example.com"             # optional
configuration_url = "https://sso.example.com/.well-known/openid-configuration"
client_id = "..."
client_secret = "..."
logout_page_url = "https://example.com/bye"     # optional
"""

from typing import Any

from identity_api.errors import ConfigurationError
from identity_api.tenants.declaration import ProviderDeclaration, TenantDeclaration
from identity_api.tenants.importing.documents import read_toml
from identity_api.tenants.importing.form import (
    DEFAULT_SCOPES,
    UNNAMED,
    Findings,
    Imported,
    Section,
    Target,
    directories_for,
    issuer_of,
)


def read_federated_directory(document: bytes, *, allowed_directories: tuple[str, ...] = ()) -> Imported:
    """Read the form. People known by their username are let in, and nobody else (S1-10, S1-11, S1-14).

    Raises:
        ConfigurationError: with every problem.
    """
    tables = read_toml(document).get("federated_directory")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(["federated_directory: expected a list of tables, [[federated_directory]]."])
    findings = Findings()
    return findings.finish(
        [_tenant(number, table, allowed_directories, findings) for number, table in enumerate(tables)]
    )


def _tenant(
    number: int, table: dict[str, Any], allowed_directories: tuple[str, ...], findings: Findings
) -> TenantDeclaration:
    section = Section(table, f"federated_directory[{number}]", findings)
    slug, host = section.required("directory") or UNNAMED, section.text("host")
    target = Target(
        slug=slug,
        name=section.text("name") or slug,
        hosts=(host,) if host else (),
        allowed_directories=allowed_directories,
    )
    provider = _provider(target, section, findings)
    section.finish()
    return TenantDeclaration(
        slug=target.slug,
        name=target.name,
        hosts=target.hosts,
        default_provider=provider.slug if provider else None,
        providers=(provider,) if provider else (),
    )


def _provider(target: Target, section: Section, findings: Findings) -> ProviderDeclaration | None:
    issuer, discovery_url = issuer_of(section.required("configuration_url"), section, "configuration_url")
    section.notice("client_id", "the redirect URI is another one; register it.")
    return findings.provider(
        section.name("client_id").rpartition(".")[0],
        slug="oidc",
        label="Single sign-on",
        issuer=issuer,
        discovery_url=discovery_url,
        allowed_directories=directories_for(issuer, target),
        client_id=section.required("client_id"),
        client_secret=section.required("client_secret"),
        logout_page_url=section.text("logout_page_url"),
        scopes=DEFAULT_SCOPES,
        username_claim="preferred_username",
        provisioning="KNOWN_USERS",
        sync="OFF",
        sync_mode="NONE",
    )
