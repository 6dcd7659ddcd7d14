"""How much the statements behind `accessFindings` read, in pages: not everybody, whatever the size of the tenant."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, get_args

import asyncpg
import pytest
import pytest_asyncio

from identity_api.db import access_findings
from identity_api.db.database import Connection
from tests.db.conftest import PEOPLE
from tests.db.reading import Plan, read_of
from tests.db.skewed import Skewed

pytestmark = pytest.mark.asyncio

GROUPS = 12
STATEMENTS: dict[str, Callable[[Any, Any], Awaitable[object]]] = {
    "readings": lambda connection, tenant: access_findings.readings(connection, tenant),
    "mappings": lambda connection, tenant: access_findings.unreached_mappings(connection, tenant),
    "groups": lambda connection, tenant: access_findings.unmapped_groups(connection, tenant, first=101),
    "permissions": lambda connection, tenant: access_findings.unreached_permissions(connection, tenant, []),
    "renames": lambda connection, tenant: access_findings.likely_renames(connection, tenant),
}
_FILL = (
    """
    insert into provider_group (id, tenant_id, provider_id, name, first_seen_at)
    select gen_random_uuid(), $1, $2, 'group-' || n, now() from generate_series(1, $3::int) n
    """,
    """
    insert into identity_group (tenant_id, identity_id, group_id)
    select $1, i.id, g.id from identity i cross join provider_group g
    where i.tenant_id = $1 and i.provider_id = $2 and g.tenant_id = $1 and $3::int > 0
    """,
    """
    insert into permission (id, tenant_id, name, description, delegable, created_at)
    select gen_random_uuid(), $1, 'docs:read' || n, '', true, now() from generate_series(1, $3::int) n
    where $2::uuid is not null
    """,
    """
    insert into group_mapping (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by, created_at, updated_at)
    select gen_random_uuid(), $1, $2, 'group-' || n, 'EXACT', true, 1, 'API', now(), now() from generate_series(2, $3::int) n
    """,
    """
    insert into mapping_group (tenant_id, mapping_id, group_id)
    select $1, m.id, g.id from group_mapping m join provider_group g
        on g.tenant_id = $1 and g.name = m.pattern where m.tenant_id = $1 and g.provider_id = $2 and $3::int > 0
    """,
    """
    insert into mapping_permission (tenant_id, mapping_id, permission_id)
    select $1, m.id, p.id from group_mapping m join permission p
        on p.tenant_id = $1 and p.name = 'docs:read' || right(m.pattern, -6)
    where m.tenant_id = $1 and m.provider_id = $2 and $3::int > 0
    """,
    """
    insert into permission_grant (id, tenant_id, user_id, permission_id, source, identity_id, mapping_id, group_id, granted_at,
        granted_by)
    select gen_random_uuid(), $1, i.user_id, mp.permission_id, 'GROUP', i.id, mg.mapping_id, mg.group_id, now(), 'sync'
    from identity i join mapping_group mg on mg.tenant_id = $1
    join mapping_permission mp on mp.tenant_id = $1 and mp.mapping_id = mg.mapping_id
    where i.tenant_id = $1 and i.provider_id = $2 and $3::int > 0
    """,
)


@pytest_asyncio.fixture
async def connection(skewed: Skewed) -> AsyncIterator[Connection]:
    """The large tenant's people are in twelve groups, all but one mapped; taken back afterwards."""
    opened = await asyncpg.connect(skewed.url, server_settings={"jit": "off"})
    transaction = opened.transaction()
    await transaction.start()
    for statement in _FILL:
        await opened.execute(statement, skewed.tenants[0], skewed.providers[0], GROUPS)
    for table in ("provider_group", "identity_group", "mapping_group", "mapping_permission", "permission_grant"):
        await opened.execute(f"analyze {table}")
    yield opened
    await transaction.rollback()
    await opened.close()


@pytest.mark.parametrize("plan", get_args(Plan))
@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_of_the_findings_reads_a_few_members_and_not_everybody(
    skewed: Skewed, connection: Connection, statement: str, plan: Plan
) -> None:
    read = await read_of(connection, lambda catching: STATEMENTS[statement](catching, skewed.tenants[0]), plan)
    assert read.rows.get("identity_group", 0) <= 5 * GROUPS
    assert read.rows.get("permission_grant", 0) <= 5 * GROUPS
    assert read.rows.get("identity", 0) <= 5 * GROUPS
    assert read.rows.get("identity_sync", 0) < PEOPLE
    assert read.pages < 3_000
