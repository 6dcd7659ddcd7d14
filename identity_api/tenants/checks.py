"""Check declared tenants beyond the types of their fields. Every problem is found, and named by its place.

No message holds a secret. Addresses with a user part are not repeated, because that part may be a secret.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial

from identity_api.claims import MatchKind, validate_pattern
from identity_api.errors import BadInput
from identity_api.permissions.names import check_permission_name
from identity_api.permissions.service import SERVICE_PREFIX
from identity_api.providers.checks import (
    Bounds,
    arrival_of,
    check_part,
    check_provider,
    is_public,
    twice,
)
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.shared_redirects import CODE as SHARED
from identity_api.providers.shared_redirects import Sharer, objections_among
from identity_api.tenants.declaration import (
    FrontendDeclaration,
    MappingDeclaration,
    PermissionDeclaration,
    TenantDeclaration,
)
from identity_api.tenants.frontends import FrontendSettings, wrong_values
from identity_api.tenants.overlay import NOTHING, StoredTenant

TENANT_SLUG = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def problems_of(
    tenants: Sequence[TenantDeclaration],
    bounds: Bounds = Bounds(),
    *,
    stored: Mapping[str, StoredTenant] | None = None,
) -> list[str]:
    """All problems of the tenants, each with its place; empty if there are none.

    Args:
        tenants: as declared.
        bounds: of numbers.
        stored: the tenants that there are, by slug. Their providers may be named without being declared, and a value
            that equals the stored one is not checked again.
    """
    problems: list[str] = []
    for place, tenant in enumerate(tenants):
        _check_tenant(tenant, f"tenants[{place}]", bounds, (stored or {}).get(tenant.slug, NOTHING), problems)
    problems.extend(twice("tenants: slug", [tenant.slug for tenant in tenants]))
    problems.extend(twice("tenants: host", [host for tenant in tenants for host in tenant.hosts]))
    problems.extend(_shared_redirects(tenants))
    return problems


def _shared_redirects(tenants: Sequence[TenantDeclaration]) -> list[str]:
    """Providers that may not share their redirect URL: a callback there would not identify the provider of its code.

    Stored providers, and redirect URLs that are not declared, are compared when the declaration is applied.
    """
    places: dict[tuple[str, str], list[tuple[str, Sharer]]] = {}
    for number, tenant in enumerate(tenants):
        for position, provider in enumerate(tenant.providers):
            if provider.redirect_url is not None:
                sharers = places.setdefault(arrival_of(provider.redirect_url), [])
                sharers.append((f"tenants[{number}].providers[{position}]", _sharer(tenant.slug, provider)))
    return [
        f"{place}.redirect_url: {reason} ({SHARED})"
        for sharers in places.values()
        for (place, _), reason in zip(sharers, objections_among([one for _, one in sharers]), strict=True)
        if reason is not None
    ]


def _sharer(tenant_slug: str, provider: ProviderDeclaration) -> Sharer:
    return Sharer(
        tenant=tenant_slug,
        protocol=provider.protocol,
        issuer=provider.issuer,
        discovery_url=provider.discovery_url,
        endpoints=provider.endpoints,
        directories=provider.allowed_directories,
        is_public=is_public(provider),
    )


def _check_tenant(
    tenant: TenantDeclaration, place: str, bounds: Bounds, stored: StoredTenant, problems: list[str]
) -> None:
    slugs = [provider.slug for provider in tenant.providers]
    known = stored.providers
    if not re.fullmatch(TENANT_SLUG, tenant.slug):
        problems.append(f"{place}.slug: {tenant.slug!r} must be lower-case letters, digits and hyphens, at most 63.")
    problems.extend(twice(f"{place}.providers: slug", slugs))
    problems.extend(twice(f"{place}.frontends: slug", [frontend.slug for frontend in tenant.frontends]))
    problems.extend(twice(f"{place}.permissions: name", [permission.name for permission in tenant.permissions]))
    if tenant.default_provider is not None and tenant.default_provider not in {*slugs, *known}:
        problems.append(f"{place}.default_provider: {tenant.default_provider!r} is not declared among the providers.")
    for host in tenant.hosts:
        if host != host.lower() or "/" in host or ":" in host or not host:
            problems.append(f"{place}.hosts: {host!r} must be a lower-case host name, without scheme and port.")
    for number, frontend in enumerate(tenant.frontends):
        _check_frontend(frontend, f"{place}.frontends[{number}]", problems)
    for number, permission in enumerate(tenant.permissions):
        check_part(f"{place}.permissions[{number}]", problems, partial(_check_permission, permission))
    for number, provider in enumerate(tenant.providers):
        before = stored.parts["providers"].get((provider.slug,), {})
        check_provider(provider, f"{place}.providers[{number}]", bounds, before, problems)
    for number, mapping in enumerate(tenant.group_mappings):
        _check_mapping(mapping, [*slugs, *known], f"{place}.group_mappings[{number}]", problems)


def _check_permission(permission: PermissionDeclaration) -> None:
    check_permission_name(permission.name)
    if permission.name.startswith(SERVICE_PREFIX):
        raise BadInput(f"Permissions under {SERVICE_PREFIX} exist in every tenant and are not declared.")


def _check_frontend(frontend: FrontendDeclaration, place: str, problems: list[str]) -> None:
    settings = FrontendSettings(
        origins=frontend.origins, return_urls=frontend.return_urls, deliveries=frontend.deliveries
    )
    for error in wrong_values(settings):
        problems.append(f"{place}.{(error.field or '').partition('.')[0]}: {error.message}")


def _check_mapping(mapping: MappingDeclaration, slugs: list[str], place: str, problems: list[str]) -> None:
    check_part(f"{place}.group", problems, lambda: validate_pattern(mapping.group, mapping.match))
    if mapping.provider is not None and mapping.provider not in slugs:
        problems.append(f"{place}.provider: {mapping.provider!r} is not declared among the providers.")
    if not mapping.permissions:
        problems.append(f"{place}.permissions: name at least one.")
    for name in mapping.permissions:
        check_part(f"{place}.permissions", problems, partial(check_permission_name, name))
    if any(name.startswith(SERVICE_PREFIX) for name in mapping.permissions):
        if mapping.match is MatchKind.GLOB:
            problems.append(f"{place}: permissions under {SERVICE_PREFIX} are given by exact group names only.")
        if mapping.provider is None:
            problems.append(f"{place}.provider: a mapping that gives a permission under {SERVICE_PREFIX} names one.")
