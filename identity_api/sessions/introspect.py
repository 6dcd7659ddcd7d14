"""Token introspection for the product's backends (RFC 7662).

Only service clients with the scope `introspect` may call it, and only for their tenants: a token of any other tenant is
`active: false`, like one that does not exist (section 2.2).
"""

import hmac
from typing import Any

from identity_api.claims.text import is_storable
from identity_api.db import clients, introspection
from identity_api.db.clients import ServiceClient
from identity_api.db.database import Connection
from identity_api.db.introspection import Asked
from identity_api.errors import Refused
from identity_api.ids import token_hash, token_key
from identity_api.sessions.authenticate import Authenticated, kind_of

INTROSPECT = "introspect"
_INACTIVE = {"active": False}


async def introspect(
    connection: Connection, name: str, secret: str, token: str, *, idle_seconds: int
) -> dict[str, Any] | None:
    """The token's properties, with the names of RFC 7662 section 2.2; None if this is not a client's name and secret.

    Introspection does not extend a session. `sub` is our id of the user, `subject` the provider's; `tenant` is the name
    that callers know, `tenant_id` our id of it. `scope` and `permissions` are the permissions in force now; `auth_time` is
    when the person proved who they are.

    Raises:
        Refused: `SCOPE_REQUIRED`: the client lacks the scope `introspect`.
    """
    asked = await verify_service_client(connection, name, secret, token, idle_seconds=idle_seconds)
    if asked is None:
        return None
    if INTROSPECT not in asked.client.scopes:
        raise Refused("This client may not introspect tokens.", code="SCOPE_REQUIRED")
    await touch(connection, asked.client)
    if asked.token is None or asked.token.tenant_id not in asked.client.tenant_ids:
        return dict(_INACTIVE)
    return _properties(Authenticated(asked.token))


async def touch(connection: Connection, client: ServiceClient) -> None:
    """Note that the client was used, at most once a minute."""
    if not client.was_just_seen:
        await clients.touch_service_client(connection, client.id)


async def verify_service_client(
    connection: Connection, name: str, secret: str, token: str = "", *, idle_seconds: int = 0
) -> Asked | None:
    """The client of this name, if this is its secret and it is neither revoked nor expired, with the token that it asks about."""
    found = await _read(connection, name, token, idle_seconds) if is_storable(name) else None
    # Also compared for an unknown client, so that timing does not reveal which names exist.
    is_right = hmac.compare_digest(token_hash(secret), bytes(32) if found is None else found.secret_hash)
    return found if is_right else None


async def _read(connection: Connection, name: str, token: str, idle_seconds: int) -> Asked | None:
    kind = kind_of(token)
    if kind == "SESSION":
        return await introspection.about_session(connection, name, token_key(token), idle_seconds=idle_seconds)
    if kind == "API_TOKEN":
        return await introspection.about_api_token(connection, name, token_key(token))
    return await introspection.about_nothing(connection, name)


def _properties(found: Authenticated) -> dict[str, Any]:
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
