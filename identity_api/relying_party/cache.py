"""Data about providers that a process keeps between requests; all of it can be fetched again."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

from identity_api.oidc.own_keys import OwnKey

Key = TypeVar("Key")
Value = TypeVar("Value")
MAX_ENTRIES = 4_096


class _Bounded(Generic[Key, Value]):
    """The newest entries of a mapping."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        return self._entries.get(key)

    def put(self, key: Key, value: Value) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)


class ProviderCache:
    """One per process and event loop; made by the parts of logins and of syncs."""

    def __init__(self) -> None:
        self._keys: _Bounded[UUID, OwnKey] = _Bounded()
        self._secrets: _Bounded[UUID, UUID] = _Bounded()
        self._nonces: _Bounded[tuple[UUID, str], str] = _Bounded()

    def own_key(self, row_id: UUID, read: Callable[[], OwnKey]) -> OwnKey:
        """The imported key of this row. Importing an RSA key takes some 40 ms, and a row's key never changes."""
        found = self._keys.get(row_id)
        if found is None:
            found = read()
            self._keys.put(row_id, found)
        return found

    def accepted_secret(self, provider_id: UUID) -> UUID | None:
        """The row of the client secret that the provider accepted when it refused another; None if it never refused
        one.
        """
        return self._secrets.get(provider_id)

    def accept_secret(self, provider_id: UUID, secret_id: UUID) -> None:
        """Try this one first from now on."""
        self._secrets.put(provider_id, secret_id)

    def nonce(self, provider_id: UUID, server: str) -> str | None:
        """The nonce that this server of the provider gave last (RFC 9449 section 8.2)."""
        return self._nonces.get((provider_id, server))

    def keep_nonce(self, provider_id: UUID, server: str, nonce: str) -> None:
        """Use this one from now on."""
        self._nonces.put((provider_id, server), nonce)
