"""The read model's facts, as SQL: JSON arrays in the order of `permissions.grant_snapshot`, written whole by every writer."""

from typing import Final

REFRESH: Final = """
    with before as materialized (
        -- Here and below each row is looked up by its key: that is what it costs, whatever is known of the tables.
        select u.id, r.facts, r.brief from unnest($2::uuid[]) as u (id)
        cross join lateral (
            select facts, brief from user_read where tenant_id = $1 and id = u.id limit 1) r
    ),
    written as (
        insert into user_read (tenant_id, id, facts, brief)
        select $1, u.id,
            json_build_array(
                coalesce(i.facts, '[]'::json),
                coalesce(g.facts, '[]'::json),
                coalesce((
                    select json_agg(json_build_array(ig.group_id, pg.name, ig.identity_id) order by pg.name, ig.identity_id)
                    from (select id from identity where tenant_id = $1 and user_id = u.id offset 0) i
                    cross join lateral (
                        select group_id, identity_id from identity_group
                        where tenant_id = $1 and identity_id = i.id offset 0) ig
                    cross join lateral (
                        select name from provider_group where tenant_id = $1 and id = ig.group_id limit 1) pg),
                    '[]'::json))::text,
            json_build_array(coalesce(i.brief, '[]'::json), coalesce(g.brief, '[]'::json))::text
        from unnest($2::uuid[]) as u (id)
        cross join lateral (
            select
                json_agg(json_build_array(
                    i.id, i.provider_id, i.state, i.issuer, i.subject, i.anchor, i.state_reason, i.state_since, i.created_at,
                    i.signed_in_at) order by i.id) as facts,
                json_agg(json_build_array(i.id, i.provider_id, i.state) order by i.id) as brief
            from (select * from identity where tenant_id = $1 and user_id = u.id offset 0) i
            where i.unlinked_at is null) i
        cross join lateral (
            select
                json_agg(o.fact order by o.name, o.id) as facts,
                json_agg(json_build_object('name', o.name, 'reasons', o.reasons) order by o.name)
                    filter (where o.place = 1) as brief
            from (
                select p.name collate "C" as name, g.id,
                    json_build_array(
                        p.name, g.source, g.identity_id, pg.asserted, g.id, g.mapping_id, g.group_id, g.granted_at,
                        g.granted_by) as fact,
                    json_agg(json_build_object(
                        'source', g.source, 'identity_id', g.identity_id, 'group', pg.asserted)) over (
                        partition by p.id order by g.id rows between unbounded preceding and unbounded following) as reasons,
                    row_number() over (partition by p.id order by g.id) as place
                from (
                    select * from permission_grant
                    where tenant_id = $1 and user_id = u.id and revoked_at is null offset 0) g
                cross join lateral (
                    select id, name from permission where tenant_id = $1 and id = g.permission_id limit 1) p
                left join lateral (
                    select json_build_object('name', name) as asserted
                    from provider_group where tenant_id = $1 and id = g.group_id limit 1) pg on true) o) g
        on conflict (tenant_id, id) do update set facts = excluded.facts, brief = excluded.brief
            where user_read.facts <> excluded.facts
        returning id, facts, brief
    )
    select w.id from written w left join before b on b.id = w.id
    where b.facts is null or (w.facts::json -> 1)::text <> (b.facts::json -> 1)::text
        or (w.facts::json -> 2)::text <> (b.facts::json -> 2)::text
        or (w.brief::json -> 0)::text <> (b.brief::json -> 0)::text
"""
"""Writes the facts of these users ($2) of the tenant ($1); `brief` is the part that decides permissions, and the
open grants by permission as answers show them. Identities that were unlinked are left out.

Answers with the users of whom something differs that others follow: grants,
groups, or which identities there are and in what state; not, for instance, when they last signed in.
"""
