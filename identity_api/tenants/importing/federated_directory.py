"""Federated Directory's settings for each directory, as a small TOML form (S1-04 to S1-15); it has no file of its own.

[[federated_directory]]
directory = "sales"
name = "Sales"
host = "sales.example.com"             # optional
configuration_url = "https://sso.example.com/.well-known/openid-configuration"
client_id = "..."
client_secret = "..."
issuer = "https://sso.example.com"     # optional: exactly as the document says it, with its slash if it has one
logout_page_url = "https://example.com/bye"     # optional
"""

from typing import Any, Final

from identity_api.errors import ConfigurationError
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.importing.documents import read_toml
from identity_api.tenants.importing.form import (
    DEFAULT_SCOPES,
    UNNAMED,
    Findings,
    Imported,
    Section,
    Target,
    Tenant,
    directories_for,
    is_single,
    issuer_of,
)

PROVIDER_SLUG: Final = "oidc"


def read_federated_directory(document: bytes, target: Target = Target()) -> Imported:
    """Read the form. Only people known by their username can sign in (S1-10, S1-11, S1-14).

    Raises:
        ConfigurationError: with every problem.
    """
    tables = read_toml(document).get("federated_directory")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(["federated_directory: expected a list of tables, [[federated_directory]]."])
    findings = Findings()
    is_single(target, tables, findings)
    return findings.finish([_tenant(number, table, target, findings) for number, table in enumerate(tables)])


def _tenant(number: int, table: dict[str, Any], target: Target, findings: Findings) -> TenantDeclaration:
    section = Section(table, f"federated_directory[{number}]", findings)
    slug, host = section.required("directory") or UNNAMED, section.text("host")
    tenant = target.of(slug, section.text("name"), (host,) if host else ())
    provider = _provider(tenant, section, findings)
    section.finish()
    return TenantDeclaration(
        slug=tenant.slug,
        name=tenant.name,
        hosts=tenant.hosts,
        default_provider=provider.slug if provider else None,
        providers=(provider,) if provider else (),
    )


def _provider(tenant: Tenant, section: Section, findings: Findings) -> ProviderDeclaration | None:
    address = section.required("configuration_url")
    place = issuer_of(address, section, "configuration_url", of=(tenant.slug, PROVIDER_SLUG))
    section.notice("client_id", "the redirect URI is another one; register it.")
    return findings.provider(
        section.name("client_id").rpartition(".")[0],
        slug=PROVIDER_SLUG,
        label="Single sign-on",
        issuer=place.issuer,
        discovery_url=place.discovery_url,
        allowed_directories=directories_for(place.issuer, tenant),
        client_id=section.required("client_id"),
        client_secret=section.required("client_secret"),
        logout_page_url=section.text("logout_page_url"),
        scopes=DEFAULT_SCOPES,
        username_claim="preferred_username",
        provisioning="KNOWN_USERS",
        sync="OFF",
        sync_mode="NONE",
    )
