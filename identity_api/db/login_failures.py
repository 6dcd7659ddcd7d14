"""Failed logins, from the audit: a tenant's administrators look up the failure that a person's page showed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from identity_api.db.database import Connection


class LoginFailure(msgspec.Struct, frozen=True):
    """One event. `reason` has this service's codes and names, `said` the provider's text (`oidc.provider_error_text`).

    The provider is None for a password, or if none was known.
    """

    id: UUID
    at: datetime
    code: str
    reason: str | None
    said: str | None
    request_id: str | None
    user_id: UUID | None
    provider_id: UUID | None
    provider_slug: str | None
    provider_label: str | None


async def page(
    connection: Connection,
    tenant_id: UUID,
    *,
    after: UUID | None,
    first: int,
    request_id: str | None = None,
    backward: bool = False,
) -> list[LoginFailure]:
    """At most `first` + 1 failures before that one, the newest first.

    Args:
        request_id: only the one of this request.
        backward: those after that one, the oldest first.
    """
    beyond, direction = (">", "asc") if backward else ("<", "desc")
    arguments: list[Any] = [tenant_id, first + 1]
    conditions = ""
    if after is not None:
        arguments.append(after)
        conditions += f" and e.id {beyond} ${len(arguments)}"
    if request_id is not None:
        arguments.append(request_id)
        conditions += f" and e.payload->>'request' = ${len(arguments)}"
    rows = await connection.fetch(
        f"""
        select e.id, e.at, coalesce(e.payload->>'code', 'LOGIN_FAILED') as code, e.payload->>'reason' as reason,
            e.payload->>'said' as said,
            e.payload->>'request' as request_id,
            case when e.subject_kind = 'user' then e.subject_id end as user_id,
            p.id as provider_id, p.slug as provider_slug, p.label as provider_label
        from audit_event e
        left join provider p on p.tenant_id = $1 and p.id::text = e.payload->>'provider'
        where e.tenant_id = $1 and e.action = 'login.failed'{conditions}
        order by e.id {direction} limit $2
        """,
        *arguments,
    )
    return [LoginFailure(**row) for row in rows]
