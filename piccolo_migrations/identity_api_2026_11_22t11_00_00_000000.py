"""Keys, checks, references and functions: what Piccolo cannot say, as SQL.

Every reference between tenant-owned tables starts with `tenant_id`, so the database refuses a row that points into another
tenant (I2). Hashes of unguessable tokens are the exception for unique keys: they are looked up before a tenant is known.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T11:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "keys, checks, references and functions"

KEYS = """
alter table tenant add constraint tenant_slug_key unique (slug),
    add constraint tenant_slug_shape check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');
alter table tenant_host add constraint tenant_host_host_key unique (host),
    add foreign key (tenant_id) references tenant (id);
alter table service_client add constraint service_client_name_key unique (name);
alter table frontend add constraint frontend_id_key unique (tenant_id, id),
    add constraint frontend_slug_key unique (tenant_id, slug),
    add foreign key (tenant_id) references tenant (id);
alter table permission add constraint permission_id_key unique (tenant_id, id),
    add constraint permission_name_key unique (tenant_id, name),
    add constraint permission_name_shape check (name ~ '^[a-z][a-z0-9_.-]*(:[a-z0-9_.-]+)+$' and length(name) <= 128),
    add foreign key (tenant_id) references tenant (id);

alter table provider add constraint provider_id_key unique (tenant_id, id),
    add constraint provider_slug_key unique (tenant_id, slug),
    add constraint provider_slug_shape check (slug ~ '^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$'),
    add constraint provider_protocol_known check (protocol in ('oidc', 'oauth2')),
    add constraint provider_provisioning_known check (provisioning in ('JIT', 'KNOWN_USERS', 'LINKED_ONLY')),
    add constraint provider_sync_mode_known check (sync_mode in ('STRICT', 'ADDITIVE', 'NONE')),
    add constraint provider_sync_known check (sync in ('REFRESH_TOKEN', 'ACCESS_TOKEN', 'OFF')),
    add constraint provider_absent_groups_known check (absent_groups in ('EMPTY', 'UNKNOWN')),
    add constraint provider_managed_by_known check (managed_by in ('FILE', 'API')),
    add foreign key (tenant_id) references tenant (id);
alter table provider_secret add foreign key (tenant_id, provider_id) references provider (tenant_id, id);
create index provider_secret_provider on provider_secret (tenant_id, provider_id);
alter table provider_breaker add foreign key (tenant_id, id) references provider (tenant_id, id);

alter table app_user add constraint app_user_id_key unique (tenant_id, id),
    add constraint app_user_username_key unique (tenant_id, username),
    add constraint app_user_username_length check (length(username) between 1 and 320),
    add foreign key (tenant_id) references tenant (id);
create index app_user_username_prefix on app_user (tenant_id, username_folded text_pattern_ops, id);
create index app_user_label_prefix on app_user (tenant_id, display_label_folded text_pattern_ops, id);
create index app_user_email_prefix on app_user (tenant_id, email_folded text_pattern_ops, id);

alter table identity add constraint identity_id_key unique (tenant_id, id),
    add constraint identity_anchor_key unique (tenant_id, provider_id, anchor),
    add constraint identity_subject_key unique (tenant_id, provider_id, issuer, subject),
    add constraint identity_anchor_length check (length(anchor) between 1 and 512),
    add constraint identity_state_known check (state in ('FRESH', 'STALE', 'REVOKED', 'QUARANTINED', 'UNSYNCED')),
    add foreign key (tenant_id, user_id) references app_user (tenant_id, id),
    add foreign key (tenant_id, provider_id) references provider (tenant_id, id);
create index identity_user on identity (tenant_id, user_id);

alter table identity_sync
    add constraint identity_sync_completeness_known
        check (groups_completeness in ('COMPLETE', 'EMPTY', 'TRUNCATED', 'UNREADABLE', 'UNKNOWN')),
    add foreign key (tenant_id, id) references identity (tenant_id, id),
    add foreign key (tenant_id, user_id) references app_user (tenant_id, id),
    add foreign key (tenant_id, provider_id) references provider (tenant_id, id);
create index identity_sync_due on identity_sync (due_at) where due_at is not null;
create index identity_sync_user on identity_sync (tenant_id, user_id);
create index identity_sync_provider on identity_sync (tenant_id, provider_id, due_at);
create index identity_sync_leased on identity_sync (tenant_id, provider_id) where lease_owner is not null;

alter table refresh_token add constraint refresh_token_hash_key unique (tenant_id, identity_id, hash),
    add foreign key (tenant_id, identity_id) references identity (tenant_id, id);
create index refresh_token_live on refresh_token (tenant_id, identity_id, created_at desc) where dead_at is null;

