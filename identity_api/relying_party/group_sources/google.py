"""Google: the groups somebody is in, also through other groups, by address, from Cloud Identity.

Facts: `groups/-/memberships:searchTransitiveGroups`, at most 1,000 a page, answers 403 unless the account is of
Workspace Enterprise Standard or Plus, Enterprise for Education, or Cloud Identity Premium; the query names the member and
a label (https://cloud.google.com/identity/docs/reference/rest/v1/groups.memberships/searchTransitiveGroups).

Not the Admin SDK: it answers to administrators, or to a service account that acts as one, and to nobody with the token of
their own sign-in (https://developers.google.com/workspace/admin/directory/v1/guides/delegation).

Unverified: that ordinary people may list the groups they are in with the scope `cloud-identity.groups.readonly` wherever
the groups' settings let members see each other; the answer to somebody in no group (here: no `memberships`).
"""

import re
from urllib.parse import urlencode

import msgspec

from identity_api.claims import Documents, GroupsReading, read_listing
from identity_api.relying_party.group_sources.paged_requests import Ask, SourceFailed, decoded

_LABEL = "cloudidentity.googleapis.com/groups.discussion_forum"
# Only what can be written between two quotes of the query without ending them.
_ADDRESS = re.compile(r"[A-Za-z0-9._%+~-]+@[A-Za-z0-9.-]+")


class _Key(msgspec.Struct):
    id: str


class _Membership(msgspec.Struct):
    group_key: _Key = msgspec.field(name="groupKey")


class _Page(msgspec.Struct):
    memberships: list[_Membership] = []
    next_page: str = msgspec.field(default="", name="nextPageToken")


async def fetch(ask: Ask, documents: Documents, reading: GroupsReading) -> GroupsReading:
    """All groups of the address in the ID token; no claim has them.

    Raises:
        SourceFailed: there is no such address, or not every page could be read.
    """
    address = (documents.id_token or documents.userinfo or {}).get("email")
    if not isinstance(address, str) or _ADDRESS.fullmatch(address) is None:
        raise SourceFailed("no_address")
    query = {"query": f"member_key_id == '{address}' && '{_LABEL}' in labels", "pageSize": "1000"}
    groups: list[str] = []
    number, token = 0, None
    while token != "":
        number += 1
        asked = urlencode(query if token is None else {**query, "pageToken": token})
        url = f"{ask.base}/v1/groups/-/memberships:searchTransitiveGroups?{asked}"
        page: _Page = decoded(await ask.page(url, number=number), _Page, number=number)
        groups += [one.group_key.id for one in page.memberships]
        token = page.next_page
    return read_listing(groups, place="google")
