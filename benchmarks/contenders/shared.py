"""What the contenders written in Python share: the pool, and the session look-up."""

import hashlib
import os
from base64 import urlsafe_b64decode
from typing import Any
from uuid import UUID

import asyncpg

SESSION = """
    select o.tenant_id, o.user_id, exists (
        select from permission_grant g join permission p on p.tenant_id = $1 and p.id = g.permission_id
        where g.tenant_id = $1 and g.user_id = o.user_id and g.revoked_at is null
            and p.name = 'identity:users:read') as reads_users
    from session o
    join tenant t on t.id = $1
    join app_user u on u.tenant_id = $1 and u.id = o.user_id and u.disabled_at is null
    where o.tenant_id = $1 and o.token_hash = $2 and o.ended_at is null
        and o.absolute_until > now() and o.seen_at > now() - interval '7 days' and o.epoch = u.epoch + t.epoch
        and (o.identity_id is null or (
            select p.enabled from identity i join provider p on p.tenant_id = $1 and p.id = i.provider_id
            where i.tenant_id = $1 and i.id = o.identity_id and i.state not in ('REVOKED', 'QUARANTINED')))
"""
"""A live session, its user, and whether they may read users."""


async def _no_reset(connection: Any) -> None:
    pass


async def open_pool() -> Any:
    """As the product's: no reset between uses, no compiled plans."""
    return await asyncpg.create_pool(
        os.environ["IDENTITY_DATABASE_URL"],
        min_size=1,
        max_size=16,
        reset=_no_reset,
        server_settings={"jit": "off"},
    )


def after_all_with(prefix: str) -> str:
    """The text after all that begin with the prefix: as a range PostgreSQL follows the index, whatever plan it keeps."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def key_of(token: str) -> tuple[UUID, bytes]:
    """What a session is found by: its tenant and the hash of its token."""
    return UUID(bytes=urlsafe_b64decode(token[4:26] + "==")), hashlib.sha256(token.encode()).digest()
