-- What a user of PostGraphile adds to these tables: a role, row level security by tenant, a view of the permissions in force
-- with their source, and an index for the order by name.
create role pgl_auth login;
create role pgl_user;
grant pgl_user to pgl_auth;
grant usage on schema public to pgl_user, pgl_auth;
grant select on session, app_user, tenant, identity, provider to pgl_auth;
grant select on app_user, identity, identity_sync, identity_group, provider_group, provider, permission, permission_grant to pgl_user;

create function app_tenant() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.tenant', true), '')::uuid $$;

do $$
declare name text;
begin
    foreach name in array array['app_user', 'identity', 'identity_sync', 'identity_group', 'provider_group', 'provider',
        'permission', 'permission_grant']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy by_tenant on %I for select to pgl_user using (tenant_id = (select app_tenant()))', name);
    end loop;
end $$;
create policy auth_all on app_user for select to pgl_auth using (true);
create policy auth_all on identity for select to pgl_auth using (true);
create policy auth_all on provider for select to pgl_auth using (true);

create view user_permission with (security_invoker = true) as
    select g.id, g.tenant_id, g.user_id, p.name, g.source, pg.name as group_name
    from permission_grant g
    join permission p on p.tenant_id = g.tenant_id and p.id = g.permission_id
    left join provider_group pg on pg.tenant_id = g.tenant_id and pg.id = g.group_id
    left join identity i on i.tenant_id = g.tenant_id and i.id = g.identity_id
    left join identity_sync s on s.tenant_id = g.tenant_id and s.id = g.identity_id
    left join provider pr on pr.tenant_id = g.tenant_id and pr.id = i.provider_id
    where g.revoked_at is null and (g.source = 'MANUAL'
        or (i.state not in ('REVOKED', 'QUARANTINED') and pr.enabled and s.groups_valid_until > now()));
grant select on user_permission to pgl_user;
comment on view user_permission is E'@primaryKey id\n@foreignKey (tenant_id, user_id) references app_user (tenant_id, id)|@foreignFieldName permissions\n@behavior -list';

create function viewer() returns app_user language sql stable
    as $$ select u.* from app_user u where u.tenant_id = app_tenant() and u.id = nullif(current_setting('app.user', true), '')::uuid $$;
grant execute on function viewer() to pgl_user;

create index benchmark_by_username on app_user (tenant_id, username_folded, id);
