"""Set-up links: who made one, what it can do, and how far somebody came with it. Only hashes of their tokens are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db.database import Connection

KEPT_DAYS = 30
Step = Literal["vendor", "register", "connect", "test", "groups", "mappings", "enable"]


class SetupLink(msgspec.Struct, frozen=True, kw_only=True):
    """One link. `is_live`: it was neither used nor revoked, and has not expired."""

    id: UUID
    tenant_id: UUID
    maker_id: UUID | None
    made_by: str
    provider_id: UUID
    slug: str
    label: str
    permissions: tuple[str, ...]
    step: Step
    preset: str | None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_reason: Literal["USED", "REVOKED"] | None
    is_live: bool


_LINK = """
    id, tenant_id, maker_id, made_by, provider_id, slug, label, permissions, step, preset, created_at, expires_at, ended_at,
    ended_reason
"""
_LINK_NOW = f"{_LINK}, ended_at is null and expires_at > now() as is_live"


def _link(row: Record) -> SetupLink:
    return SetupLink(**{**row, "permissions": tuple(row["permissions"])})


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link to store."""

    id: UUID
    tenant_id: UUID
    maker_id: UUID | None
    made_by: str
    token_hash: bytes
    provider_id: UUID
    slug: str
    label: str
    permissions: Sequence[str]
    seconds: int


async def insert(connection: Connection, new: NewLink) -> SetupLink:
    """Store a new link."""
    row = await connection.fetchrow(
        f"""
        insert into setup_link (id, tenant_id, maker_id, made_by, token_hash, provider_id, slug, label, permissions, step,
            created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'vendor', now(), now() + make_interval(secs => $10))
        returning {_LINK}, expires_at > created_at as is_live
        """,
        new.id,
        new.tenant_id,
        new.maker_id,
        new.made_by,
        new.token_hash,
        new.provider_id,
        new.slug,
        new.label,
        list(new.permissions),
        float(new.seconds),
    )
    assert row is not None
    return _link(row)


async def live(connection: Connection, tenant_id: UUID, token_hash: bytes) -> SetupLink | None:
    """The link of this token, if it can be used now."""
    row = await connection.fetchrow(
        f"select {_LINK_NOW} from setup_link"
        " where tenant_id = $1 and token_hash = $2 and ended_at is null and expires_at > now()",
        tenant_id,
        token_hash,
    )
    return _link(row) if row else None


async def count_live(connection: Connection, tenant_id: UUID) -> int:
    """How many links of the tenant can be used now."""
    value: int = await connection.fetchval(
        "select count(*) from setup_link where tenant_id = $1 and ended_at is null and expires_at > now()", tenant_id
    )
    return value


async def of_tenant(connection: Connection, tenant_id: UUID, *, most: int) -> list[SetupLink]:
    """The tenant's links: those that work before those that have ended; the newest of each first."""
    rows = await connection.fetch(
        f"select {_LINK_NOW} from setup_link where tenant_id = $1 order by is_live desc, id desc limit $2",
        tenant_id,
        most,
    )
    return [_link(row) for row in rows]


async def choose(connection: Connection, tenant_id: UUID, link_id: UUID, preset: str | None) -> None:
    """Choose the vendor, and go on from there."""
    await connection.execute(
        "update setup_link set preset = $3, step = 'register' where tenant_id = $1 and id = $2",
        tenant_id,
        link_id,
        preset,
    )


async def reach(connection: Connection, tenant_id: UUID, link_id: UUID, step: Step) -> None:
    """Make this the furthest step."""
    await connection.execute(
        "update setup_link set step = $3 where tenant_id = $1 and id = $2", tenant_id, link_id, step
    )


async def end(
    connection: Connection, tenant_id: UUID, link_id: UUID, reason: Literal["USED", "REVOKED"]
) -> SetupLink | None:
    """End a live link; None if there is none of this id. Of several at once, one gets an answer."""
    row = await connection.fetchrow(
        f"""
        update setup_link set ended_at = now(), ended_reason = $3
        where tenant_id = $1 and id = $2 and ended_at is null and expires_at > now()
        returning {_LINK}, false as is_live
        """,
        tenant_id,
        link_id,
        reason,
    )
    return _link(row) if row else None


async def forget(connection: Connection, limit: int) -> int:
    """Remove links that expired a month ago, with their tests. The audit keeps the events."""
    status = await connection.execute(
        """
        delete from setup_link where (tenant_id, id) in (
            select tenant_id, id from setup_link where expires_at < now() - make_interval(days => $2) limit $1)
        """,
        limit,
        KEPT_DAYS,
    )
    return int(status.rpartition(" ")[2])
