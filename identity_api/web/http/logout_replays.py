"""Logout tokens that were used a moment ago: a flood of one costs next to nothing (Back-Channel Logout 2.6 step 8).

What was used is in the database, and only the database decides that a token is new. A process remembers, for a second
after it was told so, the exact bytes that were used at one provider, and refuses them again for the same reason: without
the provider's row, the signature, or a statement. So whatever changes (a provider switched off, a token too old) is judged
anew within that second, like everything that `Recent` holds.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, TypeVar
from uuid import UUID

from identity_api.web.http.ttl_cache import MAX_AGE_SECONDS

_MAX_KEYS: Final = 10_000
Key = TypeVar("Key", bound=Hashable)


class Replays:
    """A bounded memory of used logout tokens. One per process; strangers cannot fill it, since only valid tokens get in."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._used: OrderedDict[bytes, float] = OrderedDict()
        self._busy: OrderedDict[tuple[UUID, UUID], float] = OrderedDict()

    def note(self, tenant_id: UUID, provider_id: UUID, token: str) -> None:
        """This token is used, says the database. Called after the transaction that used it, or when it was found there."""
        until = self._monotonic() + MAX_AGE_SECONDS
        _put(self._used, _key(tenant_id, provider_id, token), until)
        _put(self._busy, (tenant_id, provider_id), until)

    def may_know(self, tenant_id: UUID, provider_id: UUID) -> bool:
        """Whether any token of this provider is remembered: otherwise a request need not be looked at early."""
        return self._busy.get((tenant_id, provider_id), 0.0) > self._monotonic()

    def knows(self, tenant_id: UUID, provider_id: UUID, token: str) -> bool:
        """Whether exactly these bytes were found to be used, less than a second ago."""
        return self._used.get(_key(tenant_id, provider_id, token), 0.0) > self._monotonic()


def _key(tenant_id: UUID, provider_id: UUID, token: str) -> bytes:
    return hashlib.sha256(tenant_id.bytes + provider_id.bytes + token.encode("utf-8", "surrogatepass")).digest()


def _put(held: OrderedDict[Key, float], key: Key, until: float) -> None:
    held[key] = until
    held.move_to_end(key)
    if len(held) > _MAX_KEYS:
        held.popitem(last=False)
