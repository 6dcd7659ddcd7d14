"""Read groups and profile from claims, and match group patterns. Pure; every result has a reason.

Follows OIDC Core 5.1 (standard claims) and 5.6.2 (distributed claims), and invariant I7.
"""

from identity_api.claims.errors import ClaimError, ClaimMissing, ClaimPathInvalid, ClaimUnusable, PatternInvalid
from identity_api.claims.groups import (
    MAX_GROUP_LENGTH,
    MAX_GROUPS,
    AbsentGroups,
    Completeness,
    Diagnostic,
    GroupsReading,
    Reason,
    read_groups,
    read_listing,
    unverified,
    within,
)
from identity_api.claims.location import parse_claim_source, parse_claim_sources
from identity_api.claims.pattern import MatchKind, match_globs, matches, validate_pattern
from identity_api.claims.profile import Profile, ProfileClaims, read_profile
from identity_api.claims.shapes import probable_shape
from identity_api.claims.source import ABSENT, DECLARED_ENDS, ClaimSource, Document, Documents, Shape, find

__all__ = [
    "ABSENT",
    "DECLARED_ENDS",
    "MAX_GROUPS",
    "MAX_GROUP_LENGTH",
    "AbsentGroups",
    "ClaimError",
    "ClaimMissing",
    "ClaimPathInvalid",
    "ClaimSource",
    "ClaimUnusable",
    "Completeness",
    "Diagnostic",
    "Document",
    "Documents",
    "GroupsReading",
    "MatchKind",
    "PatternInvalid",
    "Profile",
    "ProfileClaims",
    "Reason",
    "Shape",
    "find",
    "match_globs",
    "matches",
    "parse_claim_source",
    "parse_claim_sources",
    "probable_shape",
    "read_groups",
    "read_listing",
    "read_profile",
    "unverified",
    "validate_pattern",
    "within",
]
