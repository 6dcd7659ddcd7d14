"""Identifiers and unguessable values.

Row ids are UUID version 7 (RFC 9562 section 5.7): they sort by creation time, so primary-key indexes grow at one end.
Secrets handed to browsers or programs carry a prefix that names their kind, so that a leak can be recognised.
"""

import hashlib
import os
import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant of RFC 9562
    return UUID(int=value)


def new_token(prefix: str) -> str:
    """`prefix_` and 256 random bits, URL-safe: for sessions, codes, handles, state and nonce."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> bytes:
    """SHA-256 of a token, which is all we store of it (I3). Unguessable tokens need neither salt nor stretching."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
