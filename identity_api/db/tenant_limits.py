"""Count for each limit of a tenant, and refuse what exceeds it."""

from typing import Any, Final
from uuid import UUID

import msgspec

from identity_api.config import TenantLimits
from identity_api.db import locks
from identity_api.db.database import Connection
from identity_api.errors import LimitReached


class _Counted(msgspec.Struct, frozen=True):
    """What a limit counts."""

    holder: str
    things: str
    rows: str
    """`$1` is the tenant, `$2` the provider or user whose things they are."""


_COUNTED: Final = {
    "max_mappings": _Counted(
        "The tenant", "group mappings", "from group_mapping where tenant_id = $1 and deleted_at is null"
    ),
    "max_glob_mappings": _Counted(
        "The tenant",
        "group mappings with a pattern",
        "from group_mapping where tenant_id = $1 and deleted_at is null and match = 'GLOB'",
    ),
    "max_permissions": _Counted(
        "The tenant", "permissions of its own", "from permission where tenant_id = $1 and name not like 'identity:%'"
    ),
    "max_providers": _Counted("The tenant", "providers", "from provider where tenant_id = $1"),
    "max_frontends": _Counted("The tenant", "frontends", "from frontend where tenant_id = $1"),
    "max_service_clients": _Counted(
        "The tenant",
        "service clients of its own",
        "from service_client where tenant_ids @> array[$1::uuid] and owner_id = $1 and revoked_at is null",
    ),
    "max_webhooks": _Counted("The tenant", "webhooks", "from webhook where tenant_id = $1"),
    "max_proposals": _Counted(
        "The tenant",
        "open proposals",
        "from proposal where tenant_id = $1 and decided_at is null and expires_at > now()",
    ),
    "max_provider_groups": _Counted(
        "The provider", "groups seen so far", "from provider_group where tenant_id = $1 and provider_id = $2"
    ),
    "max_user_grants": _Counted(
        "The user",
        "permissions given by hand",
        "from permission_grant where tenant_id = $1 and user_id = $2 and source = 'MANUAL' and revoked_at is null",
    ),
    "max_user_api_tokens": _Counted(
        "The user",
        "API tokens",
        "from api_token where tenant_id = $1 and user_id = $2 and ended_at is null and expires_at > now()",
    ),
}


async def ensure_within(
    connection: Connection, limits: TenantLimits, name: str, tenant_id: UUID, owner_id: UUID | None = None
) -> None:
    """Check a limit after something was added, in its transaction, which the refusal rolls back.

    A concurrent transaction that adds waits for the end of this one, and then counts what it has added.

    Args:
        name: the limit's, a field of `TenantLimits`.
        owner_id: the provider or user, where the limit is theirs.

    Raises:
        LimitReached: naming the setting and its value.
    """
    await locks.limit(connection, name, tenant_id, owner_id)
    counted = await count(connection, name, tenant_id, owner_id)
    if counted > getattr(limits, name):
        raise beyond(limits, name, counted)


async def count(connection: Connection, name: str, tenant_id: UUID, owner_id: UUID | None = None) -> int:
    """How many objects the limit counts."""
    arguments: tuple[Any, ...] = (tenant_id,) if owner_id is None else (tenant_id, owner_id)
    value: int = await connection.fetchval(f"select count(*) {_COUNTED[name].rows}", *arguments)
    return value


def beyond(limits: TenantLimits, name: str, wanted: int) -> LimitReached:
    """The error for exceeding the limit."""
    limit: int = getattr(limits, name)
    counted = _COUNTED[name]
    message = (
        f"{counted.holder} would have {wanted:,} {counted.things}, and the limit is {limit:,} (IDENTITY_{name.upper()})."
        " Remove some, or have the operator raise the limit."
    )
    return LimitReached(message, limit=name, value=limit)
