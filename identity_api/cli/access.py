"""The operator gives and takes permissions by hand."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from identity_api.accounts.administration import Revoked
from identity_api.cli.context import operator, read_settings, run_on_database, tenant_named
from identity_api.db import permissions, users
from identity_api.db.database import Database
from identity_api.errors import NotFound
from identity_api.permissions.delegation import Actor

T = TypeVar("T")
Change = Callable[[Database, Actor, UUID, UUID], Awaitable[T]]


def change_permission(change: Change[T], tenant: str, username: str, permission: str) -> T:
    """Run `grant_permission` or `revoke_permission` for names as people write them.

    Raises:
        NotFound: no such tenant, user or permission.
        Refused: as the use case says.
    """

    async def work(database: Database) -> T:
        tenant_id = await tenant_named(database, tenant)
        async with database.reading() as connection:
            user = await users.by_username(connection, tenant_id, username)
            catalogue = await permissions.by_names(connection, tenant_id, [permission])
        if user is None:
            raise NotFound(f"Tenant {tenant} has no user {username}. The name is compared exactly.")
        if permission not in catalogue:
            raise NotFound(f"Tenant {tenant} has no permission {permission}. Declare it with `identity-api apply`.")
        return await change(database, operator(tenant_id), user.id, catalogue[permission].id)

    return run_on_database(read_settings(keys_required=False), work)


def revocation_lines(username: str, permission: str, done: Revoked) -> list[str]:
    """What was closed, and what still gives the permission.

    Raises:
        NotFound: nothing was closed.
    """
    still = [
        f"{username} still has {permission} {one.source}: change the mapping, or the group at the provider."
        for one in done.remaining
    ]
    if not done.closed:
        nothing = f"{username} has no grant of {permission} that could be taken by hand."
        raise NotFound(" ".join([nothing, *still]))
    return [f"- grant {permission} to {username} ({one.source})" for one in done.closed] + still
