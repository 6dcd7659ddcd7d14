"""A large tenant, written with set-based SQL in the product's own schema."""

import random
from typing import Any
from uuid import UUID

import msgspec

from identity_api.db import clients
from identity_api.db.database import Connection
from identity_api.db.user_facts import REFRESH
from identity_api.ids import new_tenant_token, new_token, token_hash, uuid7
from identity_api.sessions.introspect import INTROSPECT

GROUPS = 400
PERMISSIONS = 60
SESSIONS = 64
VIEWERS = 500
GROUPS_PER_USER = 5


class Tenant(msgspec.Struct, frozen=True):
    """What the scenarios need to know of the tenant."""

    id: UUID
    user_ids: list[UUID]
    """In the order of their ids."""
    session_tokens: list[str]
    """Of somebody who reads users. Many, because each has a budget per minute that a benchmark would use up."""
    viewer_tokens: list[str]
    """Of so many people, one each, drawn at random."""
    ids_by_username: dict[str, UUID]
    client: tuple[str, str]
    """Name and secret of a service client that introspects."""


async def build(connection: Connection, users: int) -> Tenant:
    """A tenant of so many users: one identity and five groups each, every second group mapped, one admin with a session."""
    tenant, provider = uuid7(), uuid7()
    tokens = [new_tenant_token("ias", tenant) for _ in range(SESSIONS)]
    values: dict[str, Any] = {"tenant": tenant, "provider": provider, "users": users}
    for statement in _STATEMENTS:
        names = [name for name in values if f":{name}" in statement]
        text = statement
        for place, name in enumerate(names, 1):
            text = text.replace(f":{name}", f"${place}")
        await connection.execute(text, *[values[name] for name in names], timeout=3_600)
    rows = await connection.fetch(
        "select id, username from app_user where tenant_id = $1 order by id", tenant, timeout=6000
    )
    user_ids = [row["id"] for row in rows]
    await _make_admin(connection, tenant, user_ids[0], tokens)
    viewers = {
        new_tenant_token("ias", tenant): id for id in random.Random(5).sample(user_ids, min(VIEWERS, len(user_ids)))
    }
    await _insert_sessions(connection, tenant, viewers)
    client = await _insert_client(connection, tenant)
    # Without statistics the next statements take a hundred times longer.
    await connection.execute("analyze", timeout=3_600)
    for start in range(0, len(user_ids), 2_000):
        await connection.execute(REFRESH, tenant, user_ids[start : start + 2_000], timeout=3_600)
    await connection.execute("vacuum analyze", timeout=3_600)
    return Tenant(tenant, user_ids, tokens, list(viewers), {row["username"]: row["id"] for row in rows}, client)


