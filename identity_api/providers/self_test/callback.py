"""Check that a callback at the redirect URL arrives here, and will be accepted (RFC 9700 section 4.4)."""

from typing import Final

from identity_api.db import providers, tenants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import Finding, fail, ok, skipped, warn
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.providers.shared_callbacks import way_of
from identity_api.providers.urls import is_ours

STEP: Final = "callback"
_SAYS: Final = {
    "ISS": "The callback's address is shared with another provider; `iss` identifies this one.",
    "FORM_POST": "The callback's address is shared with another provider; answers are posted, and their origin identifies it.",
}


async def examine_callback(
    database: Database, provider: Provider, metadata: ProviderMetadata | None, public_url: str | None
) -> Finding:
    """Check the redirect URL with the rules for a callback at it.

    Args:
        database: other tenants' providers there are read, and not revealed.
        provider: as it is configured.
        metadata: the provider's; None if it could not be fetched, and then only its address is checked.
        public_url: of this service; None if the caller does not know it.
    """
    async with database.reading() as connection:
        hosts = await tenants.hosts(connection, provider.tenant_id)
        is_shared = await providers.shares_place(connection, provider)
    if public_url is not None and not is_ours(provider.redirect_url, hosts=hosts, public_url=public_url):
        message = (
            "The redirect URL is on a host that is neither the tenant's nor the service's: callbacks never arrive."
        )
        return fail(STEP, "CALLBACK_ELSEWHERE", message, expected=", ".join(hosts) or None, found=provider.redirect_url)
    if not is_shared:
        return ok(STEP, "Callbacks arrive at an address of this provider alone.")
    if metadata is None:
        return skipped(
            STEP, "CALLBACK_UNTOLD", "Another provider has the same redirect URL; this one could not be asked."
        )
    way = way_of(provider, metadata)
    if way is None:
        message = (
            "Another provider has the same redirect URL, and nothing in this one's callbacks would identify it:"
            " every login is refused."
        )
        return fail(STEP, "CALLBACK_REFUSED", message, expected="iss, or form_post", found=provider.redirect_url)
    if way == "EXCEPTION":
        message = "Another provider has the same redirect URL, and callbacks of this one are accepted without `iss`."
        return warn(STEP, "CALLBACK_UNNAMED", message, found=provider.redirect_url)
    return ok(STEP, _SAYS[way])
