"""Limits for one tenant, so that it does not slow down others. Beyond a limit the answer is `LIMIT_REACHED`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantLimits:
    """Bounds with their defaults, with the names of the settings, which describe them."""

    max_mappings: int = 2_000
    max_glob_mappings: int = 200
    max_permissions: int = 1_000
    max_providers: int = 50
    max_frontends: int = 50
    max_service_clients: int = 50
    max_provider_groups: int = 50_000
    max_answer_groups: int = 2_000
    max_user_grants: int = 200
    max_user_api_tokens: int = 50
    max_preview_identities: int = 20_000
    max_webhooks: int = 20
    max_proposals: int = 100


DEFAULT_LIMITS = TenantLimits()
