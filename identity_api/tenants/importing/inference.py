"""The Inference API's tenants: JSON documents, and `TENANT_OIDC_*` environment variables (S4-07 to S4-16, S4-35 to S4-47).

Storage keys are ignored. With an empty issuer there is no OpenID Connect for the tenant, and the other fields do not
matter; with one, client id, secret and redirect URL are required.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from identity_api.errors import ConfigurationError
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.declaration import FrontendDeclaration, TenantDeclaration
from identity_api.tenants.importing.documents import read_json
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
    sync_for,
)

STORAGE: Final = ("mongo_uri", "mongo_database", "redis_addr", "redis_db")
PREFIX: Final = "TENANT_OIDC_"
IMPORTED_FRONTEND: Final = "frontend"
"""The name of the frontend that a `frontend_url` makes."""
KEYS: Final = ("issuer", "client_id", "client_secret", "redirect_url", "scopes")
PROVIDER_SLUG: Final = "oidc"


def read_inference(*documents: bytes, target: Target = Target()) -> Imported:
    """Read tenant documents; each is one tenant, or a list of them. One without `tenant_id` is the target's tenant.

    Raises:
        ConfigurationError: with every problem.
    """
    tables: list[Any] = []
    for document in documents:
        content = read_json(document)
        tables += content if isinstance(content, list) else [content]
    if not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(["A tenant must be an object, or several a list of objects."])
    findings = Findings()
    is_single(target, tables, findings)
    return findings.finish([_tenant(table, target, findings) for table in tables])


def read_inference_environment(target: Target, environ: Mapping[str, str]) -> Imported:
    """Read the variables of one tenant (S4-47).

    Raises:
        ConfigurationError: with every problem.
    """
    findings, tenant = Findings(), target.named()
    given = {name.removeprefix(PREFIX).lower(): value for name, value in environ.items() if name.startswith(PREFIX)}
    names = {f"oidc_{key}": f"{PREFIX}{key.upper()}" for key in [*KEYS, *given]}
    section = Section({f"oidc_{key}": value for key, value in given.items()}, "", findings, names)
    provider = _provider(tenant, section, findings)
    if provider is not None and target.frontend_url is None:
        section.notice("oidc_redirect_url", "the variables name no frontend: say --frontend-url, or logins end here.")
    frontends = _frontends(target.frontend_url, section)
    section.finish()
    return findings.finish(
        [
            TenantDeclaration(
                slug=tenant.slug,
                name=tenant.name,
                hosts=tenant.hosts,
                default_provider=provider.slug if provider else None,
                frontends=frontends,
                providers=(provider,) if provider else (),
            )
        ]
    )


def _tenant(table: dict[str, Any], target: Target, findings: Findings) -> TenantDeclaration:
    tenant_id = table.get("tenant_id")
    section = Section(table, tenant_id if isinstance(tenant_id, str) else target.slug or "tenant", findings)
    section.ignore(*STORAGE)
    tenant = target.of(_slug(target, section), section.text("name"))
    provider = _provider(tenant, section, findings)
    frontends = _frontends(section.text("frontend_url") or target.frontend_url, section)
    section.finish()
    return TenantDeclaration(
        slug=tenant.slug,
        name=tenant.name,
        hosts=tenant.hosts,
        default_provider=provider.slug if provider else None,
        frontends=frontends,
        providers=(provider,) if provider else (),
    )


def _slug(target: Target, section: Section) -> str:
    """The tenant's name: `tenant_id`, unless an option (`target`) names the tenant to import into."""
    is_asked = target.slug is None and section.value("tenant_id") is not None
    written = section.required("tenant_id") if is_asked else section.text("tenant_id")
    if target.slug is None and written is None:
        section.problem("tenant_id", "is required; or say with --tenant into which one to import.")
    slug = re.sub(r"[^a-z0-9]+", "-", (written or "").lower()).strip("-") or UNNAMED
    if target.slug is not None:
        if written is not None and target.slug != written:
            section.notice("tenant_id", f"was said to be {target.slug!r}; callers must use that name.")
    elif slug != written:
        section.notice("tenant_id", f"the tenant is called {slug!r} here; callers must use that name.")
    return slug


def _frontends(address: str | None, section: Section) -> tuple[FrontendDeclaration, ...]:
    """Where results are delivered: with the token in the fragment as before, or with a one-time code (S4-13, S4-54)."""
    if address is None:
        return ()
    section.notice(
        "frontend_url",
        "gets the token in the fragment: its call of /v1/auth/oidc/login must add one field, "
        '"state", new each time and compared when the person is back. The delivery code is safer.',
    )
    try:
        parts = urlsplit(address)
    except ValueError:
        section.problem("frontend_url", "must be a complete https address.")
        return ()
    origin = f"{parts.scheme}://{parts.netloc}"
    return (FrontendDeclaration(IMPORTED_FRONTEND, (origin,), (address,), ("fragment", "code")),)


def _provider(tenant: Tenant, section: Section, findings: Findings) -> ProviderDeclaration | None:
    issuer = section.text("oidc_issuer")
    if issuer is None:
        section.ignore(*(f"oidc_{key}" for key in KEYS))
        section.notice("oidc_issuer", "is empty: nobody signs in at an OpenID Provider of this tenant.")
        findings.switched_off.append((tenant.slug, PROVIDER_SLUG))
        return None
    scopes = tuple((section.text("oidc_scopes") or " ".join(DEFAULT_SCOPES)).split())
    place = issuer_of(issuer, section, "oidc_issuer", of=(tenant.slug, PROVIDER_SLUG))
    return findings.provider(
        section.name("oidc_issuer"),
        slug=PROVIDER_SLUG,
        label="Single sign-on",
        issuer=place.issuer,
        discovery_url=place.discovery_url,
        allowed_directories=directories_for(place.issuer, tenant),
        client_id=section.required("oidc_client_id"),
        client_secret=section.required("oidc_client_secret"),
        redirect_url=section.required("oidc_redirect_url"),
        scopes=scopes,
        sync=sync_for(scopes),
        sync_mode="NONE",
    )
