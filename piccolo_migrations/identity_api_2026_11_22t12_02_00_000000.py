"""The read model leaves out identities that were unlinked; the rest of the function is as it was."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T12:02:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "read model without unlinked identities"

REFRESH_USER_READ = """
create or replace function refresh_user_read(p_tenant uuid, p_users uuid[]) returns void
language sql
begin atomic
    insert into user_read (tenant_id, id, facts)
    select p_tenant, u.id, json_build_array(
        coalesce((
            select json_agg(json_build_array(
                i.id, i.provider_id, i.issuer, i.subject, i.anchor, i.state, i.state_reason, i.state_since,
                i.created_at, i.signed_in_at) order by i.id)
            from identity i where i.tenant_id = p_tenant and i.user_id = u.id and i.unlinked_at is null),
            '[]'::json),
        coalesce((
            select json_agg(json_build_array(
                g.id, p.name, g.source, g.identity_id, g.mapping_id, g.group_id, pg.name, g.granted_at, g.granted_by)
                order by p.name, g.id)
            from permission_grant g
            join permission p on p.tenant_id = p_tenant and p.id = g.permission_id
            left join provider_group pg on pg.tenant_id = p_tenant and pg.id = g.group_id
            where g.tenant_id = p_tenant and g.user_id = u.id and g.revoked_at is null), '[]'::json),
        coalesce((
            select json_agg(json_build_array(ig.group_id, pg.name, ig.identity_id) order by pg.name, ig.identity_id)
            from identity i
            join identity_group ig on ig.tenant_id = p_tenant and ig.identity_id = i.id
            join provider_group pg on pg.tenant_id = p_tenant and pg.id = ig.group_id
            where i.tenant_id = p_tenant and i.user_id = u.id), '[]'::json)
    )::text
    from unnest(p_users) as u (id)
    on conflict (id) do update set facts = excluded.facts;
end;
"""

KEYS = """
alter table identity add constraint identity_unlinked_is_over check (unlinked_at is null or state = 'REVOKED');
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        connection = engine_finder().current_transaction.get().connection
        for statement in (REFRESH_USER_READ, KEYS):
            await connection.execute(statement)

    manager.add_raw(run)
    return manager
