"""Refresh tokens, sealed: one row per login, at most five live ones per identity; the newest is used first.

`relying_party.refresh_tokens` seals them. A dead row keeps its hash, to recognise a token that is presented again.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.ids import uuid7

MAX_LIVE = 5


class LiveToken(msgspec.Struct, frozen=True):
    """A token that may still be presented; `vault` opens it with table `refresh_token`, column `sealed`."""

    id: UUID
    identity_id: UUID
    hash: bytes
    sealed: bytes


_ADD = """
    with held as (
        select id from identity_sync where tenant_id = $1 and id = $2 for no key update
    ), known as (
        select r.id from held join refresh_token r on r.tenant_id = $1 and r.identity_id = held.id and r.hash = $3
    ), added as (
        insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, uncertain)
        select $4, $1, held.id, $5, $3, clock_timestamp(), false from held where not exists (select from known)
        returning id
    ), wiped as (
        update refresh_token set sealed = null, dead_at = now(), dead_reason = 'too_many'
        where tenant_id = $1 and dead_at is null and id in (
            select id from refresh_token where tenant_id = $1 and identity_id = $2 and dead_at is null
                and id <> $4
            order by created_at desc, id desc offset $6 - (select count(*) from added))
    )
    select id, clock_timestamp() as at from known
