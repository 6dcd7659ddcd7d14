"""One tenant with many people among many with few: what makes a statement that read a few rows read a whole tenant."""

from uuid import UUID

import asyncpg
import msgspec

from identity_api.ids import new_tenant_token, token_hash, uuid7

FAR = "2099-01-01"


class Skewed(msgspec.Struct, frozen=True):
    """Tenants of which the first is large. Everybody has an identity and is due; the first of each tenant has a session."""

    url: str
    tenants: list[UUID]
    providers: list[UUID]
    tokens: list[str]


async def fill(url: str, *, people: int, others: int) -> Skewed:
    """Write a tenant of so many people and so many tenants of one, and have it analysed."""
    connection = await asyncpg.connect(url)
    tenants = [uuid7() for _ in range(others + 1)]
    providers = [uuid7() for _ in tenants]
    made = Skewed(url, tenants, providers, [new_tenant_token("ias", tenant) for tenant in tenants])
    try:
        for statement in _STATEMENTS:
            numbers = [number for number in range(1, 5) if f"${number}" in statement]
            values = [made.tenants, made.providers, [token_hash(one) for one in made.tokens], people]
            # Each statement takes what it names, in its own numbering.
            text = statement
            for place, number in enumerate(numbers, 1):
                text = text.replace(f"${number}", f"$#{place}")
            await connection.execute(text.replace("$#", "$"), *[values[number - 1] for number in numbers], timeout=600)
        await connection.execute("vacuum analyze", timeout=600)
    finally:
        await connection.close()
    return made


_STATEMENTS = (
    """
    insert into tenant (id, slug, name, epoch, created_at)
    select t.id, 't' || t.n, 'T', 0, now() from unnest($1::uuid[]) with ordinality t (id, n)
    """,
    """
    insert into provider (id, tenant_id, slug, protocol, label, position, enabled, issuer, client_id, client_authentication,
        redirect_url, scopes, authorization_parameters, endpoints, claims, provisioning, adopt_by_name, email_verified_rule,
        absent_groups, sync_mode, sync, sync_interval_seconds, outage_grace_seconds, unsynced_lease_seconds, max_concurrent,
        reauthentication, managed_by, version, created_at, updated_at)
    select p.id, t.id, 'okta', 'oidc', 'Okta', 0, true, 'https://okta.example', 'c', 'none', 'https://x.example/cb/' || p.id,
        '{openid}', '{}', '{}', '{}', 'JIT', false, 'IGNORE', 'UNKNOWN', 'STRICT', 'REFRESH_TOKEN', 300, 14400, 86400, 20,
        false, 'API', 1, now(), now()
    from unnest($1::uuid[]) with ordinality t (id, n) join unnest($2::uuid[]) with ordinality p (id, n) using (n)
    """,
    """
    insert into app_user (id, tenant_id, username, username_folded, display_label, display_label_folded, email, email_folded,
        email_verified, epoch, created_at, active_at)
    select gen_random_uuid(), t.id, 'user' || i, 'user' || i, 'User Number ' || i, 'user number ' || i,
        'user' || i || '@example.com', 'user' || i || '@example.com', true, 0, now(), now()
    from unnest($1::uuid[]) with ordinality t (id, n)
    cross join lateral generate_series(1, case when t.n = 1 then $4::int else 1 end) i
    """,
    "insert into user_read (id, tenant_id, facts, brief) select id, tenant_id, '[[],[],[]]', '[[],[]]' from app_user",
    """
    insert into identity (id, tenant_id, user_id, provider_id, issuer, subject, anchor, claims, state, state_since,
        created_at, signed_in_at)
    select gen_random_uuid(), u.tenant_id, u.id, p.id, p.issuer, u.username, u.username, '{}', 'FRESH', now(), now(), now()
    from app_user u join provider p on p.tenant_id = u.tenant_id
    """,
    f"""
    insert into identity_sync (id, tenant_id, user_id, provider_id, generation, uncertain, failures, due_at, signed_in_until,
        groups_valid_until, verified_at, outcome, groups_completeness)
    select i.id, i.tenant_id, i.user_id, i.provider_id, 1, false, 0, now() - random() * interval '1 minute', '{FAR}',
        '{FAR}', now(), 'ok', 'COMPLETE'
    from identity i
    """,
    """
    insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, uncertain)
    select gen_random_uuid(), i.tenant_id, i.id, '', uuid_send(i.id), now(), false from identity i
    """,
    f"""
    insert into session (id, tenant_id, user_id, identity_id, kind, token_hash, epoch, created_at, seen_at,
        authenticated_at, absolute_until)
    select gen_random_uuid(), i.tenant_id, i.user_id, i.id, 'BEARER', h.hash, 0, now(), now(), now(), '{FAR}'
    from unnest($1::uuid[]) with ordinality t (id, n) join unnest($3::bytea[]) with ordinality h (hash, n) using (n)
    join identity i on i.tenant_id = t.id and i.anchor = 'user1'
    """,
)
