"""The circuit breaker: a provider that refuses this client ends no permissions, and raises an alert.

After three refusals the breaker opens: no identity of the provider is claimed, except one probe every 30 s (`db.sync`).
Each refusal of client authentication counts. Any other refusal counts once per person, because the same error may mean
that only this person's login has ended.
"""

from uuid import UUID

from identity_api.db import audit, breakers
from identity_api.db.database import Connection
from identity_api.telemetry import METRICS, get_logger

_log = get_logger(__name__)


async def refused(
    connection: Connection,
    tenant_id: UUID,
    provider_id: UUID,
    reason: str,
    *,
    identity_id: UUID | None,
    said: str | None = None,
) -> None:
    """Count a refusal, in the caller's transaction; the refusal that opens the breaker raises an alert.

    Args:
        identity_id: whose request it was; None for a refusal of client authentication.
        said: the provider's own error text.
    """
    if await breakers.record_refusal(connection, tenant_id, provider_id, reason, identity_id=identity_id):
        payload = {"reason": reason, **({} if said is None else {"said": said})}
        event = audit.Event("provider.breaker_opened", "provider", provider_id, payload)
        await audit.record(connection, tenant_id, "sync", [event])
        METRICS.count_alarm("breaker_opened")
        _log.error("sync.breaker_opened", tenant=str(tenant_id), provider=str(provider_id), reason=reason, said=said)


async def accepted(connection: Connection, tenant_id: UUID, provider_id: UUID) -> None:
    """Note a success, in the caller's transaction: close the breaker if it was open."""
    if await breakers.record_acceptance(connection, tenant_id, provider_id):
        event = audit.Event("provider.breaker_closed", "provider", provider_id)
        await audit.record(connection, tenant_id, "sync", [event])
        _log.info("sync.breaker_closed", tenant=str(tenant_id), provider=str(provider_id))
