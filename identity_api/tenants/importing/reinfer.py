"""What Re:infer asks its customers for, as a small TOML form (S0-29 to S0-54); it has no file of its own.

[[reinfer]]
tenant = "acme"
name = "Acme"
domain = "acme.example.com"
issuer = "https://sso.acme.example"
client_id = "..."
client_secret = "..."
groups = "id_token / roles"            # leave it out where permissions do not follow groups
scopes = ["roles"]                     # beside openid, profile, email
offline_access = true
mode = "strict"                        # or "additive"

[reinfer.permissions]
"Data Scientists" = ["dataset:read", "dataset:write"]
"""

from typing import Any, Final

from identity_api.errors import ConfigurationError
from identity_api.mapping import MatchKind
from identity_api.tenants.declaration import MappingDeclaration, ProviderDeclaration, TenantDeclaration
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

MODES: Final = {"strict": "STRICT", "additive": "ADDITIVE", "none": "NONE"}
PROVIDER_SLUG: Final = "oidc"


def read_reinfer(document: bytes, *, allowed_directories: tuple[str, ...] = ()) -> Imported:
    """Read the form.

    Raises:
        ConfigurationError: with every problem.
    """
    tables = read_toml(document).get("reinfer")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(["reinfer: expected a list of tables, [[reinfer]]."])
    findings = Findings()
    return findings.finish(
        [_tenant(number, table, allowed_directories, findings) for number, table in enumerate(tables)]
    )


def _tenant(
    number: int, table: dict[str, Any], allowed_directories: tuple[str, ...], findings: Findings
) -> TenantDeclaration:
    section = Section(table, f"reinfer[{number}]", findings)
    slug, domain = section.required("tenant") or UNNAMED, section.required("domain") or UNNAMED
    target = Target(
        slug=slug, name=section.text("name") or slug, hosts=(domain,), allowed_directories=allowed_directories
    )
    provider = _provider(target, section, findings)
    mappings = _mappings(section)
    section.finish()
    return TenantDeclaration(
        slug=target.slug,
        name=target.name,
        hosts=target.hosts,
        default_provider=provider.slug if provider else None,
        # With SSO on, user management leaves the app (S0-06).
        sso_managed=True,
        providers=(provider,) if provider else (),
        group_mappings=mappings if provider else (),
    )


def _provider(target: Target, section: Section, findings: Findings) -> ProviderDeclaration | None:
    issuer, discovery_url = issuer_of(section.required("issuer"), section, "issuer")
    groups = section.text("groups")
    return findings.provider(
        section.name("issuer").rpartition(".")[0],
        slug=PROVIDER_SLUG,
        label="Single sign-on",
        issuer=issuer,
        discovery_url=discovery_url,
        allowed_directories=directories_for(issuer, target),
        client_id=section.required("client_id"),
        client_secret=section.required("client_secret"),
        client_authentication="client_secret_post",
        # The bare domain is what customers have registered there (S0-32).
        redirect_url=f"https://{target.hosts[0]}",
        scopes=_scopes(section),
        display_claim="id_token / preferred_username",
        email_claim="id_token / email",
        groups_claim=groups,
        sync="REFRESH_TOKEN",
        sync_mode=_mode(section, groups),
    )


def _scopes(section: Section) -> tuple[str, ...]:
    """The default scopes in every case, and those asked for beside them (S0-34, S0-35, S0-43, S0-51, S0-52)."""
    extra = section.value("scopes")
    if extra is None:
        extra = []
    if not isinstance(extra, list) or not all(isinstance(scope, str) for scope in extra):
        section.problem("scopes", "must be a list of texts.")
        extra = []
    offline = () if section.flag("offline_access") is False else ("offline_access",)
    return tuple(dict.fromkeys((*DEFAULT_SCOPES, *extra, *offline)))


def _mode(section: Section, groups: str | None) -> str:
    mode = section.text("mode")
    if groups is None:
        if mode not in (None, "none"):
            section.problem("mode", "needs the location of the groups.")
        return "NONE"
    if mode not in MODES:
        section.problem("mode", f"must be one of {', '.join(MODES)}.")
        return "NONE"
    return MODES[mode]


def _mappings(section: Section) -> tuple[MappingDeclaration, ...]:
    """Which group gives what (S0-54)."""
    found: list[MappingDeclaration] = []
    for group, names in section.table("permissions").items():
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found.append(MappingDeclaration(group, tuple(names), PROVIDER_SLUG, MatchKind.EXACT))
        else:
            section.problem("permissions", "must have lists of permissions for values.")
    return tuple(found)
