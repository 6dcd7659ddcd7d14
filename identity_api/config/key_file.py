"""The key ring's file, and reading files that hold secrets.

[[keys]]
id = "2025a"
key = "<base64 of 32 random bytes>"
"""

import base64
import contextlib
import os
import secrets
import stat
import tomllib
from pathlib import Path

from identity_api.config.key_ring import KEY_BYTES, KeyRing, decoded_ring
from identity_api.errors import ConfigurationError

_MAX_FILE_BYTES = 64 * 1024


def read_keys_file(path: Path) -> KeyRing:
    """Read a `keys.toml`.

    Raises:
        ConfigurationError: the file is missing, readable by others, malformed, or holds unusable keys.
    """
    content = read_private_file(path, _MAX_FILE_BYTES)
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
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
    return decoded_ring(pairs, problems)


def create_keys_file(path: Path) -> KeyRing:
    """Write a key ring with one new key to `path` (mode 0600) and return it. An existing file is kept and read.

    The file appears whole or not at all, and two processes that start together use the same one.
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
        ConfigurationError: it is missing, too large, not a regular file, or others may read it.
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
