"""A cache of database results for a second, so that not every request queries again."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MAX_AGE_SECONDS: Final = 1.0
"""How long a change of hosts, tenants or frontends may go unnoticed. It is in force everywhere within two seconds
(promise 15): the other one is for the request that notices, on a machine that has much to do."""
_MAX_KEYS: Final = 10_000


class Recent(Generic[Key, Value]):
    """A bounded memory of answers, absent ones included: anybody can ask for hosts that do not exist."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._held: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    async def get(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        """The answer for `key`, from memory if it is young enough."""
        held = self._held.get(key)
        now = self._monotonic()
        if held is not None and now < held[0]:
            return held[1]
        value = await ask()
        self._held[key] = (now + MAX_AGE_SECONDS, value)
        self._held.move_to_end(key)
        if len(self._held) > _MAX_KEYS:
            self._held.popitem(last=False)
        return value
