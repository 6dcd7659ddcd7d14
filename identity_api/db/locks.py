"""Locks, and the one order in which they are taken: a tenant's mappings, then redirect URLs, then its users by id.

After a user come the user's identities; their sync rows by id, then their refresh tokens; codes and sessions; then the
limits of the tenant. Every writer keeps this order, so that no two of them can wait for each other.
"""

from collections.abc import Collection
from uuid import UUID

from identity_api.db.database import Connection

_MAPPINGS = 0x6D61_7070  # "mapp": the first half of the advisory key; the second is the tenant's
_PEOPLE = 0x7065_6F70  # "peop"
_ADMINISTRATORS = 0x6164_6D69  # "admi"
_LIMITS = 0x6C69_6D69  # "limi"
_REDIRECTS = 0x7265_6469  # "redi"; of all tenants together


async def share_mappings(connection: Connection, tenant_id: UUID) -> None:
    """Keep the tenant's mapping rows unchanged until the transaction ends; others that only apply them may do so too.

    Without it a sync could read the rows just before an edit commits and write a grant just after the edit's own sweep.
    """
    await connection.execute("select pg_advisory_xact_lock_shared($1, hashtext($2))", _MAPPINGS, str(tenant_id))


async def edit_mappings(connection: Connection, tenant_id: UUID) -> None:
    """Wait until nobody applies the tenant's mappings, and keep them out until this transaction ends."""
    await connection.execute("select pg_advisory_xact_lock($1, hashtext($2))", _MAPPINGS, str(tenant_id))


async def redirect_urls(connection: Connection) -> None:
    """One transaction at a time changes redirect URLs, of all tenants: two at once would not see each other's."""
    await connection.execute("select pg_advisory_xact_lock($1, 0)", _REDIRECTS)


async def people(connection: Connection, tenant_id: UUID, names: Collection[str]) -> None:
    """One transaction at a time may make an identity for any of these names (subject and anchor at a provider).

    Two first logins of one person at once would otherwise make two users. Taken after the mappings and before the users.
    """
    await connection.execute(
        """
        select pg_advisory_xact_lock($1, key)
        from (select distinct hashtext($2 || ' ' || name) as key from unnest($3::text[]) as name order by key) as keys
        """,
        _PEOPLE,
        str(tenant_id),
        list(names),
    )


async def users(connection: Connection, tenant_id: UUID, user_ids: Collection[UUID]) -> None:
    """Lock these users' rows in id order until the transaction ends."""
    await connection.execute(
        "select from app_user where tenant_id = $1 and id = any($2::uuid[]) order by id for no key update",
        tenant_id,
        list(user_ids),
    )


async def users_of_identities(connection: Connection, tenant_id: UUID, identity_ids: Collection[UUID]) -> None:
    """Lock the users behind these identities, in id order."""
    await connection.execute(
        """
        select from app_user where tenant_id = $1
            and id in (select user_id from identity where tenant_id = $1 and id = any($2::uuid[]))
        order by id for no key update
        """,
        tenant_id,
        list(identity_ids),
    )


async def limit(connection: Connection, name: str, tenant_id: UUID, owner_id: UUID | None) -> None:
    """One transaction at a time adds objects that this limit of the tenant, or of a provider or user of it, counts.

    A transaction takes several limits in the order of their names, unless it holds the mappings exclusively.
    """
    of = f"{name} {tenant_id} {owner_id or ''}"
    await connection.execute("select pg_advisory_xact_lock($1, hashtext($2))", _LIMITS, of)


async def administrators(connection: Connection, tenant_id: UUID) -> None:
    """One transaction at a time commits a change that may remove an administrator. This is its last lock."""
    await connection.execute("select pg_advisory_xact_lock($1, hashtext($2))", _ADMINISTRATORS, str(tenant_id))
