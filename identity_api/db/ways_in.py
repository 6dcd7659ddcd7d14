"""The data for the rule about ways into accounts: permissions of accounts, what their groups can give, admins."""

from collections.abc import Collection, Sequence
from uuid import UUID

from asyncpg import Record

from identity_api.db.database import Connection
from identity_api.db.in_force import effective_permissions, is_edited, pending_grants
from identity_api.permissions.ways_in import Account, Right, Rights

_MAPPED = """
    select mp.permission_id from mapping_permission mp
    join group_mapping m on m.tenant_id = $1 and m.id = mp.mapping_id and m.enabled and m.deleted_at is null
    where mp.tenant_id = $1
"""
"""What live mappings give, to be restricted to the providers concerned; a mapping without a provider is for all."""
_NAMED = "select name, delegable from permission where tenant_id = $1 and id"


async def account(connection: Connection, tenant_id: UUID, user_id: UUID) -> Account:
    """The account as the rule sees it. Lock the user first."""
    rows = await connection.fetch(
        f"""
        with held as (
            select permission_id from permission_grant where tenant_id = $1 and user_id = $2 and revoked_at is null
            union
            select p.id from {pending_grants("$1", "$2")} g join permission p on p.tenant_id = $1 and p.name = g.permission
            -- A rule that asks only for grants would not see what such an edit gave.
            where {is_edited("$1")}
        ), place as (
            select distinct provider_id from identity where tenant_id = $1 and user_id = $2 and unlinked_at is null
        ), coming as (
            {_MAPPED} and exists (select from place where m.provider_id is null or m.provider_id = place.provider_id)
        )
        select p.name, p.delegable, p.id in (select permission_id from held) as is_held,
            p.id in (select permission_id from coming) as is_coming
        from permission p
        where p.tenant_id = $1 and p.id in (select permission_id from held union select permission_id from coming)
        """,
        tenant_id,
        user_id,
    )
    ways = await connection.fetchrow(_WAYS, tenant_id, user_id)
    assert ways is not None  # it reads no table of its own
    return Account(
        user_id=user_id,
        held=frozenset([_right(row) for row in rows if row["is_held"]]),
        coming=frozenset([_right(row) for row in rows if row["is_coming"]]),
        has_way_in=bool(ways["lasting"] or ways["passing"]),
        is_shared=ways["lasting"] > 1,
        is_awaited=not ways["was_bound"],
    )


_WAYS = """
    select (select count(*) from app_user where tenant_id = $1 and id = $2 and password_hash is not null)
            + (select count(*) from identity where tenant_id = $1 and user_id = $2 and unlinked_at is null)
            + (select count(*) from password_token
                where tenant_id = $1 and user_id = $2 and used_at is null and expires_at > now())
            + (select count(*) from api_token
                where tenant_id = $1 and user_id = $2 and ended_at is null and expires_at > now()) as lasting,
        exists (select from session where tenant_id = $1 and user_id = $2 and ended_at is null and absolute_until > now())
            or exists (select from one_time_code
                where tenant_id = $1 and user_id = $2 and used_at is null and expires_at > now()) as passing,
        exists (select from identity where tenant_id = $1 and user_id = $2 and subject is not null) as was_bound
"""
"""The ways in by which anybody could act as the user, now or after a first login; sessions count with their source."""


async def through(connection: Connection, tenant_id: UUID, provider_id: UUID) -> Rights:
    """What live mappings can give through groups of this provider."""
    rows = await connection.fetch(
        f"{_NAMED} in ({_MAPPED} and (m.provider_id is null or m.provider_id = $2))", tenant_id, provider_id
    )
    return frozenset([_right(row) for row in rows])


async def of_people(connection: Connection, tenant_id: UUID, provider_id: UUID, issuers: Collection[str]) -> Rights:
    """The permissions that accounts hold, or can get from groups, if this provider's claims can sign in to them.

    Args:
        issuers: the provider's issuers. An identity that waits for its first login is bound to any of them.
    """
    rows = await connection.fetch(
        f"""
        {_NAMED} in (with person as (
            select user_id from identity where tenant_id = $1 and provider_id = $2 and unlinked_at is null
                and (subject is null or issuer = any($3::text[]))
        ), place as (
            select distinct i.provider_id from identity i join person on person.user_id = i.user_id
            where i.tenant_id = $1 and i.unlinked_at is null
        )
        select g.permission_id from permission_grant g join person on person.user_id = g.user_id
        where g.tenant_id = $1 and g.revoked_at is null
        union
        {_MAPPED} and exists (select from place where m.provider_id is null or m.provider_id = place.provider_id))
        """,
        tenant_id,
        provider_id,
        list(issuers),
    )
    return frozenset([_right(row) for row in rows])


