"""A page of holders reads what its people hold, however many hold the permission."""

from typing import get_args

import pytest

from identity_api.db import holders
from identity_api.db.database import Database
from tests import factories as make
from tests.db.reading import Plan, read_of

GRANTS = (
    """
    insert into app_user (id, tenant_id, username, username_folded, display_label, display_label_folded, epoch, created_at,
        active_at)
    select gen_random_uuid(), $1, 'p' || n, 'p' || n, 'P', 'p', 0, now(), now() from generate_series(1, 4000) n
    where $2::uuid is not null
    """,
    """
    insert into permission_grant (id, tenant_id, user_id, permission_id, source, granted_at, granted_by)
    select gen_random_uuid(), $1, id, $2, 'MANUAL', now(), 'operator:root' from app_user where tenant_id = $1
    """,
)


@pytest.mark.asyncio
@pytest.mark.parametrize("plan", get_args(Plan))
async def test_a_page_of_holders_is_bounded(database: Database, plan: Plan) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        permission = await make.make_permission(connection, tenant.id, "docs:read")
        for statement in GRANTS:
            await connection.execute(statement, tenant.id, permission, timeout=60)
        await connection.execute("analyze permission_grant, app_user", timeout=60)
        middle = await connection.fetchval(
            "select user_id from permission_grant where tenant_id = $1 order by user_id offset 3000 limit 1", tenant.id
        )
    for begin in (None, middle):
        async with database.reading() as connection:
            read = await read_of(
                connection,
                lambda catching, begin=begin: holders.after(catching, tenant.id, permission, user_id=begin, limit=51),
                plan,
            )
        # About thirteen for each: the user, the grant, the permission, and what is asked about their ways in.
        assert read.pages < 51 * 20
