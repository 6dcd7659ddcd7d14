"""The claim on a long queue: many due identities of one tenant, and on one of many tenants."""

import statistics
import time
from uuid import uuid4

import asyncpg

from identity_api.db import sync_claims
from identity_api.db.migrate import migrate

ROUNDS = 15
LIMIT = 100


async def measure(url: str, due: int) -> str:
    """Milliseconds of a claim of 100 among so many due identities of one tenant, and among a hundredth as many tenants."""
    base, _, options = url.partition("?")
    connection = await asyncpg.connect(url)
    await connection.execute("create database bench_queue")
    await connection.close()
    there = f"{base.rpartition('/')[0]}/bench_queue?{options}"
    await migrate(there)
    connection = await asyncpg.connect(there, server_settings={"jit": "off"})
    one = await claims(connection, due, tenants=1)
    many = await claims(connection, due, tenants=max(1, due // 100))
    await connection.close()
    return f"A claim of {LIMIT}: {one} with {due:,} due in one tenant, {many} with as many in {max(1, due // 100):,} tenants."


async def claims(connection: asyncpg.Connection, due: int, *, tenants: int) -> str:
    """Write so many due identities, and nothing else, and claim."""
    await connection.execute("truncate tenant cascade")
    for statement in _STATEMENTS:
        await connection.execute(statement.replace(":tenants", str(tenants)).replace(":due", str(due)), timeout=900)
    await connection.execute("vacuum analyze", timeout=600)
    near = await _milliseconds(connection, looks_everywhere=False)
    return f"{near} ({await _milliseconds(connection, looks_everywhere=True)} everywhere)"


async def _milliseconds(connection: asyncpg.Connection, *, looks_everywhere: bool) -> str:
    times = []
    for _ in range(ROUNDS):
        transaction = connection.transaction()
        await transaction.start()
        began = time.perf_counter()
        batch = await sync_claims.claim(
            connection, owner=uuid4(), limit=LIMIT, max_inactive_days=30, places={}, looks_everywhere=looks_everywhere
        )
        times.append(1_000 * (time.perf_counter() - began))
        assert batch.claims
        await transaction.rollback()
    return f"{statistics.median(times):.1f} ms"


_STATEMENTS = (
    """
    insert into tenant (id, slug, name, epoch, created_at)
    select gen_random_uuid(), 't' || n, 'T', 0, now() from generate_series(1, :tenants) n
    """,
    """
    insert into provider (id, tenant_id, slug, protocol, label, position, enabled, issuer, client_id, client_authentication,
        redirect_url, scopes, authorization_parameters, endpoints, claims, provisioning, adopt_by_name, email_verified_rule,
        absent_groups, sync_mode, sync, sync_interval_seconds, outage_grace_seconds, unsynced_lease_seconds, max_concurrent,
        reauthentication, managed_by, version, created_at, updated_at)
    select gen_random_uuid(), t.id, 'okta', 'oidc', 'Okta', 0, true, 'https://okta.example', 'c', 'none',
        'https://x.example/cb/' || t.slug, '{openid}', '{}', '{}', '{}', 'JIT', false, 'IGNORE', 'UNKNOWN', 'STRICT',
        'REFRESH_TOKEN', 300, 14400, 86400, 100, false, 'API', 1, now(), now()
    from tenant t
    """,
    """
    insert into app_user (id, tenant_id, username, username_folded, display_label, display_label_folded, epoch, created_at,
        active_at)
    select gen_random_uuid(), t.id, 'user' || i, 'user' || i, 'User Number ' || i, 'user number ' || i, 0, now(), now()
    from tenant t cross join generate_series(1, :due / :tenants) i
    """,
    """
    insert into identity (id, tenant_id, user_id, provider_id, issuer, subject, anchor, claims, state, state_since,
        created_at, signed_in_at)
    select gen_random_uuid(), u.tenant_id, u.id, p.id, p.issuer, u.username, u.username, '{}', 'FRESH', now(), now(), now()
    from app_user u join provider p on p.tenant_id = u.tenant_id order by random()
    """,
    """
    insert into identity_sync (id, tenant_id, user_id, provider_id, generation, uncertain, failures, due_at, verified_at,
        outcome, groups_completeness)
    select i.id, i.tenant_id, i.user_id, i.provider_id, 1, false, 0, now() - random() * interval '1 minute', now(), 'ok',
        'COMPLETE'
    from identity i
    """,
    """
    insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, uncertain)
    select gen_random_uuid(), i.tenant_id, i.id, '', uuid_send(i.id), now(), false from identity i
    """,
)
