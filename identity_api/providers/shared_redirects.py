"""Who may share a redirect URL (RFC 9700 section 4.4, RFC 9207; `docs/decisions/0004-shared-redirect-urls.md`).

A callback is matched on host and path, and only `iss` names its provider. So if two providers have different endpoints,
both must be confidential clients, and no `iss` may fit both. Whether a provider sends `iss` is checked at each callback,
not here. Only the operator may declare sharing with another tenant, since it affects that tenant's logins as well: without
`iss` they are refused from then on.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db import providers
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.oidc.discovery import configuration_url
from identity_api.oidc.issuer import ENTRA_COLLECTIVES, TENANT_PLACEHOLDER

CODE: Final = "REDIRECT_URL_SHARED"
PUBLIC: Final = "another provider has this address; a client without a secret needs one of its own (mix-up)."
LOOKALIKE: Final = (
    "another provider has this address, names the same issuer and has other endpoints; a callback would not identify"
    " its provider (mix-up)."
)
FOREIGN: Final = "a provider of another tenant has this address; the operator alone lets the two share it."

_SPELLING: Final = re.compile(r"/?(\.well-known/openid-configuration)?\Z")
_COLLECTIVE: Final = re.compile(rf"{re.escape(TENANT_PLACEHOLDER)}|(?<=/)({'|'.join(ENTRA_COLLECTIVES)})(?=/v2\.0)")
_CONTACT: Final = ("authorization", "token", "userinfo")


class Sharer(msgspec.Struct, frozen=True, kw_only=True):
    """The compared settings of a provider, stored or declared."""

    tenant: str
    protocol: str
    issuer: str
    discovery_url: str | None
    endpoints: Mapping[str, str]
    directories: Sequence[str]
    is_public: bool

    @property
    def answers_at(self) -> tuple[str | None, ...]:
        """Its endpoints: rows with the same endpoints are one provider, even with different clients."""
        if self.protocol == "oidc":
            return ("oidc", self.discovery_url or configuration_url(self.issuer))
        return ("oauth2", *[self.endpoints.get(name) for name in _CONTACT])

    @property
    def accepts(self) -> frozenset[str]:
        """Every `iss` that it would accept, with differences of spelling removed."""
        collective = _COLLECTIVE.search(self.issuer)
        if collective is None:
            return frozenset((_plain(self.issuer),))
        begin, end = self.issuer[: collective.start()], self.issuer[collective.end() :]
        return frozenset([_plain(f"{begin}{directory}{end}") for directory in self.directories])


def _plain(issuer: str) -> str:
    return _SPELLING.sub("", issuer, count=1)


def sharer(provider: Provider) -> Sharer:
    """A stored provider."""
    return Sharer(
        tenant=str(provider.tenant_id),
        protocol=provider.protocol,
        issuer=provider.issuer,
        discovery_url=provider.discovery_url,
        endpoints=provider.endpoints,
        directories=provider.claims.directories,
        is_public=provider.client_authentication == "none",
    )


def objection(mine: Sharer, other: Sharer, *, across_tenants: bool) -> str | None:
    """Why `mine` may not have the redirect URL of `other`; None if it may.

    Args:
        across_tenants: the actor may let tenants share.
    """
    if mine.is_public or other.is_public:
        return PUBLIC
    if mine.answers_at == other.answers_at:
        return None
    if mine.accepts & other.accepts:
        return LOOKALIKE
    return FOREIGN if mine.tenant != other.tenant and not across_tenants else None


def objections_among(sharers: Sequence[Sharer]) -> list[str | None]:
    """For each provider that is declared at one shared redirect URL, why it may not be; None if it may.

    If a public client shares with confidential ones, the reason is given for the public one. Linear in their number:
    systems with a thousand tenants are imported with one address.
    """
    answering: dict[str, set[tuple[str | None, ...]]] = {}
    for one in sharers:
        for issuer in one.accepts:
            answering.setdefault(issuer, set()).add(one.answers_at)

    def reason(one: Sharer) -> str | None:
        if one.is_public and len(sharers) > 1:
            return PUBLIC
        return LOOKALIKE if any(len(answering[issuer]) > 1 for issuer in one.accepts) else None

    return [reason(one) for one in sharers]


async def objections(connection: Connection, tenant_id: UUID, *, across_tenants: bool) -> dict[str, str]:
    """The tenant's providers that may not share their redirect URL with a provider that is stored, by slug.

    Reads every tenant's rows, since a callback names no tenant; the result reveals only that others exist. The caller
    holds `locks.redirect_urls` from before its rows are written.
    """
    found: dict[str, str] = {}
    for mine, other in await providers.at_one_place(connection, tenant_id, across_tenants=not across_tenants):
        reason = objection(sharer(mine), sharer(other), across_tenants=across_tenants)
        if reason is not None:
            found.setdefault(mine.slug, reason)
    return found


def arrives_otherwise(before: Provider | None, wanted: Provider) -> bool:
    """Whether a change can make a callback ambiguous, so that the providers that share its URL have to be checked."""
    if before is None or before.redirect_url != wanted.redirect_url:
        return True
    return sharer(before) != sharer(wanted)
