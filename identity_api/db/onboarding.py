"""How far each provider of a tenant is set up, according to its rows, for the onboarding checklist.

At most `SAMPLE` people of each provider are read, so that the query costs the same for ten people and for a million.
"""

from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.in_force import effective_permissions

SAMPLE = 500


class ProviderProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The progress at one provider. The counts are of the people read, `people` of them."""

    provider_id: UUID
    live_secrets: int = 0
    ended_secrets: int = 0
    secret_days_left: float | None = None
    """Days until the last live secret ends; None if one has no end, or if there is none."""
    launched: bool = False
    """A browser was redirected to the provider within the last hour or so. Attempts are not kept for longer."""
    last_outcome: str | None = None
    """The failure code of the newest login that ended, if nobody has signed in yet."""
    people: int = 0
    named: int = 0
    """People with a name and an e-mail address from the provider."""
    with_refresh_token: int = 0
    groups_unknown: int = 0
    seen_groups: int = 0
    mapped_groups: int = 0
    """Seen groups matched by a live mapping that gives something."""
    permitted: int = 0
    """People with at least one open grant."""


_PROGRESS = """
select p.id as provider_id, secret.*, seen.*, attempt.*, person.*
from provider p
cross join lateral (
    select count(*) filter (where s.live)::int as live_secrets,
        count(*) filter (where not s.live)::int as ended_secrets,
        case when not bool_or(s.live and s.expires_at is null)
            then extract(epoch from max(s.expires_at) filter (where s.live) - now())::float8 / 86400
        end as secret_days_left
    from (select expires_at, expires_at is null or expires_at > now() as live from provider_secret
        where tenant_id = $1 and provider_id = p.id) s
) secret
cross join lateral (
    select count(*)::int as seen_groups, count(*) filter (where exists (
        select from mapping_group mg
        join group_mapping m on m.tenant_id = $1 and m.id = mg.mapping_id and m.enabled and m.deleted_at is null
        where mg.tenant_id = $1 and mg.group_id = g.id and (m.provider_id is null or m.provider_id = p.id)
            and exists (select from mapping_permission mp where mp.tenant_id = $1 and mp.mapping_id = m.id)
    ))::int as mapped_groups
    from (select id from provider_group where tenant_id = $1 and provider_id = p.id limit $2) g
) seen
cross join lateral (
    select count(*)::int as people,
        count(*) filter (where i.claims ->> 'display_label' is not null and i.claims ->> 'email' is not null)::int
            as named,
        count(*) filter (where exists (
            select from refresh_token t where t.tenant_id = $1 and t.identity_id = s.id and t.dead_at is null
        ))::int as with_refresh_token,
        count(*) filter (where s.groups_completeness not in ('COMPLETE', 'EMPTY'))::int as groups_unknown,
        count(*) filter (where exists (
            select from permission_grant g
            where g.tenant_id = $1 and g.user_id = s.user_id and g.revoked_at is null
        ))::int as permitted
    from (select id, user_id, groups_completeness from identity_sync
        where tenant_id = $1 and provider_id = p.id and verified_at is not null limit $2) s
    join identity i on i.tenant_id = $1 and i.id = s.id and i.unlinked_at is null
) person
cross join lateral (
    -- Once somebody has signed in, a login that failed is somebody's own affair and says nothing of the set-up.
    select coalesce(bool_or(a.launched_at is not null), false) as launched,
        (array_agg(a.outcome order by a.id desc) filter (where a.outcome is not null))[1] as last_outcome
    from login_attempt a
    where person.people = 0 and a.tenant_id = $1 and a.provider_id = p.id and a.test_id is null
) attempt
where p.tenant_id = $1
"""


async def progress(connection: Connection, tenant_id: UUID) -> dict[UUID, ProviderProgress]:
    """Every provider of the tenant, by id."""
    rows = await connection.fetch(_PROGRESS, tenant_id, SAMPLE)
    return {row["provider_id"]: ProviderProgress(**row) for row in rows}


async def has_holder(connection: Connection, tenant_id: UUID, permission: str) -> bool:
    """Whether anybody holds the permission with force now (I1)."""
    value: bool = await connection.fetchval(
        f"""
        select exists (
            select from (
                select distinct g.user_id from permission_grant g
                join permission p on p.tenant_id = $1 and p.id = g.permission_id
                where g.tenant_id = $1 and p.name = $2 and g.revoked_at is null
            ) holder
            cross join lateral {effective_permissions("$1", "holder.user_id", "now()")} e where e.permission = $2
        )
        """,
        tenant_id,
        permission,
    )
    return value