alter table provider_group add constraint provider_group_id_key unique (tenant_id, id),
    add constraint provider_group_name_key unique (tenant_id, provider_id, name),
    add foreign key (tenant_id, provider_id) references provider (tenant_id, id);
alter table identity_group add constraint identity_group_key unique (tenant_id, identity_id, group_id),
    add foreign key (tenant_id, identity_id) references identity (tenant_id, id),
    add foreign key (tenant_id, group_id) references provider_group (tenant_id, id);
create index identity_group_group on identity_group (tenant_id, group_id, identity_id);

alter table group_mapping add constraint group_mapping_id_key unique (tenant_id, id),
    add constraint group_mapping_match_known check (match in ('EXACT', 'GLOB')),
    add constraint group_mapping_managed_by_known check (managed_by in ('FILE', 'API')),
    add foreign key (tenant_id, provider_id) references provider (tenant_id, id),
    add foreign key (tenant_id) references tenant (id);
create unique index group_mapping_rule on group_mapping
    (tenant_id, coalesce(provider_id, '00000000-0000-0000-0000-000000000000'), match, pattern) where deleted_at is null;
alter table mapping_permission add constraint mapping_permission_key unique (tenant_id, mapping_id, permission_id),
    add foreign key (tenant_id, mapping_id) references group_mapping (tenant_id, id),
    add foreign key (tenant_id, permission_id) references permission (tenant_id, id);
create index mapping_permission_permission on mapping_permission (tenant_id, permission_id);
alter table mapping_group add constraint mapping_group_key unique (tenant_id, mapping_id, group_id),
    add foreign key (tenant_id, mapping_id) references group_mapping (tenant_id, id),
    add foreign key (tenant_id, group_id) references provider_group (tenant_id, id);
create index mapping_group_group on mapping_group (tenant_id, group_id);
alter table mapping_change add foreign key (tenant_id, mapping_id) references group_mapping (tenant_id, id);
create index mapping_change_open on mapping_change (tenant_id, created_at) where finished_at is null;

alter table permission_grant
    add constraint permission_grant_source_shape check (
        (source = 'MANUAL' and identity_id is null and mapping_id is null and group_id is null)
        or (source = 'GROUP' and identity_id is not null and mapping_id is not null and group_id is not null)),
    add constraint permission_grant_closed_whole check ((revoked_at is null) = (revoked_reason is null)),
    add foreign key (tenant_id, user_id) references app_user (tenant_id, id),
    add foreign key (tenant_id, permission_id) references permission (tenant_id, id),
    add foreign key (tenant_id, identity_id) references identity (tenant_id, id),
    add foreign key (tenant_id, mapping_id) references group_mapping (tenant_id, id),
    add foreign key (tenant_id, group_id) references provider_group (tenant_id, id);
create unique index permission_grant_manual_open on permission_grant (tenant_id, user_id, permission_id)
    where source = 'MANUAL' and revoked_at is null;
create unique index permission_grant_group_open on permission_grant (tenant_id, identity_id, mapping_id, permission_id, group_id)
    where source = 'GROUP' and revoked_at is null;
create index permission_grant_user on permission_grant (tenant_id, user_id, granted_at);
create index permission_grant_mapping_open on permission_grant (tenant_id, mapping_id) where revoked_at is null;
create index permission_grant_permission on permission_grant (tenant_id, permission_id) where revoked_at is null;

alter table user_read add foreign key (tenant_id, id) references app_user (tenant_id, id);

alter table session add constraint session_token_key unique (token_hash),
    add constraint session_id_key unique (tenant_id, id),
    add constraint session_kind_known check (kind in ('COOKIE', 'BEARER')),
    add constraint session_ended_whole check ((ended_at is null) = (ended_reason is null)),
    add foreign key (tenant_id, user_id) references app_user (tenant_id, id),
    add foreign key (tenant_id, identity_id) references identity (tenant_id, id),
    add foreign key (tenant_id, frontend_id) references frontend (tenant_id, id);
create index session_user_live on session (tenant_id, user_id, created_at) where ended_at is null;
create index session_identity_live on session (tenant_id, identity_id) where ended_at is null;
create index session_over on session (absolute_until);
alter table api_token add constraint api_token_token_key unique (token_hash),
    add foreign key (tenant_id, user_id) references app_user (tenant_id, id);
create index api_token_user on api_token (tenant_id, user_id);

alter table login_attempt add constraint login_attempt_id_key unique (tenant_id, id),
    add constraint login_attempt_state_key unique (state_hash),
    add constraint login_attempt_delivery_known check (delivery in ('cookie', 'code', 'fragment')),
    add foreign key (tenant_id, provider_id) references provider (tenant_id, id),
    add foreign key (tenant_id, frontend_id) references frontend (tenant_id, id);
