"""What ends logins ends them in its own tenant only, whatever ids it is given (I2)."""

from uuid import UUID

import pytest

from identity_api.db import login_ends
from identity_api.db.database import Connection, Database
from tests.lifecycle.logins import ALL, Login, make_login


async def end(connection: Connection, tenant_id: UUID, of: Login) -> None:
    """Everything that can be ended by an id."""
    users, identities = [of.user_id], [of.identity_id]
    await login_ends.end_sessions(connection, tenant_id, user_ids=users, identity_ids=identities, reason="admin")
    await login_ends.end_api_tokens(connection, tenant_id, users, "admin")
    await login_ends.discard_refresh_tokens(connection, tenant_id, identities, "admin")
    await login_ends.void_codes(connection, tenant_id, user_ids=users, identity_ids=identities)
    await login_ends.revoke_identities(connection, tenant_id, identities, "REVOKED", "admin")


@pytest.mark.asyncio
async def test_ids_of_another_tenant_end_nothing(database: Database) -> None:
    async with database.transaction() as connection:
        ours, theirs = await make_login(connection), await make_login(connection)
        await end(connection, ours.tenant_id, theirs)
        assert await theirs.alive(connection) == ALL
        await end(connection, theirs.tenant_id, theirs)
        assert await theirs.alive(connection) == set()
        assert await ours.alive(connection) == ALL
