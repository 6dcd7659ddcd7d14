"""The statements behind `lifecycle.end_login`: each ends one kind of object for a set of identities or users."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.db import outbox
from identity_api.db.database import Connection


class EndedIdentity(msgspec.Struct, frozen=True):
    """An identity whose login has ended."""

    identity_id: UUID
    user_id: UUID


async def revoke_identities(
    connection: Connection,
    tenant_id: UUID,
    identity_ids: Sequence[UUID],
    state: Literal["REVOKED", "QUARANTINED"],
    reason: str,
) -> list[EndedIdentity]:
    """Set the state, and stop their sync; those already in that state are left out. Raising the generation makes
    whatever sync is in flight lose.
    """
    rows = await connection.fetch(
        """
        update identity set state = $3, state_reason = $4, state_since = now()
        where tenant_id = $1 and id = any($2::uuid[]) and state not in ('REVOKED', 'QUARANTINED')
        returning id, user_id
        """,
        tenant_id,
        identity_ids,
        state,
        reason,
    )
    ended = [EndedIdentity(row["id"], row["user_id"]) for row in rows]
    await connection.execute(
        """
        with held as (
            select id from identity_sync where tenant_id = $1 and id = any($2::uuid[]) order by id for no key update
        )
        update identity_sync s set generation = generation + 1, due_at = null, lease_until = null, lease_owner = null,
            attempt_token_id = null, attempt_hash = null, attempt_at = null, uncertain = false, outcome = $3
        from held where s.tenant_id = $1 and s.id = held.id
        """,
        tenant_id,
        [one.identity_id for one in ended],
        reason,
    )
    return ended


async def discard_refresh_tokens(
    connection: Connection, tenant_id: UUID, identity_ids: Sequence[UUID], reason: str
) -> None:
    """Wipe the sealed values; the hashes stay, to recognise a token that comes back."""
    await connection.execute(
        """
        update refresh_token set sealed = null, dead_at = now(), dead_reason = $3
        where tenant_id = $1 and identity_id = any($2::uuid[]) and dead_at is null
        """,
        tenant_id,
        identity_ids,
        reason,
    )


async def end_sessions(
    connection: Connection,
    tenant_id: UUID,
    *,
    identity_ids: Sequence[UUID] = (),
    user_ids: Sequence[UUID] = (),
    session_ids: Sequence[UUID] = (),
    reason: str,
) -> list[UUID]:
    """End every live session of these identities or users, or these sessions; returns the ids of those ended."""
    rows = await connection.fetch(
        """
        update session set ended_at = now(), ended_reason = $5, id_token_sealed = null
        where tenant_id = $1 and id = any(array(
            select id from session where tenant_id = $1 and ended_at is null
                and (identity_id = any($2::uuid[]) or user_id = any($3::uuid[]) or id = any($4::uuid[]))
            order by id for no key update))
        returning id, user_id
        """,
        tenant_id,
        identity_ids,
        user_ids,
        session_ids,
        reason,
    )
    await outbox.record_sessions(connection, tenant_id, {row["id"]: row["user_id"] for row in rows})
    return [row["id"] for row in rows]


async def end_api_tokens(connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID], reason: str) -> list[UUID]:
    """End the API tokens of these users; returns the ids of those ended."""
    rows = await connection.fetch(
        """
        update api_token set ended_at = now(), ended_reason = $3
        where tenant_id = $1 and user_id = any($2::uuid[]) and ended_at is null
        returning id
        """,
        tenant_id,
        user_ids,
        reason,
    )
    return [row["id"] for row in rows]


async def end_all_api_tokens(connection: Connection, tenant_id: UUID, reason: str) -> int:
    """End every API token of the tenant; returns how many."""
    ended = await connection.execute(
        "update api_token set ended_at = now(), ended_reason = $2 where tenant_id = $1 and ended_at is null",
        tenant_id,
        reason,
    )
    return int(ended.rpartition(" ")[2])


async def users_without_way_in(connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID]) -> list[UUID]:
    """Which of these users have neither a local password nor a living login (I1, "has a way in")."""
    rows = await connection.fetch(
        """
        select u.id from app_user u
        where u.tenant_id = $1 and u.id = any($2::uuid[]) and u.password_hash is null
            and (u.admitted_until > now()) is not true and not exists (
            select from identity i
            join provider p on p.tenant_id = $1 and p.id = i.provider_id and p.enabled
            join identity_sync s on s.tenant_id = $1 and s.id = i.id
            where i.tenant_id = $1 and i.user_id = u.id and i.state not in ('REVOKED', 'QUARANTINED')
                and (s.signed_in_until > now() or p.sync = 'OFF'))
        """,
        tenant_id,
        user_ids,
    )
    return [row["id"] for row in rows]


async def count_without_other_way_in(connection: Connection, tenant_id: UUID, provider_id: UUID) -> int:
    """How many users of a provider have neither a local password nor an identity at an enabled one. Of a disabled provider."""
    value: int = await connection.fetchval(
        """
        select count(distinct i.user_id) from identity i
        join app_user u on u.tenant_id = $1 and u.id = i.user_id and u.disabled_at is null and u.password_hash is null
        where i.tenant_id = $1 and i.provider_id = $2 and i.unlinked_at is null and not exists (
            select from identity o join provider p on p.tenant_id = $1 and p.id = o.provider_id and p.enabled
            where o.tenant_id = $1 and o.user_id = i.user_id and o.unlinked_at is null)
        """,
        tenant_id,
        provider_id,
    )
    return value


async def users_of(connection: Connection, tenant_id: UUID, identity_ids: Sequence[UUID]) -> list[UUID]:
    """Whose these identities are, each user once."""
    rows = await connection.fetch(
        "select distinct user_id from identity where tenant_id = $1 and id = any($2::uuid[])", tenant_id, identity_ids
    )
    return [row["user_id"] for row in rows]


async def begin_ending(connection: Connection, tenant_id: UUID, provider_id: UUID) -> None:
    """Note that the logins of everybody at a provider that is switched off have to be ended."""
    await connection.execute(
        "update provider set ending_after = $3 where tenant_id = $1 and id = $2", tenant_id, provider_id, UUID(int=0)
    )


async def still_ending(connection: Connection) -> list[tuple[UUID, UUID]]:
    """(tenant, provider), of any tenant, whose logins have not all been ended yet."""
    rows = await connection.fetch(
        "select tenant_id, id from provider where ending_after is not null order by tenant_id, id"
    )
    return [(row["tenant_id"], row["id"]) for row in rows]


async def is_ending(connection: Connection, tenant_id: UUID, provider_id: UUID) -> bool:
    """Whether the logins of the provider have not all been ended yet."""
    value: bool | None = await connection.fetchval(
        "select ending_after is not null from provider where tenant_id = $1 and id = $2", tenant_id, provider_id
    )
    return bool(value)


async def next_ending(connection: Connection, tenant_id: UUID, provider_id: UUID, limit: int) -> list[UUID]:
    """At most so many identities of the provider whose logins are to be ended next, in id order.

    None of them is left once it is empty. The provider is locked until the transaction ends.
    """
    after = await connection.fetchval(
        "select ending_after from provider where tenant_id = $1 and id = $2 for no key update", tenant_id, provider_id
    )
    if after is None:
        return []
    rows = await connection.fetch(
        """
        with next as (
            select id from identity where tenant_id = $1 and provider_id = $2 and id > $3 order by id limit $4
        ), noted as (
            update provider set ending_after = (select id from next order by id desc limit 1) where tenant_id = $1 and id = $2
        )
        select id from next order by id
        """,
        tenant_id,
        provider_id,
        after,
        limit,
    )
    return [row["id"] for row in rows]


async def void_codes(
    connection: Connection, tenant_id: UUID, *, identity_ids: Sequence[UUID] = (), user_ids: Sequence[UUID] = ()
) -> None:
    """Use up the codes of finished logins that nobody has picked up yet."""
    await connection.execute(
        """
        update one_time_code set used_at = now()
        where tenant_id = $1 and used_at is null and (identity_id = any($2::uuid[]) or user_id = any($3::uuid[]))
        """,
        tenant_id,
        identity_ids,
        user_ids,
    )


async def void_local_codes(connection: Connection, tenant_id: UUID, user_id: UUID | None = None) -> None:
    """Use up local sign-ins that no frontend has picked up yet: of the user, or of the whole tenant."""
    await connection.execute(
        """
        update one_time_code set used_at = now()
        where tenant_id = $1 and identity_id is null and used_at is null and ($2::uuid is null or user_id = $2)
        """,
        tenant_id,
        user_id,
    )


async def void_attempts(connection: Connection, tenant_id: UUID, provider_id: UUID) -> None:
    """Refuse the callbacks of every login under way at this provider."""
    await connection.execute(
        """
        with held as (
            select id from login_attempt where tenant_id = $1 and provider_id = $2 and consumed_at is null
            order by id for no key update)
        update login_attempt a set consumed_at = now(), outcome = 'PROVIDER_DISABLED'
        from held where a.tenant_id = $1 and a.id = held.id
        """,
        tenant_id,
        provider_id,
    )
