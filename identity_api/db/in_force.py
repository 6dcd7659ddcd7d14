"""Which grants are in force, as SQL: the definition of "may they?" (I1), and what unfinished edits of mappings add to it.

Each is a table expression for a tenant and a user, put into the statements that ask. They are no functions of the database:
a distributed one runs a statement at the node that has the tenant's rows, where functions may not ask for tables.
"""

from typing import Final

_IS_EDITED: Final = "(select exists (select from mapping_change c where c.tenant_id = {tenant}))"
"""Whether grants of the tenant still follow an edit; asked once for a statement, and mostly answered with no."""

_PENDING: Final = """(
    select md5(concat(c.id, i.id, mp.permission_id, ig.group_id))::uuid as id, n.name as permission, i.id as identity_id,
        mg.mapping_id, ig.group_id, pg.name as group_name, c.created_at as granted_at, c.actor as granted_by
    from identity i
    cross join lateral (
        select from provider p where p.tenant_id = {tenant} and p.id = i.provider_id and p.sync_mode <> 'NONE' limit 1) p
    cross join lateral (
        select group_id from identity_group where tenant_id = {tenant} and identity_id = i.id offset 0) ig
    cross join lateral (
        select mapping_id from mapping_group where tenant_id = {tenant} and group_id = ig.group_id offset 0) mg
    -- The latest: an earlier one may have given something else.
    cross join lateral (
        select id, created_at, actor from mapping_change
        where tenant_id = {tenant} and mapping_id = mg.mapping_id order by id desc limit 1) c
    cross join lateral (
        select from group_mapping m where m.tenant_id = {tenant} and m.id = mg.mapping_id
            and m.enabled and m.deleted_at is null and (m.provider_id is null or m.provider_id = i.provider_id) limit 1) m
    cross join lateral (
        select permission_id from mapping_permission where tenant_id = {tenant} and mapping_id = mg.mapping_id offset 0) mp
    cross join lateral (
        select name from permission where tenant_id = {tenant} and id = mp.permission_id limit 1) n
    cross join lateral (
        select name from provider_group where tenant_id = {tenant} and id = ig.group_id limit 1) pg
    where i.tenant_id = {tenant} and i.user_id = {user} and i.unlinked_at is null
        and (select 1 from permission_grant g
            where g.tenant_id = {tenant} and g.identity_id = i.id and g.mapping_id = mg.mapping_id
                and g.permission_id = mp.permission_id and g.group_id = ig.group_id
                and g.source = 'GROUP' and g.revoked_at is null limit 1) is null
)"""

_WITHDRAWN: Final = """(
    select g.id
    from permission_grant g
    where g.tenant_id = {tenant} and g.user_id = {user} and g.source = 'GROUP' and g.revoked_at is null
        and exists (select from mapping_change c
            where c.tenant_id = {tenant} and c.mapping_id = g.mapping_id)
        and not exists (
            select from group_mapping m
            join identity i on i.tenant_id = {tenant} and i.id = g.identity_id
                and (m.provider_id is null or m.provider_id = i.provider_id)
            join mapping_permission mp on mp.tenant_id = {tenant} and mp.mapping_id = m.id
                and mp.permission_id = g.permission_id
            join mapping_group mg on mg.tenant_id = {tenant} and mg.mapping_id = m.id and mg.group_id = g.group_id
            where m.tenant_id = {tenant} and m.id = g.mapping_id and m.enabled and m.deleted_at is null)
)"""

_EFFECTIVE: Final = """(
    with live_identity as (
        -- Neither revoked nor quarantined, at an enabled provider; how long is said by its two leases.
        select i.id, i.provider_id, p.sync, s.signed_in_until, s.groups_valid_until
        from identity i
        join provider p on p.tenant_id = i.tenant_id and p.id = i.provider_id
        join identity_sync s on s.tenant_id = i.tenant_id and s.id = i.id
        where i.tenant_id = {tenant} and i.user_id = {user}
            and i.state not in ('REVOKED', 'QUARANTINED') and p.enabled
    )
    select p.name as permission, g.source, g.id as grant_id, g.identity_id, g.mapping_id, g.group_id
    from app_user person
    join permission_grant g on g.tenant_id = person.tenant_id and g.user_id = person.id
        and g.granted_at <= {at} and (g.revoked_at is null or g.revoked_at > {at})
    join permission p on p.tenant_id = g.tenant_id and p.id = g.permission_id
    where person.tenant_id = {tenant} and person.id = {user} and person.disabled_at is null
        and case g.source
            when 'MANUAL' then
                -- A way in: a local password, an access by break-glass, or a living login.
                person.password_hash is not null or person.admitted_until > {at}
                or exists (select from live_identity i where i.signed_in_until > {at} or i.sync = 'OFF')
            else exists (
                select from live_identity i
                join group_mapping m on m.tenant_id = {tenant} and m.id = g.mapping_id
                    and m.enabled and m.deleted_at is null and (m.provider_id is null or m.provider_id = i.provider_id)
                join mapping_permission mp on mp.tenant_id = {tenant} and mp.mapping_id = m.id
                    and mp.permission_id = g.permission_id
                join mapping_group mg on mg.tenant_id = {tenant} and mg.mapping_id = m.id and mg.group_id = g.group_id
                where i.id = g.identity_id and i.groups_valid_until > {at}
            )
        end
    union all
    select g.permission, 'GROUP', g.id, g.identity_id, g.mapping_id, g.group_id
    from app_user person
    cross join lateral {pending} g
    join live_identity i on i.id = g.identity_id and i.groups_valid_until > {at}
    -- Looked for only while an edit is unfinished.
    where {is_edited} and person.tenant_id = {tenant} and person.id = {user} and person.disabled_at is null
        and g.granted_at <= {at}
)"""


def is_edited(tenant: str) -> str:
    """A condition: edits of the tenant's mappings are unfinished, so that there is something pending or withdrawn."""
    return _IS_EDITED.format(tenant=tenant)


def pending_grants(tenant: str, user: str) -> str:
    """What unfinished edits of mappings give the user and no grant says yet: in force from the edit's commit on.

    Looked up from the user's groups, one by one, so that it costs what the user has, however many the edit concerns. The id is
    the same each time it is asked for; the grant that is written gets one of its own.

    Returns:
        `id`, `permission`, `identity_id`, `mapping_id`, `group_id`, `group_name`, `granted_at`, `granted_by`.
    """
    return _PENDING.format(tenant=tenant, user=user)


def withdrawn_grants(tenant: str, user: str) -> str:
    """Grants of the user (`id`) that unfinished edits take away: not in force from the edit's commit on.

    The user's grants are looked at one by one, so that it costs what the user holds, however many groups a mapping matches.
    """
    return _WITHDRAWN.format(tenant=tenant, user=user)


def effective_permissions(tenant: str, user: str, at: str) -> str:
    """The user's permissions that are in force at a moment. Every other answer in the product is tested against this one.

    Args:
        tenant: an SQL expression, as are the others.

    Returns:
        `permission`, `source`, `grant_id`, `identity_id`, `mapping_id`, `group_id`, a row for each grant.
    """
    pending = pending_grants(tenant, user)
    return _EFFECTIVE.format(tenant=tenant, user=user, at=at, pending=pending, is_edited=is_edited(tenant))
