"""Entra: all groups of a person who is in more groups than a token lists, from Microsoft Graph.

Facts: above 200 groups the ID token has `_claim_names` instead
(https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#groups-overage-claim);
`POST /v1.0/me/getMemberObjects` answers ids, transitively, as the claim does
(https://learn.microsoft.com/graph/api/directoryobject-getmemberobjects); too many are an error, never a part.

Unverified: that `User.Read` and `GroupMember.Read.All` are enough; that the list equals the claim's for every choice of
groups in the token configuration (it has at least those, and also directory roles); that it is never paged.
"""

import msgspec

from identity_api.claims import Documents, GroupsReading, Reason, read_listing
from identity_api.relying_party.group_sources.paged_requests import Ask, SourceFailed, decoded

_EVERYTHING = b'{"securityEnabledOnly": false}'


class _Members(msgspec.Struct):
    value: list[str]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


async def fetch(ask: Ask, documents: Documents, reading: GroupsReading) -> GroupsReading:
    """The claim's groups, and Graph's where the claim says that there are too many for it.

    The `endpoint` in `_claim_sources` is not used: it belongs to another API, which has been switched off.

    Raises:
        SourceFailed: Graph does not give the whole list.
    """
    if reading.reason is not Reason.GROUPS_OVERAGE:
        return reading
    answer = await ask.page(f"{ask.base}/v1.0/me/getMemberObjects", number=1, body=_EVERYTHING)
    members: _Members = decoded(answer, _Members, number=1)
    if members.next_link is not None:
        raise SourceFailed("paged", is_partial=True)
    return read_listing(members.value, place="entra", remarks=reading.diagnostics)
