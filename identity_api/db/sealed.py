"""Every sealed column, in one place: what the rotation of keys seals again, and what a key ring must be able to open.

The statements here are not bound to a tenant: only the operator's key rotation and the check at start use them, and
they read only ciphertexts. A column that is missing from the list would keep its old key for ever; a test compares the
list with the schema.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from identity_api.db.database import Connection


class SealedColumn(NamedTuple):
    """A column of sealed values. Both names are also part of what `vault` binds each value to."""

    table: str
    column: str


SEALED_COLUMNS = (
    SealedColumn("provider_secret", "sealed"),
    SealedColumn("client_key", "sealed"),
    SealedColumn("refresh_token", "sealed"),
    SealedColumn("session", "id_token_sealed"),
    SealedColumn("login_attempt", "code_verifier_sealed"),
    SealedColumn("one_time_code", "id_token_sealed"),
    SealedColumn("local_account", "totp_sealed"),
    SealedColumn("logout_handle", "sealed"),
    SealedColumn("webhook_secret", "sealed"),
)


class SealedValue(msgspec.Struct, frozen=True):
    """One sealed value and the row it belongs to."""

    id: UUID
    tenant_id: UUID
    sealed: bytes


class Resealed(msgspec.Struct, frozen=True):
    """A value that replaces `before`."""

    id: UUID
    tenant_id: UUID
    before: bytes
    after: bytes


async def count_other(connection: Connection, place: SealedColumn, prefix: bytes) -> int:
    """How many values do not begin with `prefix`, the vault's prefix for its current key."""
    table, column = place
    value: int = await connection.fetchval(
        f"select count(*) from {table} where {column} is not null and {_differs(column, 1)}", prefix, timeout=60
    )
    return value


async def other(
    connection: Connection, place: SealedColumn, prefix: bytes, *, after: SealedValue | None, limit: int
) -> list[SealedValue]:
    """The next values that do not begin with `prefix`, by tenant and row id, after that one."""
    table, column = place
    rows = await connection.fetch(
        f"select id, tenant_id, {column} as sealed from {table}"
        f" where {column} is not null and {_differs(column, 1)}"
        " and ($2::uuid is null or (tenant_id, id) > ($2, $3::uuid)) order by tenant_id, id limit $4",
        prefix,
        after and after.tenant_id,
        after and after.id,
        limit,
        timeout=60,
    )
    return [SealedValue(**row) for row in rows]


async def replace(connection: Connection, place: SealedColumn, values: Sequence[Resealed]) -> int:
    """Compare-and-set each value; returns how many were still what they were.

    A value that changed meanwhile is newer, and is left as it is.
    """
    table, column = place
    status = await connection.execute(
        f"""
        update {table} as t set {column} = n.after
        from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[]) as n (id, tenant_id, before, after)
        where t.tenant_id = n.tenant_id and t.id = n.id and t.{column} = n.before
        """,
        [value.id for value in values],
        [value.tenant_id for value in values],
        [value.before for value in values],
        [value.after for value in values],
    )
    return int(status.rpartition(" ")[2])


async def headers(connection: Connection, place: SealedColumn, *, seconds: float) -> dict[bytes, int]:
    """The prefixes of the values, which name their keys, and how many values have each.

    Reads the whole column; `seconds` bounds that. A value that is too short to have such a beginning counts under what
    there is of it.

    Raises:
        TimeoutError: it took longer.
    """
    table, column = place
    rows = await connection.fetch(
        f"""
        select case when length({column}) >= 2 then substring({column} from 1 for 2 + get_byte({column}, 1))
            else {column} end as header, count(*) as values
        from {table} where {column} is not null group by 1
        """,
        timeout=seconds,
    )
    return {row["header"]: row["values"] for row in rows}


async def audit_key_ids(connection: Connection, *, seconds: float) -> set[str]:
    """The keys that the audit chains were made with.

    Raises:
        TimeoutError: it took longer.
    """
    rows = await connection.fetch(
        """
        select distinct key_id from audit_event where key_id is not null
        union select archived_key_id from audit_head where archived_key_id is not null
        """,
        timeout=seconds,
    )
    return {row["key_id"] for row in rows}


def _differs(column: str, parameter: int) -> str:
    return f"substring({column} from 1 for length(${parameter}::bytea)) <> ${parameter}"
