-- Every table gets two columns, so that no statement of older code may depend on how many there are.
do $$
declare
    name text;
begin
    for name in
        select tablename from pg_tables
        where schemaname = 'public' and tablename not in ('migration', 'schema_compatibility')
    loop
        execute format('alter table %I add column expansion_note text', name);
        execute format('alter table %I add column expansion_count integer not null default 0', name);
    end loop;
end
$$;

create table expansion (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    user_id uuid not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references app_user (tenant_id, id)
);

create index app_user_expansion_note on app_user (tenant_id, expansion_note);
