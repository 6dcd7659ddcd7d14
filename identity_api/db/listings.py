"""What admins list: identities, groups, live sessions, names. Each function is one statement, whatever is on the page.

Pages are keyset pages: the rows strictly after a position, in an order that has an index, one more than requested: the
extra row shows that the list goes on. Users have their own module, `user_read_model`.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

Table = Literal["app_user", "provider", "provider_group", "group_mapping", "permission"]
IdentityState = Literal["FRESH", "STALE", "REVOKED", "QUARANTINED", "UNSYNCED", "SUSPENDED", "DISABLED"]
"""The stored states, and two more: `SUSPENDED` (stale, and its lease has ended), `DISABLED` (user or provider)."""


class IdentityRecord(msgspec.Struct, frozen=True):
    """An identity with its sync, its provider and its user's names."""

    id: UUID
    user_id: UUID
    username: str
    display_label: str
    provider_id: UUID
    provider_slug: str
    provider_label: str
    issuer: str
    subject: str | None
    state: IdentityState
    state_reason: str | None
    state_since: datetime
    signed_in_at: datetime
    groups_valid_until: datetime | None
    signed_in_until: datetime | None
    verified_at: datetime | None
    due_at: datetime | None
    groups_completeness: str


_STATE = """
    case when i.state in ('REVOKED', 'QUARANTINED') then i.state
        when u.disabled_at is not null or not p.enabled then 'DISABLED'
        when i.state = 'STALE' and (s.groups_valid_until is null or s.groups_valid_until <= now()) then 'SUSPENDED'
        else i.state end
"""
_ENABLED: Final = "u.disabled_at is null and p.enabled"
_OVER: Final = "(s.groups_valid_until is null or s.groups_valid_until <= now())"
_WHERE_STATE: Final[dict[IdentityState, str]] = {
    "FRESH": f"i.state = 'FRESH' and {_ENABLED}",
    "UNSYNCED": f"i.state = 'UNSYNCED' and {_ENABLED}",
    "STALE": f"i.state = 'STALE' and {_ENABLED} and not {_OVER}",
    "SUSPENDED": f"i.state = 'STALE' and {_ENABLED} and {_OVER}",
    "REVOKED": "i.state = 'REVOKED'",
    "QUARANTINED": "i.state = 'QUARANTINED'",
    # A lateral join with `offset 0`: it starts from the disabled users, and does not read everybody.
    "DISABLED": """i.state not in ('REVOKED', 'QUARANTINED') and i.id = any(array(
        select d.id from app_user du cross join lateral
            (select id from identity where tenant_id = $1 and user_id = du.id offset 0) d
            where du.tenant_id = $1 and du.disabled_at is not null
        union all
        select d.id from provider dp cross join lateral
            (select id from identity where tenant_id = $1 and provider_id = dp.id offset 0) d
            where dp.tenant_id = $1 and not dp.enabled))""",
}
"""The same rules as conditions that an index answers. The states stand in the text, so that every plan knows how common
each is; `_STATE = $3` would be taken for one row of 200."""

_IDENTITIES = f"""
    select i.id, i.user_id, u.username, u.display_label, i.provider_id, p.slug as provider_slug, p.label as provider_label,
        i.issuer, i.subject, {_STATE} as state, i.state_reason, i.state_since, i.signed_in_at,
        s.groups_valid_until, s.signed_in_until, s.verified_at, s.due_at, s.groups_completeness
    from identity i
    -- One by one, never first: by a provider or in the order of ids it would come by everybody else's.
    join lateral (select * from app_user u where u.tenant_id = $1 and u.id = i.user_id limit 1) u on true
    join lateral (select * from provider p where p.tenant_id = $1 and p.id = i.provider_id limit 1) p on true
    join lateral (select * from identity_sync s where s.tenant_id = $1 and s.id = i.id limit 1) s on true
    where i.tenant_id = $1 and i.unlinked_at is null
"""


