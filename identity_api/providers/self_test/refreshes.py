"""Report whether the provider refused the client in recent refreshes of the background sync.

A test must not present a refresh token, so the counts of the sync are read (`db.breakers`).
"""

from typing import Final

from identity_api.db import breakers
from identity_api.db.breakers import Trouble
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import Finding, fail, ok, warn

STEP: Final = "refreshes"


async def examine_refreshes(connection: Connection, provider: Provider) -> Finding:
    """Whether the provider accepted us when the sync asked it last."""
    found = await breakers.trouble(connection, provider.tenant_id, provider.id)
    if found is None:
        return ok(STEP, "No refresh was refused lately.")
    since = f"{found.changed_at:%Y-%m-%d %H:%M} UTC"
    if found.is_open:
        message = (
            f"The provider refuses us as its client at refreshes, last at {since}; the sync of its people is paused."
        )
        return fail(STEP, "REFRESHES_REFUSED", message, found=_reason(found))
    message = f"The provider refused us as its client at a refresh, at {since}."
    return warn(STEP, "REFRESHES_REFUSED", message, found=_reason(found))


def _reason(found: Trouble) -> str:
    return f"{found.failures} refused: {found.reason or 'no reason'}"
