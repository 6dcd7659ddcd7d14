"""Re:infer's settings for each customer, as a small TOML form (S0-29 to S0-54); it has no file of its own.

[[reinfer]]
tenant = "acme"
name = "Acme"
domain = "acme.example.com"
issuer = "https://sso.acme.example"
client_id = "..."
client_secret = "..."
groups = "id_token / roles"            # leave it out where permissions do not follow groups
scopes = ["roles"]                     # beside openid, profile, email
offline_access = true                  # asked for unless false
mode = "strict"                        # or "additive"
absent_groups = "empty"                # or "unknown": what a login without the groups' claim means
catalogue = ["dataset:read", "dataset:write"]     # every permission there is; without it, those of the pairs below

[reinfer.permissions]
"Data Scientists" = ["dataset:read", "dataset:write"]
"""

from typing import Any, Final

import msgspec

from identity_api.claims import MatchKind
from identity_api.errors import ConfigurationError
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.declaration import MappingDeclaration, PermissionDeclaration, TenantDeclaration
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

MODES: Final = {"strict": "STRICT", "additive": "ADDITIVE", "none": "NONE"}
ABSENT: Final = {"empty": "EMPTY", "unknown": "UNKNOWN"}
KEYCLOAK: Final = "/realms/"
"""Part of every issuer of Keycloak."""
PROVIDER_SLUG: Final = "oidc"
_PROVIDER_KEYS: Final = {
    "issuer": "issuer",
    "discovery_url": "issuer",
    "allowed_directories": "issuer",
    "redirect_url": "domain",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "groups_claim": "groups",
    "scopes": "scopes",
    "sync_mode": "mode",
    "absent_groups": "absent_groups",
}
"""The form's keys for the fields of a declared provider."""


def read_reinfer(document: bytes, target: Target = Target()) -> Imported:
    """Read the form.

    Raises:
        ConfigurationError: with every problem.
    """
    tables = read_toml(document).get("reinfer")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(["reinfer: expected a list of tables, [[reinfer]]."])
    findings = Findings()
    is_single(target, tables, findings)
    findings.keys |= {"tenants: slug": "reinfer: tenant", "tenants: host": "reinfer: domain"}
    return findings.finish([_tenant(number, table, target, findings) for number, table in enumerate(tables)])


def _tenant(number: int, table: dict[str, Any], target: Target, findings: Findings) -> TenantDeclaration:
    section = Section(table, f"reinfer[{number}]", findings)
    slug, domain = section.required("tenant") or UNNAMED, section.required("domain") or UNNAMED
    tenant = target.of(slug, section.text("name"), (domain,))
    provider = _provider(tenant, section, findings)
    catalogue, mappings = _catalogue(section), _mappings(section)
    section.finish()
    section.maps(tenant.slug)
    findings.keys |= _keys(number, section, target, mappings)
    return TenantDeclaration(
        slug=tenant.slug,
        name=tenant.name,
        hosts=tenant.hosts,
        default_provider=provider.slug if provider else None,
        # With SSO on, users are not managed in the app (S0-06).
        sso_managed=True,
        permissions=catalogue,
        providers=(provider,) if provider else (),
        # Without a provider, which is reported already, the names in them are still checked.
        group_mappings=mappings
        if provider
        else tuple([msgspec.structs.replace(one, provider=None) for one in mappings]),
    )


def _keys(number: int, section: Section, target: Target, mappings: tuple[MappingDeclaration, ...]) -> dict[str, str]:
    """The form's name for each place of the declaration, so that a problem names the key in the form."""
    place, provider = f"tenants[{number}]", f"tenants[{number}].providers[0]"
    own = {
        f"{at}{name}": key for at in (f"{provider}.", f"reinfer[{number}]: ") for name, key in _PROVIDER_KEYS.items()
    }
    own[f"{place}.permissions"] = "catalogue"
    keys = {at: section.name(key) for at, key in own.items()}
    for position, mapping in enumerate(mappings):
        group = f"{section.name('permissions')}.{msgspec.json.encode(mapping.group).decode()}"
        at = f"{place}.group_mappings[{position}]"
        keys |= {f"{at}.group": group, f"{at}.permissions": group, at: group}
    keys[f"{place}.slug"] = "--tenant" if target.slug else section.name("tenant")
    keys[f"{place}.hosts"] = section.name("domain") + (" or --host" if target.hosts else "")
    return keys


