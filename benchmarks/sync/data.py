"""Tenants, providers and people who have signed in, written in the product's own schema.

Keys are random and rows lie in random order, as after a year; people are due in the order of their numbers.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec

from benchmarks.sync.provider import CLIENT_ID, CLIENT_SECRET, GROUPS, groups_of
from identity_api.db import providers, tenants
from identity_api.db.database import Connection
from identity_api.db.providers import Provider, SealedSecret
from identity_api.db.tables import TABLES
from identity_api.db.tenants import Tenant
from identity_api.db.user_facts import REFRESH
from identity_api.ids import token_hash, uuid7
from identity_api.relying_party.refresh_tokens import LoginTokens, seal
from identity_api.vault import Vault

BATCH = 20_000


class Crowd(msgspec.Struct, frozen=True):
    """The people of one provider: those with the numbers from `first` to before `last`."""

    issuer: int
    tenant_id: UUID
    provider_id: UUID
    first: int
    last: int


async def build_tenant(
    connection: Connection, vault: Vault, base: str, crowds: list[tuple[int, int, int]], **settings: object
) -> list[Crowd]:
    """A tenant with a provider for each (issuer, first, last), where every second group gives a permission."""
    tenant_id = uuid7()
    await tenants.write(connection, Tenant(tenant_id, f"t{crowds[0][0]}", "A tenant", None, 0))
    await connection.execute(_PERMISSIONS, tenant_id)
    made = []
    for issuer, first, last in crowds:
        provider_id = await _provider(connection, vault, tenant_id, f"{base}/p{issuer}", f"p{issuer}", settings)
        for statement in _GROUPS:
            await connection.execute(statement, tenant_id, provider_id)
        for begin in range(first, last, BATCH):
            numbers = list(range(begin, min(last, begin + BATCH)))
            await _people(connection, vault, tenant_id, provider_id, f"{base}/p{issuer}", numbers)
        made.append(Crowd(issuer, tenant_id, provider_id, first, last))
    return made


async def finish(connection: Connection) -> None:
    """Grants and read models of everybody, and statistics.

    The tables are named, since a distributed PostgreSQL reaches only those that are.
    """
    tables = ", ".join(["bench_person", *[table._meta.tablename for table in TABLES]])
    await connection.execute(f"analyze {tables}", timeout=600)
    await connection.execute(_GRANTS, timeout=600)
    await connection.execute(f"analyze {tables}", timeout=600)
    rows = await connection.fetch("select tenant_id, id from app_user order by tenant_id, id", timeout=600)
    by_tenant: dict[UUID, list[UUID]] = {}
    for row in rows:
        by_tenant.setdefault(row["tenant_id"], []).append(row["id"])
    for tenant_id, ids in by_tenant.items():
        for start in range(0, len(ids), 2_000):
            await connection.execute(REFRESH, tenant_id, ids[start : start + 2_000], timeout=600)
    await connection.execute(f"vacuum analyze {tables}", timeout=600)


async def make_due(connection: Connection, crowds: list[Crowd], *, every: int = 1) -> int:
    """Make every so-manieth of these people due, in the order of their numbers, and nobody else; how many that are."""
    await connection.execute("update identity_sync set due_at = null where due_at is not null", timeout=600)
    status = await connection.execute(
        """
        update identity_sync s set due_at = now() - interval '1 hour' + b.number * interval '1 millisecond'
        from bench_person b
        where b.id = s.id and s.provider_id = any($1::uuid[]) and b.number % $2 = 0
        """,
        [crowd.provider_id for crowd in crowds],
        every,
        timeout=600,
    )
    await connection.execute("vacuum analyze identity_sync", timeout=600)
    return int(status.rpartition(" ")[2])


async def _provider(
    connection: Connection, vault: Vault, tenant_id: UUID, issuer: str, slug: str, settings: dict[str, object]
) -> UUID:
    now = datetime.now(UTC)
    values = {
        "id": uuid7(),
        "tenant_id": tenant_id,
        "slug": slug,
        "label": "A provider",
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "redirect_url": f"https://id.example/auth/oidc/{slug}/callback",
        "created_at": now,
        "updated_at": now,
    }
    provider = msgspec.convert({**values, **settings}, Provider)
    await providers.write(connection, provider)
    row_id = uuid7()
    sealed = vault.seal(
        CLIENT_SECRET.encode(), tenant_id=tenant_id, table="provider_secret", column="sealed", row_id=row_id
    )
    await providers.replace_secrets(connection, tenant_id, provider.id, [SealedSecret(row_id, sealed, None)])
    return provider.id


async def _people(
    connection: Connection, vault: Vault, tenant_id: UUID, provider_id: UUID, issuer: str, numbers: list[int]
) -> None:
    random.shuffle(numbers)
    now = datetime.now(UTC)
    people = [(number, f"user{number}", uuid4(), uuid4()) for number in numbers]
    groups = await connection.fetch("select name, id from provider_group where provider_id = $1", provider_id)
    group_ids = {row["name"]: row["id"] for row in groups}

    def tokens() -> Iterator[tuple[object, ...]]:
        for number, _, _, identity in people:
            row_id, token = uuid4(), f"rt.{number}.0"
            sealed = seal(vault, tenant_id, row_id, LoginTokens(refresh_token=token))
            yield row_id, tenant_id, identity, sealed, token_hash(token), now, False

    def label(number: int) -> str:
        return f"User Number {number}"

    def claims(number: int, name: str) -> str:
        return msgspec.json.encode(
            {"anchor": name, "username": name, "display_label": label(number), "email": f"{name}@example.com",
             "email_verified": True}
        ).decode()  # fmt: skip

    async def copy(table: str, columns: str, rows: Iterator[tuple[object, ...]]) -> None:
        await connection.copy_records_to_table(table, columns=columns.split(), records=rows, timeout=600)

    await copy(
        "app_user",
        "id tenant_id username username_folded display_label display_label_folded email email_folded email_verified epoch"
        " created_at active_at",
        ((user, tenant_id, name, name, label(n), label(n).casefold(), f"{name}@example.com", f"{name}@example.com", True,
          0, now, now) for n, name, user, _ in people),
    )  # fmt: skip
    await copy(
        "identity",
        "id tenant_id user_id provider_id issuer subject anchor claims state state_since created_at signed_in_at",
        ((identity, tenant_id, user, provider_id, issuer, name, name, claims(n, name), "FRESH", now, now, now)
         for n, name, user, identity in people),
    )  # fmt: skip
    await copy(
        "identity_sync",
        "id tenant_id user_id provider_id generation uncertain failures verified_at outcome groups_completeness",
        (
            (identity, tenant_id, user, provider_id, 1, False, 0, now, "ok", "COMPLETE")
            for _, _, user, identity in people
        ),
    )
    await copy("refresh_token", "id tenant_id identity_id sealed hash created_at uncertain", tokens())
    await copy(
        "identity_group",
        "tenant_id identity_id group_id",
        ((tenant_id, identity, group_ids[name]) for n, _, _, identity in people for name in groups_of(n)),
    )
    await copy("bench_person", "id number", ((identity, n) for n, _, _, identity in people))


_PERMISSIONS = """
insert into permission (id, tenant_id, name, description, delegable, created_at)
select gen_random_uuid(), $1, 'perm:p' || i, '', true, now() from generate_series(0, 59) i
"""
_GROUPS = (
    f"""
    insert into provider_group (id, tenant_id, provider_id, name, first_seen_at)
    select gen_random_uuid(), $1, $2, 'group-' || i, now() from generate_series(0, {GROUPS - 1}) i
    """,
    """
    insert into group_mapping (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by, created_at, updated_at)
    select gen_random_uuid(), $1, $2, g.name, 'EXACT', true, 1, 'API', now(), now()
    from provider_group g where g.tenant_id = $1 and g.provider_id = $2 and substr(g.name, 7)::int % 2 = 0
    """,
    """
    insert into mapping_permission (tenant_id, mapping_id, permission_id)
    select $1, m.id, p.id from group_mapping m
    join permission p on p.tenant_id = $1 and p.name = 'perm:p' || (substr(m.pattern, 7)::int % 60)
    where m.tenant_id = $1 and m.provider_id = $2
    """,
    """
    insert into mapping_group (tenant_id, mapping_id, group_id)
    select $1, m.id, g.id from group_mapping m
    join provider_group g on g.tenant_id = $1 and g.provider_id = $2 and g.name = m.pattern
    where m.tenant_id = $1 and m.provider_id = $2
    """,
)
_GRANTS = """
insert into permission_grant (id, tenant_id, user_id, permission_id, source, identity_id, mapping_id, group_id, granted_at,
    granted_by)
select gen_random_uuid(), i.tenant_id, i.user_id, mp.permission_id, 'GROUP', i.id, mg.mapping_id, ig.group_id, now(), 'sync'
from identity_group ig
join identity i on i.tenant_id = ig.tenant_id and i.id = ig.identity_id
join mapping_group mg on mg.tenant_id = ig.tenant_id and mg.group_id = ig.group_id
join mapping_permission mp on mp.tenant_id = ig.tenant_id and mp.mapping_id = mg.mapping_id
"""
