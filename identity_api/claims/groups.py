"""Read groups from claims, and say whether the reading is complete (I7: unknown is never empty, and never extends).

Only `COMPLETE` and `EMPTY` may change grants and extend the lease. Every other reading has no groups at all, so that
no caller can act on half a list, and a reason for people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from identity_api.claims.shapes import Misshapen, entries_of
from identity_api.claims.source import ABSENT, Claims, ClaimSource, Document, Documents, find
from identity_api.claims.text import is_storable

MAX_GROUPS: Final = 10_000
"""The most that the operator may allow (`max_answer_groups`); beyond, nothing is looked at."""
MAX_GROUP_LENGTH: Final = 512

AbsentGroups = Literal["EMPTY", "UNKNOWN"]
"""What a provider means by leaving the claim out (`provider.absent_groups`)."""


class Completeness(StrEnum):
    """How far a reading of groups can be trusted."""

    COMPLETE = "COMPLETE"
    EMPTY = "EMPTY"
    TRUNCATED = "TRUNCATED"
    UNREADABLE = "UNREADABLE"
    UNKNOWN = "UNKNOWN"


class Reason(StrEnum):
    """Why a reading is what it is."""

    LISTED = "LISTED"
    EMPTY_LIST = "EMPTY_LIST"
    ABSENT_MEANS_EMPTY = "ABSENT_MEANS_EMPTY"
    ABSENT_MEANS_UNKNOWN = "ABSENT_MEANS_UNKNOWN"
    DOCUMENT_MISSING = "DOCUMENT_MISSING"
    ACCESS_TOKEN_UNREADABLE = "ACCESS_TOKEN_UNREADABLE"  # noqa: S105  # the name of a reason
    GROUPS_OVERAGE = "GROUPS_OVERAGE"
    CUT_AT_CAP = "CUT_AT_CAP"
    TOO_MANY = "TOO_MANY"
    GROUPS_LIMIT_REACHED = "GROUPS_LIMIT_REACHED"
    WRONG_SHAPE = "WRONG_SHAPE"
    ENTRY_NOT_TEXT = "ENTRY_NOT_TEXT"
    ENTRY_EMPTY = "ENTRY_EMPTY"
    ENTRY_TOO_LONG = "ENTRY_TOO_LONG"
    ENTRY_BAD_CHARACTER = "ENTRY_BAD_CHARACTER"
    SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
    SOURCE_INCOMPLETE = "SOURCE_INCOMPLETE"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One remark for the provider's admins. It never holds a value from a token, only places and counts."""

    code: str
    place: str
    detail: str = ""

    def __str__(self) -> str:
        return ": ".join([part for part in (self.code, self.place, self.detail) if part])


@dataclass(frozen=True, slots=True)
class GroupsReading:
    """The groups as received, in order, each once; and how far they can be trusted."""

    groups: tuple[str, ...]
    completeness: Completeness
    reason: Reason
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def is_verified(self) -> bool:
        """Whether this may change grants and extend `groups_valid_until` (I7)."""
        return self.completeness in {Completeness.COMPLETE, Completeness.EMPTY}

    @property
    def remarks(self) -> tuple[str, ...]:
        """The diagnostics as texts, except those of a place that had nothing."""
        return tuple([str(one) for one in self.diagnostics if one.code != "ABSENT"])


def read_groups(documents: Documents, sources: Sequence[ClaimSource], *, absent_groups: AbsentGroups) -> GroupsReading:
    """Read the groups from the first source that has the claim.

    Args:
        documents: verified claims of one exchange.
        sources: where to look, in order.
        absent_groups: what it means when no source has the claim though its document came.
    """
    remarks: list[Diagnostic] = []
    for source in sources:
        claims = documents.get(source.document)
        if claims is None:
            remarks.append(Diagnostic("DOCUMENT_MISSING", str(source)))
            continue
        # Before the value: a provider may send some groups beside the marker that says there are more.
        if any(_has_overage(claims, name) for name in source.names):
            remarks.append(Diagnostic("GROUPS_OVERAGE", str(source)))
            return unverified(Completeness.TRUNCATED, Reason.GROUPS_OVERAGE, remarks)
        value = find(claims, source)
        if value is not ABSENT:
            return _read_value(value, source, remarks)
        remarks.append(Diagnostic("ABSENT", str(source)))
    return _read_absence(documents, sources, absent_groups, remarks)


