"""Identifiers and unguessable values.

Row ids are UUID version 7 (RFC 9562 section 5.7): they sort by creation time, so primary-key indexes grow at one end.
Secrets handed to browsers or programs carry a prefix that names their kind, so that a leak can be recognised. One that is
looked up by its hash carries its tenant as well (`docs/security.md`, how tokens are made):

    ias_  AZLmPkF6d4mUq1Zk0yFhSQ  Xq2v...           kind, tenant's id in base64url, 256 random bits in base64url
          22 characters           43 characters

so that every look-up names one tenant. The tenant's id is no secret and gives no right.
"""

import base64
import hashlib
import os
import secrets
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROUTING_LENGTH: Final = 22
_NOBODY: Final = UUID(int=0)


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, 12 bits of their fraction, then 62 random bits.

    With the fraction (RFC 9562 section 6.2, method 3) what one process makes in a millisecond sorts in its order too: events of
    one transaction are read and sealed by their ids.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(os.urandom(8), "big")
    value |= 0x7 << 76 | ((rest << 12) // 1_000_000) << 64  # version 7, and the fraction
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant of RFC 9562
    return UUID(int=value)


def first_uuid7(at: datetime) -> UUID:
    """What no UUIDv7 made at that aware moment, or later, is less than."""
    milliseconds = max(0, (at - _EPOCH) // timedelta(milliseconds=1))
    return UUID(int=(milliseconds & 0xFFFF_FFFF_FFFF) << 80)


def new_token(prefix: str) -> str:
    """`prefix_` and 256 random bits, URL-safe: for what is compared with a row that is found otherwise, such as a nonce."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def new_tenant_token(prefix: str, tenant_id: UUID) -> str:
    """`prefix_`, the tenant and 256 random bits, safe in URLs and cookies: for sessions, API tokens, codes, handles, state."""
    routing = base64.urlsafe_b64encode(tenant_id.bytes).rstrip(b"=").decode()
    return f"{prefix}_{routing}{secrets.token_urlsafe(32)}"


class TokenKey(NamedTuple):
    """What a token is looked up by: `where tenant_id = $1 and token_hash = $2`."""

    tenant_id: UUID
    hash: bytes


def token_key(token: str) -> TokenKey:
    """The key of a token, whatever was sent in its place.

    The hash covers the tenant's part too, so one that was changed finds nothing, neither there nor elsewhere. A part that
    names nobody is looked up all the same, for a tenant that does not exist: the refusal is that of an unknown token.
    """
    return TokenKey(_tenant_of(token.partition("_")[2][:_ROUTING_LENGTH]), token_hash(token))


@lru_cache(maxsize=4_096)
def _tenant_of(routing: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(f"{routing}=="))
    except ValueError:  # no ASCII, no base64, or not 16 bytes
        return _NOBODY


def token_hash(token: str) -> bytes:
    """SHA-256 of a token, which is all we store of it (I3). Unguessable tokens need neither salt nor stretching."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
