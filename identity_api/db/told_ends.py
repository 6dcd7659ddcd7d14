"""How providers ended logins, from the audit."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

BY_PROVIDER: Final = frozenset(("invalid_grant", "login_refused", "access_token_refused", "reauth_required"))
"""Reasons of a revoked identity that come from the provider."""


class ToldEnd(msgspec.Struct, frozen=True):
    """When a provider ended a login, and its error text."""

    at: datetime
    said: str | None


async def of_identities(connection: Connection, tenant_id: UUID, identity_ids: Collection[UUID]) -> dict[UUID, ToldEnd]:
    """The last end of each of these identities, as far as the audit still has it: an index lookup for each."""
    rows = await connection.fetch(
        """
        select asked.id, e.at, e.payload->>'said' as said
        from unnest($2::uuid[]) as asked (id)
        cross join lateral (
            select at, payload from audit_event
            where tenant_id = $1 and subject_id = asked.id and action = 'identity.revoked' order by id desc limit 1) e
        """,
        tenant_id,
        list(identity_ids),
    )
    return {row["id"]: ToldEnd(row["at"], row["said"]) for row in rows}