async def identities(
    connection: Connection,
    tenant_id: UUID,
    *,
    state: IdentityState | None,
    provider_id: UUID | None,
    after: UUID | None,
    first: int,
    backward: bool = False,
) -> list[IdentityRecord]:
    """At most `first` + 1 identities after that one, oldest first; with `backward` those before it, newest first."""
    beyond, direction = ("<", "desc") if backward else (">", "asc")
    arguments: list[Any] = [tenant_id, first + 1]
    bind = _binder(arguments)
    conditions = ""
    if state is not None:
        conditions += f" and {_WHERE_STATE[state]}"
    if provider_id is not None:
        conditions += f" and i.provider_id = {bind(provider_id)}"
    if after is not None:
        conditions += f" and i.id {beyond} {bind(after)}"
    rows = await connection.fetch(f"{_IDENTITIES}{conditions} order by i.id {direction} limit $2", *arguments)
    return [IdentityRecord(**row) for row in rows]


async def identity(connection: Connection, tenant_id: UUID, identity_id: UUID) -> IdentityRecord | None:
    """The identity, if it is this tenant's."""
    row = await connection.fetchrow(f"{_IDENTITIES} and i.id = $2", tenant_id, identity_id)
    return IdentityRecord(**row) if row else None


async def identities_by_id(
    connection: Connection, tenant_id: UUID, identity_ids: Sequence[UUID]
) -> list[IdentityRecord]:
    """Those of these identities that are this tenant's."""
    rows = await connection.fetch(f"{_IDENTITIES} and i.id = any($2::uuid[])", tenant_id, list(identity_ids))
    return [IdentityRecord(**row) for row in rows]


USERS_TOGETHER: Final = 5_000
"""Ids given to one statement: to send 100,000 at once would stop all other requests for as long."""


class UserNames(NamedTuple):
    """A user's names, by which lists of users are ordered."""

    id: UUID
    username: str
    display_label: str
    username_folded: str


async def user_names(
    connection: Connection,
    tenant_id: UUID,
    user_ids: Collection[UUID],
    *,
    after: tuple[str, UUID] | None = None,
    first: int,
    backward: bool = False,
) -> list[UserNames]:
    """At most `first` + 1 of these users after that place, by username; with `backward` those before it, backwards."""
    beyond, direction = ("<", "desc") if backward else (">", "asc")
    folded, last = after or (None, None)
    wanted, found = list(user_ids), list[UserNames]()
    for begin in range(0, len(wanted), USERS_TOGETHER):
        rows = await connection.fetch(
            f"""
            select id, username, display_label, username_folded from app_user
            where tenant_id = $1 and id = any($2::uuid[])
                and ($4::text is null or (username_folded collate "C", id) {beyond} ($4 collate "C", $5::uuid))
            order by username_folded collate "C" {direction}, id {direction} limit $3
            """,
            tenant_id,
            wanted[begin : begin + USERS_TOGETHER],
            first + 1,
            folded,
            last,
        )
        found += [UserNames(*row) for row in rows]
    return sorted(found, key=lambda one: (one.username_folded, one.id), reverse=backward)[: first + 1]


class GroupRecord(msgspec.Struct, frozen=True):
    """A group seen at a provider, with the mappings that match it."""

    id: UUID
    provider_id: UUID
    provider_slug: str
    provider_label: str
    name: str
    first_seen_at: datetime
    mapping_ids: tuple[UUID, ...]


class GroupPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of groups begins: strictly after this one."""

    provider_id: UUID
    name: str


async def groups(
    connection: Connection,
    tenant_id: UUID,
    *,
    provider_id: UUID | None = None,
    name_prefix: str | None = None,
    is_mapped: bool | None = None,
    group_ids: Sequence[UUID] | None = None,
    after: GroupPosition | None = None,
    first: int,
    backward: bool = False,
) -> list[GroupRecord]:
    """At most `first` + 1 groups after that one, by provider and name. Names are compared exactly, as mappings do.

    Args:
        is_mapped: whether at least one mapping, enabled or not, matches the group.
        group_ids: these groups only.
        backward: those before that one, in the opposite order.
    """
    beyond, direction = ("<", "desc") if backward else (">", "asc")
    arguments: list[Any] = [tenant_id, first + 1]
    bind = _binder(arguments)
    conditions = ""
    if provider_id is not None:
        conditions += f" and g.provider_id = {bind(provider_id)}"
    if group_ids is not None:
        conditions += f" and g.id = any({bind(list(group_ids))}::uuid[])"
    if name_prefix is not None:
        conditions += f" and starts_with(g.name, {bind(name_prefix)})"
    if is_mapped is not None:
        # As a value: as a condition it may be planned as a join that reads everything that is mapped for each group.
        mapping = "(select 1 from mapping_group m where m.tenant_id = $1 and m.group_id = g.id limit 1)"
        conditions += f" and {mapping} is {'not ' if is_mapped else ''}null"
    if after is not None:
        conditions += f" and (g.provider_id, g.name) {beyond} ({bind(after.provider_id)}, {bind(after.name)})"
    rows = await connection.fetch(_GROUPS.format(conditions=conditions, direction=direction), *arguments)
    return [GroupRecord(**{**row, "mapping_ids": tuple(row["mapping_ids"])}) for row in rows]


_GROUPS = """
    with page as (
        select g.id, g.provider_id, g.name, g.first_seen_at from provider_group g
        where g.tenant_id = $1 {conditions} order by g.provider_id {direction}, g.name {direction} limit $2)
    select page.id, page.provider_id, p.slug as provider_slug, p.label as provider_label, page.name, page.first_seen_at,
        array(select m.mapping_id from mapping_group m where m.tenant_id = $1 and m.group_id = page.id
            order by m.mapping_id) as mapping_ids
    from page
    join provider p on p.tenant_id = $1 and p.id = page.provider_id
    order by page.provider_id {direction}, page.name {direction}
"""


async def member_counts(connection: Connection, tenant_id: UUID, group_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many identities are in each of these groups. It goes through all of them."""
    rows = await connection.fetch(
        """
        select g.id, m.members from unnest($2::uuid[]) as g (id)
        cross join lateral (
            select count(*) as members from identity_group where tenant_id = $1 and group_id = g.id) m
        """,
        tenant_id,
        list(group_ids),
    )
    return {row["id"]: row["members"] for row in rows}


class LiveSession(msgspec.Struct, frozen=True):
    """A live session, and the provider it came from; none for a session by a local password."""

    id: UUID
    user_id: UUID
    kind: Literal["COOKIE", "BEARER"]
    device: str | None
    address: str | None
    provider_id: UUID | None
    provider_slug: str | None
    provider_label: str | None
    created_at: datetime
    seen_at: datetime
    authenticated_at: datetime
    expires_at: datetime
    idle_until: datetime


_SESSIONS = """
    select s.id, s.user_id, s.kind, s.device, s.address, p.id as provider_id, p.slug as provider_slug,
        p.label as provider_label, s.created_at, s.seen_at, s.authenticated_at, s.absolute_until as expires_at,
        s.seen_at + make_interval(secs => $3) as idle_until
    from session s
    join tenant t on t.id = s.tenant_id
    join app_user u on u.tenant_id = $1 and u.id = s.user_id
    left join identity i on i.tenant_id = $1 and i.id = s.identity_id
    left join provider p on p.tenant_id = $1 and p.id = i.provider_id
    where s.tenant_id = $1 and s.ended_at is null and s.absolute_until > now()
        and s.seen_at > now() - make_interval(secs => $3) and s.epoch = u.epoch + t.epoch
"""


async def live_sessions(
    connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID], *, idle_seconds: int
) -> list[LiveSession]:
    """The live sessions of these users, the oldest first."""
    rows = await connection.fetch(
        f"{_SESSIONS} and s.user_id = any($2::uuid[]) order by s.created_at, s.id",
        tenant_id,
        list(user_ids),
        float(idle_seconds),
    )
    return [LiveSession(**row) for row in rows]


async def live_session(
    connection: Connection, tenant_id: UUID, session_id: UUID, *, idle_seconds: int
) -> LiveSession | None:
    """The session, if it is this tenant's and live."""
    row = await connection.fetchrow(f"{_SESSIONS} and s.id = $2", tenant_id, session_id, float(idle_seconds))
    return LiveSession(**row) if row else None


async def existing(connection: Connection, tenant_id: UUID, table: Table, row_ids: Collection[UUID]) -> set[UUID]:
    """Those of the rows that are this tenant's."""
    rows = await connection.fetch(
        f"select id from {table} where tenant_id = $1 and id = any($2::uuid[])", tenant_id, list(row_ids)
    )
    return {row["id"] for row in rows}


def _binder(arguments: list[Any]) -> Callable[[Any], str]:
    def bind(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    return bind