def _read_absence(
    documents: Documents, sources: Sequence[ClaimSource], absent_groups: AbsentGroups, remarks: list[Diagnostic]
) -> GroupsReading:
    """No source has the claim: decide between truncated, unreadable, unknown and empty, the most careful first."""
    names = {name for source in sources for name in source.names} | {"groups"}
    if any(_has_overage(claims, name) for claims in documents.all_present() for name in names):
        return unverified(Completeness.TRUNCATED, Reason.GROUPS_OVERAGE, remarks)
    if documents.access_token_unreadable and any(source.document is Document.ACCESS_TOKEN for source in sources):
        return unverified(Completeness.UNREADABLE, Reason.ACCESS_TOKEN_UNREADABLE, remarks)
    if not sources or any(documents.get(source.document) is None for source in sources):
        # The document that was left out (a refresh without ID Token) may be the one that has the groups.
        return unverified(Completeness.UNKNOWN, Reason.DOCUMENT_MISSING, remarks)
    if absent_groups == "EMPTY":
        return GroupsReading((), Completeness.EMPTY, Reason.ABSENT_MEANS_EMPTY, tuple(remarks))
    return unverified(Completeness.UNKNOWN, Reason.ABSENT_MEANS_UNKNOWN, remarks)


def _has_overage(claims: Claims, name: str) -> bool:
    """Whether the claim was left out for its size: distributed claims (OIDC Core 5.6.2) as Entra uses them.

    Entra puts `_claim_names` in place of more than 150 or 200 groups, and `hasgroups` in tokens from the front channel.
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#groups-overage-claim
    """
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and name in elsewhere:
        return True
    return name == "groups" and claims.get("hasgroups") in (True, "true")


def _read_value(value: object, source: ClaimSource, remarks: list[Diagnostic]) -> GroupsReading:
    entries = entries_of(value, source)
    if isinstance(entries, Misshapen):
        # An unreadable entry may be any group, so the others are not the complete list.
        reason = Reason.ENTRY_NOT_TEXT if entries.is_of_one_entry else Reason.WRONG_SHAPE
        remarks.append(Diagnostic(reason.value, str(source), entries.detail))
        return unverified(Completeness.UNREADABLE, reason, remarks)
    if entries.normalised_from:
        remarks.append(Diagnostic("NORMALISED", str(source), entries.normalised_from))
    return _judged(entries.texts, str(source), remarks)


def read_listing(names: Sequence[str], *, place: str, remarks: Sequence[Diagnostic] = ()) -> GroupsReading:
    """The reading of a complete list of groups from another source than a claim; `place` names it in diagnostics."""
    return _judged(list(names), place, list(remarks))


def _judged(texts: list[str], place: str, remarks: list[Diagnostic]) -> GroupsReading:
    groups = tuple(dict.fromkeys(texts))
    if len(groups) < len(texts):
        remarks.append(Diagnostic("DUPLICATES_DROPPED", place, str(len(texts) - len(groups))))
    if len(groups) > MAX_GROUPS:
        remarks.append(Diagnostic("TOO_MANY", place, f"{len(groups)} of at most {MAX_GROUPS}"))
        return unverified(Completeness.TRUNCATED, Reason.TOO_MANY, remarks)
    for position, group in enumerate(groups):
        if fault := _fault(group):
            remarks.append(Diagnostic(fault.value, place, f"entry {position + 1}"))
            return unverified(Completeness.UNREADABLE, fault, remarks)
    if not groups:
        return GroupsReading((), Completeness.EMPTY, Reason.EMPTY_LIST, tuple(remarks))
    return GroupsReading(groups, Completeness.COMPLETE, Reason.LISTED, tuple(remarks))


def within(reading: GroupsReading, most: int) -> GroupsReading:
    """The reading, or a truncated one if it has more groups than `most`, which is below `MAX_GROUPS`."""
    if len(reading.groups) <= most:
        return reading
    remark = Diagnostic("TOO_MANY", "groups", f"{len(reading.groups)} of at most {most}")
    return unverified(Completeness.TRUNCATED, Reason.TOO_MANY, (*reading.diagnostics, remark))


def _fault(group: str) -> Reason | None:
    if not group:
        return Reason.ENTRY_EMPTY
    if len(group) > MAX_GROUP_LENGTH:
        return Reason.ENTRY_TOO_LONG
    return None if is_storable(group) else Reason.ENTRY_BAD_CHARACTER


def unverified(completeness: Completeness, reason: Reason, remarks: Sequence[Diagnostic] = ()) -> GroupsReading:
    """A reading that changes and extends nothing, and has no groups in it."""
    return GroupsReading((), completeness, reason, tuple(remarks))
