"""Locks, and the one order in which they are taken.

Logouts, a tenant's mappings, redirect URLs, people, a frontend, users by id. After a user come the user's identities; their sync
rows by id, then their refresh tokens; logins under way, codes and sessions, each by id, and proposals; then the limits of the
tenant. Every writer keeps this order, so that no two of them can wait for each other.
"""

from collections.abc import Collection
from uuid import UUID

from identity_api.db.database import Connection

_LOGOUTS = 0x6C6F_676F  # "logo"
_MAPPINGS = 0x6D61_7070  # "mapp": the first half of the advisory key; the second is the tenant's
_PEOPLE = 0x7065_6F70  # "peop"
_ADMINISTRATORS = 0x6164_6D69  # "admi"
_LIMITS = 0x6C69_6D69  # "limi"
_REDIRECTS = 0x7265_6469  # "redi"; of all tenants together


async def logouts(connection: Connection, tenant_id: UUID, provider_id: UUID, ended_hashes: Collection[bytes]) -> None:
    """Let one transaction at a time end, or begin, logins that these hashes stand for.

    Without it a logout could look for a session that a login is just about to commit, while that login looks for a logout
    that is just about to be committed.
    """
    await connection.execute(
        """
        select pg_advisory_xact_lock($1, key)
        from (
            select distinct hashtext($2 || encode(hash, 'hex')) as key from unnest($3::bytea[]) as hash order by key
        ) as keys
        """,
        _LOGOUTS,
        f"{tenant_id} {provider_id} ",
        list(ended_hashes),
    )


async def login(
    connection: Connection, tenant_id: UUID, provider_id: UUID, ended_hashes: Collection[bytes], names: Collection[str]
) -> None:
    """What a login holds before it reads anything: `logouts`, `share_mappings` and `people`, with one statement."""
    await connection.execute(
        """
        select case when space = $2 then pg_advisory_xact_lock_shared(space, key) else pg_advisory_xact_lock(space, key) end
        from (
            select distinct place, space, key from (
                select 1 as place, $1::integer as space, hashtext($4 || ' ' || $5 || ' ' || encode(hash, 'hex')) as key
                from unnest($6::bytea[]) as hash
                union all
                select 2, $2, hashtext($4)
                union all
                select 3, $3, hashtext($4 || ' ' || name) from unnest($7::text[]) as name
            ) as every
            order by place, key
        ) as keys
        """,
        _LOGOUTS,
        _MAPPINGS,
        _PEOPLE,
        str(tenant_id),
        str(provider_id),
        list(ended_hashes),
        list(names),
    )


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
