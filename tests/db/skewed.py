"""One tenant with many people among many with few: what makes a statement that read a few rows read a whole tenant."""

from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from identity_api.db.database import Connection
from identity_api.ids import new_tenant_token, token_hash, uuid7

FAR = "2099-01-01"
GROUPS_EACH = 3
GROUPS = 1_000
PERMISSIONS = 50
MAPPINGS = 500


class Skewed(msgspec.Struct, frozen=True):
    """Tenants of which the first is large. Everybody has an identity and is due; the first of each tenant has a session."""

    url: str
    tenants: list[UUID]
    providers: list[UUID]
    tokens: list[str]


async def fill(url: str, *, people: int, others: int, each: int = 1, whole: bool = False) -> Skewed:
    """Write so many tenants of `each` people, then one of `people`.

    The large one is written after the last `analyze`, and nothing is analysed by itself: the statistics know nothing of it.

    Args:
        whole: with groups, mappings, grants, events and logins under way, and not only people who are signed in.
    """
    connection = await asyncpg.connect(url)
    tenants = [uuid7() for _ in range(others + 1)]
    made = Skewed(url, tenants, [uuid7() for _ in tenants], [new_tenant_token("ias", tenant) for tenant in tenants])
    try:
        # Neither foreign keys nor statistics by themselves: it is the same data in a tenth of the time.
        await connection.execute("set session_replication_role = replica; set enable_nestloop = off")
        for row in await connection.fetch("select tablename from pg_tables where schemaname = 'public'"):
            await connection.execute(f'alter table "{row[0]}" set (autovacuum_enabled = off)')
        small = msgspec.structs.replace(made, tenants=tenants[1:], providers=made.providers[1:], tokens=made.tokens[1:])
        await _write(connection, small, each, whole=whole)
        await connection.execute("vacuum analyze", timeout=600)
        large = msgspec.structs.replace(made, tenants=tenants[:1], providers=made.providers[:1], tokens=made.tokens[:1])
        await _write(connection, large, people, whole=whole)
    finally:
        await connection.close()
    return made


async def _write(connection: Connection, made: Skewed, people: int, *, whole: bool) -> None:
    values: dict[str, Any] = {
        "tenants": made.tenants,
        "providers": made.providers,
        "hashes": [token_hash(one) for one in made.tokens],
        "people": people,
    }
    for statement in (*_PEOPLE, *(_GROUPS_AND_ALL if whole else ())):
        names = [name for name in values if f":{name}" in statement]
        text = statement
        for place, name in enumerate(names, 1):
            text = text.replace(f":{name}", f"${place}")
        await connection.execute(text, *[values[name] for name in names], timeout=600)


_PEOPLE = (
    """
    insert into tenant (id, slug, name, epoch, created_at)
    select t.id, 't' || t.id, 'T', 0, now() from unnest(:tenants::uuid[]) t (id)
    """,
    """
    insert into provider (id, tenant_id, slug, protocol, label, position, enabled, issuer, client_id, client_authentication,
        redirect_url, scopes, authorization_parameters, endpoints, claims, provisioning, adopt_by_name, email_verified_rule,
        absent_groups, sync_mode, sync, sync_interval_seconds, outage_grace_seconds, unsynced_lease_seconds, max_concurrent,
        reauthentication, managed_by, version, created_at, updated_at)
    select p.id, t.id, 'okta', 'oidc', 'Okta', 0, true, 'https://okta.example', 'c', 'none', 'https://x.example/cb/' || p.id,
        '{openid}', '{}', '{}', '{}', 'JIT', false, 'IGNORE', 'UNKNOWN', 'STRICT', 'REFRESH_TOKEN', 300, 14400, 86400, 20,
        false, 'API', 1, now(), now()
    from unnest(:tenants::uuid[]) with ordinality t (id, n)
    join unnest(:providers::uuid[]) with ordinality p (id, n) using (n)
    """,
    """
    insert into app_user (id, tenant_id, username, username_folded, display_label, display_label_folded, email, email_folded,
        email_verified, epoch, created_at, active_at, is_linked)
    select gen_random_uuid(), t.id, 'user' || i, 'user' || i, 'User Number ' || i, 'user number ' || i,
        'user' || i || '@example.com', 'user' || i || '@example.com', true, 0, now(), now(), true
    from unnest(:tenants::uuid[]) t (id) cross join generate_series(1, :people::int) i
    """,
    "insert into user_read (id, tenant_id, facts, brief) select id, tenant_id, '[[],[],[]]', '[[],[]]' from app_user"
    " where tenant_id = any(:tenants::uuid[])",
    """
    insert into identity (id, tenant_id, user_id, provider_id, issuer, subject, anchor, claims, state, state_since,
        created_at, signed_in_at)
    select gen_random_uuid(), u.tenant_id, u.id, p.id, p.issuer, u.username, u.username, '{}', 'FRESH', now(), now(), now()
    from app_user u join provider p on p.tenant_id = u.tenant_id where u.tenant_id = any(:tenants::uuid[])
    """,
    f"""
    insert into identity_sync (id, tenant_id, user_id, provider_id, generation, uncertain, failures, due_at, signed_in_until,
        groups_valid_until, verified_at, outcome, groups_completeness)
    select i.id, i.tenant_id, i.user_id, i.provider_id, 1, false, 0, now() - random() * interval '1 minute', '{FAR}',
        '{FAR}', now(), 'ok', 'COMPLETE'
    from identity i where tenant_id = any(:tenants::uuid[])
    """,
    """
    insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, uncertain)
    select gen_random_uuid(), i.tenant_id, i.id, '', uuid_send(i.id), now(), false
    from identity i where tenant_id = any(:tenants::uuid[])
    """,
    f"""
    insert into session (id, tenant_id, user_id, identity_id, kind, token_hash, epoch, created_at, seen_at,
        authenticated_at, absolute_until)
    select gen_random_uuid(), i.tenant_id, i.user_id, i.id, 'BEARER',
        case when i.anchor = 'user1' then h.hash else uuid_send(i.id) end, 0, now(), now(), now(), '{FAR}'
    from unnest(:tenants::uuid[]) with ordinality t (id, n) join unnest(:hashes::bytea[]) with ordinality h (hash, n) using (n)
    join identity i on i.tenant_id = t.id
    """,
)

