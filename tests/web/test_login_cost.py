"""What a login asks of the database, through the application: each statement is a round trip that a person waits for."""

from typing import Any

import asyncpg
import pytest

from tests import factories as make
from tests.web.site import Site

AT_MOST = 25
AT_MOST_FIRST = 40
"""Besides, it makes a user with their identity, and groups and grants."""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is sent from now on, but for the beginning and the end of a transaction."""
    seen: list[str] = []
    driver: Any = asyncpg.Connection
    run = driver._execute

    async def counted(connection: Any, query: str, *arguments: Any, **options: Any) -> Any:
        seen.append(" ".join(query.split())[:100])
        return await run(connection, query, *arguments, **options)

    monkeypatch.setattr(asyncpg.Connection, "_execute", counted)
    return seen


@pytest.mark.asyncio
async def test_a_login_is_few_statements(site: Site, statements: list[str]) -> None:
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, "docs:read")
        await make.make_mapping(connection, site.tenant.id, "engineering", [permission])
    login = f"/auth/oidc/{site.provider.slug}/login"
    await site.sign_in(site.client(), "carol", login)  # the application knows the tenant's host by now
    statements.clear()
    assert (await site.sign_in(site.client(), "alice", login)).status_code == 303
    first = list(statements)
    statements.clear()
    assert (await site.sign_in(site.client(), "alice", login)).status_code == 303
    assert len(statements) <= AT_MOST, "\n".join(statements)
    assert len(first) <= AT_MOST_FIRST, "\n".join(first)
