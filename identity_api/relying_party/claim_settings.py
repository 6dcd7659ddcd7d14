"""Apply a provider's claim settings to its answers: for logins and syncs alike, so that both read the same profile.

Settings are texts in `db.providers.ClaimSettings`; `claims` has the rules. This module applies them, and decides which
further documents are worth a request.
"""

from functools import lru_cache

import msgspec

from identity_api.claims import (
    ABSENT,
    ClaimSource,
    Document,
    Documents,
    GroupsReading,
    Profile,
    ProfileClaims,
    find,
    parse_claim_sources,
    read_groups,
    read_profile,
)
from identity_api.db.providers import ClaimSettings, Provider
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.jwks import KeySet, allowed_algorithms
from identity_api.oidc.userinfo import SignedAnswers


class ClaimSources(msgspec.Struct, frozen=True):
    """The places where a provider's claims are looked for, parsed."""

    profile: ProfileClaims
    groups: tuple[ClaimSource, ...]

    @property
    def lists(self) -> tuple[tuple[ClaimSource, ...], ...]:
        """Every claim's ordered sources."""
        return (*self.profile_lists, self.groups)

    @property
    def profile_lists(self) -> tuple[tuple[ClaimSource, ...], ...]:
        """The sources of the claims that identify and name a person."""
        profile = self.profile
        return (profile.anchor, profile.username, profile.display, profile.email)


@lru_cache(maxsize=1_024)
def claim_sources(settings: ClaimSettings) -> ClaimSources:
    """Parse the settings; kept, because every answer needs them.

    Raises:
        ClaimPathInvalid: a location is malformed. Settings are checked when they are written, so this is not expected.
    """
    profile = ProfileClaims(
        anchor=parse_claim_sources(settings.anchor),
        username=parse_claim_sources(settings.username),
        display=parse_claim_sources(settings.display),
        email=parse_claim_sources(settings.email),
    )
    return ClaimSources(profile, parse_claim_sources(settings.groups, for_groups=True))


def read_person(provider: Provider, documents: Documents) -> tuple[Profile, GroupsReading]:
    """The person's profile, and their groups with their completeness.

    A plain OAuth 2.0 provider has no ID Token, so a missing one is no fault: a claim that UserInfo leaves out is
    absent.

    Raises:
        ClaimMissing, ClaimUnusable: the anchor is missing, or cannot be stored.
    """
    sources = claim_sources(provider.claims)
    profile = read_profile(documents, sources.profile)
    places = sources.groups
    if provider.protocol != "oidc":
        places = tuple([place for place in places if place.document is not Document.ID_TOKEN])
    return profile, read_groups(documents, places, absent_groups=provider.absent_groups)


def needs_userinfo(provider: Provider, documents: Documents) -> bool:
    """Whether some claim can only be had, or only be called absent, by asking UserInfo.

    If groups give no permissions (`sync_mode` NONE), no request is made for them, since its failure would refuse the
    login.
    """
    sources = claim_sources(provider.claims)
    lists = sources.profile_lists if provider.sync_mode == "NONE" else sources.lists
    return any(_asks(places, documents) for places in lists)


def needs_access_token(provider: Provider) -> bool:
    """Whether the access token is a source of groups. Only then is it read, since it is meant for another audience."""
    return any(source.document is Document.ACCESS_TOKEN for source in claim_sources(provider.claims).groups)


def signed_answers(
    provider: Provider, metadata: ProviderMetadata, keys: KeySet, *, issuer: str, leeway_seconds: int
) -> SignedAnswers:
    """How to read UserInfo if it was agreed that the provider signs it (`ClientSettings.signed_userinfo`).

    Args:
        issuer: the metadata's at a login, which may be Entra's template; the identity's own at a sync.
    """
    return SignedAnswers(
        keys=keys,
        algorithms=allowed_algorithms(metadata.userinfo_algorithms or metadata.id_token_algorithms),
        issuer=issuer,
        client_id=provider.client_id,
        directories=frozenset(provider.claims.directories),
        leeway_seconds=leeway_seconds,
    )


def _asks(sources: tuple[ClaimSource, ...], documents: Documents) -> bool:
    for source in sources:
        if source.document is Document.USERINFO:
            return True
        claims = documents.get(source.document)
        if claims is not None and find(claims, source) is not ABSENT:
            return False
    return False
