"""Predict whether callbacks at a shared redirect URL will be accepted, before anybody signs in.

Each callback decides (`sessions.login.finish`); this module predicts it from the providers' metadata: for a file that adds a
provider to an address that others use, and for the self-test.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from identity_api.db import providers, tenants
from identity_api.db.client_keys import sealed_client
from identity_api.db.database import Connection, Database
from identity_api.db.providers import Provider
from identity_api.errors import IdentityAPIError
from identity_api.oidc.authorization import FORM_POST
from identity_api.oidc.callback_origin import can_be_told
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.providers.checks import arrival_of
from identity_api.providers.shared_redirects import objections_among, sharer
from identity_api.relying_party.connection import Documents, document_of, metadata_of, open_line
from identity_api.vault import Vault

AT_ONCE = 16
OWN_ADDRESS = "Give it a redirect URL of its own, which is what it gets without `redirect_url`"
LAST_RESORT = "or, if you trust it with the codes of every other provider there, set accept_without_iss"

Way = Literal["ISS", "FORM_POST", "EXCEPTION"]


class Sharing(msgspec.Struct, frozen=True):
    """A provider, and the slug of its tenant."""

    tenant: str
    provider: Provider

    @property
    def name(self) -> str:
        """For messages."""
        return f"Tenant {self.tenant}, provider {self.provider.slug}"

    @property
    def answers_at(self) -> tuple[object, ...]:
        """Its endpoints; rows with the same endpoints are one provider (`db.providers.shares_place`)."""
        one = self.provider
        return one.protocol, one.issuer, one.discovery_url or "", tuple(sorted(one.endpoints.items()))


def way_of(provider: Provider, metadata: ProviderMetadata) -> Way | None:
    """How a callback of this provider identifies it at a shared redirect URL; None if it does not and is refused."""
    if metadata.authorization_response_issuer_announced:
        return "ISS"
    if provider.client_settings.accept_without_iss:
        return "EXCEPTION"
    asked = provider.authorization_parameters.get("response_mode")
    is_posted = asked == FORM_POST or (asked is None and FORM_POST in metadata.response_modes)
    return "FORM_POST" if is_posted and can_be_told(metadata, document_of(provider)) else None


def joining(declared: Sequence[Sharing], stored: Sequence[Sharing]) -> list[list[Sharing]]:
    """By redirect URL, all providers that share it once a declared one is added.

    Those that may not share it (`shared_redirects`) are left out: writing them reports that.

    Args:
        declared: the rows that are to be written.
        stored: every enabled row at their redirect URLs, including the previous rows of the declared ones.
    """
    before = {(one.tenant, one.provider.slug): one for one in stored}
    places: dict[tuple[str, str], list[Sharing]] = {}
    written = {(one.tenant, one.provider.slug) for one in declared}
    enabled = [one for one in declared if one.provider.enabled]
    for one in [*enabled, *[one for name, one in before.items() if name not in written]]:
        places.setdefault(arrival_of(one.provider.redirect_url), []).append(one)

    def is_new(one: Sharing) -> bool:
        old = before.get((one.tenant, one.provider.slug))
        is_same = old is not None and arrival_of(old.provider.redirect_url) == arrival_of(one.provider.redirect_url)
        return not (is_same and old is not None and old.answers_at == one.answers_at)

    new = {(one.tenant, one.provider.slug) for one in enabled if is_new(one)}
    return [
        sharers
        for sharers in places.values()
        if len({one.answers_at for one in sharers}) > 1
        and any((one.tenant, one.provider.slug) in new for one in sharers)
        and not any(objections_among([sharer(one.provider) for one in sharers]))
    ]


async def stored_at(connection: Connection, redirect_urls: Iterable[str]) -> list[Sharing]:
    """Every tenant's enabled providers at these addresses."""
    slugs = {one.id: one.slug for one in await tenants.list_all(connection)}
    found = await providers.at_places(connection, list(redirect_urls))
    return [Sharing(slugs[one.tenant_id], one) for one in found if one.tenant_id in slugs]


async def refusals(database: Database, vault: Vault, documents: Documents, sharing: Sequence[Sharing]) -> list[str]:
    """For each provider whose callbacks would be refused at its shared redirect URL: the reason and the remedy."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def refusal(one: Sharing) -> str | None:
        if one.provider.client_settings.accept_without_iss:
            return None
        async with slots:
            try:
                async with database.reading() as connection:
                    sealed = await sealed_client(connection, one.provider.tenant_id, one.provider.id)
                line = open_line(vault, one.provider, one.tenant, sealed)
                metadata = await metadata_of(documents, line)
            except IdentityAPIError as error:
                return f"{one.name}: {_why_unknown(error)} {OWN_ADDRESS}, {LAST_RESORT}."
        return None if way_of(one.provider, metadata) else f"{one.name}: {_why_refused(metadata)}"

    told = await asyncio.gather(*[refusal(one) for one in sharing])
    return [reason for reason in told if reason is not None]


def _why_unknown(error: IdentityAPIError) -> str:
    return (
        "shares its redirect URL with another provider, and could not be asked whether its callbacks identify it"
        f" ({error.code}). Ask again when it answers."
    )


def _why_refused(metadata: ProviderMetadata) -> str:
    posts = "offers form_post from another origin" if FORM_POST in metadata.response_modes else "offers no form_post"
    return (
        "shares its redirect URL with another provider; it does not announce `iss` (RFC 9207) and"
        f" {posts}, so its logins would be refused there (ISSUER_MISMATCH). {OWN_ADDRESS}, {LAST_RESORT}."
    )


def exceptions(sharing: Sequence[Sharing]) -> list[str]:
    """The risk that the operator has accepted, repeated each time."""
    return [
        f"{one.name}: accept_without_iss: the operator of this provider can take the codes of every other provider at"
        f" {one.provider.redirect_url}, and sign in as its people."
        for one in sharing
        if one.provider.client_settings.accept_without_iss
    ]
