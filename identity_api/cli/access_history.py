"""Who holds a permission, who held it, and what somebody had been given: the grants, for the operator."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.cli.audit_export import moment
from identity_api.cli.users import on_tenant, on_user
from identity_api.db import holders, past_grants, permissions
from identity_api.db.actor_names import actor_names
from identity_api.db.database import Connection, Database, transaction_time
from identity_api.db.past_grants import PastGrant
from identity_api.errors import BadInput, NotFound
from identity_api.permissions.delegation import Actor

PAGE = 500


class GrantLine(msgspec.Struct, frozen=True):
    """A grant as it was given, and how it ended if it has."""

    id: UUID
    user_id: UUID
    username: str
    permission: str
    source: Literal["MANUAL", "GROUP"]
    provider: str | None
    group: str | None
    mapping_id: UUID | None
    mapping: str | None
    granted_at: datetime
    granted_by: str
    granted_by_name: str
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_by_name: str | None
    revoked_reason: str | None

    @property
    def how(self) -> str:
        """In words."""
        return (
            "by hand" if self.source == "MANUAL" else f"group {self.group} at {self.provider}, mapping {self.mapping}"
        )


class HolderLine(msgspec.Struct, frozen=True):
    """A user with open grants of a permission."""

    user_id: UUID
    username: str
    in_force: bool
    """Whether they have the permission now."""
    grants: list[GrantLine]


def given_at(tenant: str, username: str, at: str) -> list[GrantLine]:
    """What the user had been given at that moment, the latest first. Raises as `on_user` and `moment`."""
    when = moment(at)

    async def work(database: Database, actor: Actor, user_id: UUID) -> list[GrantLine]:
        async with database.reading() as connection:
            found = await past_grants.of_user(connection, actor.tenant_id, user_id, when)
            return await _lines(connection, actor.tenant_id, found)

    return on_user(tenant, username, work)


def held_within(tenant: str, permission: str, since: str, until: str | None) -> list[GrantLine]:
    """The grants of the permission that were open at any time from `since` to before `until`, the latest first.

    Args:
        until: None means now.

    Raises:
        BadInput: a time cannot be read, or the time ends before it begins.
        NotFound: there is no such tenant or permission.
    """
    begin, named = moment(since), None if until is None else moment(until)

    async def work(database: Database, actor: Actor) -> list[GrantLine]:
        async with database.reading() as connection:
            end = named or await transaction_time(connection)  # grants are dated by the database's clock
            if begin >= end:
                raise BadInput("The time ends before it begins.")
            permission_id = await _permission(connection, actor.tenant_id, permission)
            return await _within(connection, actor.tenant_id, permission_id, begin, end)

    return on_tenant(tenant, work)


def held_now(tenant: str, permission: str) -> list[HolderLine]:
    """Everybody with an open grant of the permission, by username.

    Raises:
        NotFound: there is no such tenant or permission.
    """

    async def work(database: Database, actor: Actor) -> list[HolderLine]:
        async with database.reading() as connection:
            permission_id = await _permission(connection, actor.tenant_id, permission)
            in_force = await _in_force(connection, actor.tenant_id, permission_id)
            now = await transaction_time(connection)  # grants are dated by the database's clock
            open_now = await _within(connection, actor.tenant_id, permission_id, now, now + timedelta(seconds=1))
        by_user: dict[UUID, list[GrantLine]] = {}
        for one in open_now:
            by_user.setdefault(one.user_id, []).append(one)
        found = [
            HolderLine(user_id, grants[0].username, in_force.get(user_id, False), grants)
            for user_id, grants in by_user.items()
        ]
        return sorted(found, key=lambda one: one.username)

    return on_tenant(tenant, work)


async def _permission(connection: Connection, tenant_id: UUID, name: str) -> UUID:
    known = await permissions.by_names(connection, tenant_id, [name])
    if name not in known:
        raise NotFound(f"There is no permission {name}.")
    return known[name].id


async def _in_force(connection: Connection, tenant_id: UUID, permission_id: UUID) -> dict[UUID, bool]:
    found: dict[UUID, bool] = {}
    last: UUID | None = None
    while True:
        page = await holders.after(connection, tenant_id, permission_id, user_id=last, limit=PAGE)
        found |= {one.user_id: one.is_in_force for one in page}
        if len(page) < PAGE:
            return found
        last = page[-1].user_id


async def _within(
    connection: Connection, tenant_id: UUID, permission_id: UUID, since: datetime, until: datetime
) -> list[GrantLine]:
    found: list[PastGrant] = []
    while True:
        page = await past_grants.of_permission(
            connection, tenant_id, permission_id, since, until, after=found[-1].id if found else None, first=PAGE
        )
        found += page[:PAGE]
        if len(page) <= PAGE:
            return await _lines(connection, tenant_id, found)


async def _lines(connection: Connection, tenant_id: UUID, found: Sequence[PastGrant]) -> list[GrantLine]:
    actors = {one.granted_by for one in found} | {one.revoked_by for one in found if one.revoked_by is not None}
    names = await actor_names(connection, tenant_id, actors)
    return [
        GrantLine(
            id=one.id,
            user_id=one.user_id,
            username=one.username,
            permission=one.permission,
            source=one.source,
            provider=one.provider,
            group=one.group,
            mapping_id=one.mapping_id,
            mapping=one.pattern,
            granted_at=one.granted_at,
            granted_by=one.granted_by,
            granted_by_name=names[one.granted_by],
            revoked_at=one.revoked_at,
            revoked_by=one.revoked_by,
            revoked_by_name=None if one.revoked_by is None else names[one.revoked_by],
            revoked_reason=one.revoked_reason,
        )
        for one in found
    ]
