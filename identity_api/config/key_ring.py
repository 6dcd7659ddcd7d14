"""The key ring: the keys from which every other key of this service is derived (I3).

The first key is the current one and seals; every key opens. To rotate, put a new key first and keep the old ones until
nothing refers to them any more. A ring is written inline as `id:base64,id:base64`, or as a file (see `key_file`).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

from identity_api.errors import ConfigurationError

KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_MAX_KEYS = 32
_FEWEST_DISTINCT_BYTES = 12  # 32 random bytes have about 30; fewer than 12 do not happen by chance


class KeyRing:
    """Ordered keys of 32 bytes by id. `repr` names the ids only. An empty ring is falsy and has no current key."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[tuple[str, bytes]] = ()) -> None:
        """Build a ring; the first key is the current one.

        Raises:
            ConfigurationError: an id is malformed or used twice, or a key is short, repeated or not random.
        """
        pairs = list(keys)
        problems = _ring_problems(pairs)
        if problems:
            raise ConfigurationError(problems)
        self._keys = dict(pairs)

    @property
    def ids(self) -> tuple[str, ...]:
        """All key ids, the current one first."""
        return tuple(self._keys)

    @property
    def current_id(self) -> str:
        """The id of the key that seals new values.

        Raises:
            ConfigurationError: the ring is empty.
        """
        if not self._keys:
            raise ConfigurationError(["the key ring is empty: set IDENTITY_SECRET_KEYS or IDENTITY_SECRET_KEYS_FILE"])
        return next(iter(self._keys))

    def get(self, key_id: str) -> bytes | None:
        """The key with this id, or None."""
        return self._keys.get(key_id)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyRing):
            return NotImplemented
        return list(self._keys.items()) == list(other._keys.items())

    __hash__ = None  # type: ignore[assignment]  # keys do not belong in a hash table

    def __repr__(self) -> str:
        return f"<KeyRing {', '.join(self._keys) or 'empty'}>"


def parse_key_ring(text: str) -> KeyRing:
    """Read `id:base64,id:base64`. Both base64 alphabets are read, with or without padding.

    Raises:
        ConfigurationError: as `KeyRing`, or the text has another form. Key material is never part of the message.
    """
    pairs, problems = [], []
    for position, item in enumerate((part.strip() for part in text.split(",")), start=1):
        key_id, separator, encoded = item.partition(":")
        if not separator or not _KEY_ID.fullmatch(key_id):
            problems.append(f"entry {position} is not of the form id:base64")
            continue
        pairs.append((key_id, encoded))
    return decoded_ring(pairs, problems)


def decoded_ring(pairs: Sequence[tuple[str, str]], problems: list[str]) -> KeyRing:
    """A ring from ids and base64 texts; `problems` are those already found in their source."""
    decoded = []
    for position, (key_id, encoded) in enumerate(pairs, start=1):
        key = _decode_base64(encoded)
        if key is None:
            # Named by its position: the text before the colon may not be an id.
            problems.append(f"key {position} is not base64")
        else:
            decoded.append((key_id, key))
    if not decoded and not problems:
        problems.append("there is no key")
    if problems:
        raise ConfigurationError([*problems, *_ring_problems(decoded)])
    return KeyRing(decoded)


def _decode_base64(text: str) -> bytes | None:
    text = text.strip().rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _ring_problems(pairs: Sequence[tuple[str, bytes]]) -> list[str]:
    problems = [f"more than {_MAX_KEYS} keys"] if len(pairs) > _MAX_KEYS else []
    seen_ids: set[str] = set()
    seen_keys: set[bytes] = set()
    for key_id, key in pairs:
        if not _KEY_ID.fullmatch(key_id):
            problems.append("a key id must be 1 to 32 letters, digits, `_`, `.` or `-`, the first a letter or digit")
            continue
        if key_id in seen_ids:
            problems.append(f"key id {key_id} is used twice")
        elif key in seen_keys:
            problems.append(f"key {key_id} repeats another key of the ring")
        if len(key) != KEY_BYTES:
            problems.append(f"key {key_id} has {len(key)} bytes; {KEY_BYTES} are needed")
        elif _looks_typed(key):
            problems.append(f"key {key_id} is not random: make one with `openssl rand -base64 32`")
        seen_ids.add(key_id)
        seen_keys.add(key)
    return problems


def _looks_typed(key: bytes) -> bool:
    """Whether a person invented this: plain text (32 random bytes are all printable once in 10^13) or a repetition."""
    return all(0x20 <= byte < 0x7F for byte in key) or len(set(key)) < _FEWEST_DISTINCT_BYTES
