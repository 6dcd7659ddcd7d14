"""One attempt at one message: signed, sent by the guarded client, and its result."""

import time
from typing import Final
from uuid import UUID

from identity_api.clock import Clock
from identity_api.db.database import Connection, Database
from identity_api.db.webhooks import Attempt, Webhook, secrets
from identity_api.oidc.messages import Request
from identity_api.upstream.errors import UpstreamError
from identity_api.upstream.exchange import Upstream
from identity_api.vault import Vault
from identity_api.webhooks.messages import Message
from identity_api.webhooks.signing import signed_headers

DEADLINE_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 64 * 1024
GONE: Final = 410
"""The receiver wants no more messages (Standard Webhooks, operational considerations)."""
SEALED_TABLE: Final = "webhook_secret"


class Sending:
    """What sending needs of this process."""

    def __init__(self, database: Database, vault: Vault, upstream: Upstream, clock: Clock) -> None:
        self.database, self.vault, self.upstream, self.clock = database, vault, upstream, clock

    async def keys(self, connection: Connection, webhook: Webhook) -> list[str]:
        """The webhook's secrets, opened.

        Raises:
            VaultError: as `Vault.open`.
        """
        found = await secrets(connection, webhook.tenant_id, webhook.id)
        return [self._open(webhook.tenant_id, one.id, one.sealed) for one in found]

    def _open(self, tenant_id: UUID, row_id: UUID, sealed: bytes) -> str:
        return self.vault.open(sealed, tenant_id=tenant_id, table=SEALED_TABLE, column="sealed", row_id=row_id).decode()

    async def attempt(
        self,
        webhook: Webhook,
        keys: list[str],
        message: Message,
        *,
        number: int = 1,
        deadline: float = DEADLINE_SECONDS,
    ) -> Attempt:
        """Send it once. Never raises for a fault of the receiver or the network.

        Only 2xx is a delivery. A redirect is not: it could lead anywhere.

        Args:
            number: which attempt at this message it is, from 1.
            deadline: seconds for all of it.
        """
        headers = {
            "content-type": "application/json",
            "user-agent": "identity-api-webhooks",
            **signed_headers(keys, message.id, self.clock(), message.body),
        }
        began = time.monotonic()
        status: int | None = None
        error: str | None = None
        request = Request(method="POST", url=webhook.url, headers=headers, body=message.body)
        try:
            answer = await self.upstream.exchange(
                request, deadline=deadline, cap=ANSWER_BYTES, tenant=webhook.tenant_id
            )
            status = answer.status
            error = None if 200 <= status < 300 else f"http_{status}"
        except UpstreamError as failed:
            error = failed.code.lower()
        return Attempt(
            message_id=message.id,
            position=message.position,
            type=message.type,
            attempt=number,
            status=status,
            error=error,
            milliseconds=round((time.monotonic() - began) * 1000),
        )