_STATEMENTS = (
    "insert into tenant (id, slug, name, epoch, created_at) values (:tenant, 'bench', 'Bench', 0, now())",
    """
    insert into provider (id, tenant_id, slug, protocol, label, position, enabled, issuer, client_id, client_authentication,
        redirect_url, scopes, authorization_parameters, endpoints, claims, provisioning, adopt_by_name, email_verified_rule,
        absent_groups, sync_mode, sync, sync_interval_seconds, outage_grace_seconds, unsynced_lease_seconds, max_concurrent,
        reauthentication, managed_by, version, created_at, updated_at)
    values (:provider, :tenant, 'okta', 'oidc', 'Okta', 0, true, 'https://okta.example', 'c', 'none', 'https://x.example/auth/oidc/okta/callback',
        '{openid}', '{}', '{}', '{}', 'JIT', false, 'IGNORE', 'UNKNOWN', 'STRICT', 'REFRESH_TOKEN', 300, 14400, 86400, 20,
        false, 'API', 1, now(), now())
    """,
    """
    insert into app_user (id, tenant_id, username, username_folded, display_label, display_label_folded, email, email_folded,
        email_verified, epoch, created_at, active_at)
    select gen_random_uuid(), :tenant, 'user' || i, 'user' || i, 'User Number ' || i, 'user number ' || i,
        'user' || i || '@example.com', 'user' || i || '@example.com', true, 0, now(), now()
    from generate_series(1, :users::int) i
    """,
    """
    insert into identity (id, tenant_id, user_id, provider_id, issuer, subject, anchor, claims, state, state_since,
        created_at, signed_in_at)
    select gen_random_uuid(), :tenant, u.id, :provider, 'https://okta.example', u.username, u.username, '{}', 'FRESH', now(),
        now(), now()
    from app_user u where u.tenant_id = :tenant
    """,
    """
    insert into identity_sync (id, tenant_id, user_id, provider_id, generation, uncertain, failures, signed_in_until,
        groups_valid_until, verified_at, outcome, groups_completeness)
    select i.id, :tenant, i.user_id, :provider, 1, false, 0, now() + interval '4 hours', now() + interval '4 hours', now(),
        'ok', 'COMPLETE'
    from identity i where i.tenant_id = :tenant
    """,
    f"""
    insert into provider_group (id, tenant_id, provider_id, name, first_seen_at)
    select gen_random_uuid(), :tenant, :provider, 'group-' || i, now() from generate_series(0, {GROUPS - 1}) i
    """,
    f"""
    insert into identity_group (tenant_id, identity_id, group_id)
    select :tenant, i.id, g.id
    from (select id, row_number() over () as n from identity where tenant_id = :tenant) i
    cross join generate_series(1, {GROUPS_PER_USER}) k
    join provider_group g on g.tenant_id = :tenant and g.name = 'group-' || ((i.n * 7 + k * 61) % {GROUPS})
    on conflict do nothing
    """,
    f"""
    insert into permission (id, tenant_id, name, description, delegable, created_at)
    select gen_random_uuid(), :tenant, 'perm:p' || i, '', true, now() from generate_series(0, {PERMISSIONS - 1}) i
    """,
    """
    insert into group_mapping (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by, created_at, updated_at)
    select gen_random_uuid(), :tenant, :provider, g.name, 'EXACT', true, 1, 'API', now(), now()
    from provider_group g where g.tenant_id = :tenant and substr(g.name, 7)::int % 2 = 0
    """,
    f"""
    insert into mapping_permission (tenant_id, mapping_id, permission_id)
    select :tenant, m.id, p.id from group_mapping m
    join permission p on p.tenant_id = :tenant and p.name = 'perm:p' || (substr(m.pattern, 7)::int % {PERMISSIONS})
    where m.tenant_id = :tenant
    """,
    """
    insert into mapping_group (tenant_id, mapping_id, group_id)
    select :tenant, m.id, g.id from group_mapping m
    join provider_group g on g.tenant_id = :tenant and g.name = m.pattern where m.tenant_id = :tenant
    """,
    """
    insert into permission_grant (id, tenant_id, user_id, permission_id, source, identity_id, mapping_id, group_id, granted_at,
        granted_by)
    select gen_random_uuid(), :tenant, i.user_id, mp.permission_id, 'GROUP', i.id, mg.mapping_id, ig.group_id, now(), 'sync'
    from identity_group ig
    join identity i on i.tenant_id = :tenant and i.id = ig.identity_id
    join mapping_group mg on mg.tenant_id = :tenant and mg.group_id = ig.group_id
    join mapping_permission mp on mp.tenant_id = :tenant and mp.mapping_id = mg.mapping_id
    where ig.tenant_id = :tenant
    """,
)


async def _make_admin(connection: Connection, tenant: UUID, user_id: UUID, tokens: list[str]) -> None:
    permission = uuid7()
    await connection.execute(
        "insert into permission (id, tenant_id, name, description, delegable, created_at)"
        " values ($1, $2, 'identity:users:read', '', false, now())",
        permission,
        tenant,
    )
    await connection.execute(
        "insert into permission_grant (id, tenant_id, user_id, permission_id, source, granted_at, granted_by)"
        " values ($1, $2, $3, $4, 'MANUAL', now(), 'operator:bench')",
        uuid7(),
        tenant,
        user_id,
        permission,
    )
    await _insert_sessions(connection, tenant, dict.fromkeys(tokens, user_id))


async def _insert_sessions(connection: Connection, tenant: UUID, users: dict[str, UUID]) -> None:
    await connection.executemany(
        """
        insert into session (id, tenant_id, user_id, identity_id, kind, token_hash, epoch, created_at, seen_at,
            authenticated_at, absolute_until)
        select $1, $2, $3, i.id, 'BEARER', $4, 0, now(), now(), now(), now() + interval '1 day'
        from identity i where i.tenant_id = $2 and i.user_id = $3
        """,
        [(uuid7(), tenant, user_id, token_hash(token)) for token, user_id in users.items()],
    )


async def _insert_client(connection: Connection, tenant: UUID) -> tuple[str, str]:
    name, secret = "backend", new_token("isc")
    await clients.insert_service_client(connection, uuid7(), name, token_hash(secret), [tenant], [INTROSPECT])
    return name, secret
