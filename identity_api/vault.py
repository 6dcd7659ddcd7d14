"""Seals secrets at rest, and derives every other key of the service from the key ring (I3).

A sealed value is AES-256-GCM (NIST SP 800-38D) under a key made by HKDF-SHA256 (RFC 5869) for one tenant, table, column
and row. The same context is authenticated, so a ciphertext moved to another row does not open. A key per row also keeps
the number of random nonces under any one key small.

    sealed = version (1 byte) | length of key id (1 byte) | key id | nonce (12 bytes) | ciphertext and tag

Cursors use AES-SIV (RFC 5297): one key makes thousands a second, which would use up random nonces within days, and
AES-SIV needs none. Equal positions therefore have equal cursors.

Every purpose has its own HKDF label; no derived key serves two. Callers never see key material.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from identity_api.config import KeyRing
from identity_api.errors import IdentityAPIError

_VERSION: Final = b"\x01"
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_MAX_CURSOR_LENGTH: Final = 4_096
_CURSOR_KEY_BYTES: Final = 64  # AES-SIV takes two AES-256 keys


class VaultError(IdentityAPIError):
    """A sealed value cannot be opened: KEY_MISSING or SEAL_BROKEN. `key_id` is set where the value names its key."""

    default_code = "SEAL_BROKEN"

    def __init__(self, message: str, *, code: str, key_id: str | None = None) -> None:
        super().__init__(message, code=code)
        self.key_id = key_id


class Mac(NamedTuple):
    """A message authentication code and the id of the ring key it was made under. Keep both."""

    key_id: str
    digest: bytes


class Vault:
    """Seals and opens under a key ring. The current key seals; every key of the ring opens."""

    def __init__(self, key_ring: KeyRing) -> None:
        self._ring = key_ring
        # Purposes are few and fixed, so their keys are derived once per process.
        self._purpose_key = lru_cache(maxsize=256)(self._derive_purpose_key)
        self._cursor_cipher = lru_cache(maxsize=256)(self._make_cursor_cipher)

    def __repr__(self) -> str:
        return f"<Vault {self._ring!r}>"

    def seal(self, plaintext: bytes, *, tenant_id: UUID, table: str, column: str, row_id: UUID) -> bytes:
        """Seal a value for exactly one column of one row, under the current key.

        Raises:
            ConfigurationError: the ring is empty.
        """
        key_id = self._ring.current_id
        context = _row_context(tenant_id, table, column, row_id)
        header = _header(key_id)
        nonce = os.urandom(_NONCE_BYTES)
        cipher = AESGCM(self._derive(key_id, "row", context, 32))
        return header + nonce + cipher.encrypt(nonce, plaintext, header + context)

    def open(self, sealed: bytes, *, tenant_id: UUID, table: str, column: str, row_id: UUID) -> bytes:
        """Open a value that `seal` made for the same column of the same row.

        Raises:
            VaultError: KEY_MISSING if the ring lacks its key; SEAL_BROKEN if it was changed, moved or never sealed.
        """
        key_id, body = _split(sealed)
        context = _row_context(tenant_id, table, column, row_id)
        cipher = AESGCM(self._derive(key_id, "row", context, 32))
        if len(body) < _NONCE_BYTES + _TAG_BYTES:
            raise _broken(key_id)
        try:
            return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], _header(key_id) + context)
        except InvalidTag:
            raise _broken(key_id) from None

    def key_id_of(self, sealed: bytes) -> str:
        """The id of the ring key under which a value is sealed; the ring need not have it.

        Raises:
            VaultError: SEAL_BROKEN if this is no sealed value.
        """
        return _split(sealed)[0]

    @property
    def current_prefix(self) -> bytes:
        """What every value sealed under the current key begins with, and no value under another key does.

        Raises:
            ConfigurationError: the ring is empty.
        """
        return _header(self._ring.current_id)

    def mac(self, purpose: str, data: bytes, *, key_id: str | None = None) -> Mac:
        """HMAC-SHA256 of `data` under the key for `purpose`.

        Args:
            purpose: a fixed name such as "audit"; other purposes have unrelated keys.
            data: what is authenticated; the caller makes its encoding unambiguous.
            key_id: the ring key to use; None means the current one.

        Raises:
            VaultError: KEY_MISSING if the ring lacks the key.
        """
        key_id = key_id or self._ring.current_id
        return Mac(key_id, hmac.digest(self._purpose_key(key_id, "mac", purpose, 32), data, "sha256"))

    def verify_mac(self, purpose: str, data: bytes, mac: Mac) -> bool:
        """Whether `mac` was made for this purpose and data, by whichever ring key it names.

        Raises:
            VaultError: KEY_MISSING if the ring lacks that key; this is not the same as "forged".
        """
        return hmac.compare_digest(self.mac(purpose, data, key_id=mac.key_id).digest, mac.digest)

    def cursor_sealer(self, context: str) -> Callable[[bytes], str]:
        """From places in a list to opaque, unforgeable cursors: base64url without padding.

        Args:
            context: what the cursors are valid for (tenant, list, order, filters); they open for the same context only.
        """
        key_id = self._ring.current_id
        encrypt = self._cursor_cipher(key_id).encrypt
        header = _header(key_id)
        bound_to = [header, context.encode("utf-8", "surrogatepass")]

        def seal(position: bytes) -> str:
            # What `urlsafe_b64encode` does, without its two calls: a page seals a hundred.
            encoded = binascii.b2a_base64(header + encrypt(position, bound_to), newline=False)
            return encoded.translate(_URL_SAFE).rstrip(b"=").decode("ascii")

        return seal

    def open_cursor(self, context: str, cursor: str) -> bytes:
        """The position in a cursor that a `cursor_sealer` made for the same context.

        Raises:
            VaultError: SEAL_BROKEN or KEY_MISSING; to a client both mean "not a cursor of this list".
        """
        if len(cursor) > _MAX_CURSOR_LENGTH:
            raise _broken(None)
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _broken(None) from None
        key_id, body = _split(sealed)
        cipher = self._cursor_cipher(key_id)
        try:
            return cipher.decrypt(body, [_header(key_id), context.encode("utf-8", "surrogatepass")])
        except (InvalidTag, ValueError):  # ValueError: shorter than a tag
            raise _broken(key_id) from None

    def _make_cursor_cipher(self, key_id: str) -> AESSIV:
        return AESSIV(self._derive(key_id, "cursor", b"", _CURSOR_KEY_BYTES))

    def _derive_purpose_key(self, key_id: str, kind: str, purpose: str, length: int) -> bytes:
        return self._derive(key_id, kind, _framed(purpose.encode()), length)

    def _derive(self, key_id: str, kind: str, context: bytes, length: int) -> bytes:
        """HKDF-SHA256 of a ring key. `kind` keeps rows, codes and cursors apart."""
        ring_key = self._ring.get(key_id)
        if ring_key is None:
            raise VaultError(f"The key ring has no key {key_id}.", code="KEY_MISSING", key_id=key_id)
        info = _framed(b"identity-api", b"1", kind.encode()) + context
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(ring_key)


def _row_context(tenant_id: UUID, table: str, column: str, row_id: UUID) -> bytes:
    return _framed(tenant_id.bytes, table.encode(), column.encode(), row_id.bytes)


def _framed(*fields: bytes) -> bytes:
    """Fields with their lengths before them, so that no two different lists look the same."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def _header(key_id: str) -> bytes:
    encoded = key_id.encode()
    return _VERSION + bytes([len(encoded)]) + encoded


def _split(sealed: bytes) -> tuple[str, bytes]:
    """The key id and what follows it."""
    if len(sealed) < 2 or sealed[:1] != _VERSION:
        raise _broken(None)
    end = 2 + sealed[1]
    try:
        key_id = sealed[2:end].decode("ascii")
    except UnicodeDecodeError:
        raise _broken(None) from None
    # The id goes into messages, so it must be one that a ring could have had.
    if len(sealed) < end or not key_id or not all(character.isalnum() or character in "_.-" for character in key_id):
        raise _broken(None)
    return key_id, sealed[end:]


def _broken(key_id: str | None) -> VaultError:
    return VaultError("A sealed value does not open.", code="SEAL_BROKEN", key_id=key_id)
