"""Compare the provider's metadata with the settings: PKCE, scopes, claims, refresh tokens.

Metadata is often incomplete (custom claims rarely are in `claims_supported`), so no check here fails; a test login
shows what the provider really sends.
"""

import re
from difflib import get_close_matches
from typing import Final

from identity_api.claims import ClaimSource, Document
from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import Finding, listed, ok, shown, skipped, warn
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.providers.dotted_names import dotted_names
from identity_api.relying_party.authorization_request import uses_pkce
from identity_api.relying_party.claim_settings import claim_sources

PKCE: Final = "PKCE"
SCOPES: Final = "scopes"
CLAIMS: Final = "claims"
REFRESH: Final = "refresh token"

OFFLINE_ACCESS: Final = "offline_access"
NEAR: Final = 0.6
"""`difflib`'s ratio from which a name is near another: `gruops` and `groups` are, `roles` and `groups` are not."""

_UNSAID_GRANTS: Final = ProviderMetadata(
    issuer="", authorization_endpoint="", token_endpoint="", jwks_uri=""
).grant_types
"""What the metadata says where it does not say it (Discovery 3)."""


def examine_announced(provider: Provider, metadata: ProviderMetadata) -> list[Finding]:
    """One finding for each, and one for each claim that may be misspelt."""
    return [
        _pkce(provider, metadata),
        *_scopes(provider, metadata),
        *_claims(provider, metadata),
        _refresh(provider, metadata),
    ]


def _pkce(provider: Provider, metadata: ProviderMetadata) -> Finding:
    if not uses_pkce(provider):
        return ok(PKCE, "It is not sent, by the operator's exception.")
    if "S256" in metadata.code_challenge_methods:
        return ok(PKCE, "S256 is announced.")
    message = "The provider does not announce PKCE with S256. It is sent all the same, and may be ignored there."
    return warn(PKCE, "PKCE_NOT_ANNOUNCED", message, expected="S256", found=listed(metadata.code_challenge_methods))


def _scopes(provider: Provider, metadata: ProviderMetadata) -> list[Finding]:
    findings: list[Finding] = []
    missing = [scope for scope in provider.scopes if scope not in metadata.scopes]
    if metadata.scopes and missing:
        message = f"The provider does not announce the scope(s) {listed(missing)}, which are asked for."
        told = {"expected": listed(missing), "found": listed(metadata.scopes)}
        findings.append(warn(SCOPES, "SCOPE_NOT_ANNOUNCED", message, **told))
    for_groups = _scopes_for_groups(provider, metadata)
    if for_groups:
        message = (
            f"The provider announces the scope(s) {listed(for_groups)}, which look like those that bring groups, and "
        )
        message += "are not asked for."
        told = {"expected": listed(for_groups), "found": listed(provider.scopes)}
        findings.append(warn(SCOPES, "GROUPS_SCOPE_NOT_ASKED_FOR", message, **told))
    return findings or [ok(SCOPES, f"Asked for are {listed(provider.scopes)}.")]


def _scopes_for_groups(provider: Provider, metadata: ProviderMetadata) -> list[str]:
    """Scopes that end in the name of the configured groups claim, or in `groups`; none if one of them is asked for."""
    if provider.sync_mode == "NONE":
        return []
    names = {"groups"}.union(*[source.names for source in claim_sources(provider.claims).groups])

    def brings_groups(scope: str) -> bool:
        return re.split("[:./]", scope)[-1] in names

    if any(brings_groups(scope) for scope in provider.scopes):
        return []
    return [scope for scope in metadata.scopes if brings_groups(scope)]


def _claims(provider: Provider, metadata: ProviderMetadata) -> list[Finding]:
    dotted = [
        warn(CLAIMS, "CLAIM_LOOKS_LIKE_A_PATH", one.message, expected=one.expected, found=one.found)
        for one in dotted_names(provider.claims)
        if one.found not in metadata.claims
    ]
    if dotted:
        return dotted
    if not metadata.claims:
        return [
            skipped(CLAIMS, "CLAIMS_NOT_ANNOUNCED", "The provider does not announce its claims. Make a test login.")
        ]
    sources = claim_sources(provider.claims)
    settings = {
        "anchor": sources.profile.anchor,
        "username": sources.profile.username,
        "display": sources.profile.display,
        "email": sources.profile.email,
        "groups": sources.groups,
    }
    found = [one for name, places in settings.items() if (one := _claim(name, places, metadata.claims)) is not None]
    return found or [ok(CLAIMS, "The configured claims are announced.")]


def _claim(setting: str, places: tuple[ClaimSource, ...], announced: tuple[str, ...]) -> Finding | None:
    if any(place.document is Document.ACCESS_TOKEN for place in places):
        return None  # announcements are about the ID Token and UserInfo
    names = sorted({name for place in places for name in place.names})
    if not names or not set(names).isdisjoint(announced):
        return None
    near = [match for name in names for match in get_close_matches(name, announced, n=1, cutoff=NEAR)]
    if near:
        message = f"The {setting} claim {shown(names[0])} is not announced, and {shown(near[0])} is. Is it misspelt?"
        return warn(CLAIMS, "CLAIM_NOT_ANNOUNCED", message, expected=listed(names), found=listed(near))
    message = (
        f"The {setting} claim {listed(names)} is not announced. Many providers do not announce it. Make a test login."
    )
    return skipped(CLAIMS, "CLAIMS_NOT_ANNOUNCED", message, expected=listed(names))


def _refresh(provider: Provider, metadata: ProviderMetadata) -> Finding:
    """Whether the sync will have something to ask with."""
    if provider.sync != "REFRESH_TOKEN":
        return ok(REFRESH, f"None is needed, as the sync is {provider.sync}.")
    unannounced = metadata.grant_types != _UNSAID_GRANTS and "refresh_token" not in metadata.grant_types
    if unannounced:
        message = "The provider does not announce refresh tokens, and the sync needs one."
        return warn(
            REFRESH, "REFRESH_NOT_ANNOUNCED", message, expected="refresh_token", found=listed(metadata.grant_types)
        )
    asks = OFFLINE_ACCESS in provider.scopes or provider.authorization_parameters.get("access_type") == "offline"
    if not asks and OFFLINE_ACCESS in metadata.scopes:
        message = "The sync needs a refresh token, and the scope offline_access is not asked for."
        return warn(REFRESH, "REFRESH_NOT_ASKED_FOR", message, expected=OFFLINE_ACCESS, found=listed(provider.scopes))
    message = "Nothing in the metadata rules out a refresh token. A test login shows whether one comes."
    if (
        OFFLINE_ACCESS in provider.scopes
        and "consent" not in provider.authorization_parameters.get("prompt", "").split()
    ):
        message += " Some providers give one only with prompt=consent (OpenID Connect Core 11), which is not sent."
    return ok(REFRESH, message)
