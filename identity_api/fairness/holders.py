"""The tenant of a token when it was last seen, so that the next lookup counts as work of that tenant.

It only decides whose turn it is: the database decides with each request whether the token is valid, and whose it is. The
tenant that a token names is not trusted here: strangers could use up a tenant's turn with invented tokens.
"""

from typing import Final
from uuid import UUID

from identity_api.fairness.served import work_for

MANY: Final = 20_000


class Holders:
    """The tenants of recently seen tokens, for one process."""

    def __init__(self) -> None:
        self._tenants: dict[int, UUID] = {}
        """By the token's hash in this process, so that no token is kept."""

    def work_for_holder(self, token: str) -> None:
        """From now on this task works for the tenant of the token, if it is remembered."""
        tenant_id = self._tenants.get(hash(token))
        if tenant_id is not None:
            work_for(tenant_id)

    def remember(self, token: str, tenant_id: UUID) -> None:
        """Remember that the token belongs to this tenant."""
        if len(self._tenants) >= MANY:
            del self._tenants[next(iter(self._tenants))]
        self._tenants[hash(token)] = tenant_id

    def forget(self, token: str) -> None:
        """Forget the token: from now on its requests count for no tenant."""
        self._tenants.pop(hash(token), None)
