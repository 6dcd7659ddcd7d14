-- Distributes the tables over the nodes of a Citus cluster, each tenant's rows together. Run it after each
-- `identity-api migrate`, with the API and the workers stopped; what is distributed already is left as it is.
--
--     psql --single-transaction --set ON_ERROR_STOP=1 --file deploy/citus/distribute.sql "$DATABASE_URL"

set local client_min_messages = warning;
set local citus.multi_shard_modify_mode = 'sequential';

-- Citus hides the parts of tables from catalogue queries, row by row: the driver would take seconds to look up a type.
do $$ begin execute format('alter database %I set citus.override_table_visibility = off', current_database()); end $$;

do $$
declare
    one record;
    -- A foreign key holds between tables of which both are distributed, or neither. So all are put aside first.
    aside constant text := 'create temporary table foreign_key on commit drop as
        select conrelid::regclass as of, conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
        where contype = ''f'' and connamespace = current_schema()::regnamespace and conparentid = 0
            and not relation_is_a_known_shard(conrelid)';
begin
    if not exists (
        select from pg_class c where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
            and exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped)
            and not exists (select from pg_dist_partition where logicalrelid = c.oid)
            and not relation_is_a_known_shard(c.oid)) then
        return;
    end if;

    execute aside;
    for one in select * from foreign_key loop
        execute format('alter table %s drop constraint %I', one.of, one.name);
    end loop;

    -- What all tenants share: read with every tenant's rows, and written by operators alone.
    for one in select relation from unnest(array['tenant', 'tenant_host', 'service_client']::regclass[]) as relation
        where not exists (select from pg_dist_partition where logicalrelid = relation)
    loop
        perform create_reference_table(one.relation);
    end loop;

    for one in
        select c.oid::regclass as relation from pg_class c
        where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
            and exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped)
            and not exists (select from pg_dist_partition where logicalrelid = c.oid)
            and not relation_is_a_known_shard(c.oid)
        order by c.relname
    loop
        perform create_distributed_table(one.relation, 'tenant_id');
    end loop;

    for one in select * from foreign_key loop
        execute format('alter table %s add constraint %I %s', one.of, one.name, one.definition);
    end loop;
end $$;