async def of_everybody(connection: Connection, tenant_id: UUID) -> Rights:
    """The permissions that anybody of the tenant holds, in force or not, or can get from live mappings."""
    rows = await connection.fetch(
        f"""
        select p.name, p.delegable from permission p
        where p.tenant_id = $1 and (p.id in ({_MAPPED}) or exists (
            select from permission_grant g where g.tenant_id = $1 and g.permission_id = p.id and g.revoked_at is null))
        """,
        tenant_id,
    )
    return frozenset([_right(row) for row in rows])


async def of_matchable(connection: Connection, tenant_id: UUID) -> Rights:
    """The permissions of accounts that can still be matched by name, because they have no identity.

    Not what they hold under `identity:`, which keeps an account from being claimed (`accounts.provisioning`). What else such
    an account holds counts: once that right is taken back, the name is enough.
    """
    rows = await connection.fetch(
        f"""
        {_NAMED} in (
            select g.permission_id from app_user u
            cross join lateral (
                select permission_id from permission_grant
                where tenant_id = $1 and user_id = u.id and revoked_at is null offset 0) g
            where u.tenant_id = $1 and not u.is_linked)
        and name not like 'identity:%'
        """,
        tenant_id,
    )
    return frozenset([_right(row) for row in rows])


async def held_in_force(connection: Connection, tenant_id: UUID, names: Sequence[str]) -> frozenset[str]:
    """Of these permissions, those that a user of the tenant holds in force now, by a lasting way in and not by break-glass."""
    # Those with a grant, then those whom an edit under way gives one; what is in force is said once, since it takes PostgreSQL
    # longer to plan than to find.
    rows = await connection.fetch(
        f"""
        select p.name from permission p
        where p.tenant_id = $1 and p.name = any($2::text[]) and exists (
            select from (
                (select distinct user_id from permission_grant
                where tenant_id = $1 and permission_id = p.id and revoked_at is null)
                union all
                select i.user_id from mapping_change c
                join mapping_permission mp on mp.tenant_id = $1 and mp.mapping_id = c.mapping_id and mp.permission_id = p.id
                join mapping_group mg on mg.tenant_id = $1 and mg.mapping_id = c.mapping_id
                join identity_group ig on ig.tenant_id = $1 and ig.group_id = mg.group_id
                join identity i on i.tenant_id = $1 and i.id = ig.identity_id
                where c.tenant_id = $1
            ) holder
            join app_user u on u.tenant_id = $1 and u.id = holder.user_id and u.admitted_until is null
            cross join lateral {effective_permissions("$1", "holder.user_id", "now()")} e where e.permission = p.name
        )
        """,
        tenant_id,
        list(names),
    )
    return frozenset([row["name"] for row in rows])


async def ever_given(
    connection: Connection, tenant_id: UUID, user_ids: Collection[UUID], names: Sequence[str]
) -> frozenset[str]:
    """Of these permissions, those that one of these users holds or has held, in force or not."""
    rows = await connection.fetch(
        """
        select p.name from permission p
        where p.tenant_id = $1 and p.name = any($3::text[]) and exists (
            select from unnest($2::uuid[]) as u (id)
            cross join lateral (select from permission_grant g
                where g.tenant_id = $1 and g.user_id = u.id and g.permission_id = p.id limit 1) g)
        """,
        tenant_id,
        list(user_ids),
        list(names),
    )
    return frozenset([row["name"] for row in rows])


async def given_to_somebody(connection: Connection, tenant_id: UUID, names: Sequence[str]) -> frozenset[str]:
    """Of these permissions, those that somebody holds or has held, in force or not."""
    rows = await connection.fetch(
        """
        select p.name from permission p
        where p.tenant_id = $1 and p.name = any($2::text[]) and exists (
            select from permission_grant g where g.tenant_id = $1 and g.permission_id = p.id)
        """,
        tenant_id,
        list(names),
    )
    return frozenset([row["name"] for row in rows])


def _right(row: Record) -> Right:
    return Right(row["name"], row["delegable"])