def _provider(tenant: Tenant, section: Section, findings: Findings) -> ProviderDeclaration | None:
    place = issuer_of(section.required("issuer"), section, "issuer", of=(tenant.slug, PROVIDER_SLUG))
    groups = section.text("groups")
    return findings.provider(
        section.name("issuer").rpartition(".")[0],
        slug=PROVIDER_SLUG,
        label="Single sign-on",
        issuer=place.issuer,
        discovery_url=place.discovery_url,
        allowed_directories=directories_for(place.issuer, tenant),
        client_id=section.required("client_id"),
        client_secret=section.required("client_secret"),
        client_authentication="client_secret_post",
        # Customers have registered the bare domain there (S0-32).
        redirect_url=tenant.redirect_url(""),
        scopes=_scopes(section),
        display_claim="id_token / preferred_username",
        email_claim="id_token / email",
        groups_claim=groups,
        absent_groups=_absent_groups(place.issuer, section) if groups else None,
        sync="REFRESH_TOKEN",
        sync_mode=_mode(section, groups),
    )


def _scopes(section: Section) -> tuple[str, ...]:
    """The default scopes in every case, and the additional ones (S0-34, S0-35, S0-43, S0-51, S0-52)."""
    extra = section.value("scopes")
    if extra is None:
        extra = []
    if not isinstance(extra, list) or not all(isinstance(scope, str) for scope in extra):
        section.problem("scopes", "must be a list of texts.")
        extra = []
    asks_offline = section.flag("offline_access")
    if asks_offline is None:
        section.notice("offline_access", "is not given; the scope is asked for, since permissions follow by it.")
    offline = () if asks_offline is False else ("offline_access",)
    return tuple(dict.fromkeys((*DEFAULT_SCOPES, *extra, *offline)))


def _absent_groups(issuer: str, section: Section) -> str:
    """The meaning of a login without the groups claim: Keycloak leaves it out for people without groups (S0-17)."""
    said = section.text("absent_groups")
    if said is not None and said not in ABSENT:
        section.problem("absent_groups", f"must be one of {', '.join(ABSENT)}.")
    if said is None and KEYCLOAK in issuer:
        section.notice("absent_groups", "is not given; Keycloak leaves the claim out for people without groups: empty.")
        return ABSENT["empty"]
    if said is None:
        section.notice(
            "absent_groups",
            "is not given; a login without the groups' claim changes nothing (unknown). Say empty if your provider leaves"
            " the claim out for people without groups, or the last group is never taken.",
        )
    return ABSENT.get(said or "unknown", "UNKNOWN")


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


def _catalogue(section: Section) -> tuple[PermissionDeclaration, ...]:
    """The catalogue of permissions, for granting by hand and to find misspelled ones."""
    names = section.value("catalogue")
    if names is None:
        return ()
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        section.problem("catalogue", "must be a list of permissions.")
        return ()
    return tuple([PermissionDeclaration(name) for name in names])


def _mappings(section: Section) -> tuple[MappingDeclaration, ...]:
    """The permissions that each group gives (S0-54)."""
    found: list[MappingDeclaration] = []
    for group, names in section.table("permissions").items():
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found.append(MappingDeclaration(group, tuple(names), PROVIDER_SLUG, MatchKind.EXACT))
        else:
            section.problem("permissions", "must have lists of permissions for values.")
    return tuple(found)
