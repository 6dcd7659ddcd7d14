"""The key ring: the keys from which every other key of this service is derived (design I3, 11).

The first key is the current one and seals; every key opens. To rotate, put a new key first and keep the old ones until
nothing refers to them any more. A ring is written inline as `id:base64,id:base64`, or as a TOML file:

    [[keys]]
    id = "2025a"
    key = "<base64 of 32 random bytes>"
"""

import base64
import binascii
import contextlib
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from identity_api.errors import ConfigurationError

KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_MAX_KEYS = 32
_MAX_FILE_BYTES = 64 * 1024
_FEWEST_DISTINCT_BYTES = 12  # 32 random bytes have about 30; fewer than 12 does not happen by chance


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
    return _decoded_ring(pairs, problems)


def read_keys_file(path: Path) -> KeyRing:
    """Read a `keys.toml`.

    Raises:
        ConfigurationError: the file is missing, readable by others, malformed, or holds unusable keys.
    """
    content = read_private_file(path, _MAX_FILE_BYTES)
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # The parser's own message may quote the line, which is key material here.
        raise ConfigurationError(["the keys file is not TOML in UTF-8"]) from None
    entries = document.get("keys")
    if set(document) != {"keys"} or not isinstance(entries, list):
        raise ConfigurationError(["the keys file must hold [[keys]] tables and nothing else"])
    pairs, problems = [], []
    for position, entry in enumerate(entries, start=1):
        match entry:
            case {"id": str(key_id), "key": str(encoded), **rest} if not rest:
                pairs.append((key_id, encoded))
            case _:
                problems.append(f"key {position} must have the texts `id` and `key` and nothing else")
    return _decoded_ring(pairs, problems)


def create_keys_file(path: Path) -> KeyRing:
    """Write a key ring with one new key to `path` (mode 0600) and return it. An existing file is kept and read.

    The file appears whole or not at all, and two processes that start together agree on the same one.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_id = "k" + secrets.token_hex(4)
    encoded = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    text = f'# Seals the secrets in the database. Losing it loses them.\n[[keys]]\nid = "{key_id}"\nkey = "{encoded}"\n'
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # Unlike rename, a link never replaces a ring that another process has just made.
        with contextlib.suppress(FileExistsError):
            os.link(scratch, path)
    finally:
        scratch.unlink()
    return read_keys_file(path)


def read_private_file(path: Path, max_bytes: int) -> bytes:
    """The content of a file that holds secrets.

    Its mode must be 0600 or less; a file owned by root may also be readable by its group, which is how orchestrators
    mount secrets for unprivileged services (the rule of PostgreSQL's ssl_key_file).

    Raises:
        ConfigurationError: it is missing, too large, no regular file, or others may read it.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(["it is not a regular file"])
            allowed = 0o640 if status.st_uid == 0 else 0o600
            if stat.S_IMODE(status.st_mode) & 0o777 & ~(allowed | 0o100):
                raise ConfigurationError(["others may read or change it: run chmod 600"])
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise ConfigurationError([f"it cannot be read: {error.strerror or 'unknown error'}"]) from None
    if len(content) > max_bytes:
        raise ConfigurationError([f"it is larger than {max_bytes} bytes"])
    return content


def _decoded_ring(pairs: Sequence[tuple[str, str]], problems: list[str]) -> KeyRing:
    decoded = []
    for key_id, encoded in pairs:
        key = _decode_base64(encoded)
        if key is None:
            label = key_id if _KEY_ID.fullmatch(key_id) else "with a malformed id"
            problems.append(f"key {label} is not base64")
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
    """Whether a person made this up: plain text (32 random bytes are all printable once in 10^13) or a repetition."""
    return all(0x20 <= byte < 0x7F for byte in key) or len(set(key)) < _FEWEST_DISTINCT_BYTES