create index login_attempt_expiry on login_attempt (expires_at);
alter table login_handle add constraint login_handle_token_key unique (token_hash),
    add constraint login_handle_stage_known check (stage in ('SESSION_HOST', 'CALLBACK_HOST')),
    add foreign key (tenant_id, attempt_id) references login_attempt (tenant_id, id) on delete cascade;
create index login_handle_attempt on login_handle (tenant_id, attempt_id);
alter table one_time_code add constraint one_time_code_code_key unique (code_hash),
    add constraint one_time_code_kind_known check (kind in ('COMPLETE', 'TOKEN')),
    add foreign key (tenant_id, attempt_id) references login_attempt (tenant_id, id) on delete cascade,
    add foreign key (tenant_id, user_id) references app_user (tenant_id, id),
    add foreign key (tenant_id, identity_id) references identity (tenant_id, id),
    add foreign key (tenant_id, session_id) references session (tenant_id, id);
create index one_time_code_attempt on one_time_code (tenant_id, attempt_id);

alter table audit_event add constraint audit_event_sequence_key unique (tenant_id, sequence),
    add foreign key (tenant_id) references tenant (id);
create index audit_event_unsealed on audit_event (tenant_id, id) where sequence is null;
create index audit_event_subject on audit_event (tenant_id, subject_id, id);
alter table audit_head add foreign key (id) references tenant (id);
"""

# I1: the definition of "may they?". Every other answer in the product is tested against this function.
EFFECTIVE_PERMISSION = """
create function effective_permission(p_tenant uuid, p_user uuid, p_at timestamptz)
returns table (permission text, source text, grant_id uuid, identity_id uuid, mapping_id uuid, group_id uuid)
language sql stable
begin atomic
    with live_identity as (
        -- Neither revoked nor quarantined, at an enabled provider; how long is said by its two leases.
        select i.id, i.provider_id, p.sync, s.signed_in_until, s.groups_valid_until
        from identity i
        join provider p on p.tenant_id = i.tenant_id and p.id = i.provider_id
        join identity_sync s on s.tenant_id = i.tenant_id and s.id = i.id
        where i.tenant_id = p_tenant and i.user_id = p_user
            and i.state not in ('REVOKED', 'QUARANTINED') and p.enabled
    )
    select p.name, g.source, g.id, g.identity_id, g.mapping_id, g.group_id
    from app_user u
    join permission_grant g on g.tenant_id = u.tenant_id and g.user_id = u.id
        and g.granted_at <= p_at and (g.revoked_at is null or g.revoked_at > p_at)
    join permission p on p.tenant_id = g.tenant_id and p.id = g.permission_id
    where u.tenant_id = p_tenant and u.id = p_user and u.disabled_at is null
        and case g.source
            when 'MANUAL' then
                -- A way in: a local password, or a living login.
                u.password_hash is not null
                or exists (select from live_identity i where i.signed_in_until > p_at or i.sync = 'OFF')
            else exists (
                select from live_identity i
                join group_mapping m on m.tenant_id = p_tenant and m.id = g.mapping_id
                    and m.enabled and m.deleted_at is null and (m.provider_id is null or m.provider_id = i.provider_id)
                join mapping_permission mp on mp.tenant_id = p_tenant and mp.mapping_id = m.id
                    and mp.permission_id = g.permission_id
                join mapping_group mg on mg.tenant_id = p_tenant and mg.mapping_id = m.id and mg.group_id = g.group_id
                where i.id = g.identity_id and i.groups_valid_until > p_at
            )
        end;
end;
"""

# The read model: a user's facts as JSON rows (arrays, in the order of permissions.facts), written whole by every writer.
REFRESH_USER_READ = """
create function refresh_user_read(p_tenant uuid, p_users uuid[]) returns void
language sql
begin atomic
    insert into user_read (tenant_id, id, facts)
    select p_tenant, u.id, json_build_array(
        coalesce((
            select json_agg(json_build_array(
                i.id, i.provider_id, i.issuer, i.subject, i.anchor, i.state, i.state_reason, i.state_since,
                i.created_at, i.signed_in_at) order by i.id)
            from identity i where i.tenant_id = p_tenant and i.user_id = u.id), '[]'::json),
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


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        connection = engine_finder().current_transaction.get().connection
        for script in (KEYS, EFFECTIVE_PERMISSION, REFRESH_USER_READ):
            await connection.execute(script)

    manager.add_raw(run)
    return manager
