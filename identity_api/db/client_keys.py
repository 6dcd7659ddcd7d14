"""This service's keys at providers: for signing, for decrypting what they encrypt, and TLS client certificates.

`providers.client_keys` makes the keys, `relying_party.client` opens and chooses them. Times are the database's, so that
all processes begin and stop to use a key together.
"""

from collections.abc import Collection
from typing import Any, Literal
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.providers import SealedSecret

Use = Literal["sig", "enc", "tls"]

PUBLISHED_AHEAD_SECONDS = 86_400
"""A key signs from this long after it was published; common providers read a key set again at least once a day."""
RETIRED_AFTER_SECONDS = 2 * PUBLISHED_AHEAD_SECONDS
"""A replaced key is published and decrypts tokens for this long."""


class ClientKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of this service; `vault` opens it with table `client_key`, column `sealed`."""

    id: UUID
    use: Use
    key_id: str
    sealed: bytes
    is_known: bool
    """It has been published long enough for the provider to know it."""


async def live(connection: Connection, tenant_id: UUID, provider_id: UUID) -> list[ClientKey]:
    """The keys that are not retired, the newest first."""
    rows = await connection.fetch(
        """
        select id, use, key_id, sealed, created_at <= now() - make_interval(secs => $3) as is_known
        from client_key where tenant_id = $1 and provider_id = $2 and (retired_at is null or retired_at > now())
        order by created_at desc, id desc
        """,
        tenant_id,
        provider_id,
        float(PUBLISHED_AHEAD_SECONDS),
    )
    return [ClientKey(**row) for row in rows]


class SealedClient(msgspec.Struct, frozen=True):
    """The stored secrets and keys for client authentication, still sealed, the newest first."""

    secrets: tuple[SealedSecret, ...]
    keys: tuple[ClientKey, ...]


async def sealed_client(connection: Connection, tenant_id: UUID, provider_id: UUID) -> SealedClient:
    """The secrets that have not expired, and the keys that are not retired."""
    rows = await connection.fetch(
        """
        select id, created_at, use, key_id, sealed, created_at <= now() - make_interval(secs => $3) as is_known,
            null::timestamptz as expires_at
        from client_key where tenant_id = $1 and provider_id = $2 and (retired_at is null or retired_at > now())
        union all
        select id, created_at, null, null, sealed, null, expires_at
        from provider_secret where tenant_id = $1 and provider_id = $2 and (expires_at is null or expires_at > now())
        order by created_at desc, id desc
        """,
        tenant_id,
        provider_id,
        float(PUBLISHED_AHEAD_SECONDS),
    )
    secrets = [SealedSecret(row["id"], row["sealed"], row["expires_at"]) for row in rows if row["use"] is None]
    names = ClientKey.__struct_fields__
    keys = [ClientKey(**{name: row[name] for name in names}) for row in rows if row["use"] is not None]
    return SealedClient(tuple(secrets), tuple(keys))


async def published(connection: Connection, tenant_id: UUID, provider_id: UUID) -> list[dict[str, Any]]:
    """The public halves of the keys that sign and decrypt, the newest first."""
    rows = await connection.fetch(
        """
        select public_jwk from client_key
        where tenant_id = $1 and provider_id = $2 and use <> 'tls' and (retired_at is null or retired_at > now())
        order by created_at desc, id desc
        """,
        tenant_id,
        provider_id,
    )
    return [msgspec.json.decode(row["public_jwk"]) for row in rows]


async def lock(connection: Connection, tenant_id: UUID, provider_id: UUID) -> None:
    """Lock the keys of a provider: one transaction at a time changes them."""
    await connection.execute(
        "select from provider where tenant_id = $1 and id = $2 for no key update", tenant_id, provider_id
    )


async def insert(
    connection: Connection,
    tenant_id: UUID,
    provider_id: UUID,
    *,
    row_id: UUID,
    use: Use,
    key_id: str,
    public_jwk: dict[str, Any] | None,
    sealed: bytes,
) -> None:
    """Keep a new key; it is published from the commit on."""
    await connection.execute(
        """
        insert into client_key (id, tenant_id, provider_id, use, key_id, public_jwk, sealed, created_at, retired_at)
        values ($1, $2, $3, $4, $5, $6::jsonb, $7, clock_timestamp(), null)
        """,
        row_id,
        tenant_id,
        provider_id,
        use,
        key_id,
        None if public_jwk is None else msgspec.json.encode(public_jwk).decode(),
        sealed,
    )


async def retire(
    connection: Connection, tenant_id: UUID, provider_id: UUID, uses: Collection[Use], *, seconds: float
) -> None:
    """Retire every key with these uses in so many seconds, unless it retires sooner."""
    await connection.execute(
        """
        update client_key set retired_at = now() + make_interval(secs => $4)
        where tenant_id = $1 and provider_id = $2 and use = any($3::text[])
            and (retired_at is null or retired_at > now() + make_interval(secs => $4))
        """,
        tenant_id,
        provider_id,
        list(uses),
        float(seconds),
    )


async def forget_retired(connection: Connection, tenant_id: UUID, provider_id: UUID) -> None:
    """Remove the provider's retired keys, including those retired in this transaction."""
    await connection.execute(
        "delete from client_key where tenant_id = $1 and provider_id = $2 and retired_at <= now()",
        tenant_id,
        provider_id,
    )


async def forget(connection: Connection, limit: int) -> int:
    """Remove up to `limit` retired keys, of any tenant; returns how many."""
    status = await connection.execute(
        "delete from client_key"
        " where (tenant_id, id) in (select tenant_id, id from client_key where retired_at <= now() limit $1)",
        limit,
    )
    return int(status.rpartition(" ")[2])
