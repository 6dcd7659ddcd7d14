"""Okta: all groups of a person whose claim may have been cut off, from the organisation's own API.

Facts: the functions `Groups.*` give at most 100 groups, and `getFilteredGroups` cuts the list at its third argument,
both without a marker (https://support.okta.com/help/s/article/how-to-exceed-the-100-groups-limitation-on-a-claim); so a
list of 100 or more is not known to be whole. `GET /api/v1/users/{user}/groups` lists all of them with `Link` for pages.

Unverified: that `me` stands for the person of an access token there, and that the scope `okta.users.read.self` is enough.
The list is of all groups, where a claim's filter may have chosen some; mappings name the groups that count.
"""

from urllib.parse import urlsplit

import msgspec

from identity_api.claims import Completeness, Diagnostic, Documents, GroupsReading, Reason, read_listing, unverified
from identity_api.relying_party.group_sources.paged_requests import Ask, decoded

PRESET = "okta"
CAP = 100


class _Profile(msgspec.Struct):
    name: str


class _Group(msgspec.Struct):
    profile: _Profile


def base_of(issuer: str) -> str:
    """The address of an organisation's API: the origin of each of its authorization servers."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}"


def doubted(reading: GroupsReading) -> GroupsReading:
    """The claim's groups if the API is not to be asked: a list that may have been cut off is not complete (I7)."""
    if not _may_be_cut(reading):
        return reading
    remark = Diagnostic(Reason.CUT_AT_CAP.value, "okta", str(len(reading.groups)))
    return unverified(Completeness.TRUNCATED, Reason.CUT_AT_CAP, (*reading.diagnostics, remark))


def _may_be_cut(reading: GroupsReading) -> bool:
    return reading.completeness is Completeness.COMPLETE and len(reading.groups) >= CAP


async def fetch(ask: Ask, documents: Documents, reading: GroupsReading) -> GroupsReading:
    """The claim's groups, and the API's if the claim may have been cut off.

    Raises:
        SourceFailed: not every page could be read. Then it is unknown whether the claim was complete.
    """
    if not _may_be_cut(reading):
        return reading
    groups: list[_Group] = []
    url: str | None = f"{ask.base}/api/v1/users/me/groups?limit=200"
    number = 0
    while url is not None:
        number += 1
        answer = await ask.page(url, number=number)
        groups += decoded(answer, list[_Group], number=number)
        url = ask.next_link(answer, number=number)
    return read_listing([group.profile.name for group in groups], place="okta", remarks=reading.diagnostics)
