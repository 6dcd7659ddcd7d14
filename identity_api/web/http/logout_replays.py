"""Remember logout tokens that were used a moment ago, so that many replays of one are cheap (Back-Channel Logout 2.6 step 8).

Used tokens are in the database, and only the database decides that a token is new. For a second after that decision, a
process remembers the exact bytes that were used at one provider, and refuses them again for the same reason: without
reading the provider's row, checking the signature, or any statement. So a change (a provider disabled, a token too old) takes
effect within that second, as for everything that `Recent` holds.
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
        """Remember a used token. Called after the transaction that used it, or when the database had it already."""
        until = self._monotonic() + MAX_AGE_SECONDS
        _put(self._used, _key(tenant_id, provider_id, token), until)
        _put(self._busy, (tenant_id, provider_id), until)

    def may_know(self, tenant_id: UUID, provider_id: UUID) -> bool:
        """Whether any token of this provider is remembered: otherwise a request need not be checked early."""
        return self._busy.get((tenant_id, provider_id), 0.0) > self._monotonic()

    def knows(self, tenant_id: UUID, provider_id: UUID, token: str) -> bool:
        """Whether exactly these bytes are known as used since less than a second."""
        return self._used.get(_key(tenant_id, provider_id, token), 0.0) > self._monotonic()


def _key(tenant_id: UUID, provider_id: UUID, token: str) -> bytes:
    return hashlib.sha256(tenant_id.bytes + provider_id.bytes + token.encode("utf-8", "surrogatepass")).digest()


def _put(held: OrderedDict[Key, float], key: Key, until: float) -> None:
    held[key] = until
    held.move_to_end(key)
    if len(held) > _MAX_KEYS:
        held.popitem(last=False)
