"""GitHub: a person's teams, as `organisation/team`, both in the form that URLs have.

Facts: `GET /user/teams` lists the teams of all organisations, 100 a page, and needs the scope `read:org`
(https://docs.github.com/rest/teams/teams#list-teams-for-the-authenticated-user); further pages are in the header `Link`
(https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api). An organisation that restricts OAuth
apps and has not approved this one is silently left out.

Unverified: that a team's slug is never given to another team while a mapping names it.
"""

import msgspec

from identity_api.claims import Documents, GroupsReading, read_listing
from identity_api.relying_party.group_sources.paged_requests import Ask, decoded


class _Organisation(msgspec.Struct):
    login: str


class _Team(msgspec.Struct):
    slug: str
    organization: _Organisation


async def fetch(ask: Ask, documents: Documents, reading: GroupsReading) -> GroupsReading:
    """All teams; no claim has them.

    Raises:
        SourceFailed: not every page could be read.
    """
    teams: list[_Team] = []
    url: str | None = f"{ask.base}/user/teams?per_page=100"
    number = 0
    while url is not None:
        number += 1
        answer = await ask.page(url, number=number, accept="application/vnd.github+json")
        teams += decoded(answer, list[_Team], number=number)
        url = ask.next_link(answer, number=number)
    return read_listing([f"{team.organization.login}/{team.slug}" for team in teams], place="github")
