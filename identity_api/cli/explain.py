"""Explain why a user has a permission, in lines for people and as one document for programs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from identity_api.accounts.explain import ExplainedGrant, Explanation, Missing, UntakenWay, explain
from identity_api.cli.output import moment
from identity_api.cli.users import on_user
from identity_api.db import permissions
from identity_api.db.actor_names import actor_names
from identity_api.db.database import Database
from identity_api.errors import NotFound
from identity_api.permissions.delegation import Actor

_MISSING: Final[dict[Missing, str]] = {
    "GRANT_DORMANT": "it has given the permission, which is not in force now",
    "GRANT_NOT_WRITTEN": "they are in the group {group}; the provider's sync mode or an admin keeps the grant closed",
    "GROUP_NOT_SENT": "the provider names no group of theirs that matches",
    "MAPPING_DISABLED": "the mapping is switched off",
    "NO_IDENTITY": "they have no identity at this provider",
}


class GrantSheet(msgspec.Struct, frozen=True):
    """One open grant. `cause` is the reason why it is not in force; None if it is."""

    in_force: bool
    cause: str | None
    source: str
    group: str | None
    group_id: str | None
    mapping: str | None
    mapping_id: str | None
    mapping_version: int | None
    granted_at: datetime
    granted_by: str
    granted_by_name: str
    valid_until: datetime | None

    def __str__(self) -> str:
        how = "by hand" if self.source == "MANUAL" else f"by the group {self.group}"
        how += f", mapping {self.mapping} version {self.mapping_version}" if self.mapping else ""
        lease = f", until {moment(self.valid_until)} unless confirmed" if self.valid_until else ""
        force = "in force" if self.in_force else f"not in force: {self.cause}"
        return f"grant {how}, since {moment(self.granted_at)} by {self.granted_by_name}: {force}{lease}"


class WaySheet(msgspec.Struct, frozen=True):
    """A mapping that would give it, and the missing condition."""

    mapping: UUID
    provider: str | None
    provider_id: UUID | None
    pattern: str
    missing: Missing
    group: str | None
    group_id: UUID | None

    def __str__(self) -> str:
        place = f"at {self.provider}" if self.provider else "at every provider"
        return f"mapping {self.pattern} {place}: {_MISSING[self.missing].format(group=self.group)}"


class ExplanationSheet(msgspec.Struct, frozen=True):
    """The whole answer; the nearest of `untaken` comes first."""

    user: str
    user_id: UUID
    permission: str
    permission_id: UUID
    held: bool
    at: datetime
    grants: list[GrantSheet]
    untaken: list[WaySheet]

    def lines(self) -> list[str]:
        """For people."""
        first = f"{self.user} {'has' if self.held else 'does not have'} {self.permission}"
        nothing = [] if self.grants or self.untaken else ["No mapping gives it, and nobody has given it by hand."]
        return [first, *map(str, self.grants), *map(str, self.untaken), *nothing]


def explain_to_operator(tenant: str, username: str, permission: str) -> ExplanationSheet:
    """Examine every grant and every mapping. Raises as `on_user`; `NotFound` for an unknown permission."""

    async def work(database: Database, actor: Actor, user_id: UUID) -> ExplanationSheet:
        async with database.reading() as connection:
            known = await permissions.by_names(connection, actor.tenant_id, [permission])
            if permission not in known:
                raise NotFound(f"There is no permission {permission}.")
            found = await explain(connection, actor.tenant_id, user_id, known[permission].id)
            givers = {one.fact.granted_by for one in found.grants}
            return _sheet(user_id, found, await actor_names(connection, actor.tenant_id, givers))

    return on_user(tenant, username, work)


def _sheet(user_id: UUID, found: Explanation, names: Mapping[str, str]) -> ExplanationSheet:
    grants, untaken = [_grant(one, names) for one in found.grants], [_way(one) for one in found.untaken]
    user, permission = found.user, found.permission
    return ExplanationSheet(
        user.username, user_id, permission.name, permission.id, found.is_held, found.at, grants, untaken
    )


def _grant(one: ExplainedGrant, names: Mapping[str, str]) -> GrantSheet:
    fact, way = one.fact, one.way
    return GrantSheet(
        one.cause is None,
        one.cause,
        fact.source,
        fact.group_name,
        fact.group_id,
        None if way is None else way.pattern,
        fact.mapping_id,
        None if way is None else way.version,
        datetime.fromisoformat(fact.granted_at),
        fact.granted_by,
        names[fact.granted_by],
        one.valid_until,
    )


def _way(one: UntakenWay) -> WaySheet:
    return WaySheet(
        one.way.mapping_id,
        one.way.provider,
        one.way.provider_id,
        one.way.pattern,
        one.missing,
        one.way.group,
        one.way.group_id,
    )
