"""The state of the demo provider that survives a restart: signing keys, edited people, refresh families.

Without it a second `make run` would sign everybody out within one interval, and undo every edit. The file holds
private keys, so only its owner may read it; it has only the digests of refresh tokens.
"""

import os
from pathlib import Path
from typing import Any

import msgspec

from identity_api.demo.logins import RefreshFamily
from identity_api.errors import ConfigurationError


class SavedState(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The file's content. `groups` and `removed` name people by username; those no longer configured are ignored."""

    version: int = 1
    keys: list[dict[str, Any]]
    groups: dict[str, tuple[str, ...]]
    removed: list[str]
    families: list[RefreshFamily]

    def __repr__(self) -> str:
        return f"SavedState({len(self.keys)} keys, {len(self.families)} families)"


def load_state(path: Path) -> SavedState | None:
    """The saved state, or None if there is none.

    Raises:
        ConfigurationError: the file is there but cannot be used.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=SavedState)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        # Starting with an empty state would silently sign everybody out.
        raise ConfigurationError(
            [f"the demo provider's state file {path.name} cannot be read; delete it to start again"]
        ) from None


def save_state(path: Path, state: SavedState) -> None:
    """Replace the file as a whole: a crash leaves the old one or the new one. Mode 0600 from its first byte on."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(state))
    temporary.replace(path)
