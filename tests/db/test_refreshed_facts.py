"""Rewriting a user's facts costs what the user has, whatever PostgreSQL knows of the tables."""

import msgspec
import pytest

from identity_api.db.database import Database
from identity_api.db.user_facts import REFRESH
from tests import factories as make
from tests.db.test_decide import undone

PEOPLE = 3_000


@pytest.mark.asyncio
async def test_only_the_users_own_rows_are_looked_up_even_where_joins_look_cheaper(database: Database) -> None:
    async with undone(database) as connection:
        tenant = (await make.make_tenant(connection)).id
        provider = await make.make_provider(connection, tenant)
        user = await make.make_user(connection, tenant)
        identity = await make.make_identity(connection, provider, user)
        await make.sign_in(connection, provider, identity, ["everyone"])
        await connection.execute(
            """
            with person as (
                insert into app_user (id, tenant_id, username, username_folded, display_label, display_label_folded, epoch,
                    created_at, active_at)
                select gen_random_uuid(), $1, 'p' || n, 'p' || n, '', '', 0, now(), now() from generate_series(1, $3::int) n
                returning id),
            linked as (
                insert into identity (id, tenant_id, user_id, provider_id, issuer, anchor, claims, state, state_since,
                    created_at, signed_in_at)
                select gen_random_uuid(), $1, id, $2, 'https://x.example', id::text, '{}', 'FRESH', now(), now(), now()
                from person returning id)
            insert into identity_group (tenant_id, identity_id, group_id)
            select $1, linked.id, g.id from linked, provider_group g where g.tenant_id = $1
            """,
            tenant,
            provider.id,
            PEOPLE,
        )
        # A plan by hash reads every row of a table for each user.
        await connection.execute("set local enable_nestloop = off")
        plan = await connection.fetchval(f"explain (analyze, buffers, format json) {REFRESH}", tenant, [user])
        read = msgspec.json.decode(plan)[0]["Plan"]
        assert read["Shared Hit Blocks"] + read["Shared Read Blocks"] < 150
