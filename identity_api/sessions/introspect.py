"""Token introspection for the product's backends (RFC 7662).

Only service clients with the scope `introspect` may call it, and only for their tenants: a token of any other tenant is
`active: false`, like one that does not exist (section 2.2).
"""

import hmac
from typing import Any

from identity_api.claims.text import is_storable
from identity_api.db import clients
from identity_api.db.clients import ServiceClient
from identity_api.db.database import Connection
from identity_api.errors import Refused
from identity_api.ids import token_hash
from identity_api.sessions.authenticate import authenticate

INTROSPECT = "introspect"
_INACTIVE = {"active": False}


async def verify_service_client(connection: Connection, name: str, secret: str) -> ServiceClient | None:
    """The client of this name, if this is its secret and it is not revoked."""
    found = await clients.service_client(connection, name) if is_storable(name) else None
    client, expected = found if found is not None else (None, bytes(32))
    # Also compared for an unknown client, so that timing does not reveal which names exist.
    is_right = hmac.compare_digest(token_hash(secret), expected)
    return client if is_right else None


async def touch(connection: Connection, client: ServiceClient) -> None:
    """Note that the client was used, at most once a minute."""
    if not client.was_just_seen:
        await clients.touch_service_client(connection, client.id)


async def introspect(connection: Connection, client: ServiceClient, token: str, *, idle_seconds: int) -> dict[str, Any]:
    """The token's properties, with the names of RFC 7662 section 2.2. Introspection does not extend a session.

    `sub` is our id of the user, `subject` the provider's; `tenant` is the name that callers know, `tenant_id` our id of it.
    `scope` and `permissions` are the permissions in force now; `auth_time` is when the person proved who they are.

    Raises:
        Refused: `SCOPE_REQUIRED`: the client lacks the scope `introspect`.
    """
    if INTROSPECT not in client.scopes:
        raise Refused("This client may not introspect tokens.", code="SCOPE_REQUIRED")
    found = await authenticate(connection, token, idle_seconds=idle_seconds)
    if found is None or found.tenant_id not in client.tenant_ids:
        return dict(_INACTIVE)
    ends = min(found.expires_at, found.idle_until) if found.idle_until is not None else found.expires_at
    permissions = sorted(found.permissions)
    return {
        "active": True,
        "sub": str(found.user.id),
        "subject": found.subject,
        "username": found.user.username,
        "name": found.user.display_label,
        "email": found.user.email,
        "token_type": "Bearer",
        "scope": " ".join(permissions),
        "permissions": permissions,
        "tenant_id": str(found.tenant_id),
        "tenant": found.tenant_slug,
        "is_sso": found.is_sso,
        "auth_time": int(found.authenticated_at.timestamp()),
        "iat": int(found.issued_at.timestamp()),
        "exp": int(ends.timestamp()),
    }
