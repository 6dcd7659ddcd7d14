"""What is over when a login is over."""

from collections import Counter

import pytest

from identity_api.db.database import Connection, Database
from identity_api.lifecycle.end_login import Reason, end_everything_of_users, end_logins
from tests import factories as make
from tests.lifecycle.logins import ALL, Login, make_login


async def events(connection: Connection, login: Login) -> Counter[str]:
    rows = await connection.fetch("select action from audit_event where tenant_id = $1", login.tenant_id)
    return Counter(row["action"] for row in rows if row["action"].endswith(("ended", "revoked", "quarantined")))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("reason", "said"), [("admin", "identity.revoked"), ("subject_changed", "identity.quarantined")]
)
async def test_the_end_of_a_login_ends_everything_that_came_by_it_and_nothing_else(
    database: Database, reason: Reason, said: str
) -> None:
    async with database.transaction() as connection:
        provider = await make.make_provider(connection, (await make.make_tenant(connection)).id)
        login, other = await make_login(connection, provider), await make_login(connection, provider)
        assert await login.alive(connection) == ALL
        await end_logins(connection, login.tenant_id, [login.identity_id], reason=reason, actor="operator:root")
        assert await login.alive(connection) == set()
        assert await other.alive(connection) == ALL
        assert await events(connection, login) == {said: 1, "session.ended": 1, "api_token.ended": 1}


@pytest.mark.asyncio
async def test_whoever_has_a_password_keeps_their_api_tokens(database: Database) -> None:
    async with database.transaction() as connection:
        login = await make_login(connection)
        await connection.execute("update app_user set password_hash = 'x' where id = $1", login.user_id)
        await end_logins(connection, login.tenant_id, [login.identity_id], reason="admin", actor="operator:root")
        assert await login.alive(connection) == {"api_token"}


@pytest.mark.asyncio
async def test_a_disabled_user_has_nothing_left_to_act_by_and_keeps_the_identity(database: Database) -> None:
    async with database.transaction() as connection:
        login = await make_login(connection)
        await end_everything_of_users(
            connection, login.tenant_id, [login.user_id], reason="user_disabled", actor="operator:root"
        )
        assert await login.alive(connection) == {"identity", "refresh_token", "sync"}
        assert await events(connection, login) == {"session.ended": 1, "api_token.ended": 1}