"""


async def add(
    connection: Connection, tenant_id: UUID, identity_id: UUID, hash: bytes, seal: Callable[[UUID], bytes]
) -> UUID:
    """Store a login's refresh token as the newest of the identity; beyond five live ones the oldest are wiped.

    A provider that gives every login the same token (Google does) keeps its one row, which becomes the newest. The
    identity's sync row is locked first (`db.locks`).

    Args:
        hash: `ids.token_hash` of the token.
        seal: from the row's id to the sealed value, which is bound to it.

    Returns:
        The row's id.
    """
    new_id = uuid7()
    known = await connection.fetchrow(
        _ADD,
        tenant_id,
        identity_id,
        hash,
        new_id,
        seal(new_id),
        MAX_LIVE,
    )
    if known is None:
        return new_id
    known_id: UUID = known["id"]
    await connection.execute(
        """
        with again as (
            update refresh_token set sealed = $4, created_at = $6, dead_at = null, dead_reason = null,
                uncertain = false
            where tenant_id = $1 and id = $3 returning id
        )
        update refresh_token set sealed = null, dead_at = now(), dead_reason = 'too_many'
        where tenant_id = $1 and dead_at is null and id in (
            select id from refresh_token where tenant_id = $1 and identity_id = $2 and dead_at is null and id <> $3
            order by created_at desc, id desc offset $5 - (select count(*) from again))
        """,
        tenant_id,
        identity_id,
        known_id,
        seal(known_id),
        MAX_LIVE,
        known["at"],
    )
    return known_id


async def newest_live(connection: Connection, tenant_id: UUID, identity_id: UUID) -> LiveToken | None:
    """The live token of the latest login; None if no login of the identity has one left."""
    row = await connection.fetchrow(
        """
        select id, identity_id, hash, sealed from refresh_token
        where tenant_id = $1 and identity_id = $2 and dead_at is null order by created_at desc, id desc limit 1
        """,
        tenant_id,
        identity_id,
    )
    return LiveToken(**row) if row else None


class Landing(msgspec.Struct, frozen=True, kw_only=True):
    """A token that replaces the one that was presented."""

    tenant_id: UUID
    token_id: UUID
    presented_hash: bytes
    hash: bytes
    sealed: bytes
    generation: int
    """The generation of the claim whose attempt it resolves."""
    uncertain: bool
    """The token may have been presented twice, and the provider may still react: if it treats this as
    theft, it ends the whole login."""


_ROTATION = """
with came as (
    select * from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[], $7::boolean[])
        as c (tenant_id, id, presented, hash, sealed, generation, uncertain)
), held as (
    select c.* from came c
    join refresh_token r on r.tenant_id = {c} and r.id = c.id
    join identity_sync s on s.tenant_id = {r} and s.id = r.identity_id
    order by s.tenant_id, s.id for no key update of s
), replaced as (
    delete from refresh_token r using held c, refresh_token p
    where p.tenant_id = {c} and p.id = c.id and p.dead_at is null and p.hash = c.presented
        and r.tenant_id = {p} and r.identity_id = p.identity_id and r.hash = c.hash and r.id <> p.id
    returning r.id
), landed as (
    update refresh_token set hash = c.hash, sealed = c.sealed, rotated_at = now(), uncertain = c.uncertain
    from held c, (select count(*) from replaced) before
    where refresh_token.tenant_id = {c} and refresh_token.id = c.id and dead_at is null
        and refresh_token.hash = c.presented
    returning refresh_token.tenant_id, refresh_token.id, identity_id, c.generation
), resolved as (
    update identity_sync s set attempt_token_id = null, attempt_hash = null, attempt_at = null
    from landed l where s.tenant_id = {l} and s.id = l.identity_id and s.generation = l.generation
)
select id from landed
union all
select r.id from came c join refresh_token r on r.tenant_id = {c} and r.id = c.id
where r.dead_at is null and r.hash = c.hash
"""
_ROTATE = _ROTATION.format(c="c.tenant_id", r="r.tenant_id", p="p.tenant_id", l="l.tenant_id")
_ROTATE_OF_TENANT = _ROTATION.format(**dict.fromkeys("crpl", "$8"))


async def rotate(connection: Connection, landings: Sequence[Landing], *, of: UUID | None = None) -> frozenset[UUID]:
    """Compare-and-set: replace each presented token by its successor. One statement, of any tenants.

    With it the attempts of these generations are resolved: their answers have landed. It is the one writer that comes
    without locking the users, and locks sync rows before tokens as the others do (`db.locks`).

    A successor that another login of the identity has as well (a provider may know one token for all of a person's
    logins) is kept in this row alone.

    Args:
        of: the tenant of all of them, where a statement may concern only one (`Database.is_distributed`).

    Returns:
        The ids of the tokens whose successor is stored. For the others, another token is stored now, or they are dead:
        another result came first. A successor that was stored already is among them, so that a commit of unknown
        outcome may be tried again.
    """
    arguments = [
        [getattr(one, name) for one in landings]
        for name in ("tenant_id", "token_id", "presented_hash", "hash", "sealed", "generation", "uncertain")
    ]
    if of is None:
        rows = await connection.fetch(_ROTATE, *arguments)
    else:
        rows = await connection.fetch(_ROTATE_OF_TENANT, *arguments, of)
    return frozenset([row["id"] for row in rows])


async def mark_uncertain(
    connection: Connection, tenant_id: UUID, token_id: UUID, *, unless_hash: bytes | None = None
) -> None:
    """Record that the login's token may have been used up, or presented twice, with an unknown result.

    Args:
        unless_hash: not if this is the stored one.
    """
    await connection.execute(
        """
        update refresh_token set uncertain = true
        where tenant_id = $1 and id = $2 and dead_at is null and hash is distinct from $3
        """,
        tenant_id,
        token_id,
        unless_hash,
    )


async def bury(
    connection: Connection,
    tenant_id: UUID,
    token_id: UUID,
    *,
    presented_hash: bytes,
    reason: str,
    in_doubt: bool,
    trusts_row: bool = True,
) -> str | None:
    """Wipe a dead token; None if the stored token is not the one that was presented. May be repeated.

    Args:
        reason: what the provider said.
        in_doubt: an earlier presentation is unresolved, so that this service may have lost its successor.
        trusts_row: the row may also say that it is in doubt.

    Returns:
        Why it is dead: `reason`, or `rotation_lost` if in doubt.
    """
    value: str | None = await connection.fetchval(
        """
        update refresh_token set sealed = null, dead_at = now(),
            dead_reason = case when $5 or ($6 and uncertain) then 'rotation_lost' else $4 end
        where tenant_id = $1 and id = $2 and dead_at is null and hash = $3
        returning dead_reason
        """,
        tenant_id,
        token_id,
        presented_hash,
        reason,
        in_doubt,
        trusts_row,
    )
    return value or await connection.fetchval(
        "select dead_reason from refresh_token where tenant_id = $1 and id = $2 and hash = $3 and dead_at is not null",
        tenant_id,
        token_id,
        presented_hash,
    )