_GROUPS_AND_ALL = (
    "insert into audit_head (tenant_id, sequence, mac, key_id, sealed_at) select id, 0, '', '', now()"
    " from unnest(:tenants::uuid[]) t (id)",
    # What groups give: everybody is in `everyone` and in some of many others; a mapping for each second one.
    f"""
    insert into provider_group (id, tenant_id, provider_id, name, first_seen_at)
    select gen_random_uuid(), p.tenant_id, p.id, n.name, now() from provider p
    cross join (select 'everyone' as name
        union all select 'group-' || i from generate_series(1, least(:people::int, {GROUPS})) i) n
    where p.tenant_id = any(:tenants::uuid[])
    """,
    f"""
    insert into identity_group (tenant_id, identity_id, group_id)
    select distinct i.tenant_id, i.id, g.id from identity i
    cross join generate_series(0, {GROUPS_EACH - 1}) k
    join provider_group g on g.tenant_id = i.tenant_id and g.name = case k when 0 then 'everyone'
        else 'group-' || (1 + (substr(i.anchor, 5)::int * 7 + k * 61) % least(:people::int, {GROUPS})) end
    where i.tenant_id = any(:tenants::uuid[])
    """,
    f"""
    insert into permission (id, tenant_id, name, description, delegable, created_at)
    select gen_random_uuid(), t.id, 'perm:p' || i, '', true, now()
    from unnest(:tenants::uuid[]) t (id) cross join generate_series(0, least(:people::int, {PERMISSIONS}) - 1) i
    """,
    f"""
    insert into group_mapping (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by, created_at, updated_at)
    select gen_random_uuid(), g.tenant_id, g.provider_id, g.name, 'EXACT', true, 1, 'API', now(), now()
    from provider_group g where g.tenant_id = any(:tenants::uuid[])
        and (g.name = 'everyone' or substr(g.name, 7)::int <= {MAPPINGS})
    """,
    f"""
    insert into mapping_permission (tenant_id, mapping_id, permission_id)
    select m.tenant_id, m.id, p.id from group_mapping m
    join permission p on p.tenant_id = m.tenant_id and p.name = 'perm:p' || case m.pattern when 'everyone' then 0
        else substr(m.pattern, 7)::int % least(:people::int, {PERMISSIONS}) end
    where m.tenant_id = any(:tenants::uuid[])
    """,
    """
    insert into mapping_group (tenant_id, mapping_id, group_id)
    select m.tenant_id, m.id, g.id from group_mapping m
    join provider_group g on g.tenant_id = m.tenant_id and g.name = m.pattern where m.tenant_id = any(:tenants::uuid[])
    """,
    # Open ones, one that was closed of everybody, and one by hand of every tenth person.
    """
    insert into permission_grant (id, tenant_id, user_id, permission_id, source, identity_id, mapping_id, group_id,
        granted_at, granted_by, revoked_at, revoked_by, revoked_reason)
    select gen_random_uuid(), ig.tenant_id, i.user_id, mp.permission_id, 'GROUP', i.id, mg.mapping_id, ig.group_id,
        now() - interval '2 days', 'sync', c.at, case when c.at is not null then 'sync' end,
        case when c.at is not null then 'GROUP_LEFT' end
    from identity_group ig
    join identity i on i.tenant_id = ig.tenant_id and i.id = ig.identity_id
    join mapping_group mg on mg.tenant_id = ig.tenant_id and mg.group_id = ig.group_id
    join mapping_permission mp on mp.tenant_id = ig.tenant_id and mp.mapping_id = mg.mapping_id
    join provider_group pg on pg.tenant_id = ig.tenant_id and pg.id = ig.group_id
    join (values (null::timestamptz), (now() - interval '1 day')) c (at) on c.at is null or pg.name = 'everyone'
    where ig.tenant_id = any(:tenants::uuid[])
    """,
    """
    insert into permission_grant (id, tenant_id, user_id, permission_id, source, granted_at, granted_by)
    select gen_random_uuid(), u.tenant_id, u.id, p.id, 'MANUAL', now(), 'operator:root'
    from app_user u join permission p on p.tenant_id = u.tenant_id and p.name = 'perm:p0'
    where u.tenant_id = any(:tenants::uuid[]) and u.username like '%1'
    """,
    # Sealed, but for the last hundred of one tenant of a hundred; ids begin with the millisecond, as those of real events.
    """
    insert into audit_event (id, tenant_id, at, actor, action, subject_kind, subject_id, user_id, payload, names, salt,
        sequence, mac, key_id)
    select (lpad(to_hex(1750000000000 + e.n), 12, '0') || '7' || substr(md5(e.id::text), 1, 3) || '8'
            || substr(md5(e.id::text), 4, 15))::uuid,
        e.tenant_id, to_timestamp(1750000000 + e.n / 1000.0), 'sync', 'grant.opened', 'grant', e.id, e.user_id, '{}', '{}',
        gen_random_uuid(), case when e.n <= e.of - 100 or e.place % 100 > 0 then e.n end, '', 'k'
    from (select g.id, g.tenant_id, g.user_id, row_number() over (partition by g.tenant_id order by g.id) as n,
        count(*) over (partition by g.tenant_id) as of, t.place - 1 as place
        from unnest(:tenants::uuid[]) with ordinality t (id, place) join permission_grant g
            on g.tenant_id = t.id and g.revoked_at is null) e
    """,
    f"""
    insert into api_token (id, tenant_id, user_id, name, token_hash, created_at, expires_at)
    select gen_random_uuid(), u.tenant_id, u.id, 'ci', uuid_send(u.id), now(), '{FAR}'
    from app_user u where u.tenant_id = any(:tenants::uuid[]) and u.username ~ '(2|r1)$'
    """,
    # One of ten signs in just now.
    """
    insert into login_attempt (id, tenant_id, provider_id, delivery, return_to, session_origin, path_prefix, reauthentication,
        redirect_url, issuer, state_hash, created_at, expires_at)
    select i.id, i.tenant_id, i.provider_id, 'cookie', '/', 'https://x.example', '', false, 'https://x.example/cb', i.issuer,
        uuid_send(i.id), now(), now() + interval '10 minutes'
    from identity i where i.tenant_id = any(:tenants::uuid[]) and i.anchor ~ '(3|r1)$'
    """,
    """
    insert into login_handle (id, tenant_id, attempt_id, token_hash, stage, expires_at)
    select gen_random_uuid(), tenant_id, id, uuid_send(id), 'SESSION_HOST', expires_at from login_attempt
    where tenant_id = any(:tenants::uuid[])
    """,
    """
    insert into one_time_code (id, tenant_id, attempt_id, user_id, identity_id, kind, code_hash, authenticated_at, expires_at)
    select gen_random_uuid(), a.tenant_id, a.id, i.user_id, i.id, 'TOKEN', uuid_send(a.id), now(), a.expires_at
    from login_attempt a join identity i on i.tenant_id = a.tenant_id and i.id = a.id
    where a.tenant_id = any(:tenants::uuid[])
    """,
    """
    insert into password_token (id, tenant_id, user_id, token_hash, created_at, expires_at)
    select gen_random_uuid(), u.tenant_id, u.id, uuid_send(u.id), now(), now() + interval '1 day'
    from app_user u where u.tenant_id = any(:tenants::uuid[]) and u.username ~ '(4|r1)$'
    """,
    """
    insert into local_account (id, tenant_id, failures)
    select u.id, u.tenant_id, 0 from app_user u where u.tenant_id = any(:tenants::uuid[]) and u.username ~ '(4|r1)$'
    """,
    """
    insert into logout_token_seen (tenant_id, provider_id, token_hash, ended_hash, seen_at, expires_at)
    select i.tenant_id, i.provider_id, uuid_send(i.id), uuid_send(i.id), now(), now() + interval '1 hour'
    from identity i where i.tenant_id = any(:tenants::uuid[]) and i.anchor ~ '(5|r1)$'
    """,
    # One edit that grants still follow.
    """
    insert into mapping_change (id, tenant_id, mapping_id, actor, total, done, created_at)
    select gen_random_uuid(), m.tenant_id, m.id, 'sync', 10, 10, now()
    from unnest(:tenants::uuid[]) with ordinality t (id, place) join group_mapping m on m.tenant_id = t.id
    where m.pattern = 'group-1' and t.place = 1 and :people::int <= 1000
    """,
)
