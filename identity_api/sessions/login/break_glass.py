"""Sign in with a break-glass code: once, for its minutes, and loudly.

The session ends with the access and counts as freshly authenticated all the while, because there is nothing by which its
person could prove again who they are.
"""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from identity_api.clock import Clock
from identity_api.db import audit, break_glass, locks, users
from identity_api.db.break_glass import Used
from identity_api.db.database import Connection, Database
from identity_api.db.tenants import Tenant
from identity_api.errors import NotFound
from identity_api.ids import token_hash
from identity_api.sessions.cookies import session_cookie, session_cookie_name
from identity_api.sessions.login.begin import SignIn, end_replaced, open_session
from identity_api.sessions.login.deps import Cookie, LoginLimits
from identity_api.telemetry import METRICS, get_logger
from identity_api.vault import Vault

_log = get_logger(__name__)


class BreakGlassDeps(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the process that it needs."""

    database: Database
    vault: Vault
    clock: Clock
    limits: LoginLimits


async def use(
    deps: BreakGlassDeps, tenant: Tenant, code: str, *, origin: str, path_prefix: str, cookies: Mapping[str, str]
) -> Cookie:
    """Use a code up; returns the cookie of the session that it gives.

    Args:
        tenant: of the host or path that the code was brought to (I2).

    Raises:
        NotFound: `BREAK_GLASS_UNKNOWN`: unknown, used, revoked, too old, or another tenant's.
    """
    async with deps.database.transaction() as connection:
        used, user_id = await _used(connection, tenant.id, token_hash(code))
        await end_replaced(connection, tenant.id, cookies.get(session_cookie_name(origin, path_prefix)))
        standing = await users.standing(connection, tenant.id, user_id, None)
        if standing.refusal is not None:
            raise _unknown()
        limits = msgspec.structs.replace(deps.limits, session_absolute_seconds=used.minutes * 60)
        begun = await open_session(
            connection,
            deps.vault,
            limits,
            SignIn(user_id=user_id, authenticated_at=deps.clock()),
            tenant_id=tenant.id,
            frontend_id=None,
            kind="COOKIE",
            epoch=standing.epoch,
        )
        payload = {"user": str(user_id), "session": str(begun.session_id)}
        event = audit.Event("break_glass.used", "break_glass", used.id, payload, new={"until": used.until})
        await audit.record(connection, tenant.id, f"user:{user_id}", [event])
    METRICS.count_alarm("break_glass_used")
    _log.error("break_glass.used", tenant=str(tenant.id), credential=str(used.id), until=used.until.isoformat())
    return session_cookie(origin, path_prefix, begun.token, max_age_seconds=used.minutes * 60)


async def _used(connection: Connection, tenant_id: UUID, hashed: bytes) -> tuple[Used, UUID]:
    user_id = await break_glass.user_of(connection, tenant_id, hashed)
    if user_id is None:
        raise _unknown()
    await locks.users(connection, tenant_id, [user_id])
    used = await break_glass.use(connection, tenant_id, hashed)
    if used is None:
        raise _unknown()
    return used, user_id


def _unknown() -> NotFound:
    return NotFound("This code has been used, was revoked, or is too old.", code="BREAK_GLASS_UNKNOWN")
