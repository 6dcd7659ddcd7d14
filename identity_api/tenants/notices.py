"""Notices about a declared provider: its settings are valid and applied, but may not be what the admin meant."""

from collections.abc import Sequence

from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.dotted_names import dotted_names
from identity_api.providers.waived_checks import WITHOUT_ISS, exceptions_of
from identity_api.tenants.declaration import TenantDeclaration


def notices_of(tenants: Sequence[TenantDeclaration]) -> list[str]:
    """One line each, naming tenant and provider; empty if there are none."""
    return [
        f"Tenant {tenant.slug}, provider {provider.slug}: {notice}"
        for tenant in tenants
        for provider in tenant.providers
        for notice in _of_provider(provider)
    ]


def _of_provider(provider: ProviderDeclaration) -> list[str]:
    notices = [f"Exception {one}" for one in exceptions_of(provider.client_settings()) if one is not WITHOUT_ISS]
    notices += [one.message for one in dotted_names(provider.claim_settings())]
    if provider.provisioning == "KNOWN_USERS":
        notices.append(
            "KNOWN_USERS compares usernames exactly, capitals included: an account named carl is not found by CARL."
        )
    return notices
